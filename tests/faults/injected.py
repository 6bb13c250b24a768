"""Errors out of nowhere: at the k-th call that fastopt makes, or at the return from it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import fastopt

HOME = str(Path(fastopt.__file__).parent)


class Site(NamedTuple):
    """Where an error was raised: the function of fastopt, its line, and what it was about to do."""

    file: str
    line: int
    function: str
    event: str
    called: str


class InjectedError(Exception):
    """Stands for whatever can be raised."""


class Injection:
    """For the time of a with block: raise at the k-th of some events in fastopt's own code."""

    def __init__(self, k: int, error: BaseException, events: frozenset[str]) -> None:
        self._left, self._error, self._events = k, error, events
        self.site: Site | None = None

    def __enter__(self) -> "Injection":
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event not in self._events or not code.co_filename.startswith(HOME):
            return
        self._left -= 1
        if self._left == 0:
            name = getattr(arg, "__qualname__", "") or getattr(arg, "__name__", "")
            file = Path(code.co_filename).relative_to(HOME).as_posix()
            self.site = Site(file, frame.f_lineno, code.co_qualname, event, name)
            sys.setprofile(None)
            raise self._error


# A call that fails, as for want of memory, fails before it has done anything; an interrupt comes when
# it has.
FAILURES = frozenset({"call", "c_call"})
INTERRUPTS = frozenset({"call", "c_call", "c_return"})


def each(
    act: Callable[[], object], error: type[BaseException], events: frozenset[str]
) -> Iterator[tuple[Site, bool]]:
    """Call `act` with an error at its first event, its second, ...; until it meets none.

    Gives the site, and whether the error has come out of the call.
    """
    k = 0
    while True:
        k += 1
        injection = Injection(k, error("injected"), events)
        came_out = False
        try:
            with injection:
                act()
        except BaseException as caught:
            if str(caught) != "injected":
                raise
            came_out = True
        if injection.site is None:
            return
        yield injection.site, came_out
