"""A parser of arguments whose complaints are one line, and the kinds of value that it can check."""

import argparse
import os
from collections.abc import Collection, Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import NoReturn

from fastopt.runtime import suggest

PICTURES = (".png", ".pdf", ".svg")  # the files that matplotlib writes


class UsageError(Exception):
    """A request that the command cannot fulfil; the message has the reason, and what can be done."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line on stderr, with exit status 2."""

    def error(self, message: str) -> NoReturn:
        """Leave out the usage, which hides the message; ``--help`` shows it."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


def positive_int(text: str) -> int:
    """Read a whole number from 1 on."""
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def positive_float(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def seed(text: str) -> int:
    """Read a seed that every random generator accepts."""
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**32 - 1")
    return int(text)


def writable_path(text: str) -> Path:
    """Read the path of a file, and see by opening it that it can be written."""
    path = Path(text)
    try:
        new = not os.path.lexists(path)
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: {error.strerror}") from None
    return path


def words(given: Iterable[str]) -> tuple[str, ...]:
    """Split at spaces and commas, in lower case; each word once."""
    return tuple(dict.fromkeys(" ".join(given).lower().replace(",", " ").split()))


def check_names(names: Sequence[str], kind: str, known: Collection[str], if_none: str) -> None:
    """Raise UsageError for a name that is not known, with a suggestion, and for no name at all."""
    for name in names:
        if name not in known:
            raise UsageError(f"there is no {kind} {name!r}: {suggest(name, known)}")
    if not names:
        raise UsageError(if_none)


def divided(paths: Sequence[Path], others: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Divide paths into pictures and `others`, by their suffixes."""
    for path in paths:
        if path.suffix.lower() not in (*PICTURES, *others):
            raise UsageError(f"--out {path} must end in {' or '.join((*PICTURES, *others))}")
    pictures = [path for path in paths if path.suffix.lower() in PICTURES]
    return pictures, [path for path in paths if path not in pictures]
