"""Three backends behind one protocol, and the choice between them: native, else numba, else numpy."""

from fastopt.backends.choice import NAMES, backend, build_info, choose, use_backend
from fastopt.backends.protocol import (
    BOUND,
    FOR_PYTHON,
    PLAIN_PASS,
    SOME_ABSENT,
    UNLISTED,
    UNUSED,
    Backend,
    Decide,
    Decision,
    GradientForms,
    Listed,
    Pass,
    Plan,
    Rows,
    StepProgram,
)

__all__ = [
    "BOUND",
    "FOR_PYTHON",
    "NAMES",
    "PLAIN_PASS",
    "SOME_ABSENT",
    "UNLISTED",
    "UNUSED",
    "Backend",
    "Decide",
    "Decision",
    "GradientForms",
    "Listed",
    "Pass",
    "Plan",
    "Rows",
    "StepProgram",
    "backend",
    "build_info",
    "choose",
    "use_backend",
]
