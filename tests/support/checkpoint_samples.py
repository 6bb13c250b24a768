"""What the tests of checkpoints share: arrays of every kind, and a comparison by bits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt import checkpoint
from fastopt.checkpoint.arrays import DTYPES

Arrays = dict[str, NDArray[Any]]
SUFFIXES = (".npz", ".safetensors")
MANIFEST = {"optimizer": "AdamW", "step": 7, "groups": [{"lr": 0.1, "betas": [0.9, 0.999]}], "é": None}


def bits(seed: int, dtype: Any, shape: tuple[int, ...], order: Any = "C") -> NDArray[Any]:
    """Give random bit patterns: every kind of NaN, infinities, subnormals."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    raw = np.random.default_rng(seed).integers(0, 256, count * dtype.itemsize, np.uint8)
    flat: NDArray[Any] = raw.view(dtype)
    return flat.reshape(shape) if order == "C" else flat.reshape(shape[::-1]).T


def every_kind() -> Arrays:
    """Give arrays of every dtype, order and odd shape, under names that files could mistake."""
    arrays = {f"{name} C": bits(1, name, (5, 3)) for name in DTYPES}
    arrays |= {f"{name} F": bits(2, name, (5, 3), "F") for name in DTYPES}
    names = [
        "layer.w/m",
        "/root",
        "../up",
        "..",
        ".",
        "",
        " ",
        "a\nb",
        'q"\\',
        "ü/é",
        "é",
        "𝛽",
        "x" * 300,
    ]
    names += ["manifest.json", "manifest", "x.npy", "con", "fastopt", "arrays", "C:\\x", "%s{}"]
    arrays |= {name: bits(i, np.float32, (i % 3, 2)) for i, name in enumerate(names)}
    shapes: list[tuple[int, ...]] = [
        (),
        (1,),
        (0,),
        (0, 3),
        (3, 0, 2),
        (1, 1),
        (1, 5),
        (2,) * 12,
        (1,) * 32,
    ]
    arrays |= {f"shape {s}": bits(3, np.float64, s) for s in shapes}
    arrays["odd"] = bits(4, np.uint8, (3,))
    arrays["three"] = bits(4, np.float16, (2, 3, 4), "F")
    return arrays


def few() -> Arrays:
    """Give a small state, for tests that write it again and again."""
    return {
        "w/m": bits(5, np.float32, (3, 4)),
        "w/v": bits(6, np.float64, (2, 9), "F"),
        "n": bits(7, "i8", ()),
    }


def specs(arrays: Arrays) -> dict[str, checkpoint.ArraySpec]:
    return {name: checkpoint.ArraySpec.of(array) for name, array in arrays.items()}


def load(path: Path, arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
    with checkpoint.Reader(path) as file:
        return file.manifest, file.read_all(specs(arrays)).arrays


def same(found: Mapping[str, NDArray[Any]], arrays: Arrays) -> bool:
    """Say whether names, dtypes, shapes, memory orders and all bits are the same."""
    return list(found) == list(arrays) and all(
        found[name].dtype == a.dtype
        and found[name].shape == a.shape
        and found[name].flags.c_contiguous == a.flags.c_contiguous
        and found[name].flags.f_contiguous == a.flags.f_contiguous
        and found[name].tobytes("A") == a.tobytes("A")
        for name, a in arrays.items()
    )
