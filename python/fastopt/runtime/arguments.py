"""Arguments of functions: numbers checked, and values described in messages."""

import math
import numbers
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_TIMES = ("m", "M")  # kinds of dtypes whose items can be plain integers


def real(value: Any) -> float | None:
    """Return a real number as a float, and None for what is none: a bool, a text, an array with axes.

    Any library's numbers are taken, and its values without axes, such as ``torch.tensor(0.1)``. An
    integer that is too large for a float is infinite.
    """
    if isinstance(value, float):  # mostly, NumPy's as well
        return float(value)
    if not isinstance(value, numbers.Real):
        value = _number_in(value)
    # NumPy has durations among its integers.
    if isinstance(value, (bool, np.timedelta64)) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _number_in(value: Any) -> Any:
    """Return the Python number that a value without axes has, of whatever library; None for others."""
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        return None  # it may be masked
    try:
        kind = getattr(getattr(value, "dtype", None), "kind", "")
        if getattr(value, "shape", ()) != () or kind in _TIMES:
            return None
        if hasattr(value, "item"):
            return value.item()
        return float(value) if hasattr(type(value), "__float__") else None
    except Exception:  # of an object that is not ours, anything
        return None


def measured(value: Any, where: str, example: str) -> float:
    """Return a number that came out of something, and can be NaN or infinite; TypeError for none."""
    if type(value) is float:
        return value
    found = real(value)
    if found is None:
        raise TypeError(f"{where} is {describe(value)}; it must be a number, such as {example}")
    return found


def whole(value: Any, where: str, at_least: int, at_most: int | None = None) -> int:
    """Return a whole number in a range; raise TypeError or ValueError for anything else."""
    words = f"a whole number >= {at_least}" + ("" if at_most is None else f" and <= {at_most}")
    try:
        number = operator.index(value)
        if isinstance(value, (bool, np.bool_)) or np.ndim(value) != 0:
            raise TypeError
    except TypeError:
        raise TypeError(f"{where} is {describe(value)}; it must be {words}") from None
    if number < at_least or (at_most is not None and number > at_most):
        raise ValueError(f"{where} is {number}; it must be {words}")
    return number


def describe(value: Any) -> str:
    """Name a value that has the wrong type."""
    return f"{shown(value)} ({type(value).__name__})"


def shown(value: Any) -> str:
    """Return the beginning of its repr, which of an object that is not ours may raise anything."""
    try:
        text = repr(value)
    except Exception:
        text = "something that has no repr"
    return text if len(text) <= 40 else text[:37] + "..."


def alike(name: str, known: Sequence[str]) -> str:
    """Name the optimizers whose names are most like one that there is not, and where all are listed."""
    import difflib

    close = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
    words = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"{words}fastopt.names() lists all {len(known)}"


def suggest(name: str, known: Iterable[str], most: int | None = None) -> str:
    """List what there is, at `most` so many, and the one that a misspelt name may have meant."""
    import difflib

    known = sorted(known)
    close = difflib.get_close_matches(str(name).lower(), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    more = ", ..." if most is not None and len(known) > most else ""
    return f"{hint}there are {', '.join(known[:most])}{more}"


def listed(names: Sequence[str]) -> str:
    """List the first names in a message."""
    return (", ".join(names[:6]) or "none") + (", ..." if len(names) > 6 else "")


MOST_STEPS = 2**53  # which a double counts exactly


def count(value: Any, what: str) -> int:
    """Return a number of steps; raise TypeError or ValueError for what is none."""
    return whole(value, what, 0, MOST_STEPS)
