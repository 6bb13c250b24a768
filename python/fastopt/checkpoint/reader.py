"""Reading: plan from the manifest, check, and only then allocate; every array is verified."""

import os
from collections.abc import Callable, Mapping
from stat import S_ISREG
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastopt.checkpoint.arrays import ArraySpec, bytes_of
from fastopt.checkpoint.comparison import faults
from fastopt.checkpoint.error import CheckpointError, reading
from fastopt.checkpoint.formats import format_in, format_of
from fastopt.checkpoint.places import Place, called, check_open, fetched, is_open_file
from fastopt.checkpoint.progress import meter
from fastopt.checkpoint.stream import Stream
from fastopt.checkpoint.workers import PORTION, portions, workers
from fastopt.runtime import get_num_threads

Done = Callable[[int], object]  # told how many bytes have been read
Make = Callable[[str], NDArray[Any]]  # allocates the array of this name


class Found(NamedTuple):
    """The result of `Reader.read_all`, and the names in which file and expectation differ."""

    arrays: dict[str, NDArray[Any]]
    missing: list[str]
    extra: list[str]


def _opened(path: str) -> BinaryIO:
    if not S_ISREG(os.stat(path).st_mode):  # to open a pipe would wait for a writer
        raise ValueError("it is no regular file")
    return open(path, "rb")


class Reader:
    """An open checkpoint: what it holds, and its arrays, each verified when it is read.

    Opening it checks all but the values: the manifest by its SHA-256, and that the file is laid out as
    the manifest has it. Nothing is allocated for what the file claims of itself before its own size
    has borne that out.

    Parameters
    ----------
    path : str, path or file open for bytes
        A file that `write` has written. It can be replaced meanwhile: what is open stays as it is. An
        open file is read from where it stands to its end, into a temporary file, and needs no seek.

    Raises
    ------
    CheckpointError
        For a file that is damaged, is no checkpoint, or is of a newer fastopt.
    CheckpointNotFoundError
        If there is none; it is a FileNotFoundError, too.
    TypeError, ValueError
        For a path that ends in neither .npz nor .safetensors, and a file that is closed or open for
        text.
    """

    def __init__(self, path: Place) -> None:
        self._path = called(path)
        if is_open_file(path):
            check_open(path, "rb")
        else:
            format_of(self._path)
        with reading(self._path):
            self._file = fetched(path) if is_open_file(path) else _opened(self._path)
            try:
                form = format_in(self._file) if is_open_file(path) else format_of(self._path)
                size = os.fstat(self._file.fileno()).st_size
                self._manifest, self._offsets = form.index(self._file, size)
            except BaseException:
                self._file.close()
                raise

    @property
    def manifest(self) -> dict[str, Any]:
        """The mapping that was given to `write`."""
        return self._manifest.given

    @property
    def written_by(self) -> str:
        """The version of fastopt that wrote the file."""
        return self._manifest.fastopt

    def describe(self) -> dict[str, ArraySpec]:
        """Return dtype, shape and memory order of each array, by name, in the order of `write`."""
        return {name: entry.spec for name, entry in self._manifest.entries.items()}

    def read(self, name: str) -> NDArray[Any]:
        """Read an array into memory of its own.

        Raises CheckpointError if there is none of that name, or if it is not what was written.
        """
        with reading(self._path):
            return self._fresh(name, self._spec(name), self._stream([name]), lambda count: None)

    def read_into(self, name: str, array: NDArray[Any]) -> None:
        """Read an array into one of the same dtype, shape and memory order.

        Raises ValueError for any other array, and CheckpointError as `read` does. Values are hashed as
        they come: after an error while reading, `array` holds some of them. What must not be lost is
        read with `read_all`, and copied when that has returned.
        """
        spec, given = self._spec(name), ArraySpec.of(array)
        if given != spec or not array.flags.writeable:
            lock = "" if array.flags.writeable else ", read-only"
            raise ValueError(
                f"array {name!r} ({spec}, order {spec.order}) cannot be read into one of {given}, "
                f"order {given.order}{lock}: read({name!r}) gives a new one"
            )
        with reading(self._path):
            self._fill(name, array, self._stream([name]), lambda count: None)

    def read_all(
        self,
        expected: Mapping[str, ArraySpec],
        *,
        strict: bool = True,
        progress: bool | None = None,
        make: Make | None = None,
    ) -> Found:
        """Read what is expected into new arrays: all of them, verified, or none.

        All is compared before anything is allocated. An array that was written in another memory order
        than expected is turned, which changes no value.

        Parameters
        ----------
        expected : mapping of names to ArraySpec
            What there must be: ``ArraySpec.of(array)``.
        strict : bool
            Raise for arrays that the file does not have, and for those that it has besides; else list
            them.
        progress : bool, optional
            As of `write`.
        make : function of a name, optional
            Allocates the array that is read into, as it is expected; several threads call it at once.

        Raises
        ------
        CheckpointError
            For an array of another dtype or shape, one missing, one too many, or one damaged; the
            message names it.
        """
        there = self.describe()
        if said := faults(there, expected, strict):
            raise CheckpointError(f"checkpoint {self._path!r} does not hold these arrays: {said}")
        sizes = {name: spec.nbytes for name, spec in expected.items() if name in there}
        total = sum(sizes.values())
        with meter("loading ", total, progress) as done, workers(get_num_threads()) as pool:

            def read(names: list[str]) -> list[NDArray[Any]]:
                with reading(self._path):
                    stream = self._stream(names)
                    return [self._fresh(name, expected[name], stream, done, make) for name in names]

            tasks = [pool.submit(read, each) for each in portions(sizes.items())]
            arrays = [array for task in tasks for array in task.result()]
        return Found(
            dict(zip(sizes, arrays, strict=True)),
            [name for name in expected if name not in there],
            [name for name in there if name not in expected],
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _spec(self, name: str) -> ArraySpec:
        if name not in self._manifest.entries:
            raise CheckpointError(f"checkpoint {self._path!r} has no array {name!r}: see describe()")
        return self._manifest.entries[name].spec

    def _stream(self, names: list[str]) -> Stream:
        """Open a stream for some arrays, which are fetched at once if they are small and near."""
        stream = Stream(self._file.fileno())
        begin = min([self._offsets[name] for name in names])
        end = max([self._offsets[name] + self._spec(name).nbytes for name in names])
        if len(names) > 1 and end - begin <= 2 * PORTION:
            stream.fetch(begin, end)
        return stream

    def _fresh(
        self, name: str, wanted: ArraySpec, stream: Stream, done: Done, make: Make | None = None
    ) -> NDArray[Any]:
        spec = self._spec(name)
        array = make(name) if make else np.empty(spec.shape, spec.dtype, wanted.order)
        read = array if wanted.order == spec.order else np.empty(spec.shape, spec.dtype, spec.order)
        self._fill(name, read, stream, done)
        if read is not array:
            np.copyto(array, read)
        return array

    def _fill(self, name: str, array: NDArray[Any], stream: Stream, done: Done) -> None:
        place, digest = self._offsets[name], self._manifest.entries[name].sha256
        try:
            stream.read_verified(place, bytes_of(array), digest, done)
        except ValueError as error:
            raise ValueError(f"array {name!r} {error}") from error
