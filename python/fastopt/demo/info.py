"""``python -m fastopt info``: what this installation is and uses, as a table."""

from argparse import ArgumentParser, Namespace
from textwrap import fill
from typing import Any

from fastopt.backends import build_info

SUMMARY = "show version, backend, instruction set and threads"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare nothing: the command has no options."""


def run(args: Namespace) -> None:
    """Print a line for each fact."""
    facts = build_info()
    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        head = name.replace("_", " ").ljust(width)
        print(fill(_text(value), 79, initial_indent=head, subsequent_indent=" " * width,
                   break_on_hyphens=False))  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name} ({why})" for name, why in value.items()]
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return "none" if value in (None, "") else str(value)
