"""The formats of files, and the choice by a path's suffix."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from fastopt.checkpoint import npz, safetensors
from fastopt.checkpoint.manifest import Content, Manifest


@dataclass(frozen=True)
class Format:
    """The layout of a manifest and arrays in a file."""

    write: Callable[[BinaryIO, Content], None]
    # Of an open file and its size: the manifest, and where each array begins. Any exception where it is
    # not sound; nothing is allocated for arrays, and their bytes lie within the file.
    index: Callable[[BinaryIO, int], tuple[Manifest, dict[str, int]]]


FORMATS = {
    ".npz": Format(npz.write, npz.index),
    ".safetensors": Format(safetensors.write, safetensors.index),
}


def format_of(path: str) -> Format:
    """Choose the format by the path's suffix."""
    suffix = os.path.splitext(path)[1]
    if suffix not in FORMATS:
        raise ValueError(
            f"{path!r} has the suffix {suffix!r}; a checkpoint is written as .npz or .safetensors"
        )
    return FORMATS[suffix]
