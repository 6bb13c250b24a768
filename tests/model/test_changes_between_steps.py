"""Hyperparameters that are set or computed between steps are what an optimizer made of them has.

Most are a number in place of a number, which is checked and looked at less; it must not be seen.
"""

import itertools
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.algorithm.base import Algorithm

VALUES = (0.0, 1e-60, 1e-46, 1e-40, 1e-3, 0.5, 1e8, 1e9, 1e20, 1e38, 1e300)
ALGORITHMS = ("sgd", "adam", "adamw", "rmsprop", "adadelta", "nadam", "adamwschedulefree")


def numbers(name: str) -> list[str]:
    kind: type[Algorithm] = type(fastopt.get(name, [np.zeros(1)]))
    options = kind.hyperparameters.items()
    found = [k for k, each in options if type(each.default) is float and not each.initial]
    return [*found, "clipvalue", "max_lr", "clipnorm"]


def outcome(name: str, given: dict[str, float], in_turn: bool) -> Any:
    """What an optimizer computes its first step with, or that it is refused."""
    p = np.ones(3, np.float32)
    try:
        opt = fastopt.get(name, [p], **({} if in_turn else given))
        for key, value in given.items() if in_turn else ():
            setattr(opt, key, value)
        opt.step([np.ones(3, np.float32)])
    except ValueError:
        return "an error"
    group = opt.groups[0]
    return vars(group.h), group.stage_scalars, p.tobytes(), [*opt.state["0"]]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_one_after_the_other_is_as_both_at_once(name: str) -> None:
    rng = np.random.default_rng(0)
    every = list(itertools.permutations(numbers(name), 2))
    for k in rng.choice(len(every), 60):
        given = dict(zip(every[k], map(float, rng.choice(VALUES, 2)), strict=True))
        assert outcome(name, given, True) == outcome(name, given, False), given


@pytest.mark.parametrize("maximize", [False, True])
def test_a_rule_that_a_number_chooses(maximize: bool, backend: str) -> None:
    p, q = np.ones(5), np.ones(5)
    opt = fastopt.SGD([p], lr=0.5, backend=backend, maximize=maximize)
    other = fastopt.SGD(
        [q], lr=0.5, backend=backend, maximize=maximize, momentum=lambda t: 0.5 * (t > 0)
    )
    for t in range(3):
        opt.momentum = 0.5 * (t > 0)
        g = np.arange(5.0) - t
        opt.step([g])
        other.step([g])
        assert p.tobytes() == q.tobytes()
        assert [*opt.state["0"]] == [*other.state["0"]]


def test_a_moderate_number_beside_one_that_is_not(backend: str) -> None:
    opt = fastopt.AdamW([np.ones(3, np.float32)], backend=backend)
    opt.weight_decay = 1e35
    with pytest.raises(ValueError, match="a scalar of the step is infinite in float32"):
        opt.lr = 1e5  # of the parameter, lr * weight_decay is taken
    assert opt.lr == 1e-3


def test_a_number_is_multiplied_by_the_factors_of_its_group(backend: str) -> None:
    p = np.ones(3)
    opt = fastopt.SGD([p], lr=0.1, groups={"0": {"multiply": {"lr": 0.5}}}, backend=backend)
    opt.lr = 0.25
    opt.step([np.ones(3)])
    assert p.tolist() == [0.875] * 3


def test_a_limit_in_place_of_a_limit(backend: str) -> None:
    p = np.zeros(1)
    opt = fastopt.SGD([p], lr=1.0, clipnorm=0.5, backend=backend)
    opt.step([np.ones(1)])
    opt.clipnorm = 0.25
    opt.step([np.ones(1)])
    assert p.tolist() == [-0.75]


@pytest.mark.parametrize(
    "betas", [(0, 0.5), (0.0, 0.5), [0.25, 0.5], (np.float64(0.25), 0.5), np.array([0.25, 0.5])]
)
def test_a_pair_in_place_of_a_pair(betas: Any, backend: str) -> None:
    found = []
    for given in ({}, {"betas": betas}):
        p = np.ones(3)
        opt = fastopt.Adam([p], backend=backend, **given)
        opt.betas = betas
        assert [type(each) for each in opt.betas] == [float, float]
        opt.step([np.ones(3)])
        opt.step([np.zeros(3)])
        found.append(p.tobytes())
    assert found[0] == found[1]
    with pytest.raises(ValueError, match=r"betas\[0\] is 1.0; it must be"):
        opt.betas = (1.0, 0.5)


def test_up_and_down_again(backend: str) -> None:
    p = np.ones(1)
    opt = fastopt.SGD([p], lr=0.5, maximize=True, backend=backend)
    opt.step([np.ones(1)])
    opt.maximize = False
    assert p[0] == 1.5
    opt.step([np.ones(1)])
    assert p[0] == 1.0
