"""Numbers: formats, sums, powers, and the floating-point environment."""

from fastopt.numerics.environment import FloatingPointEnvironment, check_environment
from fastopt.numerics.formats import (
    FORMATS,
    NEEDED,
    NEEDED_LOW,
    SUPPORTED,
    computed,
    format_of,
    format_of_copy,
    is_low,
    is_supported,
    kept,
    narrow_into,
    read,
    taken,
    widened,
)
from fastopt.numerics.newton_schulz import (
    COEFFICIENTS,
    flattened,
    original_scale,
    orthogonalized,
    rms_scale,
)
from fastopt.numerics.noise import noise
from fastopt.numerics.powers import exp, log, power, real_power
from fastopt.numerics.recording import (
    OPERATIONS,
    NotRecordedError,
    Recorded,
    Recording,
    cos,
    is_recorded,
    sqrt,
)
from fastopt.numerics.reductions import Axes, axes_of, of_columns, reduced
from fastopt.numerics.storage import BLOCK_OF_CODES, STORAGES, Storage
from fastopt.numerics.sums import BLOCK, LANES, block_sums, dot, total
from fastopt.numerics.unfolding import (
    eigen,
    inverse_root,
    multiplied_along,
    singular_vectors,
    squared_along,
)
