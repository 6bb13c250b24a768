"""Parameters in another place for a time: Nesterov's point, sharpness, evaluation, averages."""

from fastopt.moves import evaluation
from fastopt.moves.averages import averaged, averages_of, keeps_averages
from fastopt.moves.base import away, copied, give_back
from fastopt.moves.nesterov import at_nesterov_point
from fastopt.moves.sharpness import Ball, perturbed
