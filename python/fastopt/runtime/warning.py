"""Warnings, pointed at the line of the user's that led to them."""

import os
import sys
import warnings

_PACKAGE = os.path.dirname(os.path.dirname(__file__))


def warn(message: str, category: type[Warning] = RuntimeWarning) -> None:
    """Warn at the first line outside this package."""
    depth = 2  # 1 is this function
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        depth += 1
    warnings.warn(message, category, stacklevel=depth)
