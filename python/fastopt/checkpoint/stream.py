"""The bytes of an array out of a file: read where they are wanted, and hashed on the way."""

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from fastopt.checkpoint.arrays import BLOCK, blocks

AHEAD = 4 * BLOCK  # bytes that the system is asked to fetch while others are hashed


def read_verified(
    descriptor: int, place: int, into: memoryview, digest: str, done: Callable[[int], object]
) -> None:
    """Fill memory from a place in a file; ValueError unless the SHA-256 is right.

    Each block is hashed while it is in the cache. Several threads can read from one file.
    """
    found = sha256()
    for block in blocks(into):
        if len(block) == BLOCK:  # for small arrays it would cost more than to read them
            _announce(descriptor, place + len(block))
        _read_block(descriptor, place, block)
        found.update(block)
        place += len(block)
        done(len(block))
    if found.hexdigest() != digest:
        raise ValueError("does not have the SHA-256 of the manifest: the file is damaged")


def _announce(descriptor: int, place: int) -> None:
    """Let the system fetch what comes next, where it can; it is no error where it cannot."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, place, AHEAD, os.POSIX_FADV_WILLNEED)


def _read_block(descriptor: int, place: int, block: memoryview) -> None:
    while block:
        count = os.preadv(descriptor, [block], place)
        if count == 0:
            raise ValueError("ends too early: the file was cut while it was read")
        block, place = block[count:], place + count
