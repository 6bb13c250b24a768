"""What doing the remedy of a fault is: the line of its message, which makes something good of it.

In the lines, `a` or `g` is what was bad.
"""

from typing import Any

import numpy as np

VIEW, COPY = "np.asarray({})", "np.array({})"
CAST = "{}.astype(np.float64)"
CONTIGUOUS = "np.ascontiguousarray({})"
NUMBER = "np.array({}, np.float32)"

# What has to be in the message of each fault; {} is the name of what is bad.
LINES: dict[str, str] = {
    "masked": "{}.data",
    "matrix": VIEW,
    "subclass": VIEW,
    "subclass of memmap": VIEW,
    "record array": VIEW,
    "array-like": COPY,
    "JAX array": COPY,
    "tensor": "{}.detach().numpy()",
    "generator": "list({})",
    "dict values": "list({})",
    "other mapping": "dict({})",
    "frozen mapping": "dict({})",
    "other list": "list({})",
    "deque": "list({})",
    "memoryview": VIEW,
    "array.array": VIEW,
    "iterator of an array": COPY,
    "bytes": "np.array(np.frombuffer({}, np.float32))",
    "bytearray": "np.array(np.frombuffer({}, np.float32))",
    "float": "np.array(1.5, np.float32)",
    "int": NUMBER,
    "NumPy scalar": COPY,
    "namespace": "{{k: v for k, v in vars({}).items() if isinstance(v, np.ndarray)}}",
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool"), CAST),
    "byte-swapped": "{}.astype({}.dtype.newbyteorder('='))",
    "int in foreign order": CAST,
    "structured": "np.ascontiguousarray({}['x'])",
    "fields": "np.ascontiguousarray({}['x'])",
    "sub-dtype": "np.ascontiguousarray({}['x'])",
    "longdouble": "{}.astype(np.float32)",
    "object": "{}.astype(np.float32)",
    "uint16": CAST,
    "complex64": "{}.view({}.real.dtype)",
    "complex128": "{}.view({}.real.dtype)",
    "every second column": CONTIGUOUS,
    "reversed": CONTIGUOUS,
    "reversed twice": CONTIGUOUS,
    "one row for all": CONTIGUOUS,
    "one element for all": CONTIGUOUS,
    "overlapping windows": CONTIGUOUS,
    "broadcast": CONTIGUOUS,
    "misaligned": COPY,
    "read-only": COPY,
    "of bytes": COPY,
    "memory map to read": COPY,
}

# Where they differ from those of parameters.
OF_GRADIENTS: dict[str, str] = {
    **{name: LINES[name] for name in ("masked", "matrix", "subclass", "subclass of memmap")},
    "record array": VIEW,
    "other float": "{}.astype(np.float32)",
    "float16": "{}.astype(np.float32)",
    "bfloat16": "{}.astype(np.float32)",
    "byte-swapped": "{}.astype(np.float32)",
    "int64": "{}.astype(np.float32)",
    "object": "{}.astype(np.float32)",
    "longdouble": "{}.astype(np.float32)",
    "transposed": "{}.T",
    "batch": "{}.reshape((3, 4))",
    "trailing axis": "{}.reshape((3, 4))",
}


def done(line: str, bad: Any, name: str, message: str) -> Any:
    """Do what the message says; it has to say just that."""
    line = line.replace("{{", "{").replace("}}", "}").replace("{}", name)
    assert line in message, f"{line!r} is not in {message!r}"
    return eval(line, {"np": np, name: bad})
