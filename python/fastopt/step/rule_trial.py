"""A user's rule is tried on a few numbers when an optimizer is made: it fails there, or not at all."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Rule
from fastopt.backends import backend
from fastopt.model import Row
from fastopt.runtime import extension

Arrays = list[NDArray[Any]]

VALUES = (-1.5, -0.25, 0.0, 0.75, 3.0)  # of all arguments, each begins with another one


def try_rule(rule: Rule, row: Row, name: str, dtypes: Iterable[Any], owner: str) -> Rule:
    """Return the rule as it can be planned with.

    Raise TypeError, which says what is wrong, for one that the backend of this name cannot run.
    """
    shown = f"the rule {rule.name} of {owner}"
    rule = rule._replace(coefficients=type(row[1]))
    for each in (rule.measured, *rule.reductions):
        if each is not None:
            try_rule(each, row, name, dtypes, owner)
    for dtype in dtypes:
        scalars = row[1]
        try:
            c = type(scalars)(*map(dtype.type, scalars))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"coefficients of {owner} must return a NamedTuple of numbers: {error}"
            ) from error
        _try_in_numpy(rule, c, dtype, shown)
        if name == "numba":
            _check_room(len(scalars), shown)
            _try_in_numba(rule, c, dtype, shown)
        arrays = tuple(_arguments(rule, dtype))
        plan = backend(name).make_plan([(arrays[0], *arrays[2:])], [rule], [0])
        plan.bind([arrays[1]], None, True)
        plan.run([row], 1)
    return rule


def _arguments(rule: Rule, dtype: Any) -> Arrays:
    """Make p, g and the states."""
    return [np.array(np.roll(VALUES, k), dtype) for k in range(2 + len(rule.states))]


def _try_in_numpy(rule: Rule, c: Any, dtype: Any, shown: str) -> None:
    arguments = _arguments(rule, dtype)
    whole = _outcome(rule, arguments, c, dtype, shown)
    for i in range(len(VALUES)):
        alone = _outcome(rule, [a[i : i + 1] for a in arguments], c, dtype, shown)
        if any(_bits(a[i : i + 1]) != _bits(b) for a, b in zip(whole, alone, strict=True)):
            raise TypeError(
                f"{shown} is not elementwise: what it gives for an element depends on the others, as a "
                "mean, a sum or a norm does. A rule updates one element"
            )


def _outcome(rule: Rule, arguments: Arrays, c: Any, dtype: Any, shown: str) -> Arrays:
    """Run the rule on arrays that cannot be written to, and check what it gives back."""
    for a in arguments:
        a.flags.writeable = False
    try:
        with np.errstate(all="ignore"):
            given = rule.update(*arguments, c)
    except Exception as error:
        written = _written(rule, arguments, c) if "read-only" in str(error) else ""
        if written:
            raise TypeError(
                f"{shown} writes to its argument {written} in place, as {written} *= x does: write "
                f"{written} = {written} * x, which makes a new value"
            ) from error
        raise TypeError(f"{shown} cannot be run on {dtype}: {type(error).__name__}: {error}") from error
    due = ("p", *rule.states)
    if isinstance(given, list):
        raise TypeError(f"{shown} returns a list; it must return the tuple {', '.join(due)}")
    values = given if isinstance(given, tuple) else (given,)
    if len(values) != len(due):
        raise TypeError(f"{shown} returns {len(values)} values; it must return {', '.join(due)}")
    for name, value in zip(due, values, strict=True):
        if np.shape(value) != arguments[0].shape:
            raise TypeError(
                f"{shown} returns {name} with shape {np.shape(value)} for arguments of shape "
                f"{arguments[0].shape}: a rule returns a new value for each element"
            )
        if value.dtype != dtype:
            raise TypeError(
                f"{shown} returns {name} as {value.dtype} for {dtype}: something in it has another "
                "dtype. Constants are coefficients, which are rounded to that of p"
            )
    return list(values)


def _written(rule: Rule, arguments: Arrays, c: Any) -> str:
    """Find which argument the rule writes to."""
    for k, name in enumerate(("p", "g", *rule.states)):
        copies = [a.copy() for a in arguments]
        copies[k].flags.writeable = False
        try:
            with np.errstate(all="ignore"):
                rule.update(*copies, c)
        except ValueError:
            return name
    return ""


def _bits(a: NDArray[Any]) -> bytes:
    return np.where(np.isnan(a), np.array(np.nan, a.dtype), a).tobytes()


def _check_room(count: int, shown: str) -> None:
    """Raise TypeError for more coefficients than the native plan, which runs compiled rules, takes."""
    if extension.native is None:
        return
    most = extension.native.tables()["most_coefficients"]
    if count > most:
        raise TypeError(
            f"{shown} has {count} coefficients; at most {most} can be compiled: combine some of them "
            "in coefficients(); backend='numpy' runs it as it is"
        )


def _try_in_numba(rule: Rule, c: Any, dtype: Any, shown: str) -> None:
    kind: Any = type(c)
    complaint = _compiled(rule.update, kind, dtype, len(rule.states))
    if complaint:
        raise TypeError(f"{shown} {complaint}; backend='numpy' runs it as it is")


@cache
def _compiled(update: Any, kind: Any, dtype: Any, states: int) -> str:
    """Compile a rule for scalars, and return what is wrong with the outcome."""
    c = kind(*(dtype.type(1) for _ in kind._fields))
    numba: Any = backend("numba")
    found: str = numba.complaint(update, [dtype.type(1)] * (2 + states) + [c], dtype)
    return found
