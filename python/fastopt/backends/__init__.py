"""Three backends behind one protocol, and the choice between them: native, else numba, else numpy."""

from fastopt.backends.choice import NAMES, backend, build_info, choose, use_backend
from fastopt.backends.protocol import (
    BOUND,
    PLAIN_PASS,
    SOME_ABSENT,
    UNUSED,
    Backend,
    Decide,
    Decision,
    GradientForms,
    Pass,
    Plan,
    Row,
    Rows,
    StepProgram,
)

__all__ = [
    "BOUND",
    "NAMES",
    "PLAIN_PASS",
    "SOME_ABSENT",
    "UNUSED",
    "Backend",
    "Decide",
    "Decision",
    "GradientForms",
    "Pass",
    "Plan",
    "Row",
    "Rows",
    "StepProgram",
    "backend",
    "build_info",
    "choose",
    "use_backend",
]
