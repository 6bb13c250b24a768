"""Checks that numbers are not 0 or infinite when they have been rounded to float32.

Hyperparameters are doubles, and each step rounds its scalars to the dtype of the parameter: an eps of
1e-46 is 0 there, and divides 0 by 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fastopt.algorithm.hyperparameters import Option, Values
from fastopt.algorithm.validators import Number, Several
from fastopt.numerics import Recorded

if TYPE_CHECKING:
    from fastopt.algorithm.base import Algorithm

VANISHES = 2.0**-150  # what is no larger than half the smallest float32 is rounded to 0
OVERFLOWS = (2.0 - 2.0**-24) * 2.0**127  # what is no smaller than this, to infinity
NORMAL = 2.0**-126  # the smallest that is not subnormal
SMALLEST_NORMAL = 2.0**-1022  # the same of float64
LARGE = 1e9  # values from here on are shown where a scalar made of them is infinite

_WIDER = "or make the parameter float64"


def _in(single: str | None) -> str:
    return f" in float32, the dtype of {single!r}"


class Entry(NamedTuple):
    """A number, or one of a pair."""

    where: str
    value: float
    optional: bool  # a limit: infinite means that there is none
    scheduled: bool
    divides: bool  # an epsilon, which must not become 0


def entries(declared: Mapping[str, Option], given: Mapping[str, Any], h: Values) -> Iterator[Entry]:
    """List the numbers among hyperparameters: as they were given, and their values."""
    for name, option in declared.items():
        value, kept, validator = getattr(h, name), given[name], option.validator
        divides = name.startswith("eps")
        if isinstance(validator, Number) and value is not None:
            yield Entry(name, value, validator.optional, callable(kept), divides)
        elif isinstance(validator, Several):
            for i, each in enumerate(value):
                yield Entry(f"{name}[{i}]", each, False, callable(kept[i]), divides)


def is_moderate(value: Any) -> bool:
    """Return whether a number, or each of several, is normal as float32, and products are finite."""
    if type(value) is tuple:
        return all([type(each) is float and (each == 0.0 or is_moderate(each)) for each in value])
    return (type(value) is float or type(value) is Recorded) and NORMAL <= value < LARGE


def check_number(entry: Entry, single: str | None, which: str = "") -> None:
    """Raise ValueError for a number that is 0 or infinite as float32.

    `single` is the name of a parameter that is float32, if there is one; `which` says of which group.
    """
    size = abs(entry.value)
    if single is None or VANISHES < size < OVERFLOWS or size == 0.0:
        return
    where = f"{entry.where}{which} is {entry.value!r}"
    if size >= OVERFLOWS:
        if not entry.optional:
            raise ValueError(
                f"{where}, which is infinite{_in(single)}: give a smaller number, {_WIDER}"
            )
    elif entry.divides:
        raise ValueError(f"{where}, which is 0{_in(single)}: give at least 1e-45, {_WIDER}")
    elif not entry.scheduled:  # a schedule may decay to 0
        raise ValueError(f"{where}, which is 0{_in(single)}: give 0, or at least 1e-45, {_WIDER}")


def check_scalars(
    scalars: Sequence[Any],
    shown: Callable[[], str],
    single: str | None,
    ours: bool,
    which: str = "",
) -> None:
    """Raise ValueError for a scalar of the step that is not finite, or not as float32.

    A rule that is not `ours` may have infinite ones. `shown` lists hyperparameters it may come from.
    """
    for scalar in scalars:
        finite = math.isfinite(scalar)
        if finite and not (single is not None and abs(scalar) >= OVERFLOWS):
            continue
        if finite or ours:
            dtype = _in(single) if finite else ""
            word = "NaN" if scalar != scalar else "infinite"
            remedy = "give smaller numbers" + (f", {_WIDER}" if finite else "")
            raise ValueError(f"{shown()}{which}: a scalar of the step is {word}{dtype}: {remedy}")


def shown(declared: Mapping[str, Option], h: Values) -> str:
    """Show the hyperparameters that are large, or the learning rate."""
    given = dict.fromkeys(declared, (None, None))
    large = [e for e in entries(declared, given, h) if abs(e.value) >= LARGE]
    return ", ".join(f"{e.where}={e.value!r}" for e in large) or f"lr={h.lr!r}"


def check_first_step(
    algorithm: "type[Algorithm]", h: Values, single: str | None, which: str = ""
) -> None:
    """Compute the scalars of a first step, and check them."""
    ours, declared = algorithm.is_ours(), algorithm.hyperparameters
    stage: Sequence[Any] = algorithm.stage_scalars(h)[3:]  # but for the gradient's scale and limit
    carried = algorithm.initial_carried()
    more = (Values(**carried),) if carried else ()
    try:
        scalars = list(map(float, [*stage, *algorithm.coefficients(h, 1, *more)]))
    except Exception:
        if ours:
            raise
        return  # the trial of the rule says what is wrong
    check_scalars(scalars, partial(shown, declared, h), single, ours, which)


def check_settings(
    given: Mapping[str, Any], values: Sequence[Values], singles: Sequence[str | None]
) -> None:
    """Raise ValueError for settings that the parameters' dtypes cannot hold, or not together."""
    single = next((name for name in singles if name is not None), None)
    for name in ("lookahead_alpha", "global_clipnorm"):
        if given[name] is not None:
            check_number(Entry(name, given[name], True, False, False), single)
    scale = given["loss_scale"]
    if scale != "dynamic":
        inverse = 1.0 / scale
        vanishes = inverse == 0.0 or (single is not None and inverse <= VANISHES)
        if vanishes or inverse >= (math.inf if single is None else OVERFLOWS):
            raise ValueError(
                f"loss_scale is {scale!r}: gradients are divided by it, and 1 / {scale!r} is "
                f"{'0' if vanishes else 'infinite'}{'' if single is None else _in(single)}; give the "
                "factor that the loss was multiplied by, such as 65536.0"
            )
    if given["flush_subnormals"]:
        for h, each in zip(values, singles, strict=True):
            _check_flushed(h, each)


def _check_flushed(h: Values, single: str | None) -> None:
    """Raise ValueError for an epsilon that is taken for zero."""
    normal = SMALLEST_NORMAL if single is None else NORMAL
    for name, value in vars(h).items():
        if name.startswith("eps") and isinstance(value, float) and 0.0 < value < normal:
            raise ValueError(
                f"{name} is {value!r}, a subnormal number, which flush_subnormals=True takes for 0: "
                f"give at least {normal:.3g}, or set flush_subnormals=False"
            )
