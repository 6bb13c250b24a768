"""Every optimizer with every option, found by itself: what tests over "all algorithms" run over."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, TypeVar

import numpy as np

from fastopt import Optimizer, frameworks
from fastopt.algorithm.base import Algorithm
from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.validators import Choice, Count, Number, Several
from fastopt.optimizers import CLASSES
from fastopt.registry import optimizer_class

Options = dict[str, Any]
Variant = tuple[str, Options]
Case = TypeVar("Case")

# The algorithms for arrays of any shape, by name. Those for matrices: optimizers/test_matrices.py.
ANY_SHAPE = {
    name.lower(): cls for name, cls in CLASSES.items() if not (cls.scratch or cls.takes_function)
}

STAGES: list[Options] = [
    {},
    {"weight_decay": 0.05, "decoupled_weight_decay": False, "maximize": True},
    {"weight_decay": 0.05, "decoupled_weight_decay": True},
    {"weight_decay": 0.05, "decoupled_weight_decay": True, "cautious_weight_decay": True},
    {"weight_decay": 0.05, "decoupled_weight_decay": "proximal", "l1": 0.02, "soft_threshold": True},
]
MORE_STAGES: list[Options] = [
    {"weight_decay": 0.05, "decoupled_weight_decay": "fixed", "clipnorm": 3.0},
    {"weight_decay": 0.05, "decoupled_weight_decay": "after", "maximize": True},
    {"weight_decay": 0.05, "decoupled_weight_decay": "corrected", "max_lr": 0.3},
    {"weight_decay": 0.05, "decoupled_weight_decay": "proximal"},
    {"l1": 0.02, "weight_decay": 0.05, "decoupled_weight_decay": False, "maximize": True},
    {
        "weight_decay": 0.05,
        "decoupled_weight_decay": "proximal",
        "cautious_weight_decay": True,
        "l1": 0.02,
        "soft_threshold": True,
    },
    {
        "weight_decay": 0.05,
        "decoupled_weight_decay": "corrected",
        "max_lr": 0.3,
        "cautious_weight_decay": True,
        "l1": 0.02,
        "clipvalue": 0.1,
    },
]
STAGED = {option for stage in (*STAGES, *MORE_STAGES) for option in stage}
FUSED, RARE = STAGES[:3:2], [*STAGES[1::2], STAGES[4], *MORE_STAGES]

# The algorithms of 0.1. Golden rows of theirs are every rule with every stage, and what goes wrong with
# arrays and settings, whatever the rule, is tried with these.
FOUNDING = (
    *("adadelta", "adagrad", "adam", "adamax", "adamw", "adamwschedulefree", "nadam", "rmsprop"),
    *("sgd", "sgdschedulefree"),
)

# Those that stand for all, where a test is about what is done around the rule: with and without states,
# with scalars that are carried on, with a decay of its own.
WITH_ALL = ("adamw", "nadam", "sgd", "sgdschedulefree")
WHOLE = [cls for name, cls in CLASSES.items() if name.lower() in WITH_ALL]

AFTER_THE_STEP = {"max_lr", "cautious_weight_decay", "soft_threshold"}  # what decays there, or needs to


def decays_by_stage(cls: type[Optimizer], convention: Any) -> bool:
    """Say whether this kind of weight decay is a stage around its rule, and not a term of the rule."""
    own = Values(**{name: option.default for name, option in cls.hyperparameters.items()})
    kind = {"decoupled_weight_decay": convention}
    decayed = cls.stage_scalars(own.but({**kind, "weight_decay": 0.5}))
    return decayed != cls.stage_scalars(own.but({**kind, "weight_decay": 0.0}))


def has_own_decay(cls: type[Optimizer]) -> bool:
    """Say whether its rule decays by itself, and nothing is done to the parameters after it."""
    kinds = cls.hyperparameters["decoupled_weight_decay"].validator
    assert isinstance(kinds, Choice)
    return "proximal" not in kinds.values


# With numbers for rows and columns, most of them in place of states of the shape of a parameter.
FACTORED = [name.lower() for name, cls in CLASSES.items() if cls.spread]

# Whose scalars depend on norms of each array, or on such numbers, and so every element on others.
BY_NORM = set(FACTORED) | {
    name
    for name, cls in ANY_SHAPE.items()
    if cls.direction or cls.select_direction.__func__ is not Algorithm.select_direction.__func__  # type: ignore[attr-defined]
}
# Whose scalars depend on all parameters together, and so each parameter on all others.
TOGETHER = {name for name, cls in ANY_SHAPE.items() if cls.measures_all}
OWN_DECAY = {name.lower() for name, cls in CLASSES.items() if has_own_decay(cls)}


def known(cls: type[Optimizer], options: Options) -> Options:
    """Leave out the kinds of weight decay that the class has not."""
    if not has_own_decay(cls):
        return options
    left_out = (
        {"decoupled_weight_decay"} if isinstance(options.get("decoupled_weight_decay"), str) else ()
    )
    return {k: v for k, v in options.items() if k not in AFTER_THE_STEP.union(left_out)}


def other(default: float | None) -> float:
    """A value that is not the default and lies in the same range."""
    return 0.05 if default is None else 0.9 * default + 0.05


def values_of(cls: type[Optimizer]) -> dict[str, list[Any]]:
    """What each option of a class's own is tested with; first where it stands while others change."""
    shared = vars(Algorithm)
    found: dict[str, list[Any]] = {}
    for name, hyper in cls.hyperparameters.items():
        validator = hyper.validator
        if isinstance(validator, Several):
            lengths = range(validator.fewest, validator.most + 1)
            longest = tuple(map(other, (*hyper.default, *hyper.default)))
            found[name] = [longest[:n] for n in sorted(lengths, key=lambda n: n != len(hyper.default))]
        elif name != "lr" and name in shared:
            continue
        elif isinstance(validator, Number):
            found[name] = [next(filter(validator.holds, (other(hyper.default), 1.5, 2.0)))]
            without = name == "momentum" and validator.holds(0.0)
            if hyper.default == 0.0 or validator.optional or without:
                found[name].append(None if validator.optional else 0.0)
        elif isinstance(validator, Count):
            found[name] = [max(5, validator.at_least)]  # few, for matrices of some rows
        elif isinstance(validator, Choice):
            found[name] = sorted(validator.values, key=lambda value: value != hyper.default)
    return found


def own_options(cls: type[Optimizer]) -> list[Options]:
    """Every combination of the options that choose among the rules; numbers are non-default."""
    values = values_of(cls)
    chosen = _choosing(cls, values)
    found: dict[Any, Options] = {}
    for options in _products(cls, values):  # the first of each combination has most non-defaults
        found.setdefault(tuple(options[name] for name in values if name in chosen), options)
    return list(found.values())


def switched(cls: type[Optimizer]) -> list[Options]:
    """Each option that only changes scalars, switched one after the other, with each rule."""
    values = values_of(cls)
    chosen = _choosing(cls, values)
    return [
        options
        for name in values
        if name not in chosen
        for options in _products(
            cls,
            {
                key: all_ if key in chosen else all_[1:] if key == name else all_[:1]
                for key, all_ in values.items()
            },
        )
    ]


def _products(cls: type[Optimizer], axes: dict[str, list[Any]]) -> Iterator[Options]:
    for values in product(*axes.values()):
        options = dict(zip(axes, values, strict=True))
        try:
            cls.check_hyperparameters(Values(**{"state_dtype": "float32", **options}))
        except ValueError:
            continue
        yield options


def _choosing(cls: type[Optimizer], values: dict[str, list[Any]]) -> set[str]:
    """Find the options that choose among the rules, whatever the others are."""
    every = list(_products(cls, values))
    rules = {tuple(options.items()): cls.select_rule(Values(**options)) for options in every}
    return {
        name
        for name in values
        for options in every
        for value in values[name]
        if (key := tuple({**options, name: value}.items())) in rules
        and rules[key] is not rules[tuple(options.items())]
    }


def dialects() -> list[Variant]:
    """Each class with each dialect but torch's, which is the default of all the others."""
    return [
        (name.lower(), {"like": like, **({"lr": 0.05} if "lr" in required else {}), **decay})
        for like in frameworks.NAMES[1:]
        for name, options in frameworks.table(like).items()
        for required in [[key for key, value in options.items() if value is frameworks.REQUIRED]]
        for decay in [{"weight_decay": 0.05} if "weight_decay" in required else {}]
    ]


def products(cls: type[Optimizer]) -> list[Variant]:
    """Give every rule of a class with every stage, and each option."""
    name, own = cls.__name__.lower(), own_options(cls)
    return [
        *((name, {**o, **known(cls, s)}) for o in own for s in STAGES),
        *((name, {**own[0], **known(cls, s)}) for s in MORE_STAGES),
        *((name, options) for options in switched(cls)),
    ]


def pairs(cls: type[Optimizer]) -> list[Variant]:
    """Give every rule of a class with the stages that it has loops for and with one other; each option.

    The other stages are operations on tiles, which are the same for all rules.
    """
    name = cls.__name__.lower()
    return [
        *(
            (name, {**o, **known(cls, s)})
            for k, o in enumerate(own_options(cls))
            for s in (*FUSED, in_turn(name, RARE, k))
        ),
        *((name, options) for options in switched(cls)),
    ]


def in_turn(name: str, cases: Sequence[Case], k: int = 0) -> Case:
    """Choose one of the cases by a name, whatever other names there are."""
    return cases[(sum(name.encode()) + k) % len(cases)]


def loop_of(name: str, options: Options) -> tuple[Any, ...]:
    """Tell apart the loops that variants run: the class, the rule, and the number of the stage."""
    cls = optimizer_class(name)
    group = cls(np.zeros(1), backend="numpy", **options).groups[0]
    h = Values(**{key: group[key] for key in cls.hyperparameters})
    return name, cls.rule_for(h), cls.stage_scalars(h)[0]


def compiled_for(name: str, options: Options) -> Any:
    """Choose the dtype for which Numba compiles a variant: with a stage another than without.

    It compiles a loop for each rule, stage and dtype, which takes longer than what is tried with it;
    tests that agree on the dtype find it on disk.
    """
    return in_turn(name, [np.float32, np.float64], int(not STAGED.isdisjoint(options)))


def paired(names: Iterable[str], cases: Sequence[Case]) -> list[tuple[str, Case]]:
    """Pair the names in `WITH_ALL` with each of the cases, the others with one."""
    return [
        (name, case)
        for name in names
        for case in (cases if name in WITH_ALL else [in_turn(name, cases)])
    ]


def each_hyperparameter() -> list[tuple[str, str]]:
    """Give each hyperparameter that can change; those that all have, with `WITH_ALL` alone."""
    shared = set(vars(Algorithm)) - {"lr"}
    return [
        (name, key)
        for name, cls in ANY_SHAPE.items()
        for key, option in cls.hyperparameters.items()
        if (name in WITH_ALL or key not in shared) and not option.once
    ]


def one_for_each_number_of_states() -> list[str]:
    """Name an algorithm for each number of states that one has, where the number of streams counts."""
    found: dict[int, str] = {}
    for name, cls in ANY_SHAPE.items():
        if name in BY_NORM:
            continue
        rule = cls.rule_for(Values(**{k: v.default for k, v in cls.hyperparameters.items()}))
        found.setdefault(len(rule.states), name)
    return [*found.values()]


def variants() -> list[Variant]:
    """Each class by name with its options: every rule, every option, every dialect, every stage."""
    found = [v for c in ANY_SHAPE.values() for v in (products if c in WHOLE else pairs)(c)]
    return [*found, *dialects()]


def label(variant: Variant) -> str:
    """Name a variant in test reports, by what is switched on."""
    name, options = variant
    cls = optimizer_class(name)
    words = []
    for key, value in options.items():
        if isinstance(value, str):
            words.append(value)
        elif (option := cls.hyperparameters.get(key)) and isinstance(option.validator, Choice):
            default = option.default
            words += [key] if value else [f"no_{key}"] if default else []
        elif value != 0.0:
            words.append(key)
    return "-".join([name, *words])
