"""The best that the machine can do: an optimizer that only adds, over the arrays of a real one.

Its rule is a user's rule like any other: Numba compiles it, and the plan runs it in the same chunks, on
the same threads, over as many arrays of state. What remains is the traffic of the memory, and the call.
"""

from functools import cache, partial
from typing import Any, NamedTuple

from fastopt import backends
from fastopt.bench.arrays import Array
from fastopt.bench.turns import Call
from fastopt.optimizer import Optimizer


class Unused(NamedTuple):
    """The scalars of a rule that needs none."""

    lr: float


def add_0(p: Any, g: Any, c: Any) -> Any:
    """Read g, read and write p."""
    return p + g


def add_1(p: Any, g: Any, a: Any, c: Any) -> Any:
    """Do the same, with one state."""
    a = a + g
    return p + a, a


def add_2(p: Any, g: Any, a: Any, b: Any, c: Any) -> Any:
    """Do the same, with two."""
    a = a + g
    return p + a, a, b + g


def add_3(p: Any, g: Any, a: Any, b: Any, d: Any, c: Any) -> Any:
    """Do the same, with three."""
    a = a + g
    return p + a, a, b + g, d + g


RULES = (add_0, add_1, add_2, add_3)


def why_not() -> str:
    """Return the reason why there is no ceiling to measure, or nothing."""
    return backends.backend("numba").why_not()


def adder(states: int, params: list[Array], grads: list[Array]) -> Call | None:
    """Make a step that only adds, over so many states, if there is a rule for them."""
    if why_not() or states >= len(RULES):
        return None
    opt = only_adds(states)(params, backend="numba")
    return partial(opt.step, grads)


@cache
def only_adds(states: int) -> type[Optimizer]:
    """Make the class of optimizers with such a rule."""
    coefficients = staticmethod(lambda h, t: Unused(0.0))
    members = {"rule": staticmethod(RULES[states]), "coefficients": coefficients}
    return type(f"OnlyAdds{states}", (Optimizer,), members)
