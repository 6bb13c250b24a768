"""The language of docstrings and messages, as NumPy's have it: an imperative or a noun phrase first."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import fastopt

# Questions as headings, and verbs that say less than Return, Describe, Raise, ...
_BEGINNINGS = re.compile(
    r"(?:gives?|says?|tells?|lets?|takes?(?! (?:a|one|the) step)"
    r"|what\w*|who\w*|whe\w+|which|how|why)\b",
    re.IGNORECASE,
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def faults(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of what the language of the house does not have."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and "nobody" in str(node.value):
            yield node.lineno, f"has 'nobody': {node.value!r}"
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            first = text.splitlines()[0]
            if _BEGINNINGS.match(first) or not first.endswith("."):
                yield node.body[0].lineno, first


def test_docstrings_and_messages_are_in_the_language_of_the_house() -> None:
    package = Path(fastopt.__file__).parent
    found = [
        f"{path.relative_to(package)}:{line}: {text}"
        for path in sorted([*package.rglob("*.py"), *package.rglob("*.pyi")])
        for line, text in faults(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_the_faults_are_found() -> None:
    lines = ['"""What it is."""', "def f(x):", '    """Return nothing"""', '    g(f"{x} is nobody")']
    assert sorted(line for line, _ in faults("\n".join(lines))) == [1, 3, 4]
    assert not list(faults('"""A page."""\nclass C:\n    """Takeover of what is there."""'))
