"""A rule: the update of one element as a plain function, and what can be read off it.

``rule(p, g, m, v, c)`` takes a parameter, its gradient, the states, and the coefficients, and returns
the new ``(p, m, v)``. On whole arrays it is the NumPy reference; compiled by Numba on scalars it is the
fallback's kernel; a struct of the same name in csrc/kernels/rules/ is the native one.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeVar

RuleFunction = Callable[..., Any]
Shipped = TypeVar("Shipped")
Sums = tuple[tuple[str, str], ...]

NORMS: Sums = (("p", "squares"), ("weight", "squares"))  # what is summed where a class says nothing


class Rule(NamedTuple):
    """A rule function with its name and the names of its states.

    A user's rule that has been tried also carries the NamedTuple that its coefficients are.
    """

    update: RuleFunction
    name: str
    states: tuple[str, ...]
    coefficients: Any = None
    direction: RuleFunction | None = None  # what is measured before the update
    sums: Sums = ()  # of the results of the direction, or the weight, and of what
    scratch: str = ""  # the name of a state that is none: the last one before what is spread
    spread: tuple[str, ...] = ()  # names of the last states, which are none, and broadcast to p
    reduced: tuple[RuleFunction, ...] = ()  # whose results for these are summed to their shapes
    largest: bool = False  # or the largest is taken
    form: str = ""  # what the shapes of states depend on
    transforms: tuple[str, ...] = ()  # of the gradient, before all

    @property
    def is_ours(self) -> bool:
        """Return whether fastopt ships it, so that a native kernel of that name is the same rule."""
        return is_shipped(self.update)

    @property
    def measured(self) -> "Rule | None":
        """The direction, as a rule of its own."""
        return None if self.direction is None else _measured(self, self.direction)

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the states that are kept from step to step."""
        return self.states[: len(self.states) - len(self.spread) - bool(self.scratch)]

    @property
    def reductions(self) -> "list[Rule]":
        """The functions that are reduced, as rules of their own."""
        bare = self._replace(direction=None, scratch="", spread=(), reduced=(), sums=())
        return [bare._replace(update=each, name=each.__name__) for each in self.reduced]

    @property
    def places(self) -> dict[str, int]:
        """Places, among the sums of a plan, of what is summed of the results of the direction."""
        return _places(self.direction, self.sums)

    @property
    def summed(self) -> tuple[str, ...]:
        """Names of what is summed of each result of the direction: squares, values, or nothing."""
        assert self.measured is not None
        return tuple([dict(self.sums).get(name, "") for name in ("p", *self.measured.states)])

    @property
    def weighs(self) -> bool:
        """True where the norm of the parameter itself is measured."""
        return ("weight", "squares") in self.sums


_shipped: set[Any] = set()


def shipped(thing: Shipped) -> Shipped:
    """Register a rule or a class of optimizers as fastopt's own; a decorator."""
    _shipped.add(thing)
    return thing


def is_shipped(thing: Any) -> bool:
    """Return whether a rule or a class is fastopt's own, and not a copy or a subclass of such."""
    return thing in _shipped


@cache
def rule_of(
    update: RuleFunction,
    direction: RuleFunction | None = None,
    sums: Sums = NORMS,
    scratch: str = "",
    spread: tuple[str, ...] = (),
    reduced: tuple[RuleFunction, ...] = (),
    largest: bool = False,
    form: str = "",
) -> Rule:
    """Read a rule off its function ``(p, g, <states>, c)``, and off that of its direction.

    `sums` are of what results of the direction what is summed, and whether the parameter is weighed.
    `scratch` and `spread` are the names of last states that are none, and functions that are `reduced`
    take what the rule takes, and what they return for what is spread is summed to its shapes.
    """
    names = _names(update)
    if len(names) < 3 or names[0] != "p" or names[1] != "g" or names[-1] != "c":
        raise TypeError(
            f"the rule {update.__name__} has the signature ({', '.join(names)}); a rule is a function "
            "of (p, g, <states>, c) that returns the new p and states"
        )
    last = (scratch, *spread) if scratch else spread
    if last and names[-1 - len(last) : -1] != last:
        raise TypeError(
            f"the last states of the rule {update.__name__}({', '.join(names)}) are not "
            f"{', '.join(last)}: they come in front of c, ({', '.join((*names[:-1], *last, 'c'))})"
        )
    for function in reduced:
        if _names(function) != names:
            raise TypeError(
                f"{function.__name__}, which is reduced, has another signature than the rule "
                f"{update.__name__}({', '.join(names)}): it takes the same"
            )
    if scratch and direction is None:
        raise TypeError(
            f"the rule {update.__name__} has a scratch, {scratch!r}, and no direction, whose result is "
            "written there: give it a direction"
        )
    of_shapes = scratch, spread, reduced, largest, form
    rule = Rule(update, update.__name__, names[2:-1], None, None, (), *of_shapes)
    if direction is None:
        return rule
    given = _names(direction)
    if given[: len(names) - 1] != names[:-1] or given[-1] != "c":
        raise TypeError(
            f"the direction {direction.__name__} has another signature than the rule "
            f"{update.__name__}({', '.join(names)}): it takes the same, and what it returns besides "
            "in front of c"
        )
    results = ("p", *given[2:-1])
    if "weight" in results:
        raise TypeError(
            f"the direction {direction.__name__} calls a state weight, which is the parameter itself "
            'where something is measured: give it another name, such as "weights"'
        )
    for name, what in sums:
        if (name, what) != ("weight", "squares") and (
            name not in results or what not in ("squares", "values")
        ):
            raise TypeError(
                f"{name!r}: {what!r} says nothing of what is summed of the direction "
                f'{direction.__name__}: name one of {", ".join(results)}, and "squares" or '
                '"values"; or "weight": "squares", for the norm of the parameter'
            )
    return rule._replace(direction=direction, sums=sums)


@cache
def _measured(rule: Rule, direction: RuleFunction) -> Rule:
    bare = rule._replace(direction=None, scratch="", spread=(), reduced=())
    return bare._replace(update=direction, name=direction.__name__, states=_names(direction)[2:-1])


@cache
def _places(direction: RuleFunction, sums: Sums) -> dict[str, int]:
    results = ("p", *_names(direction)[2:-1])
    return {name: results.index(name) for name, _ in sums if name in results}


@cache
def _names(function: RuleFunction) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)
