"""Nesterov's look ahead: parameters where momentum alone would take them."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from fastopt.moves.base import along_states, moved

if TYPE_CHECKING:
    from fastopt.step.core import Core


def moved_ahead(opt: "Core") -> AbstractContextManager[None]:
    """Move the parameters of an optimizer, which holds its lock, for the time of a with block."""
    opt._prepare()
    return moved(opt, *along_states(opt, [opt.ahead(group.h) for group in opt.groups]))
