"""Steps that call a function for loss and gradients: L-BFGS."""

from fastopt.closure.iterations import Memory, iterate
from fastopt.closure.line_search import Point, strong_wolfe
from fastopt.closure.step import take_step
from fastopt.closure.two_loop import Pair, direction
