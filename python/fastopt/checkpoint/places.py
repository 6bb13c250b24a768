"""The place of a checkpoint: a path, in which ~ is the home directory, or an open binary file.

What goes into an open file is written to a temporary one first, and what comes out of one is copied to
one: no file has to seek, and all that is read is verified in the same way.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import IOBase
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

from fastopt.checkpoint.arrays import BLOCK
from fastopt.runtime import describe

Place = str | os.PathLike[str] | IO[bytes] | IOBase


def is_open_file(place: Any) -> bool:
    """Return whether it is an open file, or is like one; a path can have a method read, too."""
    like_one = hasattr(place, "read") or hasattr(place, "write")
    return isinstance(place, IOBase) or (like_one and not isinstance(place, (str, os.PathLike)))


def path_of(place: Any) -> str:
    """Return the path that is meant; TypeError for what is none."""
    try:
        return os.path.expanduser(os.fsdecode(place))
    except TypeError:
        raise TypeError(
            f"path is {describe(place)}; it must be a path, such as 'run.npz', or a file that is open "
            "for bytes, such as open('run.npz', 'wb') to save and open('run.npz', 'rb') to load"
        ) from None


def called(place: Any) -> str:
    """Return what messages call it."""
    if not is_open_file(place):
        return path_of(place)
    name = getattr(place, "name", None)
    return name if isinstance(name, str) else f"<{type(place).__name__}>"


def check_open(file: Any, mode: str) -> None:
    """Raise TypeError or ValueError for a file that cannot be written ("wb") or read ("rb")."""
    remedy = f"open it for bytes, open(path, {mode!r})"
    if getattr(file, "closed", False):
        raise ValueError(f"the file {called(file)!r} is closed: {remedy}, and close it afterwards")
    try:
        is_text = mode == "rb" and isinstance(file.read(0), str)
        if mode == "wb":
            file.write(b"")
    except TypeError:
        is_text = True
    except Exception as error:  # of an object that is not ours, anything
        doing = "writing" if mode == "wb" else "reading"
        raise ValueError(f"the file {called(file)!r} is not open for {doing}: {remedy}") from error
    if is_text:
        raise TypeError(f"the file {called(file)!r} is open for text: {remedy}")


@contextmanager
def filling(file: Any) -> Iterator[BinaryIO]:
    """Open a temporary file, whose content is written to an open one when the with block ends."""
    with TemporaryFile() as whole:
        yield whole
        whole.seek(0)
        copyfileobj(whole, file, BLOCK)
        if hasattr(file, "flush"):
            file.flush()


def fetched(file: Any) -> BinaryIO:
    """Return a temporary file with what is left of an open one, from where it stands."""
    whole: Any = TemporaryFile()  # noqa: SIM115 - until the reader is closed
    try:
        copyfileobj(file, whole, BLOCK)
        if whole.tell() == 0:
            raise ValueError("nothing is left to read: file.seek(0) goes back to its beginning")
        whole.seek(0)
    except BaseException:
        whole.close()
        raise
    return whole  # type: ignore[no-any-return]
