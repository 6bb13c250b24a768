"""Measures how far the dialects are from PyTorch's forms, or ours: the table of docs/dialects.md.

Without an argument it prints the table, `--write` puts it in the page, and `--check` says whether the
page has it: the same rows, words and zeros, and gaps within a half of each other, which leaves room for
another order of operations and none for another rule.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from fastopt.algorithm.base import Algorithm
from fastopt.algorithm.validators import Number, Several
from fastopt.optimizers import CLASSES

PAGE = Path(__file__).parent.parent / "docs/dialects.md"
BEGIN, END = "<!-- tools/dialect_gaps.py -->\n", "<!-- end -->\n"

STEPS, FALLS_AT = 12, 7  # steps; before this one the learning rate falls to a tenth, where it falls
NOTHING = 1e-13  # of the way: rounding errors, which 12 steps keep under it

# What the caller says to both, so that the rule alone differs. The rest is the dialect's. Of what
# PyTorch has not, that is what `own_numbers` gives.
SAID = {
    "SGD": {"lr": 0.05, "momentum": 0.0, "nesterov": False},
    "Adagrad": {"lr": 0.05, "eps": 1e-8},
    "Adadelta": {"lr": 1.0, "rho": 0.9, "eps": 1e-6},
    "RMSprop": {"lr": 0.01, "alpha": 0.9, "eps": 1e-8, "momentum": 0.0, "centered": False},
    "Adam": {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8},
    "AdamW": {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
    "Adamax": {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8},
    "NAdam": {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8},
}
COLUMNS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "`eps` 1e-3": {"eps": 1e-3},
    "`amsgrad`": {"amsgrad": True},
    "`momentum` .9": {"momentum": 0.9},
    "and `lr` falls": {"momentum": 0.9},
    "`weight_decay` .1": {"weight_decay": 0.1},
}
NO_EPSILON = 1e-20  # what is less stands for none, and is part of the rule


def own_numbers(name: str) -> dict[str, Any]:
    """Return the numbers of an algorithm, those that all have left out, at their own defaults."""
    own = {
        key: option.default
        for key, option in CLASSES[name].hyperparameters.items()
        if key not in vars(Algorithm) and isinstance(option.validator, Number | Several)
    }
    return {"lr": 0.01, "weight_decay": 0.0, **own}


def trained(name: str, options: dict[str, Any], *, falls: bool) -> Any:
    """Fit a small linear model, and return where its weights began and where they are."""
    rng = np.random.default_rng(7)
    inputs, targets = rng.standard_normal((40, 8)), rng.standard_normal((40, 5))
    start = rng.standard_normal((8, 5))
    weights = start.copy()
    opt = fastopt.get(name, [weights], **options)
    for step in range(1, STEPS + 1):
        if falls and step == FALLS_AT:
            opt.lr /= 10.0
        gradient = inputs.T @ (inputs @ weights - targets) / 40.0
        if opt.needs_estimate:
            opt.estimate([gradient])
        opt.step([gradient])
    return start, weights


def gap(name: str, like: str, column: str) -> float | None:
    """Return the largest gap relative to the longer way; None where there is nothing to compare."""
    said = SAID.get(name) or own_numbers(name)
    changed = COLUMNS[column]
    own = fastopt.dialects(name)[like]
    if not set(changed) <= set(CLASSES[name].hyperparameters):
        return None
    if own.get("eps", 1.0) < NO_EPSILON:
        if "eps" in changed:
            return None
        said = {key: value for key, value in said.items() if key != "eps"}
    options = {**said, **changed}
    falls = "falls" in column
    _, theirs = trained(name, {**options, "like": like}, falls=falls)
    start, ours = trained(name, options, falls=falls)
    moved = max(np.max(np.abs(end - start)) for end in (ours, theirs))
    return float(np.max(np.abs(theirs - ours)) / moved)


def cell(found: float | None) -> str:
    """Write a gap with one digit."""
    if found is None:
        return ""
    if found < NOTHING:
        return "0"
    return f"{found:.1f}" if found >= 0.095 else f"{found:.0e}".replace("e-0", "e-")


def words(options: dict[str, Any]) -> str:
    """Write the options of a row."""
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "none"


def table() -> str:
    """Make the whole table."""
    lines = [
        f"| algorithm | `like=` | its options | {' | '.join(COLUMNS)} |",
        "|---|---|---|" + "---|" * len(COLUMNS),
    ]
    for name in [*SAID, *(name for name in CLASSES if name not in SAID)]:
        for like, options in fastopt.dialects(name).items():
            if like not in ("torch", "default"):
                cells = " | ".join(cell(gap(name, like, column)) for column in COLUMNS)
                lines.append(f"| {name} | {like} | `{words(options)}` | {cells} |")
    return "\n".join(lines) + "\n"


def split(page: str) -> tuple[str, str, str]:
    """Part the page into what is before the table, the table, and what is after it."""
    before, rest = page.split(BEGIN)
    found, after = rest.split(END)
    return before + BEGIN, found, END + after


def same(found: str, expected: str) -> bool:
    """Compare two cells."""
    try:
        a, b = float(found), float(expected)
    except ValueError:
        return found == expected
    return abs(a - b) <= 0.5 * max(a, b)


def check(page: str) -> list[str]:
    """List the rows of the page that are not what is measured."""
    rows = [[each.split("|") for each in text.splitlines()] for text in (split(page)[1], table())]
    if len(rows[0]) != len(rows[1]):
        return [f"the page has {len(rows[0])} lines, the table {len(rows[1])}"]
    return [
        "|".join(expected)
        for found, expected in zip(*rows, strict=True)
        if len(found) != len(expected)
        or not all(same(a.strip(), b.strip()) for a, b in zip(found, expected, strict=True))
    ]


def main() -> int:
    """Print, write or check."""
    if "--check" in sys.argv[1:]:
        wrong = check(PAGE.read_text())
        if wrong:
            print(f"{PAGE.name} is out of date: run python tools/dialect_gaps.py --write")
            print("\n".join(wrong))
        return 1 if wrong else 0
    if "--write" in sys.argv[1:]:
        before, _, after = split(PAGE.read_text())
        PAGE.write_text(before + table() + after)
    else:
        print(table(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
