"""Tables in HTML, as notebooks show them."""

from collections.abc import Iterable, Sequence


def html_table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], bold: int | None = None
) -> str:
    """Return a table of texts, all of them escaped; the row with the number `bold` stands out."""
    from html import escape  # with all entities, which nothing else needs

    def row(tag: str, cells: Sequence[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    lines = [row("th", columns)]
    lines += [row("th" if i == bold else "td", cells) for i, cells in enumerate(rows)]
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}</table>"
