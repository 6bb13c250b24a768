"""Parameters and states that are stored in few bits, read and written in Python."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from fastopt.backends.protocol import StoredStreams
from fastopt.numerics import STORAGES, Storage, noise

Elements = Sequence[NDArray[Any]]  # of a parameter and each of its states
_OF_PARAMETER = 4  # the number of its noise; two states share one, half each


class StoredElements:
    """The elements of a parameter and its states, flat in the order of memory."""

    def __init__(self, how: StoredStreams, flats: Elements) -> None:
        self._seed = how.seed
        self._streams: list[tuple[Storage, NDArray[Any], Any] | None] = [
            each and (STORAGES[each[0]], bits.view(STORAGES[each[0]].bits), _flat(each[1]))
            for each, bits in zip(how.streams, flats, strict=True)
        ]
        self._flats = flats

    def read(self, a: int, b: int) -> Elements:
        """Return the elements from a to b as they are computed in: views, or decoded."""
        found = []
        for flat, stream in zip(self._flats, self._streams, strict=True):
            if stream is None:
                found.append(flat[a:b])
                continue
            storage, bits, beside = stream
            more = None if beside is None else beside[_shared(storage, a, bits[a:b].size)]
            found.append(storage.decoded(bits[a:b], more))
        return found

    def write(self, a: int, values: Elements, step: int) -> None:
        """Encode the elements from a on, the edge of a block, after so many steps."""
        made: dict[int, NDArray[Any]] = {}
        for k, (value, stream) in enumerate(zip(values, self._streams, strict=True)):
            if stream is None:
                continue
            storage, bits, beside = stream
            half = None
            if self._seed is not None and not storage.exact:
                number = (k - 1) // 2 if k else _OF_PARAMETER
                if number not in made:
                    made[number] = noise(self._seed, step, number, a, value.size)
                half = made[number] >> (16 if k and k % 2 == 0 else 0) & 0xFFFF
            new, more = storage.encoded(value, half)
            bits[a : a + value.size] = new
            if beside is not None:
                beside[_shared(storage, a, value.size)] = more


def _shared(storage: Storage, a: int, n: int) -> slice:
    return slice(a // storage.shared, -(-(a + n) // storage.shared))


def _flat(array: Any) -> Any:
    return None if array is None else (array if array.flags.c_contiguous else array.T).reshape(-1)
