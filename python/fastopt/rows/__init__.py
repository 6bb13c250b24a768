"""Gradients of some rows of a parameter, as of an embedding of which a batch has looked up a few."""

from fastopt.rows.foreign import is_row_gradient
from fastopt.rows.gradient import RowGradient
from fastopt.rows.living import Living, living_rows
from fastopt.rows.moves import moves
from fastopt.rows.taken import TakenRows, dense_of, summed, take
