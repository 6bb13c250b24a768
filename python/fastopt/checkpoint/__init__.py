"""Checkpoint files: a manifest and named arrays in one file that is whole, or is refused.

::

    checkpoint.write("run.npz", {"step": 100}, {"w/m": m, "w/v": v})
    with checkpoint.Reader("run.npz") as file:
        found = file.read_all({"w/m": ArraySpec.of(m), "w/v": ArraySpec.of(v)})

What is promised, and the format byte by byte, is in docs/checkpoints.md.
"""

from fastopt.checkpoint.arrays import ArraySpec
from fastopt.checkpoint.error import CheckpointError, CheckpointNotFoundError, fitting
from fastopt.checkpoint.places import Place, called
from fastopt.checkpoint.reader import Found, Reader
from fastopt.checkpoint.writer import write

__all__ = [
    "ArraySpec",
    "CheckpointError",
    "CheckpointNotFoundError",
    "Found",
    "Place",
    "Reader",
    "called",
    "fitting",
    "write",
]
