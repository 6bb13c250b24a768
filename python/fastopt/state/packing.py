"""Values of scripts as JSON can hold them: each comes back equal and of its type, and nothing is run.

What JSON has not becomes a dict whose only key is a tag, as in ``{"tuple:": [1, 2]}``. JSON keeps the
bits of every finite float.
"""

import math
import random
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastopt.runtime import describe

FORM = 1  # readers take this one, and what was written before there were forms
HELD = (
    "None, bools, numbers, text, bytes, lists, tuples, sets, dicts, NumPy's scalars and arrays, paths "
    "and dates"
)
_KINDS = "biufcSUMm"  # of dtypes whose bytes say all
_ARRAY, _NUMBER, _SCALAR, _DICT = "array:", "number:", "scalar:", "dict:"


class _Tag(NamedTuple):
    """The name of a type, what is written of a value, and how it is made again of that."""

    name: str
    write: Callable[[Any], Any]
    make: Callable[[Any], Any]


_TAGS: dict[type, _Tag] = {
    tuple: _Tag("tuple:", list, tuple),
    set: _Tag("set:", lambda value: sorted(value, key=repr), set),
    frozenset: _Tag("frozenset:", lambda value: sorted(value, key=repr), frozenset),
    complex: _Tag("complex:", lambda value: [value.real, value.imag], lambda found: complex(*found)),
    bytes: _Tag("bytes:", lambda value: b64encode(value).decode("ascii"), b64decode),
    type(Path()): _Tag("path:", str, Path),
    datetime: _Tag("datetime:", datetime.isoformat, datetime.fromisoformat),
    date: _Tag("date:", date.isoformat, date.fromisoformat),
    timedelta: _Tag(
        "timedelta:", lambda t: [t.days, t.seconds, t.microseconds], lambda found: timedelta(*found)
    ),
}
_MAKE = {tag.name: tag.make for tag in _TAGS.values()}
_NAMES = {_ARRAY, _NUMBER, _SCALAR, _DICT, *_MAKE}


def packed(value: Any, where: str = "extra") -> Any:
    """Return a value as JSON can hold it; TypeError names the place of what cannot be written."""
    try:
        return _packed(value, where)
    except RecursionError:
        raise ValueError(f"{where} contains itself, or is nested too deeply") from None


def unpacked(value: Any) -> Any:
    """Return what `packed` was called with; ValueError for what it cannot have written."""
    try:
        return _unpacked(value)
    except Exception as error:
        raise ValueError(f"{describe(value)} is not what a checkpoint holds: {error}") from error


def _packed(value: Any, where: str) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {_NUMBER: str(value)}
    if kind is list:
        return [_packed(each, f"{where}[{i}]") for i, each in enumerate(value)]
    if kind is dict:
        found = {key: _packed(each, f"{where}[{key!r}]") for key, each in value.items()}
        if all([type(key) is str for key in found]) and not (len(found) == 1 and _NAMES & set(found)):
            return found
        return {_DICT: [[_packed(key, f"a key of {where}"), each] for key, each in found.items()]}
    if (kind is np.ndarray or isinstance(value, np.generic)) and value.dtype.kind in _KINDS:
        held = np.asarray(value)  # in which empty text has a byte
        data = b64encode(held.tobytes()).decode("ascii")
        if kind is np.ndarray:
            return {_ARRAY: [held.dtype.str, list(held.shape), data]}
        return {_SCALAR: [held.dtype.str, data]}
    if kind not in _TAGS or not isinstance(getattr(value, "tzinfo", None), (timezone, type(None))):
        raise TypeError(f"{where} is {describe(value)}; extra holds {HELD}: {_remedy(value)}")
    tag = _TAGS[kind]
    return {tag.name: _packed(tag.write(value), where)}


def _remedy(value: Any) -> str:
    """Spell what can be given in place of a value."""
    if type(value) is datetime:
        return "give .astimezone(datetime.timezone.utc) of it"
    if isinstance(value, np.random.Generator):
        return "give its .bit_generator.state"
    if isinstance(value, random.Random):
        return "give its .getstate()"
    if isinstance(value, (np.ndarray, np.generic)):
        plain = value.dtype.kind in _KINDS and not hasattr(value, "mask")
        return "give np.array(...) of it" if plain else "give .tolist() of it"
    if hasattr(value, "__array__"):
        return "give np.asarray(...) of it"
    for kind in (str, int, float, list, tuple, set, frozenset, Mapping):
        if isinstance(value, kind):
            return f"give {'dict' if kind is Mapping else kind.__name__}(...) of it"
    if callable(value):
        return "give a name by which to find it again, as text"
    return "give repr(...) of it, or leave it out"


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    if not isinstance(value, dict):
        return value
    tag = next(iter(value)) if len(value) == 1 else ""
    if tag not in _NAMES:
        return {key: _unpacked(each) for key, each in value.items()}
    found = value[tag]
    if tag == _NUMBER:
        return float(found)
    if tag == _DICT:
        return {_unpacked(key): _unpacked(each) for key, each in found}
    if tag in (_ARRAY, _SCALAR):
        dtype = np.dtype(found[0])
        if dtype.kind not in _KINDS:
            raise ValueError(f"it has an array of dtype {dtype}")
        array = np.frombuffer(b64decode(found[-1]), dtype)
        return array.reshape(found[1]).copy() if tag == _ARRAY else array[0]
    return _MAKE[tag](_unpacked(found))
