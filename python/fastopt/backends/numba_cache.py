"""Compiled code kept on disk for the next process, under a digest of all that it was made of.

Numba's own cache knows a function by its file and its time of change, not by what it refers to, and
finds none again that has others in its closure. Here the name of a file says what is in it, so that
nothing is ever stale: what has changed has another name. Files are in NUMBA_CACHE_DIR, or else where
Numba keeps what is the user's; where nothing can be written, or others could write, each process
compiles for itself.
"""

import os
import pickle
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any

from llvmlite.binding import address_of_symbol
from numba import config
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.misc.appdirs import AppDirs

MOST = 1000  # files, of 10 to 40 kB
CHECKED = 32  # bytes at the beginning of a file: the hash of the others


def unique(function: Callable[..., Any], found: str) -> Callable[..., Any]:
    """Return a function that has its digest in its name, where there is one.

    Code from several processes comes together in one, and symbols of one name must be the same code.
    """
    if not found or not isinstance(function, FunctionType):
        return function
    name = f"{function.__name__}_{found}"
    code = (function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    named = FunctionType(*code)
    named.__qualname__, named.__module__ = name, function.__module__
    named.__kwdefaults__ = function.__kwdefaults__
    return named


def kept(found: str) -> Any:
    """Return the cache of a function with that digest; one that keeps nothing, where there is none."""
    return Kept(found) if found else NullCache()


class Kept(NullCache):  # type: ignore[misc]
    """The cache of one function of one signature, as Numba asks for it."""

    def __init__(self, found: str) -> None:
        self._digest = found

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load what was compiled; None where it is not there, or not whole."""
        with suppress(Exception):  # whatever is wrong with a file, there is another way
            content = read(self._digest)
            if content is not None:
                called, reduced = pickle.loads(content)
                if not all(map(address_of_symbol, called)):
                    target_context.refresh()  # which takes most of a second, and is seldom needed
                if all(map(address_of_symbol, called)):  # else LLVM would end the process
                    return CompileResult._rebuild(target_context, *reduced)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what has been compiled, if that can be done."""
        with suppress(Exception):  # it can be compiled again
            reduced = data._reduce()
            functions = data.library._final_module.functions
            others = [f.name for f in functions if f.is_declaration]
            called = [name for name in others if not name.startswith("llvm.")]
            # Nothing in it that might be taken for another process's function of the same name.
            ours = all(f.is_declaration or self._digest in f.name for f in functions)
            if ours and not data.library.has_dynamic_globals:
                write(self._digest, pickle.dumps((called, reduced)))


def folder() -> Path:
    """Return where it is kept."""
    return Path(config.CACHE_DIR or AppDirs("numba", appauthor=False).user_cache_dir) / "fastopt"


def is_ours_alone(there: Path) -> bool:
    """Return whether no other user can have written there: what is read is run."""
    if not hasattr(os, "getuid"):
        return True
    found = there.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def read(name: str) -> bytes | None:
    """Read a file; None where there is none, or none that is whole."""
    with suppress(OSError):
        content = (folder() / name).read_bytes() if is_ours_alone(folder()) else b""
        if sha256(content[CHECKED:]).digest() == content[:CHECKED]:
            return content[CHECKED:]
    return None


def write(name: str, content: bytes) -> None:
    """Write a file that other processes see whole or not at all; or none, where none can be written."""
    with suppress(OSError):
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(dir=folder())
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(sha256(content).digest() + content)
            os.replace(made, folder() / name)
        except BaseException:
            with suppress(OSError):
                os.unlink(made)
            raise
        there = sorted(folder().iterdir(), key=lambda each: each.stat().st_mtime)
        for each in there[:-MOST]:
            each.unlink(missing_ok=True)
