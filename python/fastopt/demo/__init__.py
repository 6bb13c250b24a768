"""The demonstration: `python -m fastopt compare` and `info`."""

from fastopt.demo import arguments, compare, info
from fastopt.demo.arguments import Parser, UsageError
from fastopt.demo.plot import REFERENCE, add_grid, new_figure, styles
from fastopt.demo.report import WIDTH, layout
