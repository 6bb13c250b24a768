"""All optimizers that are alive, to be found by where their parameters lie in memory."""

import weakref
from functools import partial
from typing import TYPE_CHECKING

from fastopt.arrays.extents import Extents

if TYPE_CHECKING:
    from fastopt.step.core import Core

    Reference = weakref.ref[Core]

# By their id: a class of the user's may compare its optimizers as it likes.
_alive: dict[int, "Reference"] = {}
_stamp = object()  # another whenever one enters
_table: tuple[object, list[tuple[int, int, "Reference"]]] = (
    None,
    [],
)  # its stamp, and from where to where


def enter(opt: "Core") -> None:
    """Let an optimizer be found: a new one, or one that has been given other parameters."""
    global _stamp
    _alive[id(opt)] = weakref.ref(opt, partial(_alive.pop, id(opt)))  # called as pop(id, reference)
    _stamp = object()


def near(extents: Extents) -> list["Core"]:
    """List those whose parameters reach into where some arrays lie, and perhaps share none of it.

    Unless one has come since the last look, that is a comparison of two numbers for each.
    """
    global _table
    table = _table
    if table[0] is not _stamp:
        table = _table = _made()
    first, last = extents.begin, extents.end
    found = [reference() for begin, end, reference in table[1] if begin < last and first < end]
    return [opt for opt in found if opt is not None]


def _made() -> tuple[object, list[tuple[int, int, "Reference"]]]:
    stamp = _stamp  # before the look: one that enters meanwhile makes it out of date
    rows = []
    for reference in list(_alive.values()):
        opt = reference()
        if opt is not None:
            extents = opt._parameters.extents
            rows.append((extents.begin, extents.end, reference))
    return stamp, rows
