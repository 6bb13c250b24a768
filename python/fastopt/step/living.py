"""All optimizers that are alive, to be found by where their parameters lie in memory."""

import weakref
from functools import partial

from fastopt.arrays import Extents
from fastopt.model import Change, commit
from fastopt.step.bound import Core

Reference = weakref.ref[Core]
Table = tuple[object, list[tuple[int, int, Reference]]]  # its stamp, and from where to where

_alive: dict[int, Reference] = {}  # by id
_table: Table = (None, [])


class _Newest:
    """A stamp, another whenever an optimizer enters or is given other parameters."""

    stamp = object()


_newest = _Newest()


def enter(core: Core) -> None:
    """Register an optimizer: a new one, or one that has been given other parameters."""
    _alive[id(core)] = weakref.ref(core, partial(_alive.pop, id(core)))  # called as pop(id, reference)
    commit(moved())


def moved() -> list[Change]:
    """List what changes when an optimizer is given other parameters."""
    return [(_newest, "stamp", object())]


def near(extents: Extents) -> list[Core]:
    """List those whose parameters reach into where some arrays lie, and perhaps share none of it.

    Unless one has come since the last look, that is a comparison of two numbers for each.
    """
    global _table
    table = _table
    if table[0] is not _newest.stamp:
        table = _table = _made()
    first, last = extents.begin, extents.end
    found = [reference() for begin, end, reference in table[1] if begin < last and first < end]
    return [core for core in found if core is not None]


def _made() -> Table:
    stamp = _newest.stamp  # before the look: one that enters meanwhile makes it out of date
    rows = []
    for reference in list(_alive.values()):
        core = reference()
        if core is not None:
            extents = core.bound.parameters.extents
            rows.append((extents.begin, extents.end, reference))
    return stamp, rows
