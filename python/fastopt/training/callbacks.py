"""Callbacks: functions that a run calls, and their state.

A callback is an object with some of the methods ``on_begin(run)``, ``on_step(run)``, ``on_epoch(run)``,
``on_end(run)``; a plain function is an ``on_epoch``. One that returns True, after a step or an epoch,
ends the training. What it keeps is saved by a `Checkpoint` if it has ``state_dict()`` and
``load_state_dict(state)``. One that has ``comes_last = True`` is called after the others.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastopt.runtime import describe

_EVENTS = ("on_begin", "on_step", "on_epoch", "on_end")


class Callbacks:
    """The callbacks of a run, in their order."""

    def __init__(self, given: Any) -> None:
        if not isinstance(given, (list, tuple)):
            raise TypeError(f"callbacks is {describe(given)}; it must be a list: callbacks=[...]")
        self._called: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {e: [] for e in _EVENTS}
        self._keeping: list[Any] = []
        numbered = list(enumerate(given))
        for i, callback in sorted(numbered, key=lambda pair: getattr(pair[1], "comes_last", False)):
            self._add(callback, f"callbacks[{i}]")

    def _add(self, callback: Any, where: str) -> None:
        if isinstance(callback, type):
            raise TypeError(f"{where} is a class; make one: {callback.__name__}()")
        methods = {event: getattr(callback, event, None) for event in _EVENTS}
        if not any(methods.values()):
            if not callable(callback):
                raise TypeError(
                    f"{where} is {describe(callback)}; it must be a function of the run, or have one "
                    f"of the methods {', '.join(_EVENTS)}"
                )
            methods["on_epoch"] = callback
        name = getattr(callback, "__name__", type(callback).__name__)
        for event, method in methods.items():
            if method is not None:
                self._called[event].append((name, method))
        if hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict"):
            self._keeping.append(callback)

    def call(self, event: str, run: Any) -> None:
        """Call the callbacks for this event; one that returns True ends the training."""
        for name, method in self._called[event]:
            before = run.stopped
            answer = method(run)
            if isinstance(answer, (bool, np.bool_)) and answer:
                run.stopped = True
            if run.stopped and not before:
                run.history.ended = name

    def state(self) -> list[dict[str, Any]]:
        """List the state of each, with its kind."""
        return [{"kind": type(c).__name__, "state": c.state_dict()} for c in self._keeping]

    def check(self, state: Sequence[Any]) -> None:
        """Raise ValueError unless the state is one of callbacks of the same kinds."""
        kinds = ", ".join(type(callback).__name__ for callback in self._keeping)
        saved = ", ".join(each["kind"] for each in state)
        if kinds != saved:
            raise ValueError(
                f"the run was saved with the callbacks [{saved}], and has [{kinds}] now: use the same "
                "ones, in the same order"
            )

    def load(self, state: Sequence[Any]) -> None:
        """Restore the state of each."""
        for callback, each in zip(self._keeping, state, strict=True):
            callback.load_state_dict(each["state"])
