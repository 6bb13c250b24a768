"""The bytes of an array out of a file: read where they are wanted, and hashed on the way."""

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from fastopt.checkpoint.arrays import BLOCK, blocks

AHEAD = 4 * BLOCK  # bytes that the system is asked to fetch while others are hashed


class Stream:
    """An open file. Several threads can read from it, each with a stream of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._fetched, self._begin = memoryview(b""), 0

    def fetch(self, begin: int, end: int) -> None:
        """Read a stretch of the file at once: a call for each small array would take longer."""
        self._fetched, self._begin = memoryview(os.pread(self._descriptor, end - begin, begin)), begin

    def read_verified(
        self, place: int, into: memoryview, digest: str, done: Callable[[int], object]
    ) -> None:
        """Fill memory from a place in the file; ValueError unless the SHA-256 is right.

        Each block is hashed while it is in the cache.
        """
        found = sha256()
        for block in blocks(into):
            if len(block) == BLOCK:  # for small arrays it would cost more than to read them
                self._announce(place + len(block))
            self._read(place, block)
            found.update(block)
            place += len(block)
            done(len(block))
        if found.hexdigest() != digest:
            raise ValueError("does not have the SHA-256 of the manifest: the file is damaged")

    def _announce(self, place: int) -> None:
        """Ask the system to fetch what comes next, where it can; it is no error where it cannot."""
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.posix_fadvise(self._descriptor, place, AHEAD, os.POSIX_FADV_WILLNEED)

    def _read(self, place: int, block: memoryview) -> None:
        at = place - self._begin
        if 0 <= at <= len(self._fetched) - len(block):
            block[:] = self._fetched[at : at + len(block)]
            return
        while block:
            count = os.preadv(self._descriptor, [block], place)
            if count == 0:
                raise ValueError("ends too early: the file was cut while it was read")
            block, place = block[count:], place + count
