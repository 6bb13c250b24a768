"""The formats of files, and the choice by a path's suffix, or by how a file begins."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastopt.checkpoint import npz, safetensors
from fastopt.checkpoint.manifest import Content, Manifest
from fastopt.checkpoint.places import called


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


def format_into(file: Any) -> Format:
    """Return the format for an open file, .npz; ValueError for one whose name says another."""
    name = called(file)
    if name.endswith(".safetensors"):
        raise ValueError(
            f"an open file is written as .npz, and this one is {name!r}: give the path in place of the "
            "file, which writes .safetensors"
        )
    return FORMATS[".npz"]


def format_in(file: BinaryIO) -> Format:
    """Find out the format of a file by how it begins; it stands at its beginning again."""
    begins = file.read(2)
    file.seek(0)
    return FORMATS[".npz" if begins == b"PK" else ".safetensors"]
