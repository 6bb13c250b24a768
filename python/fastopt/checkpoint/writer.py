"""Writing: arrays go to the file while other threads hash them; the manifest is completed last."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from numpy.typing import NDArray

from fastopt.checkpoint.arrays import ArraySpec, bytes_of
from fastopt.checkpoint.atomic import replacing
from fastopt.checkpoint.error import writing
from fastopt.checkpoint.formats import format_into, format_of
from fastopt.checkpoint.manifest import UNKNOWN, Content, compose
from fastopt.checkpoint.places import Place, called, check_open, filling, is_open_file
from fastopt.checkpoint.progress import meter
from fastopt.checkpoint.workers import portions, workers
from fastopt.runtime import describe, get_num_threads


def write(
    path: Place,
    manifest: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    progress: bool | None = None,
) -> None:
    """Write a manifest and arrays to one file, which takes the place of an older one when it is whole.

    Nothing is copied: beside the arrays it takes a few blocks of memory. They must not change until
    it returns.

    Parameters
    ----------
    path : str, path or file open for bytes
        Ends in .npz, or in .safetensors, which needs ``pip install safetensors``; ``~`` is
        the home directory. An open file gets an .npz where it stands, by way of a temporary file:
        nothing is replaced, and an error may leave a part of it.
    manifest : mapping
        What JSON can hold; without the keys "format", "version", "fastopt", "arrays" and "sha256".
    arrays : mapping of names to arrays
        C- or F-contiguous, of any shape, of float16, float32, float64 or integers; any names but
        "__metadata__" and those with NUL.
    progress : bool, optional
        Show a progress bar on stderr, with tqdm: by default from 1 GB, on a terminal.

    Raises
    ------
    TypeError, ValueError
        For arguments that cannot be written; nothing has been done then.
    CheckpointError
        If the system fails: no such directory, disk full. The path holds what it held.
    """
    given, path, replaces = path, called(path), not is_open_file(path)
    form = format_of(path) if replaces else format_into(given)
    if not replaces:
        check_open(given, "wb")
    _check_names(arrays)
    specs = {name: ArraySpec.of(array, f"array {name!r}") for name, array in arrays.items()}
    data = {name: bytes_of(array) for name, array in arrays.items()}
    completed = compose(manifest, specs)
    draft = completed([UNKNOWN] * len(specs))
    total = sum(spec.nbytes for spec in specs.values())
    with (
        writing(path, replaces),
        replacing(path) if replaces else filling(given) as file,
        meter("saving ", total, progress) as wrote,
        workers(get_num_threads() - 1) as pool,  # and the caller, who writes
    ):
        sizes = ((name, spec.nbytes) for name, spec in specs.items())

        def digests(names: list[str]) -> list[str]:
            return [sha256(data[name]).hexdigest() for name in names]

        hashing = [pool.submit(digests, each) for each in portions(sizes)]

        def final() -> bytes:
            return completed([digest for each in hashing for digest in each.result()])

        form.write(file, Content(specs, data, draft, final, wrote))


def _check_names(arrays: Mapping[str, Any]) -> None:
    """Raise for names that one of the formats cannot hold."""
    for name in arrays:
        if not isinstance(name, str):
            raise TypeError(f"an array has the name {describe(name)}; it must be a string")
        if name == "__metadata__" or "\0" in name:
            raise ValueError(f"no array can have the name {name!r}: rename it")
        try:
            length = len(name.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"the name {name!r} is not Unicode that UTF-8 can hold") from error
        if length > 60_000:  # of the 65,535 that zip has
            raise ValueError(f"the name {name[:40]!r}... has {length:,} bytes; at most 60,000 can be")
