"""Averages of the parameters in their places, where the model is used."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastopt.followers import Averages, Followers
from fastopt.moves.base import away
from fastopt.step import Core


def averages_of(followers: Followers, kinds: Sequence[type[Averages]] = Averages.kinds) -> Averages:
    """Return the averages, if they are of one of these kinds; else raise ValueError."""
    found = followers.averages
    if found is None or not isinstance(found, tuple(kinds)):
        settings = " or ".join(kind.setting for kind in kinds)
        examples = " or ".join(f"{kind.setting}={kind.example}" for kind in kinds)
        raise ValueError(f"there are no averages of {settings}: make the optimizer with {examples}")
    return found


def keeps_averages(opt: Any) -> bool:
    """Return whether an optimizer has averages to which its parameters can move."""
    own = any(group.kind.average(group.h) for group in opt.groups)
    return own or opt.ema is not None or opt.swa_start is not None


@contextmanager
def averaged(core: Core) -> Iterator[None]:
    """Swap averages and parameters, for the time of a with block."""
    averages = averages_of(core.bound.followers)
    with away(core, "has its averages in the parameters: take the step after the with block"):
        core.bound.check_arrays()
        averages.show()
        with averages.swapped_in(core.bound.parameters.arrays):
            yield
