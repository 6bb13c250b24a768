"""Hyperparameters: what is taken and stored as what, and what belongs together; unknown names."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support.hashing import digest
from support.places import Words, check_message, good, named
from support.steps import take_step
from support.variants import AFTER_THE_STEP, ANY_SHAPE, OWN_DECAY, each_hyperparameter, other

import fastopt
from fastopt.algorithm.hyperparameters import Option
from fastopt.algorithm.validators import Choice, Number, Several
from fastopt.registry import optimizer_class

HYPERPARAMETERS = each_hyperparameter()
FIRST_ABOVE_ZERO = {  # of two numbers
    *(("adamwschedulefree", "betas"), ("radamschedulefree", "betas")),
    ("rprop", "etas"),
}


def attribute(opt: fastopt.Optimizer, name: str, value: Any) -> None:
    setattr(opt, name, value)


def group(opt: fastopt.Optimizer, name: str, value: Any) -> None:
    opt.groups[1][name] = value


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
def test_hyperparameters_by_position(algorithm: str) -> None:
    cls: Any = optimizer_class(algorithm)
    for positional in ((0.1,), (0.1, (0.9, 0.999)), (None,)):
        with pytest.raises(TypeError, match="by keyword alone, as in lr=1e-3") as caught:
            cls(good(0), *positional)
        check_message(caught.value, cls.__name__, (repr(positional[0]),))


@pytest.mark.parametrize("value", [10**400, Fraction(10**400, 3)], ids=["int", "fraction"])
def test_number_too_large_for_a_float(value: Any) -> None:
    opt = fastopt.get("adam", [{"params": good(0)}, {"params": good(1), "lr": 0.5}])
    before = digest(opt)
    for change in (attribute, group):
        with pytest.raises(ValueError, match=r"lr .*is .*must be a finite number"):
            change(opt, "lr", value)
        assert digest(opt) == before


@pytest.mark.parametrize("algorithm", ["adan", "adamod"])
def test_three_betas(algorithm: str) -> None:
    """What other libraries take as three betas is two and beta3 here; the error has the line."""
    opt = fastopt.get(algorithm, [{"params": good(0)}, {"params": good(1)}])
    for change in (attribute, group):
        with pytest.raises(
            ValueError, match=r"betas .*has 3 entries; it must be two numbers: give"
        ) as caught:
            change(opt, "betas", [0.5, 0.75, 0.875])
        line = str(caught.value).partition(": give ")[2]
        again = eval(f"fastopt.get({algorithm!r}, good(0), {line})", {"fastopt": fastopt, "good": good})
        assert (again.betas, again.beta3) == ((0.5, 0.75), 0.875)
    with pytest.raises(ValueError, match=r"has 4 entries; it must be two numbers$"):
        opt.betas = (0.5,) * 4
    with pytest.raises(ValueError, match=r"has 3 entries; it must be two numbers$"):
        fastopt.get("adam", good(0), betas=(0.5,) * 3)


def good_values(option: Option) -> Iterator[tuple[Any, Any]]:
    """Give values that are accepted, with what they are stored as."""
    validator = option.validator
    if isinstance(validator, Number):
        default = option.default
        if default is None:
            default = next(filter(validator.holds, (1.5, 0.5)))
        inside = (x for x in (0, 1) if validator.at_least <= x <= validator.at_most)
        whole = next((x for x in inside if validator.above < x < validator.below), None)
        yield np.float32(default), float(np.float32(default))
        yield np.float64(default), default
        yield np.array(default), default
        yield np.array(default, np.float32), float(np.float32(default))
        yield Fraction(default), default
        if whole is not None:
            yield whole, float(whole)
            yield np.int64(whole), float(whole)
        if validator.optional:
            yield None, None
    elif isinstance(validator, Several):
        a, *rest = (float(np.float32(other(x))) for x in option.default)
        for some in (
            (a, *rest),
            [a, *rest],
            np.array([a, *rest]),
            (np.float32(a), *map(np.array, rest)),
        ):
            yield some, (a, *rest)
        yield (0, *rest), (0.0, *rest)
    else:
        assert isinstance(validator, Choice)
        for value in validator.values:
            yield value, value
            if isinstance(value, bool):
                yield np.bool_(value), value


@pytest.mark.parametrize(("algorithm", "name"), HYPERPARAMETERS)
def test_good_hyperparameter(algorithm: str, name: str) -> None:
    cls = optimizer_class(algorithm)
    opt = cls(good(0), backend="numpy")
    default = opt.groups[0][name]
    assert default == cls.hyperparameters[name].default
    for value, stored in good_values(cls.hyperparameters[name]):
        if (name in ("nesterov", "cautious_weight_decay") and value) or stored == "corrected":
            continue  # needs another to change with it
        if algorithm in OWN_DECAY and name in AFTER_THE_STEP and value:
            continue
        if (algorithm, name) in FIRST_ABOVE_ZERO and stored[0] == 0.0:
            continue
        set_at_once = cls([{"params": good(0), name: value}], **{name: default})
        for change in (attribute, lambda o, n, v: o.groups[0].__setitem__(n, v)):
            opt.groups[0][name] = default
            change(opt, name, value)
            for found in (opt.groups[0][name], getattr(opt, name), set_at_once.groups[0][name]):
                assert found == stored
                assert type(found) is type(stored)
        take_step(opt, good(1))


def test_hyperparameters_that_do_not_go_together_change_nothing() -> None:
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0"):
        fastopt.get("sgd", good(0), nesterov=True)
    groups = [{"params": good(0), "momentum": 0.9}, {"params": good(1)}]
    opt: Any = fastopt.get("sgd", groups)
    before = digest(opt)
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0"):
        opt.nesterov = True  # fits the first group and not the second
    assert digest(opt) == before


def test_update_of_a_group_is_one_change() -> None:
    opt = fastopt.get("sgd", good(0))
    before = digest(opt)
    with pytest.raises(ValueError, match="lr is -1"):
        opt.groups[0].update({"weight_decay": 0.1, "lr": -1})
    assert digest(opt) == before
    opt.groups[0].update({"nesterov": True, "momentum": 0.5})  # each needs the other
    assert opt.groups[0]["nesterov"]
    assert opt.groups[0]["momentum"] == 0.5


# Names that nobody knows, and the name that was meant.
UNKNOWN: list[tuple[str, Callable[[], Any], type[Exception], Words]] = [
    ("keyword", lambda: fastopt.get("adam", good(0), beta=1), TypeError, ("'beta'", "'betas'")),
    ("far off", lambda: fastopt.get("adam", good(0), zzz=1), TypeError, ("'zzz'", "betas", "eps")),
    (
        "keyword of another",
        lambda: fastopt.get("adam", good(0), momentum=0.9),
        TypeError,
        ("'momentum'", "betas"),
    ),
    (
        "key of a group",
        lambda: fastopt.get("adam", [{"params": good(0), "weightdecay": 0}]),
        TypeError,
        ("'weightdecay'", "'weight_decay'"),
    ),
    (
        "written to a group",
        lambda: fastopt.get("adam", good(0)).groups[0].update(epsilon=0.1),
        TypeError,
        ("'epsilon'", "eps"),
    ),
    (
        "read from a group",
        lambda: fastopt.get("adam", good(0)).groups[0]["amsgard"],
        KeyError,
        ("'amsgard'", "'amsgrad'"),
    ),
    (
        "private of a group",
        lambda: fastopt.get("adam", good(0)).groups[0]["__class__"],
        KeyError,
        ("'__class__'",),
    ),
    (
        "written attribute",
        lambda: attribute(fastopt.get("sgd", good(0)), "momentom", 0.9),
        AttributeError,
        ("'momentom'", "'momentum'"),
    ),
    (
        "algorithm",
        lambda: fastopt.get("adm", good(0)),
        ValueError,
        ("'adm'", "'adam'", "fastopt.names()"),
    ),
    ("no name", lambda: fastopt.get(None, good(0)), TypeError, ("None", "'adamw'")),  # type: ignore[arg-type]
    (
        "backend",
        lambda: fastopt.get("adam", good(0), backend="nativ"),
        ValueError,
        ("'nativ'", "'native'"),
    ),
    ("no parameters", lambda: fastopt.get("adam", []), ValueError, ("params", "empty")),
    (
        "numbers for arrays",
        lambda: fastopt.get("adam", [[1.0, 2.0], [3.0, 4.0]]),
        TypeError,
        ("'0.0'", "np.array("),
    ),
    (
        "empty tree",
        lambda: fastopt.get("adam", {"a": [], "b": {}}),
        ValueError,
        ("params", "empty"),
    ),
    (
        "same name",
        lambda: fastopt.get("adam", {"a.b": good(0), "a": {"b": good(1)}}),
        ValueError,
        ("'a.b'", "rename"),
    ),
    (
        "one group outside a list",
        lambda: fastopt.get("adam", {"params": good(0), "lr": 0.1}),
        TypeError,
        ("'lr'", "group"),
    ),
    (
        "group without parameters",
        lambda: fastopt.get("adam", [{"params": good(0)}, {"lr": 0.1}]),
        TypeError,
        ("lr'", "group"),
    ),
    ("base class", lambda: fastopt.Optimizer(good(0)), TypeError, ("Optimizer", "rule")),
]


@pytest.mark.parametrize("case", **named(UNKNOWN))
def test_unknown_name(case: tuple[str, Callable[[], Any], type[Exception], Words]) -> None:
    _, call, error, words = case
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    check_message(caught.value, words[0], words)


def test_groups_keep_their_parameters_and_keys() -> None:
    opt = fastopt.get("adam", good(0))
    before = digest(opt)
    with pytest.raises(TypeError, match="make a new optimizer"):
        opt.groups[0]["params"] = good(1)
    with pytest.raises(TypeError, match="cannot be deleted"):
        del opt.groups[0]["lr"]
    assert digest(opt) == before
    assert list(opt.groups[0]) == ["params", *type(opt).hyperparameters]
    assert len(opt.groups[0]) == 1 + len(type(opt).hyperparameters)
