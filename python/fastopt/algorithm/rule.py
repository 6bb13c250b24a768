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


class Rule(NamedTuple):
    """A rule function with its name and the names of its states.

    A user's rule that has been tried also carries the NamedTuple that its coefficients are.
    """

    update: RuleFunction
    name: str
    states: tuple[str, ...]
    coefficients: Any = None

    @property
    def is_ours(self) -> bool:
        """Return whether fastopt ships it, so that a native kernel of that name is the same rule."""
        return is_shipped(self.update)


_shipped: set[Any] = set()


def shipped(thing: Shipped) -> Shipped:
    """Register a rule or a class of optimizers as fastopt's own; a decorator."""
    _shipped.add(thing)
    return thing


def is_shipped(thing: Any) -> bool:
    """Return whether a rule or a class is fastopt's own, and not a copy or a subclass of such."""
    return thing in _shipped


@cache
def rule_of(update: RuleFunction) -> Rule:
    """Read a rule off its function, whose signature is ``(p, g, <states>, c)``."""
    names = list(inspect.signature(update).parameters)
    if len(names) < 3 or names[0] != "p" or names[1] != "g" or names[-1] != "c":
        raise TypeError(
            f"the rule {update.__name__} has the signature ({', '.join(names)}); a rule is a function "
            "of (p, g, <states>, c) that returns the new p and states"
        )
    return Rule(update, update.__name__, tuple(names[2:-1]))
