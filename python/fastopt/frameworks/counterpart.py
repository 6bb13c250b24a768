"""Our algorithms as another framework has them: what it calls their parts, and which rules it has."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

from numpy.typing import NDArray

from fastopt.algorithm import Algorithm, Option, Rule, Values
from fastopt.frameworks import dialects
from fastopt.runtime import describe

Options = Mapping[str, str | tuple[str, str]]  # two names for a pair


class Convertible(Protocol):
    """An optimizer, as conversion uses it."""

    groups: Any
    params: Any
    hyperparameters: ClassVar[Mapping[str, Option]]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its settings."""

    @property
    def names(self) -> list[str]:
        """The names of its parameters."""

    @property
    def step_count(self) -> int:
        """The number of steps taken."""

    def named_parameters(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of its parameters, by name."""

    def state_dict(self, copy: bool = ...) -> dict[str, Any]:
        """Return its state."""

    def load_state_dict(self, state: Mapping[str, Any], *, hyperparameters: bool = ...) -> Any:
        """Load a state."""

    @classmethod
    def rule_for(cls, h: Values) -> Rule:
        """Return the rule for a group's hyperparameters."""

    @classmethod
    def shapes(cls, h: Values, p: NDArray[Any]) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of states that have another than p."""

    @classmethod
    def initial_carried(cls) -> dict[str, float]:
        """Return the carried scalars before the first step."""


class Counterpart(NamedTuple):
    """One algorithm: its name there, and the names of its parts by ours."""

    name: str
    states: Mapping[str, str]
    options: Options  # what can be chosen there


def named(
    name: str, states: Mapping[str, str], *alike: str, **options: str | tuple[str, str]
) -> Counterpart:
    """Make one, of options that have our names there as well, and of others."""
    return Counterpart(name, states, {**options, **dict(zip(alike, alike, strict=True))})


Table = Mapping[str, Counterpart]  # by the names of our classes

CLIPPING = ("clipnorm", "clipvalue")  # done to the gradient, whatever the rule

# Where an option makes no difference, or none that is not converted.
_IDLE: Mapping[str, Callable[[Values], bool]] = MappingProxyType(
    {
        "lr_in_buffer": lambda h: True,
        "dampen_first": lambda h: h.momentum == 0.0 or h.dampening == 0.0,
        "decoupled_weight_decay": lambda h: h.weight_decay == 0.0,
        "amsgrad_corrected": lambda h: not (h.amsgrad and h.bias_correction),
    }
)


def counterpart(opt: Any, table: Table, like: str) -> Counterpart:
    """Find that of an optimizer; raise TypeError for one that the framework does not have."""
    if not isinstance(opt, Algorithm):
        raise TypeError(f"opt is {describe(opt)}; it must be an optimizer of fastopt")
    name = type(opt).__name__
    if name not in table or not opt.is_ours():
        raise TypeError(
            f"{name} has no counterpart in {like} to convert it from or to; {', '.join(table)} have"
        )
    _check_one_algorithm(opt, like)
    return table[name]


def _check_one_algorithm(opt: Any, like: str) -> None:
    for i, group in enumerate(opt.groups):
        if group.other:
            raise TypeError(
                f"group {i} has the algorithm {group.algorithm}, and an optimizer of {like} has one "
                "for all: make an optimizer for each algorithm, and convert each"
            )


def rule_there(opt: Any, like: str) -> dict[str, Any]:
    """Return the framework's rule of the same name, as our options: all but clipping and storage."""
    defaults = {key: option.default for key, option in opt.hyperparameters.items()}
    # Adafactor and Muon of torch are no dialects: all of ours have their rule.
    rule = {**defaults, **dialects.table(like).get(type(opt).__name__, {})}
    declared = opt.hyperparameters
    return {key: x for key, x in rule.items() if not (key in CLIPPING or declared[key].once)}


def check_rule(
    opt: Convertible, like: str, name: str, free: Collection[str], clips: bool = False
) -> None:
    """Raise ValueError where a group's rule is not that of the framework with some choice of `free`.

    With `clips`, clipping is part of the rule.
    """
    rule = {**rule_there(opt, like), **(dict.fromkeys(CLIPPING) if clips else {})}
    for group in opt.groups:
        h = group.with_values({}).h
        for key, theirs in rule.items():
            mine = getattr(h, key)
            # What states begin with is converted with them; None is a value that only we have.
            idle = opt.hyperparameters[key].initial or (key in _IDLE and _IDLE[key](h))
            is_free = key in free and mine is not None
            if not (mine == theirs or is_free or idle):
                place = f"opt.{key}" if group.index is None else f"opt.groups[{group.index}][{key!r}]"
                raise ValueError(
                    f"{name} of {like} has nothing like {key}={mine!r}: what it does is "
                    f"{key}={theirs!r}. If training may go on so, set {place} = {theirs!r} first"
                )
