"""Settings: what an optimizer does around the update, for all groups alike.

A setting is a keyword of the constructor and an attribute. Those that arrays are allocated or checked
for are decided when the optimizer is made.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, dataclass_transform

from fastopt.algorithm.hyperparameters import Option, choice, flag, given, number, pair, setting
from fastopt.algorithm.validators import ANYTHING, FLAG, Choice, Count, Number, is_function


class _LossScale(Number):
    """A number, or "dynamic"."""

    def check(self, value: Any, where: str) -> Any:
        """Return it as a float, or the word."""
        if isinstance(value, str):
            if value != "dynamic":
                raise ValueError(f"{where} is {value!r}; it must be a number > 0 or 'dynamic'")
            return value
        return super().check(value, where)


class _ScheduledNumber(Number):
    """A number, or a function of the step, whose values are checked by the step."""

    def check(self, value: Any, where: str) -> Any:
        """Return it as a float, None, or a function."""
        return value if is_function(value) else super().check(value, where)


_BETA = _ScheduledNumber(at_least=0.0, below=1.0, optional=True)
_STEPS = Count(at_least=1)
_STEPS_OR_NONE = Count(at_least=1, optional=True)


@dataclass_transform(
    kw_only_default=True, field_specifiers=(given, number, pair, flag, choice, setting)
)
class Declared:
    """A class whose declarations are keywords of its constructor, for type checkers."""


class Settings(Declared):
    """The settings of every optimizer; they are described at `Optimizer`."""

    global_clipnorm: float | None = setting(default=None, check=Number(above=0.0, optional=True))
    nonfinite: str = setting(default="propagate", check=Choice("propagate", "raise", "skip"))
    max_consecutive_skips: int | None = setting(default=None, check=_STEPS_OR_NONE)
    loss_scale: float | str = setting(default=1.0, check=_LossScale(above=0.0))
    zero_grad: bool = setting(default=False, check=FLAG)
    cast_grads: bool = setting(default=False, check=FLAG)
    stats: bool = setting(default=False, check=FLAG)
    flush_subnormals: bool = setting(default=False, check=FLAG)
    cast_to: Any = setting(default=None, check=ANYTHING, fixed=True)
    ema: Any = setting(default=None, check=_BETA, fixed=True)
    ema_bias_correction: bool = setting(default=False, check=FLAG, fixed=True)
    swa_start: int | None = setting(default=None, check=Count(at_least=0, optional=True), fixed=True)
    swa_every: int = setting(default=1, check=_STEPS, fixed=True)
    lookahead_steps: int | None = setting(default=None, check=_STEPS_OR_NONE, fixed=True)
    lookahead_alpha: float = setting(default=0.5, check=Number(above=0.0, at_most=1.0), fixed=True)
    gradient_accumulation_steps: int = setting(default=1, check=_STEPS, fixed=True)

    declared: ClassVar[Mapping[str, Option]]


Settings.declared = MappingProxyType({k: v for k, v in vars(Settings).items() if isinstance(v, Option)})


# What means nothing without another setting.
_NEEDED = (
    ("ema_bias_correction", "ema", "an ema, such as ema=0.999"),
    ("swa_every", "swa_start", "a beginning, such as swa_start=1000"),
    ("lookahead_alpha", "lookahead_steps", "slow weights: give lookahead_steps, such as 5"),
)


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings: the defaults, overridden by `given`, checked."""
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
    """Return whether any group clips the norm of each of its gradients.

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
