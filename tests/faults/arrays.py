"""Arrays of the wrong dtype, shape, or layout."""

import tempfile

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from faults import SHAPE, Array, Fault

HUGE = 1 << 40


def misaligned(a: Array) -> Array:
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    moved = memory.view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def read_only(a: Array) -> Array:
    a.setflags(write=False)
    return a


def foreign(a: Array) -> Array:
    return a.astype(a.dtype.newbyteorder())


def other_float(a: Array) -> Array:
    return a.astype(np.float64 if a.dtype == np.float32 else np.float32)


def mapped(a: Array) -> Array:
    with tempfile.NamedTemporaryFile() as file:
        file.write(a.tobytes())
        file.flush()
        return np.memmap(file.name, a.dtype, "r", shape=a.shape)


def fields(a: Array) -> Array:
    return np.zeros(SHAPE, [("x", a.dtype), ("y", np.int8)])


def windows(a: Array) -> Array:
    return as_strided(a.reshape(-1), (3, 4), (a.itemsize, a.itemsize))


# A dtype that is none of ours; the parameter's own is float32 or float64.
_NO_FLOATS = [
    *("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool"),
    *("complex64", "complex128", "clongdouble", "object"),
]
INTEGER_AND_OTHER = [
    Fault(name, lambda a, name=name: a.astype(name), TypeError, ("dtype",))  # type: ignore[misc]
    for name in _NO_FLOATS
]
SPECIAL = [
    Fault("byte-swapped", foreign, TypeError, ("byte order",)),
    Fault("int in foreign order", lambda a: a.astype(">i4"), TypeError, ("dtype",)),
    Fault("dates", lambda a: a.astype("M8[s]"), TypeError, ("datetime64",)),
    Fault("durations", lambda a: a.astype("m8[s]"), TypeError, ("timedelta64",)),
    Fault("text", lambda a: a.astype(str), TypeError, ("<U",)),
    Fault("byte strings", lambda a: a.astype("S8"), TypeError, ("S8",)),
    Fault("strings", lambda a: a.astype(np.dtypes.StringDType()), TypeError, ("String",)),
    Fault("structured", lambda a: a.view([("x", a.dtype)]), TypeError, ("dtype",)),
    Fault("fields", fields, TypeError, ("dtype",)),
    Fault("sub-dtype", lambda a: np.zeros(SHAPE, [("x", a.dtype, 2)]), TypeError, ("dtype",)),
    Fault("void", lambda a: a.view(f"V{a.itemsize}"), TypeError, ("dtype",)),
    Fault("longdouble", lambda a: a.astype(np.longdouble), TypeError, ("dtype",)),
    Fault("float8", lambda a: a.astype(ml_dtypes.float8_e4m3fn), TypeError, ("float8",)),
    Fault("int4", lambda a: a.astype(ml_dtypes.int4), TypeError, ("int4",)),
]
BITS = Fault("uint16", lambda a: a.astype(np.uint16), TypeError, ("uint16",))
NARROW = [  # what parameters of 32 bits have in no states, and in gradients that are cast alone
    Fault("float16", lambda a: a.astype(np.float16), TypeError, ("float16",)),
    Fault("bfloat16", lambda a: a.astype(ml_dtypes.bfloat16), TypeError, ("bfloat16",)),
    BITS,
]
OTHER_FLOAT = Fault("other float", other_float, TypeError, ("float",))
DTYPES = [*INTEGER_AND_OTHER, *SPECIAL]

# Another shape than the parameter's.
SHAPES = [
    Fault("transposed", lambda a: a.T, ValueError, ("(4, 3)", "(3, 4)")),
    Fault("flat", np.ravel, ValueError, ("(12,)", "(3, 4)")),
    Fault("batch", lambda a: a[None], ValueError, ("(1, 3, 4)", "(3, 4)")),
    Fault("trailing axis", lambda a: a[..., None], ValueError, ("(3, 4, 1)", "(3, 4)")),
    Fault("broadcastable", lambda a: a[:, :1], ValueError, ("(3, 1)", "(3, 4)")),
    Fault("one row", lambda a: a[0], ValueError, ("(4,)", "(3, 4)")),
    Fault("one row short", lambda a: a[1:], ValueError, ("(2, 4)", "(3, 4)")),
    Fault("one row long", lambda a: np.r_[a, a[:1]], ValueError, ("(4, 4)", "(3, 4)")),
    Fault("0-d", lambda a: a[0, 0, ...], ValueError, ("()", "(3, 4)")),
    Fault("one element", lambda a: a[0, :1], ValueError, ("(1,)", "(3, 4)")),
    Fault("empty", lambda a: a[:0], ValueError, ("(0, 4)", "(3, 4)")),
    Fault("empty and huge", lambda a: np.zeros((0, HUGE), a.dtype), ValueError, ("(0, 10995",)),
    Fault("huge", lambda a: as_strided(a, (HUGE,), (0,)), ValueError, ("(10995", "(3, 4)")),
    Fault("huge rows", lambda a: as_strided(a, (3, HUGE), (0, 0)), ValueError, ("(3, 10995", "(3, 4)")),
    Fault("columns", lambda a: a[:, ::2], ValueError, ("(3, 2)", "(3, 4)")),
    Fault("32 axes", lambda a: a.reshape((3, 4) + (1,) * 30), ValueError, ("(3, 4, 1", "(3, 4)")),
]

# The right dtype and shape, in memory that cannot be updated in place.
LAYOUTS = [
    Fault("every second column", lambda a: np.repeat(a, 2, 1)[:, ::2], ValueError),
    Fault("reversed", lambda a: a[::-1], ValueError),
    Fault("reversed twice", lambda a: a[::-1, ::-1], ValueError),
    Fault("one row for all", lambda a: as_strided(a, SHAPE, (0, a.itemsize)), ValueError),
    Fault("one element for all", lambda a: as_strided(a, SHAPE, (0, 0)), ValueError),
    Fault("overlapping windows", windows, ValueError),
    Fault("misaligned", misaligned, ValueError, ("misaligned",)),
    Fault("read-only", read_only, ValueError, ("read-only",)),
    Fault("broadcast", lambda a: np.broadcast_to(a[0], SHAPE), ValueError),
    Fault(
        "of bytes",
        lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(SHAPE),
        ValueError,
        ("read-only",),
    ),
    Fault("memory map to read", mapped, ValueError, ("read-only",)),
]
FORTRAN = Fault("Fortran order", np.asfortranarray, ValueError)
HUGE_BY_STRIDE: list[Fault] = [
    Fault("huge", lambda a: as_strided(a, (HUGE,), (0,)), ValueError, ("contiguous",)),
    Fault("huge backwards", lambda a: as_strided(a, (HUGE, 2), (0, -4)), ValueError, ("contiguous",)),
]
