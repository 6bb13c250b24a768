"""Arrays in memory of all kinds: taken, and updated like any other, or refused with the remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults.arrays import misaligned, read_only
from support.hashing import digest
from support.places import SHAPE, Array, check_message, good

import fastopt


def test_read_only_memory_map_is_told_of_its_mode(tmp_path: Path) -> None:
    good(0).tofile(tmp_path / "w")
    mapped = np.memmap(tmp_path / "w", np.float32, "r", shape=SHAPE)
    with pytest.raises(ValueError, match="read-only") as caught:
        fastopt.get("adam", {"w": mapped})
    check_message(caught.value, "'w'", ("'r+'",))


@pytest.mark.parametrize(
    ("gradient", "error", "word"),
    [
        (1.0, TypeError, "is a float"),
        (np.float64(1), TypeError, "dtype float64"),
        (np.int32(1), TypeError, "dtype int32"),
        (np.ones(1, np.float32), ValueError, "shape (1,)"),
    ],
)
def test_bad_gradient_of_a_0d_parameter(
    gradient: Any, error: type[Exception], word: str, backend: str
) -> None:
    params = [good(0), np.array(2, np.float32)]
    opt = fastopt.get("adam", params, backend=backend)
    before = digest(opt)
    with pytest.raises(error) as caught:
        opt.step([good(1), gradient])
    check_message(caught.value, "the gradient of '1'", (word,))
    assert digest(opt) == before
    opt.step([good(1), np.float32(1)])
    assert opt.step_count == 1


def plain(a: Array, where: Path) -> Array:
    return a


def mapped(mode: Any) -> Callable[[Array, Path], Array]:
    def make(a: Array, where: Path) -> Array:
        a.tofile(where)
        return np.memmap(where, a.dtype, mode, shape=a.shape)

    return make


def in_bytearray(a: Array, where: Path) -> Array:
    return np.frombuffer(bytearray(a.tobytes()), a.dtype).reshape(a.shape)


def odd_offset(a: Array, where: Path) -> Array:
    """Aligned for its dtype, and for nothing wider."""
    moved = np.zeros(a.size + 3, a.dtype)[3:].reshape(a.shape)
    moved[...] = a
    return moved


@pytest.mark.parametrize(
    ("param", "gradient"),
    [
        (mapped("r+"), plain),
        (mapped("c"), mapped("c")),
        (plain, mapped("r")),
        (plain, lambda a, where: read_only(a)),
        (in_bytearray, in_bytearray),
        (odd_offset, plain),
        (plain, odd_offset),
        (lambda a, where: np.asfortranarray(a), plain),
        (plain, lambda a, where: misaligned(a)),
    ],
    ids=[
        "memmap r+", "memmap c", "gradient memmap r", "gradient read-only", "bytearray",
        "odd offset", "gradient odd offset", "F order", "gradient misaligned",
    ],
)  # fmt: skip
def test_accepted(
    param: Callable[[Array, Path], Array],
    gradient: Callable[[Array, Path], Array],
    backend: str,
    tmp_path: Path,
) -> None:
    p, q = param(good(0), tmp_path / "p"), good(0)
    opt, twin = (fastopt.get("adam", {"w": x}, backend=backend) for x in (p, q))
    for seed in (1, 2):
        g = gradient(good(seed), tmp_path / f"g{seed}")
        opt.step({"w": g})
        twin.step({"w": good(seed)})
        assert g.tobytes() == good(seed).tobytes()
    assert p.tobytes() == q.tobytes()
    assert not np.array_equal(p, good(0))
    if isinstance(p, np.memmap) and p.mode == "r+":
        p.flush()
        assert (tmp_path / "p").read_bytes() == q.tobytes()
