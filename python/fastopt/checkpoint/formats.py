"""The formats of files, and the choice by a path's suffix."""

import os
from collections.abc import Callable, Mapping
from typing import BinaryIO, Protocol

from fastopt.checkpoint import npz, safetensors
from fastopt.checkpoint.arrays import ArraySpec
from fastopt.checkpoint.manifest import Manifest


class Format(Protocol):
    """The layout of a manifest and arrays in a file: a module of this package."""

    def write(
        self,
        file: BinaryIO,
        specs: Mapping[str, ArraySpec],
        data: Mapping[str, memoryview],
        draft: bytes,
        final: Callable[[], bytes],
        wrote: Callable[[int], object],
    ) -> None:
        """Write all; `final` gives the manifest that takes the place of the draft, as long as it."""

    def index(self, file: BinaryIO, size: int) -> tuple[Manifest, dict[str, int]]:
        """Read the manifest, and find where each array begins; any exception where it is not sound.

        Nothing is allocated for arrays, and their bytes lie within the file.
        """


FORMATS: dict[str, Format] = {".npz": npz, ".safetensors": safetensors}


def format_of(path: str) -> Format:
    """Choose the format by the path's suffix."""
    suffix = os.path.splitext(path)[1]
    if suffix not in FORMATS:
        raise ValueError(
            f"{path!r} has the suffix {suffix!r}; a checkpoint is written as .npz or .safetensors"
        )
    return FORMATS[suffix]
