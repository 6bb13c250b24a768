"""The outcome of a probe, in one or two words; each is tried in a process of its own."""

import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

from hazards.training import HalfDone, NotApplicable

SECONDS = 60  # after which a probe hangs
RIGHT = "right"
NONE = "n/a"


def outcome(probe: Callable[[Any], bool | None], make: Any) -> str:
    """Try a probe in a fork, of which all output is dropped."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _silence()
        signal.alarm(SECONDS)
        os.write(sending, _tried(probe, make).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        words = pipe.read()
    _, status = os.waitpid(child, 0)
    return _killed(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else words


def is_safe(words: str) -> bool:
    """Return whether an outcome is right, or an error."""
    return words == RIGHT or words.startswith("refused: ")


def _tried(probe: Callable[[Any], bool | None], make: Any) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "os.fork")  # of what probes do, not of what they find
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork")
        try:
            right = probe(make)
        except NotApplicable:
            return NONE
        except HalfDone:
            return "**refused, half done**"
        except Exception as error:
            return f"refused: {type(error).__name__}"
    if right:
        return RIGHT
    return f"**{'accepted' if right is None else 'wrong'}**, {'with a warning' if caught else 'silent'}"


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _killed(number: int) -> str:
    if number == signal.SIGALRM:
        return "**hangs**"
    return f"**crash**: {signal.Signals(number).name}"
