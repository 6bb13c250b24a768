"""Arrays held, so that their memory cannot go away under an optimizer that knows their addresses."""

import weakref
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastopt.arrays.fingerprint import Fingerprint, chain
from fastopt.arrays.memory import Named


class _Kept(NamedTuple):
    """References that keep memory where it is."""

    links: list[Any]  # arrays and all that they are views of
    references: list["weakref.ref[Any]"]
    shown: list[memoryview]


class KeepAlive:
    """References that keep arrays alive, and their memory where it is, until `release`.

    NumPy resizes no array that has a weak reference, not even with ``refcheck=False``; and a mmap,
    shared memory or a bytearray lets go of no memory that a memoryview shows. Each array is held so,
    and all that it is a view of. What shows no memory, such as a tensor, is only kept alive.

    `written` are arrays that a step writes, with what messages call them; `read` are others. ValueError
    for an array whose memory has been let go of already.
    """

    def __init__(self, written: Iterable[Named], read: Iterable[Any] = ()) -> None:
        self.named = list(written)
        self.released = False
        self._placements = [Fingerprint(array) for _, array in self.named]
        self._written = _keep(self.named)
        self._read = _keep([("a gradient", g) for g in read if isinstance(g, np.ndarray)])

    def with_more(self, written: Iterable[Named], read: Iterable[Any] = ()) -> "KeepAlive":
        """Make one that holds more arrays that are written, and `read` in place of those read before.

        It takes the place of this one, which is not to be released. What this one holds is not looked
        at again.
        """
        found = KeepAlive(written, read)
        found.named = self.named + found.named
        found._placements = self._placements + found._placements
        before, more = self._written, found._written
        found._written = _Kept(
            before.links + more.links, before.references + more.references, before.shown + more.shown
        )
        return found

    def held(self) -> Iterator[list[Any]]:
        """List all that it refers to, once for each reference."""
        yield [array for _, array in self.named]
        yield self._written.links + self._read.links
        yield self.owners()

    def owners(self) -> list[Any]:
        """List the arrays that own the memory of those that are written, None for their own."""
        return [each.owner for each in self._placements]

    def check(self) -> None:
        """Raise TypeError or ValueError if an array that is written is not as it was."""
        for (what, array), placement in zip(self.named, self._placements, strict=True):
            if not placement.unchanged(array):
                placement.check(array, what)

    def release(self) -> None:
        """Release everything."""
        for view in self._written.shown + self._read.shown:
            view.release()
        self.named, self._placements = [], []
        self._written = self._read = _keep([])
        self.released = True


def _keep(named: Iterable[Named]) -> _Kept:
    """Keep arrays and all that they are views of."""
    found: dict[int, tuple[str, Any]] = {}
    for what, array in named:
        found[id(array)] = what, array
        base = array.base
        if base is not None and id(base) not in found:
            found.update((id(link), (what, link)) for link in chain(base))
    links = [link for _, link in found.values()]
    references = [weakref.ref(link) for link in links if isinstance(link, np.ndarray)]
    others = [(what, link) for what, link in found.values() if not isinstance(link, np.ndarray)]
    return _Kept(
        links, references, [s for what, link in others if (s := _show(what, link)) is not None]
    )


def _show(what: str, memory: Any) -> memoryview | None:
    try:
        return memoryview(memory)
    except (TypeError, BufferError):
        return None
    except ValueError as error:
        raise ValueError(
            f"the memory of {what} has been let go of ({error}); make the array anew, of memory that "
            "is still open"
        ) from None
