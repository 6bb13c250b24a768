"""The check that something is a NumPy array, and the line that makes one of what is none."""

import array as arrays_of_python
import math
import numbers
from collections.abc import Iterable, Mapping
from ctypes import Array as CArray
from typing import Any

import numpy as np

KEPT = "; let your model hold that array"  # after a line that may copy a parameter
TENSORS = "fastopt.torch has a class of the same name for the tensors of a model"


def kind_of(thing: Any) -> str:
    """Return what messages call the type of something."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}".removeprefix("builtins.")


def has_units(thing: Any) -> bool:
    """Return whether it is a number or an array with a unit, such as those of pint."""
    return hasattr(type(thing), "magnitude")


def check_kind(
    array: Any, what: str, name: str = "a", dtype: Any = np.float32, *, kept: str = ""
) -> None:
    """Raise unless it is a NumPy array, and no subclass of one.

    The remedy calls it `name`; lines that may copy, of the dtype that is needed, end with `kept`.
    """
    if type(array) is np.ndarray or type(array) is np.memmap:
        return
    remedy = _of_arrays(array, name, kept) or _of_others(array, name, np.dtype(dtype).name, kept)
    raise TypeError(f"{what} is a {kind_of(array)}, not a NumPy array; {remedy}")


def _of_arrays(array: Any, a: str, kept: str) -> str:
    """Find the remedy for arrays of other kinds; nothing for what is none."""
    kind = type(array)
    if isinstance(array, np.ma.MaskedArray):
        return f"fastopt knows no masks: pass the array {a}.data, or {a}.filled(0){kept}"
    if isinstance(array, np.ndarray):
        return f"subclasses may mean something else by their data: pass np.asarray({a})"
    if isinstance(array, np.generic):
        return f"np.array({a}) makes one of it{kept}"
    if hasattr(kind, "detach"):
        line = f"{a}.detach().numpy() is an array that shares the tensor's memory"
        return f"{TENSORS}, and {line}" if kept else line
    if has_units(array):
        return f"fastopt knows no units: {a}.magnitude is an array that shares the memory"
    if hasattr(kind, "dims") and hasattr(kind, "values"):
        return f"{a}.values is an array that shares the memory"
    if hasattr(kind, "dense"):
        return f"gradients of rows are for opt.step alone: pass {a}.dense(len(p))"
    if hasattr(kind, "toarray"):
        return f"fastopt knows no sparse arrays: {a}.toarray() is a dense one{kept}"
    if hasattr(kind, "__array__"):
        return f"np.array({a}) makes an array of it (a copy that can be written){kept}"
    return ""


def _of_others(thing: Any, a: str, dtype: str, kept: str) -> str:
    """Find the remedy for what is no array."""
    known = "the containers that fastopt knows here are list, tuple, dict, NamedTuple and dataclass"
    number = "a number that is updated in place is an array without axes"
    lists = ", and a list of numbers one array, np.array([...])" if kept else ""
    if thing is None:
        return "give an array; only gradients can be None"
    if isinstance(thing, (arrays_of_python.array, memoryview, CArray)):
        return f"np.asarray({a}) is an array that shares its memory"
    if isinstance(thing, (bytes, bytearray)):
        return f"np.array(np.frombuffer({a}, np.{dtype})) makes an array of its bytes{kept}"
    if isinstance(thing, Mapping):
        return f"{known}: pass dict({a})"
    if isinstance(thing, Iterable) and not isinstance(thing, (list, tuple, str)):
        return f"{known}: pass list({a})"
    if isinstance(thing, float) and math.isfinite(thing):
        return f"{number}: np.array({thing!r}, np.{dtype}){lists}{kept}"
    if isinstance(thing, (list, tuple)):
        return f"make it one: np.array({a}, np.{dtype}){kept}"
    if isinstance(thing, numbers.Real):
        return f"{number}: np.array({a}, np.{dtype}){lists}{kept}"
    if callable(getattr(type(thing), "named_parameters", None)):
        line = f"{{n: t.detach().numpy() for n, t in {a}.named_parameters()}}"
        return f"{TENSORS}; or give its arrays, which share its memory: {line}"
    if any(isinstance(each, np.ndarray) for each in getattr(thing, "__dict__", {}).values()):
        return f"give its arrays: {{k: v for k, v in vars({a}).items() if isinstance(v, np.ndarray)}}"
    return "give a numpy.ndarray of dtype float32 or float64"
