"""Where arrays lie: addresses, extents, and arrays held in memory beside others."""

from typing import Any

import numpy as np
import pytest

from fastopt.arrays.extents import Extents
from fastopt.arrays.lifetime import KeepAlive
from fastopt.arrays.memory import address, address_in_python, bounds, flat


def test_addresses() -> None:
    a = np.zeros((3, 4))
    for array in (a, a[1:], a.T, a[::-1, ::2], a[:0], np.zeros(()), np.asarray(a).view(np.recarray)):
        assert address(array) == address_in_python(array)
    assert bounds(a[::-1, ::2]) == (address(a), address(a) + a.nbytes - a.itemsize)
    assert bounds(a.T) == (address(a), address(a) + a.nbytes)


def test_only_arrays_have_an_address() -> None:
    not_an_array: Any = [1.0]
    with pytest.raises((TypeError, AttributeError)):
        address(not_an_array)


def test_a_flat_view_is_no_copy() -> None:
    a = np.arange(6.0).reshape(2, 3)
    for array in (a, a.T):
        assert np.shares_memory(flat(array), a)
        assert flat(array).tolist() == [0, 1, 2, 3, 4, 5]
    assert flat(a, like=a.T).tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize("seed", range(20))
def test_extents_find_what_numpy_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    memory = np.zeros(200)

    def pieces(count: int) -> list[tuple[str, Any]]:
        cuts = np.sort(rng.integers(0, 200, 2 * count)).reshape(-1, 2)
        rng.shuffle(cuts)
        return [(f"{i}", memory[a:b]) for i, (a, b) in enumerate(cuts)]

    some, others = pieces(5), pieces(3)
    for _, other in others:
        filled = [a for _, a in some if a.size]
        near = [i for i, a in enumerate(filled) if np.shares_memory(a, other)]
        assert Extents(some).within(*bounds(other)) == (near if other.size else [])
    shared = {n for n, a in some for _, b in others if np.shares_memory(a, b)}
    found = Extents(some).shared(Extents(others))
    assert found in shared if shared else found == ""
    Extents(some).check_disjoint()
    for count in (0, 3):
        grown = Extents(some[:count]).with_more(some[count:])
        grown.check_disjoint()
        assert vars(grown) == vars(Extents(some))


def test_a_hold_of_more_arrays() -> None:
    kept, new, read = np.zeros(4), np.zeros(4), np.zeros(4)
    buffer = bytearray(32)
    hold = KeepAlive([("kept", kept), ("shown", np.frombuffer(buffer))], [np.zeros(3)])
    more = hold.with_more([("new", new)], [read])
    del hold
    assert [what for what, _ in more.named] == ["kept", "shown", "new"]
    more.check()
    for array in (kept, new, read):
        with pytest.raises(ValueError, match="resize"):
            array.resize(10, refcheck=False)
    with pytest.raises(BufferError):
        buffer.clear()
    new.shape = 2, 2
    with pytest.raises(ValueError, match="new has been given another shape"):
        more.check()
    more.release()
    buffer.clear()
    kept.resize(10, refcheck=False)
