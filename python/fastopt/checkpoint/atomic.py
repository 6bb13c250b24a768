"""A file that takes the place of another in one moment, when it is whole and on disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from stat import S_IMODE, S_ISREG
from typing import BinaryIO

from fastopt.checkpoint.error import CheckpointError


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Open a new file that replaces the one at `path` when the with block ends.

    It is ``.fastopt-*.partial`` in the directory of the path (of the file that a symbolic link leads
    to), and is removed if anything raises. A process that is killed leaves it: no reader and no later
    write looks at it. It has the permissions of the file that it replaces, or those of the umask.
    """
    target = os.path.realpath(path)
    directory = os.path.dirname(target)
    if not os.path.isdir(directory):
        raise FileNotFoundError(
            errno.ENOENT, "the directory is missing, make it with os.makedirs", directory
        )
    permissions = _permissions(target)
    temporary = os.path.join(directory, f".fastopt-{token_hex(8)}.partial")
    with open(temporary, "xb") as file:
        try:
            if permissions is not None:
                os.fchmod(file.fileno(), permissions)
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    try:  # the directory, without which the new name may not survive a power cut
        opened = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {path!r} was written, but its directory was not flushed to disk: {error}"
        ) from error


def _permissions(target: str) -> int | None:
    """Return the permissions of the file that will be replaced, if there is one."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if not S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, "it is no regular file", target)
    return S_IMODE(mode) & 0o777
