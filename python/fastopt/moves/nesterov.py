"""Nesterov's point: parameters where momentum alone would take them."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastopt.algorithm import Move
from fastopt.model import Group
from fastopt.moves.base import along_states, away, moved
from fastopt.step import Core, prepare


@contextmanager
def at_nesterov_point(core: Core) -> Iterator[None]:
    """Move the parameters ahead, for the time of a with block."""
    with away(core, "looks ahead: take the step after the with block"):
        bound = prepare(core)
        moves = list(map(_ahead, bound.groups))
        with moved(bound, *along_states(bound, moves)):
            yield


def _ahead(group: Group) -> Move:
    try:
        return group.kind.ahead(group.h)
    except (TypeError, ValueError) as error:
        if group.index is None:
            raise
        raise type(error)(f"{error} (group {group.index})") from None
