"""Optimizers of the same memory: while one has moved its parameters, the others take no step.

A step beside would be lost as soon as the parameters are given back. So one that moves them takes, with
its own token, those of all live optimizers that share memory with it. A plain step does nothing for
that: it finds its token taken.
"""

import operator
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat
from typing import Any

from fastopt.arrays import Extents
from fastopt.model import Parameters
from fastopt.step.bound import Core
from fastopt.step.living import enter, near

_moves: dict[int, "weakref.ref[Moving]"] = {}  # those that are under way


class Moving:
    """The tokens that are held while an optimizer has its parameters elsewhere.

    `begin` takes them, and `end` gives back what has been taken, if anything; a second time it does
    nothing. It is no Python function, in which a signal could come first, and what it does is an
    iterator that is gone through. So it is where the optimizer goes out of use in eval mode.
    """

    def __init__(self) -> None:
        self._tokens: list[list[bool]] = []  # `free` of each gate
        given_back = map(list.append, self._tokens, repeat(True))
        over = map(_moves.pop, [id(self)], [None])
        self._ending: Iterator[Any] = chain(given_back, over)
        self.end: Callable[[], object] = partial(list, self._ending)
        self.doing = ""
        self.extents = Extents(())

    def begin(self, core: Core, doing: str) -> None:
        """Hold an optimizer and those that share memory with it; RuntimeError where one is held."""
        self._take(core, doing, core.gate.busy)
        self.doing, self.extents = doing, core.bound.parameters.extents
        gone = partial(operator.countOf, self._ending)  # counts the reference that it is called with
        _moves[id(self)] = weakref.ref(self, gone)
        held = [core]
        for other in near(self.extents):
            if other is core or other.gate.closed:
                continue
            if name := other.bound.parameters.extents.shared(self.extents):
                words = f"shares {name!r} with an optimizer that {doing}"
                self._take(other, words, partial(_busy, core, other))
                held.append(other)
        for each in held:  # looks at what is fresh find the parameters as they are before the move
            each.bound.followers.refresh(each.bound.parameters.arrays)

    def _take(self, core: Core, doing: str, busy: Callable[[], RuntimeError]) -> None:
        free = core.gate.free
        try:
            free.pop()
        except IndexError:
            if self._tokens and core.gate.closed:  # another that has been closed meanwhile
                return
            raise busy() from None
        except BaseException:  # of a signal's handler, which runs when the token has been taken
            free.append(True)
            raise
        self._tokens.append(free)
        core.gate.doing = doing


def _busy(core: Core, other: Core) -> RuntimeError:
    name = core.bound.parameters.extents.shared(other.bound.parameters.extents)
    return RuntimeError(f"this optimizer shares {name!r} with an optimizer that {other.gate.doing}")


def register(core: Core) -> None:
    """Register a new optimizer; RuntimeError where another has moved its parameters."""
    enter(core)
    check_in_place(core.bound.parameters)


def check_in_place(parameters: Parameters) -> None:
    """Raise RuntimeError where an optimizer has moved one of these arrays."""
    for reference in list(_moves.values()):
        move = reference()
        if move is not None and (name := parameters.extents.shared(move.extents)):
            what, _, remedy = move.doing.partition(": ")
            raise RuntimeError(
                f"parameter {name!r} shares memory with an optimizer that {what}, and is elsewhere for "
                f"that time: {remedy.replace('take the step', 'do this')}"
            )
