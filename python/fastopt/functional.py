"""One call, state owned by the caller: ``fastopt.functional.adam(p, g, m, v, t=1, lr=1e-3)``.

Every optimizer is here under its name in lower case. The states stand in the order of the rule; options
that need another state (``amsgrad=True``) take one more array. Same kernels, same bits, same checks.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from fastopt import backends, frameworks
from fastopt.algorithm import (
    SETTINGS,
    Values,
    check_number,
    check_scalars,
    entries,
    is_scheduled,
    scaled,
    shown,
)
from fastopt.arrays import Written, checks, viewed
from fastopt.optimizer import Optimizer
from fastopt.registry import RENAMED, find, names
from fastopt.runtime import alike, get_num_threads, whole
from fastopt.step import (
    between,
    cautious_row,
    checked_loss,
    clip_factor,
    measured,
    measuring,
    norms_of,
    together,
)


def __getattr__(name: str) -> Callable[..., dict[str, float]]:
    if name.startswith("_") or name not in {*names(), *RENAMED}:
        raise AttributeError(f"fastopt.functional has no {name!r}: {alike(name, names())}")
    return _function(name)


def __dir__() -> list[str]:
    return names()


@cache
def _function(name: str) -> Callable[..., dict[str, float]]:
    cls, preset = find(name)

    def call(
        p: Any,
        g: Any,
        *states: Any,
        t: int,
        like: str | None = None,
        backend: str | None = None,
        **given: Any,
    ) -> dict[str, float]:
        carried = {
            key: hyper.check(given.pop(key, hyper.default), key) for key, hyper in cls.carried.items()
        }
        loss = checked_loss(given.pop("loss", None), name, False) if cls.takes_loss else 0.0
        number = whole(t, "t", 1)  # of the step
        h = _hyperparameters(cls, like, preset, given)
        return _step(cls, p, g, states, number, carried, h, backend, loss)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""Take step number t of `fastopt.{cls.__name__}`, in place on p and the states.

    Hyperparameters and `like` are those of the class, by keyword. Gives back the scalars that the
    next step must be given by keyword ({", ".join(cls.carried) or "none"}).
    """
    return call


def _step(
    cls: type[Optimizer],
    p: Any,
    g: Any,
    states: tuple[Any, ...],
    t: int,
    carried: dict[str, float],
    h: Values,
    backend: str | None,
    loss: float = 0.0,
) -> dict[str, float]:
    rule = cls.rule_for(h)
    checks.check_written(p, "p")
    single = "p" if p.dtype == np.float32 else None
    for entry in entries(cls.hyperparameters, vars(h), h):
        check_number(entry, single)
    if rule.scratch or rule.spread or cls.shapes(h, p):
        raise TypeError(
            f"{cls.__name__} changes arrays as a whole, which one call cannot: make an optimizer, "
            f"fastopt.{cls.__name__}([p])"
        )
    if rule.transforms:
        raise TypeError(
            f"{rule.transforms[0]} transforms the gradient before the step, which one call does not: "
            f"make an optimizer, fastopt.{cls.__name__}([p], {rule.transforms[0]}=...)"
        )
    if len(states) != len(rule.states):
        raise TypeError(
            f"{rule.name} has {len(rule.states)} states ({', '.join(rule.states) or 'none'}); "
            f"{len(states)} were given"
        )
    written = [("p", p), *zip(rule.states, states, strict=True)]
    for name, state in written[1:]:
        checks.check_state(state, name, p)
    beside = Written(written)
    beside.check_disjoint()
    g = viewed(g, "g")
    checks.check_gradient(g, "g", p)
    beside.check_apart(g, "g")
    keep = Values(**carried)
    if cls.waits_for_estimate(h) and not cls.has_estimate(carried):
        raise TypeError(
            f"{cls.__name__} takes its step from estimates of the Hessian: give "
            f"{cls.takes_estimate} with their mean, and beta2_product=beta2**n of the n in it"
        )
    coefficients = cls.coefficients(h, t, keep) if carried else cls.coefficients(h, t)
    module = backends.backend(backends.choose(backend, [rule]))
    plan = module.make_plan([(p, *states)], [rule], [0])
    plan.bind([g], None, True)
    stage = cls.stage_scalars(h)
    scalars = [*stage[3:], *coefficients]
    check_scalars(scalars, partial(shown, cls.hyperparameters, h), single, cls.is_ours())
    if h.clipnorm is not None:
        norm = norms_of(plan.sums_of_squares(get_num_threads()), [g], [p]).each[0]
        stage = scaled(stage, clip_factor(norm, h.clipnorm))
    row = stage, coefficients
    if rule.direction is not None:
        (sums,) = plan.measure([measuring(row)], get_num_threads(), ())
        found = measured(rule, row, sums, p, loss)
        if cls.measures_all:
            cls.adapt(h, coefficients, together([found]), keep)
        row = between(cls, h, row, found, keep)
    if h.cautious is True:
        (agreeing,) = plan.agreements([row], get_num_threads(), ())
        row = cautious_row(row, p.size, agreeing)
    plan.run([row], get_num_threads())
    return vars(keep)


def _hyperparameters(
    cls: type[Optimizer], like: str | None, preset: Mapping[str, Any], given: dict[str, Any]
) -> Values:
    if "algorithm" in given:
        raise TypeError("the name of the function is the algorithm: fastopt.functional.adamw(...)")
    if like is not None:
        given = frameworks.as_ours(cls, like, given)
    checked = cls.check_keywords((), given)
    for name in given:
        if name in SETTINGS:
            raise TypeError(
                f"{name} is a setting of an optimizer, and this is one call: make one, "
                f"fastopt.{cls.__name__}([p], {name}=...), and call its step"
            )
    for name in checked:
        if cls.hyperparameters[name].initial:
            raise TypeError(f"{name} says what state begins with; here the state is yours: fill it")
        if is_scheduled(checked[name]):
            raise TypeError(f"{name} is a function of the step; here give its value, {name}=f(t - 1)")
    values = frameworks.defaults(cls, like, preset, checked)
    defaults = {name: hyper.default for name, hyper in cls.hyperparameters.items()}
    h = Values(**{**defaults, **values})
    cls.check_together(h)
    return h
