"""Three backends behind one protocol, and the choice between them: native, else numba, else numpy."""

from fastopt.backends.choice import NAMES, backend, build_info, choose, use_backend
from fastopt.backends.protocol import (
    BOUND,
    NO_EXTRAS,
    SOME_ABSENT,
    UNUSED,
    Backend,
    Extras,
    Plan,
    Row,
    Taking,
)

__all__ = [
    "BOUND",
    "NAMES",
    "NO_EXTRAS",
    "SOME_ABSENT",
    "UNUSED",
    "Backend",
    "Extras",
    "Plan",
    "Row",
    "Taking",
    "backend",
    "build_info",
    "choose",
    "use_backend",
]
