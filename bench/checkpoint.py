"""``python -m bench.checkpoint``: a large state saved and loaded, against the disk itself.

Beside each save the same bytes are written plainly and flushed to disk; beside each load they are read
plainly, in blocks, into new arrays. Files are dropped from the page cache before they are read, as far
as the system does that. Contestants take turns; medians; ratios are of the speed of the plain way.
"""

import argparse
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt import checkpoint
from fastopt.checkpoint.arrays import BLOCK, blocks, bytes_of

Arrays = dict[str, NDArray[Any]]
MEGABYTE = 1 << 20


def state(gigabytes: float, count: int) -> Arrays:
    """Make the state of an Adam with arrays of several sizes, float32."""
    rng = np.random.default_rng(0)
    shares = np.repeat(np.linspace(1, 3, count // 2), 2)
    sizes = (shares / shares.sum() * gigabytes * 1e9 / 4).astype(int)
    noise = rng.standard_normal(MEGABYTE, np.float32)
    arrays = {
        f"layer{i // 2}.w/{'mv'[i % 2]}": np.empty(size, np.float32) for i, size in enumerate(sizes)
    }
    for array in arrays.values():
        for begin in range(0, array.size, noise.size):
            part = array[begin : begin + noise.size]
            part[...] = noise[: part.size]
    return arrays


def plain_write(path: Path, arrays: Arrays) -> None:
    with open(path, "wb", buffering=0) as file:
        for array in arrays.values():
            for block in blocks(bytes_of(array)):
                file.write(block)
        os.fsync(file.fileno())


def plain_read(path: Path, arrays: Arrays) -> Arrays:
    found = {name: np.empty_like(array) for name, array in arrays.items()}
    with open(path, "rb", buffering=0) as file:
        for array in found.values():
            for block in blocks(bytes_of(array)):
                file.readinto(block)
    return found


def load(path: Path, arrays: Arrays) -> Arrays:
    expected = {name: checkpoint.ArraySpec.of(array) for name, array in arrays.items()}
    with checkpoint.Reader(path) as file:
        return file.read_all(expected).arrays


def forget(path: Path) -> None:
    """Drop a file from the page cache, where the system can."""
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(action: Callable[[], Any]) -> float:
    begin = perf_counter()
    action()
    return perf_counter() - begin


def peak() -> float:
    """Give the most memory that this process has had, in MB (of 2**20 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(directory: Path, arrays: Arrays, rounds: int) -> None:
    total = sum(array.nbytes for array in arrays.values())
    ways: dict[str, tuple[Callable[[Path], None], Callable[[Path], Arrays]]] = {
        "plain": (lambda path: plain_write(path, arrays), lambda path: plain_read(path, arrays)),
        "state.npz": (lambda path: checkpoint.write(path, {}, arrays), lambda path: load(path, arrays)),
    }
    ways["state.safetensors"] = ways["state.npz"]
    saving: dict[str, list[float]] = {name: [] for name in ways}
    loading: dict[str, list[float]] = {name: [] for name in ways}
    most = {name: [0.0, 0.0] for name in ways}
    for _ in range(rounds):
        for name, (save, read) in ways.items():
            path, before = directory / name, peak()
            saving[name].append(timed(lambda save=save, path=path: save(path)))
            most[name][0] = max(most[name][0], peak() - before)
            forget(path)
            before = peak()
            loading[name].append(timed(lambda read=read, path=path: read(path)))
            most[name][1] = max(most[name][1], peak() - before - total / MEGABYTE)
            path.unlink()
    print(
        f"{len(arrays)} arrays, {total / 1e9:.2f} GB, blocks of {BLOCK / MEGABYTE:.0f} MB, {rounds} rounds"
    )
    print("                     save          load      memory beside the state")
    for name in ways:
        save_ratio = median(saving["plain"]) / median(saving[name])
        load_ratio = median(loading["plain"]) / median(loading[name])
        print(
            f"{name:<18}{total / 1e9 / median(saving[name]):5.2f} GB/s{total / 1e9 / median(loading[name]):9.2f}"
            f" GB/s  {save_ratio:.2f}x and {load_ratio:.2f}x of plain"
            f"  {most[name][0]:.0f} and {most[name][1]:.0f} MB"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--arrays", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", default=".", help="on the disk to measure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as made:
        measure(Path(made), state(given.gigabytes, given.arrays), given.rounds)
