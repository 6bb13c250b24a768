"""A warning for schedules that have ended when they are set: they count from the first step."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastopt.warning import warn

if TYPE_CHECKING:
    from fastopt.groups import Group


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


def warn_of_groups(groups: Sequence["Group"], step: int) -> None:
    """Warn where schedules of groups have ended before a step."""
    for name in {name: None for group in groups for name in group.scheduled}:
        given = [group.given[name] for group in groups]
        if given.count(given[0]) == len(given):
            warn_if_ended(name, given[0], step, f"opt.{name} = {{}}".format)
            continue
        for i, value in enumerate(given):
            warn_if_ended(
                f"{name} of group {i}", value, step, f"opt.groups[{i}][{name!r}] = {{}}".format
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
