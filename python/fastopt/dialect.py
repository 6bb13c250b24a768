"""Every framework's options for an algorithm, side by side: `fastopt.dialects`."""

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from fastopt import frameworks
from fastopt.algorithm import Algorithm
from fastopt.registry import optimizer_class

WIDTH = 79


def labelled(label: str, text: str, width: int) -> str:
    """Put a text beside its label, in lines that fit a terminal."""
    return fill(
        text,
        WIDTH,
        initial_indent=label.ljust(width),
        subsequent_indent=" " * width,
        break_long_words=False,
        break_on_hyphens=False,
    )


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
        lines = [labelled(like, _words(row), width) for like, row in self._rows.items()]
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
        For each dialect its options: where they differ from the defaults of the class, which stand
        first, under ``"torch"``, or ``"default"`` where torch does not have the algorithm. It prints as
        a table.

    Raises
    ------
    ValueError
        For an unknown name, with a suggestion.
    """
    if name is None:
        has = {like: sorted(frameworks.table(like)) for like in frameworks.NAMES}
        return Dialects("The algorithms of each dialect:", has)
    cls = optimizer_class(name)
    found = {like: frameworks.options(cls, like) for like in frameworks.frameworks_of(cls)}
    ours = "default" if found.pop("torch", None) is None else "torch"
    title = f"{cls.__name__}: its defaults, and where other dialects differ from them"
    return Dialects(title, {ours: own_defaults(cls), **found})


def own_defaults(cls: type[Algorithm]) -> dict[str, Any]:
    """Return the defaults of the class, without those that every algorithm has alike."""
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
