"""A warning for schedules that have ended when they are set: they count from the first step."""

from collections.abc import Callable
from typing import Any

from fastopt.runtime import warn


def warn_if_ended(name: str, value: Any, step: int, line: Callable[[str], str]) -> None:
    """Warn where a hyperparameter is given a schedule, or a pair with one, that ended before a step.

    `line` returns the line that gives the hyperparameter another value, for the text of that value.
    """
    if step == 0:
        return
    each = value if isinstance(value, (tuple, list)) else (value,)
    ended = [schedule for schedule in each if _has_ended(schedule, step)]
    if not ended:
        return
    texts = [_delayed(one) if one in ended else _text(one) for one in each]
    text = f"({', '.join(texts)})" if isinstance(value, (tuple, list)) else texts[0]
    length = ended[0]._length()
    warn(
        f"the schedule given for {name} has ended: it counts from the first step of the optimizer, "
        f"which has taken {step}, and from step {length} on it stays at {ended[0](step)!r}. To "
        f"begin it now: {line(text)}",
        UserWarning,
    )


def _has_ended(value: Any, step: int) -> bool:
    if not hasattr(type(value), "_length"):  # of Schedule; of other functions it is not known
        return False
    length = value._length()
    return length is not None and 0 < length <= step


def _delayed(schedule: Any) -> str:
    return f"schedules.delayed({_text(schedule)}, opt.step_count)"


def _text(value: Any) -> str:
    """Return the expression that makes a value, with schedules by their names in fastopt.schedules."""
    import re

    from fastopt import schedules

    if not isinstance(value, schedules.Schedule):
        return getattr(value, "__name__", None) or repr(value)
    names = "|".join(map(re.escape, schedules.__all__))
    return re.sub(rf"\b({names})\(", r"schedules.\1(", repr(value))
