"""Averages of the parameters, which are updated in the sweep, and stand in for them in a with block."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from numpy.typing import NDArray

from fastopt.algorithm import Count, Number, Option, number
from fastopt.followers.base import Follower
from fastopt.model import Change, make
from fastopt.runtime import MOST_STEPS, native

SWAPPED = 1 << 16  # elements that are swapped at a time
_BETA = Number(at_least=0.0, below=1.0)


class Averages(Follower):
    """An average beside each parameter, whether it takes part in a step or not.

    A kind of averages is a class, made of the settings and the parameters.
    """

    number = 7
    kinds: ClassVar[list[type["Averages"]]] = []  # all of them
    setting: ClassVar[str]  # that asks for them
    example: ClassVar[str]  # of its value
    _are_in = False  # the parameters' places

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Averages.kinds.append(cls)

    def __init__(self, settings: Mapping[str, Any], parameters: Sequence[NDArray[Any]]) -> None:
        super().__init__(parameters)
        self.settings = settings

    @contextmanager
    def swapped_in(self, parameters: Sequence[NDArray[Any]]) -> Iterator[None]:
        """Swap the averages with the parameters for the time of a with block."""
        arrays = list(parameters)
        forth, back = [(self, "_are_in", True)], [(self, "_are_in", False)]
        try:
            swap(arrays, self.arrays, forth)
            yield
        finally:
            if self._are_in:
                swap(arrays, self.arrays, back)


class MovingAverage(Averages):
    """The exponential moving average: ``e = beta * e + (1 - beta) * p``.

    Without bias correction it begins at a copy of the parameters, with it at nothing: the weights are
    then such that it is the mean that a beginning at 0, corrected, would have.
    """

    setting, example = "ema", "0.999"
    scalars: ClassVar[Mapping[str, Option]] = {
        "remains": number(default=1.0, at_least=0.0, at_most=1.0)  # the product of all betas
    }

    def __init__(self, settings: Mapping[str, Any], parameters: Sequence[NDArray[Any]]) -> None:
        super().__init__(settings, parameters)
        self.remains = self._pending = 1.0

    def weights(self, step: int) -> tuple[float, float]:
        """Compute keep and take; see `Follower`."""
        beta = self._beta_at(step)
        self._pending = self.remains * beta
        if not self.settings["ema_bias_correction"]:
            return beta, 1.0 - beta
        left = 1.0 - self._pending
        return beta * (1.0 - self.remains) / left, (1.0 - beta) / left

    def changes(self) -> list[Change]:
        """List what changes when the step is taken; see `Follower`."""
        return [(self, "remains", self._pending)]

    def restarts(self, step: int) -> list[Change]:
        """List what changes when it begins anew; see `Follower`."""
        return [*super().restarts(step), (self, "remains", 1.0)]

    def _beta_at(self, step: int) -> float:
        beta = self.settings["ema"]
        if not callable(beta):
            return float(beta)
        return float(_BETA.check(beta(step), f"ema({step})"))


class EqualAverage(Averages):
    """Stochastic weight averaging: the mean of the weights after `start` steps and every so many more.

    Until then it is the parameters. It depends on the number of the step alone, and on that of the step
    after which it last began anew, with the parameters of then as the first that are averaged.
    """

    setting, example = "swa_start", "1000"
    scalars: ClassVar[Mapping[str, Option]] = {
        "restarted": Option(0, Count(at_least=0, at_most=MOST_STEPS))
    }
    added = frozenset(["restarted"])

    def __init__(self, settings: Mapping[str, Any], parameters: Sequence[NDArray[Any]]) -> None:
        super().__init__(settings, parameters)
        self.restarted = 0

    def weights(self, step: int) -> tuple[float, float] | None:
        """Compute keep and take; see `Follower`."""
        since = step + 1 - max(self.settings["swa_start"], self.restarted)
        if since <= 0:
            return 0.0, 1.0
        averaged, left = divmod(since, self.settings["swa_every"])
        if left:
            return None
        return averaged / (averaged + 1), 1.0 / (averaged + 1)

    def restarts(self, step: int) -> list[Change]:
        """List what changes when it begins anew; see `Follower`."""
        return [*super().restarts(step), (self, "restarted", step)]


def averages_for(given: Mapping[str, Any], parameters: Sequence[NDArray[Any]]) -> Averages | None:
    """Make those that the settings ask for; ValueError where they ask for two kinds."""
    asked = [kind for kind in Averages.kinds if given[kind.setting] is not None]
    if len(asked) > 1:
        names = " and ".join(kind.setting for kind in asked)
        raise ValueError(
            f"{names} are two averages, and an optimizer keeps one: set one of them to None"
        )
    return asked[0](given, parameters) if asked else None


def _swap_in_python(
    some: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]], changes: Sequence[Change]
) -> None:
    for a, b in zip(some, others, strict=True):
        x, y = (array if a.flags.c_contiguous else array.T for array in (a, b))
        x, y = x.reshape(-1), y.reshape(-1)  # views
        for begin in range(0, x.size, SWAPPED):
            end = begin + SWAPPED
            kept = x[begin:end].copy()
            x[begin:end] = y[begin:end]
            y[begin:end] = kept
    make(changes)


# Swaps, and makes the changes; with the extension no signal's handler comes in between, or before it.
swap = _swap_in_python if native is None else native.swap
