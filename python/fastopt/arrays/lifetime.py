"""Arrays held, so that their memory cannot go away under an optimizer that knows their addresses."""

import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastopt.arrays.checks import Named
from fastopt.arrays.fingerprint import Memory, Placement, chain


class Hold:
    """Keeps arrays alive, and their memory where it is, until `release`.

    NumPy resizes no array that has a weak reference, not even with ``refcheck=False``; and a mmap,
    shared memory or a bytearray lets go of no memory that a memoryview shows. Each array is held so,
    and all that it is a view of. What shows no memory, such as a tensor, is only kept alive.

    `written` are arrays that a step writes, with what messages call them; `read` are others. ValueError
    for an array whose memory has been let go of already.
    """

    def __init__(self, written: Iterable[Named], read: Iterable[Any] = ()) -> None:
        self.named = list(written)
        self.released = False
        owners: dict[int, Memory] = {}  # all alive: the placements have them
        self._placements = [Placement(array, owners) for _, array in self.named]
        gradients = [("a gradient", g) for g in read if isinstance(g, np.ndarray)]
        links = _links([*self.named, *gradients])
        self._links = [link for _, link in links.values()]
        arrays = [link for link in self._links if isinstance(link, np.ndarray)]
        self._references = list(map(weakref.ref, arrays))
        others = [(w, link) for w, link in links.values() if not isinstance(link, np.ndarray)]
        self._shown = [shown for w, link in others if (shown := _show(w, link)) is not None]

    def check(self) -> None:
        """Raise TypeError or ValueError if an array that is written is not as it was."""
        for (what, array), placement in zip(self.named, self._placements, strict=True):
            placement.check(array, what)

    def release(self) -> None:
        """Let everything go."""
        for view in self._shown:
            view.release()
        self.named, self._placements, self._links = [], [], []
        self._references, self._shown = [], []
        self.released = True


def _links(named: Iterable[Named]) -> dict[int, tuple[str, Any]]:
    """Return arrays and all that they are views of, by id, with what messages call them."""
    found: dict[int, tuple[str, Any]] = {}
    for what, array in named:
        found[id(array)] = what, array
        base = array.base
        if base is not None and id(base) not in found:
            found.update((id(link), (what, link)) for link in chain(base))
    return found


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
