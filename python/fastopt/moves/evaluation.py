"""Eval mode: parameters where their algorithms' averages are, which is where the model is used."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastopt.algorithm import Move
from fastopt.moves.base import along_states, away, copied, give_back, move, moved
from fastopt.step import Bound, Core, Moving, check_movable


class Evaluation(NamedTuple):
    """The parameters of training, kept in eval mode."""

    moving: Moving
    trained: list[NDArray[Any]]  # the parameters of training


def averages(bound: Bound) -> Sequence[Move | None]:
    """List how each group goes to the averages of its algorithm; None for those that have none."""
    return [group.kind.average(group.h) for group in bound.groups]


def begin(core: Core) -> None:
    """Move the parameters to their averages until `end`; else do nothing."""
    if core.evaluation is not None:
        return
    _check_averages(core.bound)
    check_movable(core.bound)
    moving = Moving()
    try:
        moving.begin(core, "is in eval mode: call its train() first")
        bound = core.bound
        plan, rows = along_states(bound, averages(bound))
        core.evaluation = Evaluation(moving, copied(bound))
        move(bound, plan, rows)
    except BaseException:
        if core.evaluation is None:
            moving.end()
        end(core)
        raise


def end(core: Core) -> None:
    """Restore the parameters of training; do nothing outside of eval mode."""
    evaluation: Evaluation | None = core.evaluation
    if evaluation is None:
        return
    core.bound.check_arrays()
    give_back(core.bound, evaluation.trained)
    core.evaluation = None
    evaluation.moving.end()


@contextmanager
def evaluated(core: Core) -> Iterator[None]:
    """Move the parameters to their averages, for the time of a with block."""
    with away(core, "has its averages in the parameters: take the step after the with block"):
        bound = core.bound
        with moved(bound, *along_states(bound, averages(bound))):
            yield


def _check_averages(bound: Bound) -> None:
    if not any(averages(bound)):
        raise TypeError(
            f"{bound.kind.__name__} keeps no averages of its own, as Schedule-Free algorithms do: make "
            "the optimizer with ema=0.999, and use the model in `with opt.averaged():`"
        )
