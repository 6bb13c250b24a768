"""Numbers: formats, sums, powers, and the floating-point environment."""

from fastopt.numerics import formats
from fastopt.numerics.environment import FloatingPointEnvironment, check_environment
from fastopt.numerics.formats import (
    NEEDED,
    SUPPORTED,
    from_bfloat16,
    is_bfloat16,
    is_float,
    is_supported,
    narrow_into,
    taken,
    to_bfloat16,
    to_float16,
)
from fastopt.numerics.powers import exp, power, real_power
from fastopt.numerics.recording import (
    OPERATIONS,
    NotRecordedError,
    Recorded,
    Recording,
    cos,
    is_recorded,
    sqrt,
)
from fastopt.numerics.sums import BLOCK, LANES, block_sums, total
