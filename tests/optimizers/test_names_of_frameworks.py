"""Under ``like=`` the hyperparameters of a framework are taken by its own names for them."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from transcribed import FRAMEWORKS

import fastopt
from fastopt import frameworks, schedules
from fastopt.optimizers import CLASSES

Adam: Any = fastopt.Adam  # no type checker knows the names of a framework

VALUES: dict[str, Any] = {
    "lr": 0.25,
    "betas": (0.5, 0.75),
    "eps": 0.125,
    "alpha": 0.5,
    "nesterov": True,
    "initial_accumulator_value": 0.75,
    "weight_decay": 0.5,
    "clipnorm": 0.5,
    "beta3": 0.75,
    "rho": 0.625,
}


def pairs() -> list[tuple[str, str, str]]:
    """List the frameworks, their algorithms, and our names of which they have others."""
    return [
        (like, algorithm, ours)
        for like in FRAMEWORKS
        for algorithm in frameworks.table(like)
        for ours in frameworks.names(like, CLASSES[algorithm])
        if ours in CLASSES[algorithm].hyperparameters
    ]


def theirs_of(like: str, ours: str, value: Any) -> dict[str, Any]:
    """Return a value under the framework's name, or names."""
    name = frameworks.names(like)[ours]
    return {name: value} if isinstance(name, str) else dict(zip(name, value, strict=True))


def needed(like: str, algorithm: str) -> dict[str, Any]:
    """Return the options without which there is no optimizer of a dialect."""
    table = frameworks.table(like)[algorithm]
    found = {name: 0.375 for name, value in table.items() if value is frameworks.REQUIRED}
    return {**found, **({"momentum": 0.5} if "momentum" in CLASSES[algorithm].hyperparameters else {})}


@pytest.mark.parametrize(("like", "algorithm", "ours"), pairs())
def test_the_same_optimizer(like: str, algorithm: str, ours: str) -> None:
    cls, value = CLASSES[algorithm], VALUES[ours]
    rest = {name: x for name, x in needed(like, algorithm).items() if name != ours}
    expected = cls(np.ones(2), like=like, **rest, **{ours: value}).get_config()
    given = theirs_of(like, ours, value)
    assert cls(np.ones(2), like=like, **rest, **given).get_config() == expected
    group = cls([{"params": np.ones(2), **given}], like=like, **rest)
    assert group.get_config() == expected
    by_name = cls({"w": np.ones(2)}, like=like, groups={"w": given}, **rest)
    assert by_name.get_config()["groups"][0].items() >= expected["groups"][0].items()


@pytest.mark.parametrize(("like", "algorithm", "ours"), pairs())
def test_not_under_both_names(like: str, algorithm: str, ours: str) -> None:
    options = {**needed(like, algorithm), ours: VALUES[ours], **theirs_of(like, ours, VALUES[ours])}
    with pytest.raises(TypeError, match=f"{ours} of {algorithm} is given twice.*: give {ours}=") as e:
        CLASSES[algorithm](np.ones(2), like=like, **options)
    assert "\n" not in str(e.value)


def test_a_name_of_one_algorithm_means_nothing_elsewhere() -> None:
    for cls in (fastopt.AdEMAMix, fastopt.OptimisticAdam):  # whose alpha is alpha there
        make: Any = cls
        with pytest.raises(TypeError, match=f"{cls.__name__} has no hyperparameter 'decay'"):
            make(np.ones(2), like="optax", lr=0.5, decay=0.5)
    assert "alpha" in frameworks.names("optax", fastopt.RMSprop)


def test_one_half_of_a_pair() -> None:
    opt = Adam(np.ones(2), like="keras", beta_1=0.5)
    assert opt.betas == (0.5, 0.999)
    opt = fastopt.get("nadam", np.ones(2), like="optax", learning_rate=0.5, b2=0.25)
    assert opt.groups[0]["betas"] == (0.9, 0.25)
    groups: Any = {"w": {"beta_2": 0.25}, "v": {"beta_1": 0.125}}
    params = {"w": np.ones(2), "v": np.ones(2)}
    opt = Adam(params, like="keras", beta_1=0.5, groups=groups)
    found = {name: group["betas"] for group in opt.groups for name in group.params}
    assert found == {"w": (0.5, 0.25), "v": (0.125, 0.999)}


def test_functions_of_the_step() -> None:
    lr, beta = schedules.linear(0.5, steps=4, end=0.25), schedules.linear(0.5, steps=4, end=0.75)
    opt = Adam(np.ones(2), like="keras", learning_rate=lr, beta_1=beta)
    for _ in range(2):
        opt.step(np.ones(2))
    assert (opt.lr, opt.betas) == (0.375, (0.625, 0.999))


def test_groups_that_are_added_and_those_of_another_algorithm() -> None:
    params = {"w": np.ones(2), "v": np.ones(2)}
    other: Any = {"v": {"algorithm": "rmsprop", "rho": 0.5}}
    opt = Adam(params, like="keras", learning_rate=0.5, groups=other)
    opt.add_params({"u": np.ones(3)}, epsilon=0.125)
    found = {name: group for group in opt.groups for name in group.params}
    assert (found["w"]["lr"], found["v"]["alpha"], found["u"]["eps"]) == (0.5, 0.5, 0.125)
    assert found["u"]["lr"] == 0.5


def test_functional() -> None:
    def run(**options: Any) -> bytes:
        p, m, v = np.ones(3), np.full(3, 0.5), np.full(3, 0.25)
        fastopt.functional.adam(p, np.ones(3), m, v, t=2, like="tf1", **options)
        return p.tobytes()

    assert run(learning_rate=0.5, beta1=0.25) == run(lr=0.5, betas=(0.25, 0.999)) != run()


def test_values_are_checked_as_ours() -> None:
    with pytest.raises(ValueError, match="lr is -1"):
        Adam(np.ones(2), like="keras", learning_rate=-1.0)
    with pytest.raises(TypeError, match="'learning_rate': fastopt calls it lr"):
        Adam(np.ones(2), like="torch", learning_rate=0.5)
    with pytest.raises(ValueError, match="no dialect 'kers'"):
        Adam(np.ones(2), like="kers", learning_rate=0.5)


@pytest.mark.parametrize("like", ["keras", "optax"])
def test_the_names_are_those_of_conversion(like: str) -> None:
    """But where the values are of another kind: optax's eps_in_sqrt is True or False."""
    table = import_module(f"fastopt.frameworks.{like}.names").TABLE
    for algorithm, each in table.items():
        known = CLASSES[algorithm].hyperparameters
        has = {ours: theirs for ours, theirs in each.options.items() if ours != theirs}
        has.pop("eps_placement", None)
        named = frameworks.names(like, CLASSES[algorithm])
        names = {k: v for k, v in named.items() if k in known}
        has = {ours: tuple(x) if isinstance(x, list) else x for ours, x in has.items()}
        assert has.items() <= names.items(), algorithm


@pytest.mark.parametrize("like", FRAMEWORKS)
def test_a_name_is_of_something_that_the_framework_has(like: str) -> None:
    defaults = import_module(f"transcribed.{like}").DEFAULTS
    has = {name for options in defaults.values() for name in options}
    assert set(frameworks.names(like)) <= has


@pytest.mark.parametrize("like", FRAMEWORKS)
def test_no_name_means_two_things(like: str) -> None:
    for algorithm in frameworks.table(like):
        known = CLASSES[algorithm].hyperparameters
        named = frameworks.names(like, CLASSES[algorithm])
        names = [x for ours, x in named.items() if ours in known]
        each = [one for x in names for one in ([x] if isinstance(x, str) else x)]
        assert len({*each, *known}) == len(each) + len(known)
