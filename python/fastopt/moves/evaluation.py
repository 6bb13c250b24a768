"""Eval mode: parameters where an algorithm's averages are, which is where the model is used."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastopt.algorithm import Move, Values
from fastopt.moves.base import along_states, away, copied, give_back, move, moved
from fastopt.step import Core, Moving

Average = Callable[[Values], Move]  # how a parameter of training is taken to its average


class Evaluation(NamedTuple):
    """The parameters of training, kept in eval mode."""

    moving: Moving
    trained: list[NDArray[Any]]  # the parameters of training


def begin(core: Core, average: Average) -> None:
    """Move the parameters to their averages until `end`; else do nothing."""
    if core.evaluation is not None:
        return
    moving = Moving()
    try:
        moving.begin(core, "is in eval mode: call its train() first")
        bound = core.bound
        plan, rows = along_states(bound, [average(group.h) for group in bound.groups])
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
def evaluated(core: Core, average: Average) -> Iterator[None]:
    """Move the parameters to their averages, for the time of a with block."""
    with away(core, "has its averages in the parameters: take the step after the with block"):
        bound = core.bound
        moves = [average(group.h) for group in bound.groups]
        with moved(bound, *along_states(bound, moves)):
            yield
