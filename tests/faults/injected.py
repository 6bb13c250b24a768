"""Errors out of nowhere: at the k-th call that fastopt makes, as if it had failed."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from unittest.mock import patch

import fastopt
from fastopt.runtime import extension

HOME = str(Path(fastopt.__file__).parent)


class Site(NamedTuple):
    """Where an error was raised: in which function of fastopt, and which call it was, if of C."""

    file: str
    line: int
    function: str
    called: str


class InjectedError(Exception):
    """Stands for whatever can be raised."""


class Injection:
    """For the time of a with block: raise at the k-th call in fastopt's own code, up to a sweep.

    At none for 0, but all are noted in `seen`.
    """

    def __init__(self, k: int) -> None:
        self._left = k
        self.seen: list[Site] = []
        self._patches = ExitStack()
        self.site: Site | None = None

    def __enter__(self) -> "Injection":
        if extension.native is not None:
            for name in ("run", "run_with_sums"):
                plan = extension.native.Plan
                self._patches.enter_context(patch.object(plan, name, _in_python(getattr(plan, name))))
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self._patches.close()

    def _see(self, frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        sweeps = code is _SWEEP and event == "call"
        if sweeps:
            assert frame.f_back is not None
            frame, event, arg = frame.f_back, "c_call", frame.f_locals["method"]
            code = frame.f_code
        is_generator = code.co_flags & CO_GENERATOR  # errors at the end of one are only printed
        if event not in ("call", "c_call") or is_generator or not code.co_filename.startswith(HOME):
            return
        if code.co_qualname in ("PythonPlan._sweep", "Table.walk"):  # of NumPy, and of Numba
            sys.setprofile(None)
            return
        called = str(getattr(arg, "__qualname__", ""))
        if called == "list.append":  # by which an optimizer is let go, on whatever way out
            return
        self._left -= 1
        if self._left <= 0:
            file = code.co_filename.removeprefix(HOME).lstrip(os.sep)
            self.seen.append(Site(file, frame.f_lineno, code.co_qualname, called))
        if self._left == 0:
            self.site = self.seen[-1]
            sys.setprofile(None)
            raise InjectedError
        if sweeps or (event == "c_call" and called.rpartition(".")[2] == "step"):
            sys.setprofile(None)


def _in_python(method: Callable[..., Any]) -> Callable[..., Any]:
    """Call a method of C from Python: since 3.12, the interpreter tells nobody of some calls of C."""

    def sweep(*arguments: Any) -> Any:
        return method(*arguments)

    return sweep


_SWEEP = _in_python(len).__code__
