"""The places in the package that raise or warn, and which of them tell people what to do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import fastopt

PACKAGE = Path(fastopt.__file__).parent

_VERBS = (
    "add|allow|begin|bind|call|choose|combine|compute|convert|do|fit|give|go|install|keep|leave|load|"
    "make|mean|merge|open|pass|pip install|put|read|rename|resume|return|set|sum|take|use|write"
)
# A verb where a sentence or a part of it begins, or a line of code: a call, or an argument by keyword.
_TELLS = re.compile(
    rf"(?:^|[:;,.(] |\bor |\band )(?:{_VERBS})\b|such as |as in |must be |needs |\w\(|[\w}}]=[\w'(\[.]"
)
_INSERTED = re.compile(
    r"remedy|complaint|misfit|suggest|\bknown|hint|line\b|meant"
)  # what has the remedy in it


class Site(NamedTuple):
    """A statement of a file, from its first line to its last."""

    file: str
    function: str
    first: int
    last: int

    def lines(self) -> range:
        return range(self.first, self.last + 1)

    def __str__(self) -> str:
        return f"{self.file}:{self.first} {self.function}"


def sites() -> list[Site]:
    """List the statements that raise or warn, and tell what to do."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function, node in _statements(tree, ""):
            if tells(node):
                file = path.relative_to(PACKAGE).as_posix()
                found.append(Site(file, function, node.lineno, node.end_lineno or node.lineno))
    return found


def _statements(tree: ast.AST, function: str) -> Iterator[tuple[str, ast.Raise | ast.Call]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _warns(node)):
            yield function, node
        named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        yield from _statements(node, node.name if named else function)  # type: ignore[attr-defined]


def _warns(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "warn"


def tells(node: ast.Raise | ast.Call) -> bool:
    """Find out whether the message of a raise or a warning says what to do."""
    made = node.exc if isinstance(node, ast.Raise) else node
    if not isinstance(made, ast.Call):
        return False
    if ast.unparse(made.func).split(".")[-1].lstrip("_")[0].islower() and made is not node:
        return True  # of a function that makes the error, with its remedy
    if made.args and isinstance(made.args[0], ast.Call | ast.Name):
        return True  # of one that makes the message, or a constant that has it
    parts = list(ast.walk(made))
    words = "".join(_text(part) for part in parts)
    inserted = [ast.unparse(part.value) for part in parts if isinstance(part, ast.FormattedValue)]
    return bool(_TELLS.search(words) or any(map(_INSERTED.search, inserted)))


def _text(part: ast.AST) -> str:
    if isinstance(part, ast.Constant) and isinstance(part.value, str):
        return part.value
    return "{}" if isinstance(part, ast.FormattedValue) else ""


def reached(error: BaseException | None) -> Iterator[tuple[str, int]]:
    """Yield the lines of the package at which an error, or what it was made of, was raised."""
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            path = Path(trace.tb_frame.f_code.co_filename)
            if path.is_relative_to(PACKAGE):
                yield path.relative_to(PACKAGE).as_posix(), trace.tb_lineno
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
