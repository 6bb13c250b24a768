"""A row of what messages tell people, done: what is wrong is an error, and what it says works."""

import contextlib
import copy
import io
import os
import re
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from support.hashing import digest_with_identities as digest

import fastopt
from fastopt import __main__ as commands
from fastopt import checkpoint, convert, functional, rules, schedules, training
from fastopt.schedules.registry import SCHEDULES
from faults.sites import reached
from faults.told import Told

ROOMS = (checkpoint, convert, fastopt, functional, rules, schedules, training)
MODULES = (copy, os, re, sys, warnings, *ROOMS)


class Outcome(NamedTuple):
    """What became of a row: where its error was raised, and what is not as it should be."""

    lines: frozenset[tuple[str, int]]
    complaint: str


def scene() -> dict[str, Any]:
    """Make a model, data and an optimizer, under the names that rows use."""
    params = {"w": np.ones((2, 3)), "b": np.zeros(3)}
    x, y = np.arange(16.0).reshape(8, 2) / 16, np.ones((8, 3))

    def loss_and_grad(params: Any, x: Any, y: Any) -> Any:
        error = x @ params["w"] + params["b"] - y
        return float((error * error).sum()), {"w": x.T @ error, "b": error.sum(0)}

    return {
        **{module.__name__.rpartition(".")[2]: module for module in MODULES},
        **{"np": np, "patch": patch, "command": command, "fit": fastopt.fit, "path": "run.npz"},
        **{
            "W": params["w"],
            "b": params["b"],
            "x": x,
            "y": y,
            "params": params,
            "loss_and_grad": loss_and_grad,
        },
        **{"grads": {"w": np.ones((2, 3)), "b": np.ones(3)}, "data": fastopt.Batches((x, y), 4)},
        "opt": fastopt.Adam(params, lr=0.5),
    }


def command(line: str) -> None:
    """Run a command of ``python -m fastopt``; SystemExit with what it has printed, if it refuses."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            assert commands.main(line.split()) == 0
        except SystemExit as refused:
            raise SystemExit(said.getvalue()) from refused


def tried(row: Told, folder: Path) -> Outcome:
    """Do what is wrong, and then what the message says, in an empty folder."""
    with (
        warnings.catch_warnings(),
        contextlib.chdir(folder),
        patch.dict(SCHEDULES),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=fastopt.UnseenArrayWarning)
        try:
            return _tried(row, scene())
        finally:
            patch.stopall()


def _tried(row: Told, known: dict[str, Any]) -> Outcome:
    exec(row.before, known)
    there = list(known.values())
    before = digest(there)
    try:
        exec(row.wrong, known)
    except (Exception, SystemExit) as caught:
        error = caught
    else:
        return Outcome(frozenset(), "nothing was wrong")
    outcome = partial(Outcome, frozenset(reached(error)))
    message = str(error.args[0] if isinstance(error, KeyError) else error)
    if row.says not in message:
        return outcome(f"the message is {message!r}")
    if not (row.changes or isinstance(error, Warning)) and digest(there) != before:
        return outcome("something has changed")
    try:
        exec(row.done, known)
    except (Exception, SystemExit) as caught:
        return outcome(f"what it says does not work: {type(caught).__name__}: {caught}")
    return outcome("" if eval(row.holds, known) else f"what it says does not do it: {row.holds}")
