"""The table of a history, with its last epochs: text, and HTML for notebooks."""

from collections.abc import Mapping
from typing import Any

from fastopt.runtime import html_table

_SHOWN = 10  # epochs
Columns = Mapping[str, list[Any]]


def text(title: str, columns: Columns) -> str:
    """Return a title and columns of text."""
    if not columns["epoch"]:
        return title
    rows = [list(columns), *_rows(columns)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [title, *("  ".join(map(str.rjust, row, widths)) for row in rows)]
    if len(columns["epoch"]) > _SHOWN:
        lines.insert(2, "...")
    return "\n".join(lines)


def html(title: str, columns: Columns, best: int | None) -> str:
    """Return a table in HTML, with the row of the best epoch bold."""
    rows = _rows(columns)
    first = len(columns["epoch"]) - len(rows) + 1  # epoch that is shown
    bold = None if best is None or best < first else best - first
    if first > 1:
        rows.insert(0, ["..."] * len(columns))
        bold = None if bold is None else bold + 1
    return html_table(title, list(columns), rows, bold)


def cell(value: float) -> str:
    """Return a number as it is shown."""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _rows(columns: Columns) -> list[list[str]]:
    last = [column[-_SHOWN:] for column in columns.values()]
    return [list(map(cell, row)) for row in zip(*last, strict=True)]
