"""The base of a class of optimizers: its declarations, rules and scalars."""

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import regularization
from fastopt.algorithm.facts import Facts
from fastopt.algorithm.hyperparameters import (
    Declared,
    Option,
    Values,
    choice,
    flag,
    number,
    once,
    setting,
)
from fastopt.algorithm.measured import Measured, Reduced
from fastopt.algorithm.rule import NORMS, Rule, RuleFunction, is_shipped, rule_of
from fastopt.algorithm.stages import StageScalars
from fastopt.algorithm.transforms import transforms_of
from fastopt.algorithm.typing import Scheduled, ScheduledOrNone
from fastopt.algorithm.validators import (
    ANYTHING,
    FLAG,
    Choice,
    Count,
    LossScaleNumber,
    Number,
    ScheduledNumber,
    StateDtype,
)
from fastopt.runtime import attributes, other_names, shown

_BETA = ScheduledNumber(at_least=0.0, below=1.0, optional=True)
_STEPS = Count(at_least=1)
_STEPS_OR_NONE = Count(at_least=1, optional=True)


class Move(NamedTuple):
    """A move of a parameter for a time: `rule` with the state of this name as gradient."""

    state: str
    rule: RuleFunction
    coefficients: tuple[float, ...]


class Algorithm(Declared):
    """The hyperparameters, rules and scalars of an algorithm. The base of `Optimizer`.

    A subclass declares its hyperparameters, and has

    - ``rule(p, g, <states>, c)``: the update of one element, which returns the new p and states; or
      `select_rule`, where options choose among several;
    - ``coefficients(h, t)``: a NamedTuple of every scalar that the rule uses, from the group's
      hyperparameters ``h`` and the number of the step, 1, 2, ...; computed in double, once per step;
    - ``direction(p, g, <states>, c)`` and ``between(h, c, measured)``, where scalars of the update
      depend on norms, as LAMB's do. The direction is like a rule, but what it returns for p is
      measured instead of written, and its states are forgotten. `between` is given the coefficients
      and what is `Measured` of each parameter, and returns its coefficients;
    - ``sums``: of which results of the direction what is summed: the squares, or with ``"values"`` the
      results themselves; and ``"weight": "squares"`` where the norm of the parameter is wanted, which
      costs a look at it. ``{"p": "squares", "weight": "squares"}`` if nothing is said. A direction may
      return more than the rule: it takes these as arguments in front of ``c``, where they are 0;
    - ``carried``: scalars that go from one step to the next, declared like hyperparameters. A class
      that has some gets them as a third argument of `coefficients`, to read and to set. Those of
      ``carries_norms = True`` are each parameter's own, and `between` gets them as a last argument;
    - ``measures_all = True``, where what is measured is summed over all parameters with this
      algorithm. ``adapt(h, c, measured, carried)`` is then called once a step, with the
      hyperparameters of the first group, to set what is carried; and `between` for each group. What is
      carried is the optimizer's own;
    - ``scratch``: the name of a last state of the rule and the direction that is none: what the
      direction returns for p is written there, and ``whole(h, c, t, u, kept)`` changes that array as a
      whole, in place, before the rule reads it. `kept` has the states of other shapes, to be set anew.
      With ``takes_name = True`` the name of the parameter is its last argument;
    - ``shapes(h, p)``: the shapes of states that have not the shape of p, by their names;
    - ``keeps_rows = False``, where rows of states are not those of the parameter, though as many;
    - ``reduced``: one or two functions like the direction. ``spread`` names the last states of the
      rule, which are none: arrays that broadcast to p, of the shapes that ``spreads(h, p)`` returns.
      What a function returns for each of them is summed to its shape; or the largest of it is taken,
      with ``largest = True``. ``factor(h, c, found)`` is given what is `Reduced`, and sets states and
      what is spread: after the first, before the direction is run, after the second, before the rule,
      and before all;
    - ``takes_loss = True``, where the step has to be given the loss: ``opt.step(grads, loss=loss)``;
    - ``takes_function = True``, where the step is given a function that returns loss and gradients;
    - ``takes_estimate``: the name of a state that ``opt.estimate(h)`` changes, by `estimate_rule` with
      the state in place of p, and the coefficients that `estimated` returns.
    """

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    weight_decay: Scheduled = number(default=0.0, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*regularization.CONVENTIONS, default=False)
    max_lr: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    cautious_weight_decay: bool = flag(default=False)
    l1: Scheduled = number(default=0.0, at_least=0.0)
    soft_threshold: bool = flag(default=False)
    maximize: bool = flag(default=False)
    cautious: bool | str = choice(False, True, "grams", default=False)
    grokfast: ScheduledOrNone = number(default=None, at_least=0.0, optional=True)
    grokfast_alpha: Scheduled = number(default=0.98, at_least=0.0, below=1.0)
    orthograd: bool = flag(default=False)
    centralize: bool = flag(default=False)
    adaptive_clip: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    adaptive_clip_eps: Scheduled = number(default=1e-3, at_least=0.0)
    clipnorm: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    clipvalue: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    state_dtype: str | Mapping[str, str] = once(default="float32", check=StateDtype())
    sparse: str | None = choice("lazy", "exact", default=None, optional=True)

    # Settings, which all groups share; those that arrays are made or checked for are decided at once.
    global_clipnorm: float | None = setting(default=None, check=Number(above=0.0, optional=True))
    nonfinite: str = setting(default="propagate", check=Choice("propagate", "raise", "skip"))
    max_consecutive_skips: int | None = setting(default=None, check=_STEPS_OR_NONE)
    loss_scale: float | str = setting(default=1.0, check=LossScaleNumber(above=0.0))
    zero_grads: bool = setting(default=False, check=FLAG)
    cast_grads: bool = setting(default=False, check=FLAG)
    stats: bool = setting(default=False, check=FLAG)
    flush_subnormals: bool = setting(default=False, check=FLAG)
    tied: str | None = setting(default=None, check=Choice("add", optional=True), fixed=True)
    cast_to: Any = setting(default=None, check=ANYTHING, fixed=True)
    mask: Any = setting(default=None, check=ANYTHING, fixed=True)
    lr_scale: Any = setting(default=None, check=ANYTHING, fixed=True)
    ema: Any = setting(default=None, check=_BETA, fixed=True)
    ema_bias_correction: bool = setting(
        default=False, check=FLAG, fixed=True, needs=("ema", "an ema, such as ema=0.999")
    )
    swa_start: int | None = setting(default=None, check=Count(at_least=0, optional=True), fixed=True)
    swa_every: int = setting(
        default=1, check=_STEPS, fixed=True, needs=("swa_start", "a beginning, such as swa_start=1000")
    )
    lookahead_steps: int | None = setting(default=None, check=_STEPS_OR_NONE, fixed=True)
    lookahead_alpha: float = setting(
        default=0.5,
        check=Number(above=0.0, at_most=1.0),
        fixed=True,
        needs=("lookahead_steps", "slow weights: give lookahead_steps, such as 5"),
    )
    gradient_accumulation_steps: int = setting(default=1, check=_STEPS, fixed=True)
    master_weights: bool = setting(default=True, check=FLAG, fixed=True)
    stochastic_rounding: bool = setting(default=True, check=FLAG, fixed=True)
    rounding_seed: int = setting(default=0, check=Count(at_least=0, at_most=2**64 - 1), fixed=True)
    min_8bit_size: int = setting(default=4096, check=Count(at_least=0), fixed=True)

    declared: ClassVar[Mapping[str, Option]]  # the settings
    hyperparameters: ClassVar[Mapping[str, Option]] = MappingProxyType({})
    carried: ClassVar[Mapping[str, Option]] = MappingProxyType({})
    facts: ClassVar[Facts] = Facts()
    rule: ClassVar[RuleFunction]
    direction: ClassVar[RuleFunction | None] = None
    scratch: ClassVar[str] = ""
    spread: ClassVar[tuple[str, ...]] = ()
    reduced: ClassVar[tuple[RuleFunction, ...]] = ()
    largest: ClassVar[bool] = False
    sums: ClassVar[Mapping[str, str]] = MappingProxyType(dict(NORMS))
    decays: ClassVar[bool | None] = (
        None  # the rule by itself, where weight decay is decoupled, or is not
    )
    carries_norms: ClassVar[bool] = False
    keeps_rows: ClassVar[bool] = True
    measures_all: ClassVar[bool] = False
    takes_loss: ClassVar[bool] = False
    takes_name: ClassVar[bool] = False
    takes_function: ClassVar[bool] = False
    takes_estimate: ClassVar[str] = ""
    coefficients: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in [name for name, value in vars(cls).items() if isinstance(value, Option)]:
            others = [vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)]
            if not all([isinstance(other, (Option, attributes.Missing)) for other in others]):
                raise TypeError(
                    f"{cls.__name__} declares a hyperparameter {name!r}, and every optimizer has that "
                    f"as something else: give it another name, such as {name}_factor"
                )
        found: dict[str, Option] = {}
        for base in reversed(cls.__mro__):
            found.update({k: v for k, v in vars(base).items() if isinstance(v, Option)})
        declared = {name: option for name, option in found.items() if option.scope == "group"}
        cls.hyperparameters = MappingProxyType(declared)
        cls.__signature__ = _signature(cls.hyperparameters)  # type: ignore[attr-defined]

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        """Choose the rule for a group's hyperparameters; by default there is one, ``rule``."""
        return cls.rule

    @classmethod
    def rule_for(cls, h: Values) -> Rule:
        """Return the rule for a group's hyperparameters, with the direction that is measured for it."""
        measured = cls.select_direction(h), tuple(cls.sums.items()), cls.scratch
        factored = cls.spread, cls.select_reduced(h), cls.largest, cls.form(h)
        rule = rule_of(cls.select_rule(h), *measured, *factored)
        return rule._replace(transforms=transforms_of(h))

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction | None:
        """Choose what is measured for a group's hyperparameters; by default ``direction``."""
        return cls.direction

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        """Set what is carried on from what was measured of all parameters."""

    @classmethod
    def select_reduced(cls, h: Values) -> tuple[RuleFunction, ...]:
        """Choose what is reduced for a group's hyperparameters; by default ``reduced``."""
        return cls.reduced

    @classmethod
    def form(cls, h: Values) -> str:
        """Return what the shapes of states depend on: they begin anew where it is another."""
        return ""

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        """Compute the coefficients of one parameter from those of the step and what was measured."""
        return c

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: NDArray[Any], kept: dict[str, NDArray[Any]]) -> None:
        """Change what the direction has returned for one parameter, as a whole."""

    @classmethod
    def shapes(cls, h: Values, p: NDArray[Any]) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of states that have another than p."""
        return {}

    @classmethod
    def spreads(cls, h: Values, p: NDArray[Any]) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of what is spread over p: of as many axes, each as long as p's or 1."""
        return {}

    @classmethod
    def factor(cls, h: Values, c: Any, found: Reduced) -> None:
        """Set anew states of other shapes, and what is spread, from what was reduced."""

    @classmethod
    def check_array(cls, h: Values, name: str, p: NDArray[Any]) -> None:
        """Raise ValueError for a parameter that the algorithm cannot update."""

    @classmethod
    def estimate_rule(cls, h: Values) -> RuleFunction | None:
        """Return the rule by which the state takes an estimate; None where there is no such state."""
        return None

    @classmethod
    def estimated(cls, h: Values, carried: Values) -> Any:
        """Compute the coefficients of that rule, and set what is carried on from an estimate."""
        raise NotImplementedError  # pragma: no cover - those that take estimates have their own

    @classmethod
    def has_estimate(cls, carried: Mapping[str, float]) -> bool:
        """Return whether there has been an estimate, by what is carried."""
        return True

    @classmethod
    def waits_for_estimate(cls, h: Values) -> bool:
        """Return whether no step can be taken before the first estimate."""
        return True

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return what a state begins with: a number, or an array in the shape of p."""
        return 0.0

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return the same for rows that come when the parameter has taken steps already."""
        return cls.initial_state(h, name, p)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        """Raise ValueError for values that do not go together."""

    @classmethod
    def stage_scalars(cls, h: Values) -> StageScalars:
        """Compute what a step does around the rule; a rule that itself decays leaves that out."""
        own = h.decoupled_weight_decay is cls.decays
        return regularization.scalars(h.but({"weight_decay": 0.0}) if own else h)

    @classmethod
    def ahead(cls, h: Values) -> Move:
        """Return how `at_nesterov_point` moves a parameter; raise for an algorithm that cannot."""
        raise TypeError(f"{cls.__name__} has no momentum to look ahead along; SGD and RMSprop have")

    @classmethod
    def average(cls, h: Values) -> Move | None:
        """Return how a parameter is moved to the average that the algorithm keeps; None without one."""
        return None

    @classmethod
    def check_together(cls, h: Values) -> None:
        """Raise ValueError for values that do not go together, in every algorithm or in this one."""
        regularization.check(h)
        cls.check_hyperparameters(h)

    # What the constructor needs to know.

    @classmethod
    def initial_carried(cls) -> dict[str, float]:
        """Return the carried scalars before the first step."""
        return {name: option.default for name, option in cls.carried.items()}

    @classmethod
    def carried_apart(cls) -> Mapping[str, Option]:
        """Return those that are carried for parameters, and not by the optimizer."""
        return {} if cls.measures_all else cls.carried

    @classmethod
    def check_class(cls) -> None:
        """Raise TypeError for a class without a rule or coefficients."""
        chooses = cls.select_rule.__func__ is not Algorithm.select_rule.__func__  # type: ignore[attr-defined]
        if not (hasattr(cls, "rule") or chooses):
            raise TypeError(f"{cls.__name__} has no rule: give it one, or a select_rule")
        if not hasattr(cls, "coefficients"):
            raise TypeError(f"{cls.__name__} has no coefficients(h, t), which its rule needs")
        directs = cls.select_direction.__func__ is not Algorithm.select_direction.__func__  # type: ignore[attr-defined]
        measures = (cls.measures_all or cls.takes_loss) and not cls.takes_function
        if measures and not (cls.direction or directs):
            raise TypeError(
                f"{cls.__name__} has no direction, and takes its scalars from what is measured: give "
                "it a direction, or neither measures_all nor takes_loss"
            )

    @classmethod
    def is_ours(cls) -> bool:
        """Return whether fastopt ships it."""
        return is_shipped(cls)

    @classmethod
    def check_keywords(cls, args: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters among the constructor's keywords, checked."""
        if args and isinstance(args[0], np.ndarray):
            raise TypeError(
                f"{cls.__name__} takes all parameters in one container: give a list, "
                f"{cls.__name__}([W, b])"
            )
        if args:
            raise TypeError(
                f"{cls.__name__} takes its hyperparameters by keyword alone, as in lr=1e-3; "
                f"{shown(args[0])} was given by position"
            )
        for name in keywords:
            if name not in cls.hyperparameters and name not in OPTIONS:
                if name == "algorithm":
                    raise TypeError(
                        f"{cls.__name__} is an algorithm itself, and a group can have another: "
                        'groups={"embed.*": {"algorithm": "adamw"}}; fastopt.get("adamw", params) '
                        "makes an optimizer by its name"
                    )
                known = other_names.option(name, {**cls.hyperparameters, **OPTIONS})
                raise TypeError(f"{cls.__name__} has no hyperparameter {name!r}: {known}")
        return {
            name: cls.hyperparameters[name].accept(value, name)
            for name, value in keywords.items()
            if name not in OPTIONS
        }


SETTINGS: Mapping[str, Option] = MappingProxyType(
    {k: v for k, v in vars(Algorithm).items() if isinstance(v, Option) and v.scope != "group"}
)
Algorithm.declared = SETTINGS
ARRAYS = ("cast_to", "mask", "lr_scale")  # those that are the caller's, which no config holds

# What the constructor is given besides parameters and hyperparameters.
OPTIONS: Mapping[str, Option] = {
    **{name: Option(None, ANYTHING, "constructor") for name in ("like", "groups", "grads", "backend")},
    **SETTINGS,
}


def _signature(declared: Mapping[str, Option]) -> inspect.Signature:
    """Make the signature that help() shows: params, and the rest by keyword."""
    kind = inspect.Parameter
    keywords = [
        kind(name, kind.KEYWORD_ONLY, default=option.default)
        for name, option in {**declared, **OPTIONS}.items()
    ]
    return inspect.Signature([kind("params", kind.POSITIONAL_OR_KEYWORD), *keywords])
