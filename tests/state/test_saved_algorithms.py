"""An algorithm for each group, saved and loaded: what a state says of it, and what does not fit."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoint_samples import SUFFIXES
from support.own_momentum import Own

import fastopt
from fastopt import CheckpointError, convert, schedules

SGD: Any = fastopt.SGD  # to type checkers, options of groups are no keywords
ALGORITHMS = ["sgd", "nadam", "adamwschedulefree"]
GROUPS: dict[str, Any] = {
    "b": {"algorithm": "nadam", "lr": 0.1, "betas": (0.5, 0.75), "multiply": {"lr": 0.5}},
    "c": {"algorithm": "adamwschedulefree", "weight_decay": 0.25, "lr": schedules.cosine(0.1, 20)},
}


def model(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "a": rng.standard_normal((2, 3)),
        "b": rng.standard_normal(4).astype(np.float32),
        "c": rng.standard_normal(5),
    }


def trained(groups: Any = None, **options: Any) -> tuple[dict[str, Any], Any]:
    params = model()
    opt = SGD(params, momentum=0.5, groups=GROUPS if groups is None else groups, **options)
    for seed in range(1, 4):
        opt.step({**model(seed), "b": None if seed == 2 else model(seed)["b"]})
    return params, opt


def bits(params: dict[str, Any], opt: Any) -> Any:
    entries = opt.state_dict()["parameters"]
    arrays = {n: {k: a.tobytes() for k, a in e["arrays"].items()} for n, e in entries.items()}
    scalars = [{k: v for k, v in e.items() if k != "arrays"} for e in entries.values()]
    return arrays, scalars, [p.tobytes() for p in params.values()]


def goes_on_alike(one: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    for params, opt in (one, other):
        assert [group.algorithm.lower() for group in opt.groups] == ALGORITHMS
        for seed in range(10, 13):
            opt.step(model(seed))
        assert bits(params, opt) == bits(*one)


def test_a_state_says_what_is_not_the_optimizer_s() -> None:
    _, opt = trained()
    groups = opt.state_dict()["groups"]
    assert [group.get("algorithm") for group in groups] == [None, "NAdam", "AdamWScheduleFree"]
    assert [list(group)[:2] for group in groups[1:]] == [["names", "algorithm"]] * 2
    assert "algorithm" not in str(SGD(model()).state_dict()["groups"])  # files are what they were
    assert "algorithm" not in SGD(model(), groups={"a": {"algorithm": "sgd"}}).state_dict()["groups"][0]


def test_there_and_back_by_state_dict() -> None:
    params, opt = trained()
    state = json.loads(json.dumps({**opt.state_dict(), "parameters": {}}))
    state["parameters"] = opt.state_dict()["parameters"]
    others = {name: p.copy() for name, p in params.items()}
    again = SGD(others, groups={name: {"algorithm": GROUPS[name]["algorithm"]} for name in "bc"})
    again.load_state_dict(state)
    goes_on_alike((params, opt), (others, again))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_there_and_back_by_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"run{suffix}"
    params, opt = trained()
    opt.save(path, params=True)
    others = model(5)
    goes_on_alike((params, opt), (others, fastopt.load(path, others)))


def test_a_file_of_one_group_of_another_algorithm(tmp_path: Path) -> None:
    params = [np.ones(3)]
    opt = SGD(params, groups={"*": {"algorithm": "adam", "lr": 0.5, "multiply": {"lr": 0.5}}})
    opt.step([np.ones(3)])
    opt.save(tmp_path / "run.npz", params=True)
    others = [np.zeros(3)]
    again = fastopt.load(tmp_path / "run.npz", others)
    assert repr(again.groups[0]) == repr(opt.groups[0])
    for each in (opt, again):
        each.step([np.ones(3)])
    assert params[0].tobytes() == others[0].tobytes()


def test_functions_of_another_algorithm_are_given_again(tmp_path: Path) -> None:
    def beta(step: int) -> float:
        return 0.5 + 0.25 / (1 + step)

    groups = {"b": {"algorithm": "nadam", "betas": (beta, 0.75)}, "c": {"algorithm": "sgd"}}
    params, opt = trained(groups)
    opt.save(tmp_path / "run.npz", params=True)
    with pytest.raises(TypeError, match="betas was a function"):
        fastopt.load(tmp_path / "run.npz", model())
    again = fastopt.load(tmp_path / "run.npz", others := model(), betas=(beta, 0.75))
    for each in (opt, again):
        each.step(model(9))
    assert bits(others, again) == bits(params, opt)


def test_configurations() -> None:
    _, opt = trained()
    config = json.loads(json.dumps(opt.get_config()))
    assert [group.get("algorithm") for group in config["groups"]] == [
        None,
        "NAdam",
        "AdamWScheduleFree",
    ]
    again = fastopt.from_config(config, model())
    assert again.get_config() == config
    assert list(map(repr, again.groups)) == list(map(repr, opt.groups))
    one = SGD(model(), groups={"*": {"algorithm": "adam", "lr": 0.5}}).get_config()
    for params in (model(), [{"params": model()}]):
        assert fastopt.from_config(one, params).groups[0].algorithm == "Adam"
    two = SGD([{"params": [np.ones(2)]}, {"params": [np.ones(3)], "algorithm": "adam"}]).get_config()
    again = fastopt.from_config(two, [[np.ones(2)], [np.ones(3)]])
    assert [group.algorithm for group in again.groups] == ["SGD", "Adam"]


def test_a_class_of_ones_own_is_given(tmp_path: Path) -> None:
    groups = {"b": {"algorithm": Own}, "c": {"algorithm": "adam"}}
    params, opt = trained(groups)
    config = opt.get_config()
    with pytest.raises(ValueError, match=re.escape("{'algorithm': MyOptimizer}")):
        fastopt.from_config(config, model())
    config["groups"][1]["algorithm"] = Own  # as the message says
    assert fastopt.from_config(config, model()).groups[1].algorithm == "Own"
    opt.save(tmp_path / "run.npz", params=True)
    with pytest.raises(CheckpointError, match=r"own is given to its group, \{'algorithm': Own\}"):
        fastopt.load(tmp_path / "run.npz", model())
    again = SGD(others := model(), groups=groups)
    again.load(tmp_path / "run.npz")
    for each in (opt, again):
        each.step(model(9))
    assert bits(others, again) == bits(params, opt)


# What does not fit.


@pytest.mark.parametrize("hyperparameters", [True, False])
def test_another_algorithm_is_refused_by_name(hyperparameters: bool, tmp_path: Path) -> None:
    _, opt = trained()
    state, path = opt.state_dict(), tmp_path / "run.npz"
    opt.save(path)
    for name, own, was, now, number in (
        ("b", {"algorithm": "adam"}, "NAdam", "Adam", 1),
        ("c", {"lr": 0.5}, "AdamWScheduleFree", "SGD", 2),
        ("a", {"algorithm": "adam"}, "SGD", "Adam", 2),
    ):
        groups = {**GROUPS, name: own}
        other = SGD(params := model(7), groups=groups)
        other.step(model(8))
        before = bits(params, other)
        words = (
            f"the state has '{name}' in a group with the algorithm {was}, and here it is in group "
            f"{number} with {now}: make an optimizer "
        )
        for load, given in ((other.load_state_dict, state), (other.load, path)):
            with pytest.raises(ValueError, match=re.escape(words)) as error:
                load(given, hyperparameters=hyperparameters)
            assert bits(params, other) == before
        if was == "SGD":
            assert "without an 'algorithm' for that group" in str(error.value)
            del groups[name]
        else:
            assert f"with {{'algorithm': '{was}'}} for that group" in str(error.value)
            groups[name] = {**own, "algorithm": was}
        SGD(model(), groups=groups).load_state_dict(state, hyperparameters=hyperparameters)


def test_forms_of_a_state_that_are_wrong() -> None:
    _, opt = trained()
    state = opt.state_dict()
    state["groups"][1]["algorithm"] = 5
    with pytest.raises(TypeError, match=re.escape("state['groups'][1]['algorithm'] is 5 (int)")):
        opt.load_state_dict(state)
    state = opt.state_dict()
    state["parameters"]["b"]["carried"] = {}
    with pytest.raises(ValueError, match=r"the state of 'b' carries \[\], not \['mu_product'\]"):
        opt.load_state_dict(state)


def test_a_checkpoint_has_the_algorithms_already(tmp_path: Path) -> None:
    _, opt = trained()
    opt.save(tmp_path / "run.npz")
    with pytest.raises(TypeError, match="the checkpoint has the algorithm of each group"):
        fastopt.load(tmp_path / "run.npz", model(), algorithm="adam")


@pytest.mark.parametrize("convert_from", [convert.from_torch, convert.from_optax, convert.from_keras])
def test_other_frameworks_have_one_algorithm_for_all(convert_from: Any) -> None:
    _, opt = trained()
    with pytest.raises(
        TypeError, match=r"group 1 has the algorithm NAdam, and an optimizer of \w+ has one"
    ):
        convert_from(opt, {})
