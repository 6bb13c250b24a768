"""What `fastopt.dialects` shows: every framework's options for an algorithm, side by side."""

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from fastopt import frameworks
from fastopt.algorithm.base import Algorithm
from fastopt.optimizers import CLASSES
from fastopt.registry import optimizer_class

WIDTH = 79


class Dialects(Mapping[str, Any]):
    """A mapping from the dialects to what each has, which prints as a table."""

    def __init__(self, title: str, rows: Mapping[str, Any]) -> None:
        self._title = title
        self._rows = dict(rows)

    def __getitem__(self, like: str) -> Any:
        return self._rows[like]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        width = max(map(len, self._rows)) + 2
        lines = [
            fill(
                _words(row),
                WIDTH,
                initial_indent=like.ljust(width),
                subsequent_indent=" " * width,
                break_long_words=False,
                break_on_hyphens=False,
            )
            for like, row in self._rows.items()
        ]
        return "\n".join([fill(self._title, WIDTH), *lines])


def dialects(name: str | None = None) -> Dialects:
    """Show what each dialect, ``like=...``, means by an algorithm.

    Parameters
    ----------
    name : str, optional
        An algorithm; without it, the algorithms of each dialect are listed.

    Returns
    -------
    Mapping
        For each dialect its options: under ``"torch"`` the defaults of the class, under the others
        where they differ from these. It prints as a table.

    Raises
    ------
    ValueError
        For an unknown name, with a suggestion.
    """
    if name is None:
        has = {like: sorted(frameworks.table(like)) for like in frameworks.NAMES[1:]}
        return Dialects("The algorithms of each dialect:", {"torch": sorted(CLASSES), **has})
    cls = optimizer_class(name)
    found = {
        like: dict(frameworks.table(like)[cls.__name__])
        for like in frameworks.NAMES[1:]
        if cls.__name__ in frameworks.table(like)
    }
    title = f"{cls.__name__}: its defaults (torch), and where other dialects differ from them"
    return Dialects(title, {"torch": _defaults(cls), **found})


def _defaults(cls: type[Algorithm]) -> dict[str, Any]:
    """Give the defaults of the class, without those that every algorithm has alike."""
    return {
        key: hyper.default
        for key, hyper in cls.hyperparameters.items()
        if key == "lr" or vars(Algorithm).get(key) is not hyper
    }


def _words(row: Any) -> str:
    if isinstance(row, Mapping):
        pairs = (f"{key}={str(value).replace(' ', '')}" for key, value in row.items())
        return " ".join(pairs) or "the same"
    return ", ".join(row)
