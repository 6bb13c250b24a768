"""What an optimizer can do around the update, for all groups alike: its settings.

A setting is a keyword of the constructor and an attribute. Those that arrays are allocated or checked
for are decided when the optimizer is made.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, dataclass_transform

from fastopt.algorithm.hyperparameters import (
    Choice,
    Hyper,
    Number,
    choice,
    flag,
    given,
    is_function,
    number,
    pair,
)
from fastopt.runtime.arguments import whole


class Setting:
    """One setting: its default, what it can be, and whether it can change."""

    def __init__(self, default: Any, check: Callable[[Any, str], Any], fixed: bool) -> None:
        self.default = default
        self.check = check
        self.fixed = fixed
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._get(self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        if self.fixed:
            raise AttributeError(f"{self.name} is decided when an optimizer is made: make a new one")
        instance._set(self.name, self.check(value, self.name))


def setting(*, default: Any, check: Callable[[Any, str], Any] | Hyper, fixed: bool = False) -> Any:
    """Declare a setting; `fixed` if it cannot change."""
    return Setting(default, check.check if isinstance(check, Hyper) else check, fixed)


_POSITIVE = Number(1.0, float("-inf"), 0.0, float("inf"), float("inf"), False)
_LIMIT = Number(None, float("-inf"), 0.0, float("inf"), float("inf"), True)
_BETA = Number(None, 0.0, float("-inf"), float("inf"), 1.0, True)
_ALPHA = Number(0.5, float("-inf"), 0.0, 1.0, float("inf"), False)
_FLAG = Choice(False, (True, False))


def _loss_scale(value: Any, where: str) -> Any:
    if isinstance(value, str):
        if value != "dynamic":
            raise ValueError(f"{where} is {value!r}; it must be a number > 0 or 'dynamic'")
        return value
    return _POSITIVE.check(value, where)


def _ema(value: Any, where: str) -> Any:
    return value if is_function(value) else _BETA.check(value, where)


def _steps(value: Any, where: str) -> int:
    return whole(value, where, 1)


def _steps_or_none(at_least: int) -> Callable[[Any, str], int | None]:
    return lambda value, where: None if value is None else whole(value, where, at_least)


def _any(value: Any, where: str) -> Any:
    return value


@dataclass_transform(
    kw_only_default=True, field_specifiers=(given, number, pair, flag, choice, setting)
)
class Declared:
    """What a type checker sees of a subclass: every declaration is a keyword of the constructor."""


class Settings(Declared):
    """The settings of every optimizer; they are described at `Optimizer`."""

    global_clipnorm: float | None = setting(default=None, check=_LIMIT)
    nonfinite: str = setting(default="propagate", check=Choice("", ("propagate", "raise", "skip")))
    max_consecutive_skips: int | None = setting(default=None, check=_steps_or_none(1))
    loss_scale: float | str = setting(default=1.0, check=_loss_scale)
    zero_grad: bool = setting(default=False, check=_FLAG)
    cast_grads: bool = setting(default=False, check=_FLAG)
    stats: bool = setting(default=False, check=_FLAG)
    flush_subnormals: bool = setting(default=False, check=_FLAG)
    cast_to: Any = setting(default=None, check=_any, fixed=True)
    ema: Any = setting(default=None, check=_ema, fixed=True)
    ema_bias_correction: bool = setting(default=False, check=_FLAG, fixed=True)
    swa_start: int | None = setting(default=None, check=_steps_or_none(0), fixed=True)
    swa_every: int = setting(default=1, check=_steps, fixed=True)
    lookahead_steps: int | None = setting(default=None, check=_steps_or_none(1), fixed=True)
    lookahead_alpha: float = setting(default=0.5, check=_ALPHA, fixed=True)
    gradient_accumulation_steps: int = setting(default=1, check=_steps, fixed=True)

    declared: ClassVar[Mapping[str, Setting]]


Settings.declared = MappingProxyType(
    {k: v for k, v in vars(Settings).items() if isinstance(v, Setting)}
)


# What means nothing without another setting.
_NEEDED = (
    ("ema_bias_correction", "ema", "an ema, such as ema=0.999"),
    ("swa_every", "swa_start", "a beginning, such as swa_start=1000"),
    ("lookahead_alpha", "lookahead_steps", "slow weights: give lookahead_steps, such as 5"),
)


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give all settings, those that are given checked."""
    found = {name: each.default for name, each in Settings.declared.items()}
    for name, value in given.items():
        if name in found:
            found[name] = Settings.declared[name].check(value, name)
    for name, needed, example in _NEEDED:
        if found[name] != Settings.declared[name].default and found[needed] is None:
            raise ValueError(f"{name}={found[name]!r} needs {example}")
    if found["ema"] is not None and found["swa_start"] is not None:
        raise ValueError(
            "ema and swa_start are two averages, and an optimizer keeps one: set one of them to None"
        )
    return found


def clips_each(clips: Sequence[float | None]) -> bool:
    """Say whether any group clips the norm of each of its gradients.

    Without a generator: what a signal's handler raises while one is being closed is lost.
    """
    return clips.count(None) < len(clips)


def leaves_out(given: Mapping[str, Any]) -> bool:
    """Return whether steps are left out whose gradients are not finite."""
    return bool(given["nonfinite"] == "skip" or given["loss_scale"] == "dynamic")


def guards(given: Mapping[str, Any]) -> bool:
    """Return whether nothing that is not finite may enter parameters and states."""
    return given["nonfinite"] == "raise" or leaves_out(given)


def check_together(given: Mapping[str, Any], clips: Sequence[float | None]) -> None:
    """Raise ValueError for settings that contradict each other, or the groups' clipnorm."""
    if given["global_clipnorm"] is not None and clips_each(clips):
        raise ValueError(
            "clipnorm clips each gradient by its own norm, and global_clipnorm all by their common "
            "one: set one of them to None"
        )
    most = given["max_consecutive_skips"]
    if most is not None and not guards(given):
        raise ValueError(
            f"max_consecutive_skips={most} limits how many steps are left out in a row, and with "
            f"nonfinite={given['nonfinite']!r} none is: set nonfinite='skip' before it, or "
            "max_consecutive_skips=None"
        )
    if given["loss_scale"] == "dynamic" and given["nonfinite"] == "raise":
        raise ValueError(
            "loss_scale='dynamic' finds its scale by leaving out steps that overflow, at which "
            "nonfinite='raise' raises: set nonfinite='skip'"
        )
