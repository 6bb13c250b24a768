"""State as JSON can hold it: arrays as text, and numbers that are not finite as words.

JSON keeps the bits of every finite float.
"""

import math
from base64 import b64decode, b64encode
from typing import Any

import numpy as np

_ARRAY, _NUMBER = "array:", "number:"  # keys; the only one of their dict


def packed(value: Any) -> Any:
    """Replace arrays and non-finite floats, in nested lists and dicts, by what JSON can hold."""
    if isinstance(value, np.ndarray):
        data = b64encode(value.tobytes()).decode("ascii")
        return {_ARRAY: [value.dtype.str, list(value.shape), data]}
    if isinstance(value, float) and not math.isfinite(value):
        return {_NUMBER: str(value)}
    if isinstance(value, dict):
        return {key: packed(each) for key, each in value.items()}
    return [packed(each) for each in value] if isinstance(value, list) else value


def unpacked(value: Any) -> Any:
    """Return what `packed` was called with."""
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            dtype, shape, data = value[_ARRAY]
            return np.frombuffer(b64decode(data), dtype).reshape(shape).copy()
        if set(value) == {_NUMBER}:
            return float(value[_NUMBER])
        return {key: unpacked(each) for key, each in value.items()}
    return [unpacked(each) for each in value] if isinstance(value, list) else value
