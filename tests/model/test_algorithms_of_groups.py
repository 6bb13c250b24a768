"""An algorithm for each group: one optimizer has the bits of one for each of them."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.own_momentum import Own
from support.steps import take_step
from support.variants import ANY_SHAPE, WITH_ALL

import fastopt
from fastopt import frameworks, schedules
from fastopt.registry import PRESETS, find

Array = NDArray[Any]
Model = dict[str, dict[str, Array]]
SGD: Any = fastopt.SGD  # to type checkers, options of groups are no keywords
AdamW: Any = fastopt.AdamW

PAIRS = [("sgd", "adamw"), ("nadam", "sgdschedulefree"), ("adamwschedulefree", "nesterov")]


def model(seed: int = 0) -> Model:
    """Return parameters ``a.w``, ``a.x``, ``b.w``, ``b.x`` of both dtypes."""
    rng = np.random.default_rng(seed)

    def layer() -> dict[str, Array]:
        return {"w": rng.standard_normal((3, 2)), "x": rng.standard_normal(5).astype(np.float32)}

    return {"a": layer(), "b": layer()}


def of_two(one: str, other: Any, params: Model, *, own: Any = None, **options: Any) -> Any:
    """Make an optimizer whose group ``b`` has another algorithm."""
    return fastopt.get(one, params, groups={"b.*": {"algorithm": other, **(own or {})}}, **options)


def bits(opt: Any) -> dict[str, bytes]:
    """Return all arrays that an optimizer writes, by names."""
    found = {
        f"{key} of {name}": array.tobytes()
        for name, entry in opt.state_dict()["parameters"].items()
        for key, array in entry["arrays"].items()
    }
    return found | {name: p.tobytes() for name, p in opt.named_parameters().items()}


def check_same(one: str, other: str, steps: int = 3, **options: Any) -> None:
    """Compare an optimizer of two algorithms with two, step by step."""
    together, apart = model(), model()
    both = of_two(one, other, together, own=options.get("hyperparameters"), **options)
    alone = [
        fastopt.get(one, {"a": apart["a"]}, **options),
        fastopt.get(other, {"b": apart["b"]}, **options),
    ]
    for seed in range(1, 1 + steps):
        g = model(seed)
        take_step(both, g)
        for opt, key in zip(alone, "ab", strict=True):
            take_step(opt, {key: model(seed)[key]})
        assert bits(both) == bits(alone[0]) | bits(alone[1]), seed


# The same bits.


@pytest.mark.parametrize("one", ANY_SHAPE)
def test_two_algorithms_have_the_bits_of_two_optimizers(one: str, backend: str) -> None:
    for other in WITH_ALL:
        if one in PRESETS and find(one)[0] is find(other)[0]:
            continue  # the options of a preset are the optimizer's, and go to all groups of its class
        check_same(one, other, backend=backend)


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize(
    "options",
    [
        {"ema": 0.9},
        {"swa_start": 1},
        {"lookahead_steps": 2},
        {"loss_scale": 8.0},
        {"zero_grads": True},
        {"cast_grads": True},
        {"nonfinite": "skip"},
        {"stats": True},
        {"clipnorm": 0.5},  # of all groups, as all that is said of the loss
        {"clipvalue": 0.25, "maximize": True},
        {"flush_subnormals": True},
    ],
    ids=lambda options: next(iter(options)),
)
def test_so_they_do_with_every_setting(
    one: str, other: str, options: dict[str, Any], backend: str
) -> None:
    check_same(one, other, steps=4, backend=backend, **options)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_so_they_do_with_sums_of_gradients_and_where_some_sit_out(
    one: str, other: str, backend: str
) -> None:
    together, apart = model(), model()
    both = of_two(one, other, together, backend=backend, gradient_accumulation_steps=2)
    alone = [
        fastopt.get(one, {"a": apart["a"]}, backend=backend, gradient_accumulation_steps=2),
        fastopt.get(other, {"b": apart["b"]}, backend=backend, gradient_accumulation_steps=2),
    ]
    for seed in range(1, 7):
        g: Any = model(seed)
        if seed in (3, 4):
            g["a"]["x"] = g["b"]["w"] = None
        assert both.accumulate(g) == (seed % 2 == 0)
        for opt, key in zip(alone, "ab", strict=True):
            opt.accumulate({key: g[key]})
    assert bits(both) == bits(alone[0]) | bits(alone[1])


def test_a_norm_of_all_is_one_of_all_groups(backend: str) -> None:
    params, by_hand = model(), model()
    opt = of_two("sgd", "nadam", params, global_clipnorm=0.5, backend=backend)
    twin = of_two("sgd", "nadam", by_hand, backend=backend)
    g = model(1)
    opt.step(g)
    assert opt.grad_norm is not None
    factor = 0.5 / opt.grad_norm
    twin.step({k: {n: (x * x.dtype.type(factor)) for n, x in layer.items()} for k, layer in g.items()})
    assert bits(opt).keys() == bits(twin).keys()
    np.testing.assert_allclose(params["b"]["w"], by_hand["b"]["w"], rtol=1e-6)  # factors round apart
    np.testing.assert_allclose(params["a"]["w"], by_hand["a"]["w"], rtol=1e-6)


def test_a_step_that_is_skipped_is_skipped_by_all(backend: str) -> None:
    params = model()
    opt = of_two("nadam", "sgdschedulefree", params, nonfinite="skip", backend=backend)
    opt.step(model(1))
    before = bits(opt)
    g = model(2)
    g["b"]["w"][0] = np.inf
    assert opt.step(g) is False
    assert (bits(opt), opt.skipped) == (before, 1)


def test_a_rule_of_ones_own(backend: str) -> None:
    if backend == "native":
        pytest.skip("it has no kernel for it")
    together, apart = model(), model()
    both = of_two("nadam", Own, together, own={"lr": 0.1}, backend=backend)
    alone = [
        fastopt.NAdam({"a": apart["a"]}, backend=backend),
        Own({"b": apart["b"]}, lr=0.1, backend=backend),
    ]
    for seed in range(1, 4):
        both.step(model(seed))
        for opt, key in zip(alone, "ab", strict=True):
            opt.step({key: model(seed)[key]})
    assert bits(both) == bits(alone[0]) | bits(alone[1])
    assert [g.algorithm for g in Own(model(), groups={"b.*": {"algorithm": "adam"}}).groups] == [
        "Own",
        "Adam",
    ]


# How it is said, and what follows.


@pytest.mark.parametrize("said", ["adamw", "AdamW", "ADAMW", fastopt.AdamW])
def test_names_in_any_case_and_classes(said: Any) -> None:
    for opt in (
        SGD(model(), lr=0.1, groups={"b.*": {"algorithm": said, "lr": 3e-4}}),
        SGD(
            [
                {"params": model()["a"], "lr": 0.1},
                {"params": model()["b"], "algorithm": said, "lr": 3e-4},
            ]
        ),
    ):
        first, second = opt.groups
        assert (first["algorithm"], second["algorithm"]) == ("SGD", "AdamW")
        assert (first.algorithm, second.algorithm) == ("SGD", "AdamW")
        assert (second["lr"], second["betas"], second["weight_decay"]) == (3e-4, (0.9, 0.999), 0.01)
        assert repr(first) == "Group(lr=0.1)"
        assert repr(second) == "Group(algorithm='AdamW', lr=0.0003)"
        assert repr(second) in repr(opt)
        assert list(first)[:2] == ["params", "lr"]
        assert list(second)[:3] == ["params", "algorithm", "lr"]
        assert (len(first), len(second)) == (len(list(first)), len(list(second)))


def test_a_copy_of_the_groups_makes_the_same() -> None:
    opt = SGD(model(), groups={"b.*": {"algorithm": "nadam", "lr": 3e-4}})
    again = SGD([dict(group) for group in opt.groups])
    assert list(map(repr, again.groups)) == list(map(repr, opt.groups))


def test_presets_are_options_that_can_be_given_otherwise() -> None:
    opt = AdamW(
        model(),
        groups={"a.*": {"algorithm": "nesterov"}, "b.*": {"algorithm": "nesterov", "momentum": 0.5}},
    )
    assert [(g["momentum"], g["nesterov"]) for g in opt.groups] == [(0.9, True), (0.5, True)]
    # Of the optimizer's own class, it is a group like any other but for what the name stands for.
    opt = SGD(model(), lr=0.5, momentum=0.1, groups={"a.*": {"algorithm": "nesterov"}})
    assert [g["momentum"] for g in opt.groups] == [0.1, 0.9]
    assert [g["lr"] for g in opt.groups] == [0.5, 0.5]
    assert [g.other for g in opt.groups] == [False, False]


def test_of_several_patterns_the_later_one_holds() -> None:
    groups = {
        "*": {"algorithm": "adam", "lr": 0.5},
        "b.*": {"algorithm": "rmsprop"},
        "b.x": {"lr": 0.25},
    }
    opt = SGD(model(), groups=groups)
    assert [(g.algorithm, g["lr"]) for g in opt.groups] == [
        ("Adam", 0.5),
        ("RMSprop", 0.5),
        ("RMSprop", 0.25),
    ]


def test_values_of_the_optimizer_are_its_algorithm_s_but_for_those_of_the_loss() -> None:
    given = {"lr": 0.5, "weight_decay": 0.25, "l1": 0.125, "maximize": True, "clipvalue": 3.0}
    opt = SGD(model(), **given, groups={"b.*": {"algorithm": "adamw", "clipvalue": 4.0}})
    own, other = opt.groups
    assert {name: own[name] for name in given} == given
    assert [other[name] for name in given] == [1e-3, 0.01, 0.0, True, 4.0]


def test_dialects_hold_where_the_framework_has_the_algorithm() -> None:
    opt = SGD(model(), lr=0.1, like="keras", groups={"b.*": {"algorithm": "rmsprop"}})
    for name, value in frameworks.options(fastopt.RMSprop, "keras").items():
        assert opt.groups[1][name] == value, name
    assert "AdamWScheduleFree" not in frameworks.table("keras")
    opt = SGD(model(), lr=0.1, like="keras", groups={"b.*": {"algorithm": "adamwschedulefree"}})
    assert opt.groups[1]["lr"] == 2.5e-3
    with pytest.raises(TypeError, match=r"give group 1 its own, \{'lr': \.\.\.\}, as there"):
        SGD(model(), lr=0.1, like="optax", groups={"b.*": {"algorithm": "adam"}})
    opt = SGD(model(), lr=0.1, like="optax", groups={"b.*": {"algorithm": "adam", "lr": 0.5}})
    assert opt.groups[1]["lr"] == 0.5
    with pytest.raises(ValueError, match="there is no dialect 'kers'"):
        SGD(model(), like="kers", groups={"*": {"algorithm": "adam"}})


def test_attributes_are_of_all_groups_that_have_them() -> None:
    opt = SGD(model(), lr=0.1, momentum=0.5, groups={"b.*": {"algorithm": "adamw"}})
    opt.lr = 0.25
    opt.weight_decay = 0.5
    assert (opt.lr, opt.weight_decay) == (0.25, 0.5)
    assert [(g["lr"], g["weight_decay"]) for g in opt.groups] == [(0.25, 0.5)] * 2
    before = [dict(group.given) for group in opt.groups]
    with pytest.raises(ValueError, match=re.escape("AdamW, of group 1, has no momentum")) as error:
        opt.momentum = 0.75
    assert "opt.groups[0]['momentum'] = ..." in str(error.value)
    with pytest.raises(ValueError, match=r"has no momentum: read opt\.groups\[0\]\['momentum'\]"):
        _ = opt.momentum
    with pytest.raises(AttributeError, match=re.escape("opt.groups[1]['betas']")):
        opt.betas = (0.5, 0.5)
    assert [dict(group.given) for group in opt.groups] == before
    opt.groups[0]["momentum"] = 0.75
    opt.groups[1]["betas"] = (0.5, 0.5)
    assert (opt.groups[0].momentum, opt.groups[1].betas) == (0.75, (0.5, 0.5))
    only = SGD(model(), groups={"*": {"algorithm": "adamw"}})
    with pytest.raises(ValueError, match="AdamW, of group 0, has no momentum: no group has it"):
        _ = only.momentum


def test_a_value_that_one_group_refuses_changes_none() -> None:
    opt = of_two("sgd", "rmsprop", model(), own={"momentum": 0.5})
    opt.momentum = 0.25
    before = [dict(group.given) for group in opt.groups]
    with pytest.raises(ValueError, match="momentum"):
        opt.momentum = -1.0
    assert [dict(group.given) for group in opt.groups] == before


def test_schedules_and_rules_that_change_between_steps(backend: str) -> None:
    params, apart = model(), model()
    lr = schedules.cosine(0.1, steps=10)
    opt = of_two("sgd", "adam", params, own={"lr": lr}, backend=backend)
    alone: Any = fastopt.Adam({"b": apart["b"]}, lr=lr, backend=backend)
    for seed in range(1, 6):
        if seed == 3:
            opt.groups[1]["amsgrad"] = alone.amsgrad = True
        opt.step(model(seed))
        alone.step({"b": model(seed)["b"]})
    found = bits(opt)
    assert {name: found[name] for name in bits(alone)} == bits(alone)


# Who comes and goes.


def test_parameters_that_come_with_an_algorithm(backend: str) -> None:
    params: Any = model()
    opt: Any = fastopt.NAdam(params, backend=backend)
    opt.step(model(1))
    opt.add_params({"c": model(5)["a"]}, algorithm="adamw", lr=0.5)
    opt.add_params({"d": model(6)["a"]}, algorithm=fastopt.SGDScheduleFree)
    assert [g.algorithm for g in opt.groups] == ["NAdam", "AdamW", "SGDScheduleFree"]
    apart = {"c": model(5)["a"], "d": model(6)["a"]}
    alone: list[Any] = [
        AdamW({"c": apart["c"]}, lr=0.5, backend=backend),
        fastopt.SGDScheduleFree({"d": apart["d"]}, backend=backend),
    ]
    for seed in range(2, 5):
        g: Any = {**model(seed), "c": model(seed + 10)["a"], "d": model(seed + 20)["a"]}
        opt.step(g)
        for each, key in zip(alone, "cd", strict=True):
            each.step({key: g[key]})
    found = bits(opt)
    for each in alone:
        assert {name: found[name] for name in bits(each)} == bits(each)
    opt.remove_params("c.*")
    opt.freeze("d.w")
    opt.step({**model(7), "c": {}, "d": model(7)["a"]})
    assert [g.algorithm for g in opt.groups] == ["NAdam", "SGDScheduleFree"]
    after = bits(opt)
    assert {n for n in after if after[n] == found[n]} == {"d.w", "z of d.w"}


def test_parameters_that_come_to_a_list_of_groups() -> None:
    params: Any = [{"params": model()["a"]}]
    opt = SGD(params, lr=0.5)
    opt.add_params(model()["b"], algorithm="adam", lr=0.25)
    assert list(map(repr, opt.groups)) == ["Group(lr=0.5)", "Group(algorithm='Adam', lr=0.25)"]
    opt.step([model(1)["a"], model(1)["b"]])
    assert list(opt.state["1.w"] if "1.w" in opt.state else opt.state["b.w"]) == ["m", "v"]


def test_the_remedy_for_a_group_of_another_algorithm() -> None:
    opt = SGD(model(), groups={"b.*": {"algorithm": "adam"}})
    for error, change in (
        (TypeError, lambda: opt.groups[1].update(algorithm="sgd", lr=0.5)),
        (TypeError, lambda: opt.groups[1].__setitem__("algorithm", "sgd")),
        (AttributeError, lambda: setattr(opt.groups[1], "algorithm", "sgd")),
    ):
        with pytest.raises(error, match=r"opt\.remove_params\(\.\.\.\) and opt\.add_params\("):
            change()
    assert (opt.groups[1].algorithm, opt.groups[1]["lr"]) == ("Adam", 1e-3)
    b = dict(opt.params["b"])
    opt.remove_params("b.*")
    opt.add_params({"c": b}, algorithm="adamw")
    assert [g.algorithm for g in opt.groups] == ["SGD", "AdamW"]


def test_an_algorithm_that_changes_in_the_caller_s_list() -> None:
    params: Any = [{"params": model()["a"]}, {"params": model()["b"], "algorithm": "adam"}]
    opt = SGD(params)
    params[1]["algorithm"] = "adamw"
    with pytest.raises(ValueError, match="group 1 has the algorithm Adam, and AdamW is asked for now"):
        opt.add_params(np.ones(2))
    assert (len(params), [g.algorithm for g in opt.groups]) == (2, ["SGD", "Adam"])
    params[1]["algorithm"] = "adam"
    opt.add_params(np.ones(2))
    assert [g.algorithm for g in opt.groups] == ["SGD", "Adam", "SGD"]


# What cannot be.


class NoRule(fastopt.Optimizer):
    """Nothing."""


WRONG: list[tuple[Any, type[Exception], str]] = [
    (
        "adamx",
        ValueError,
        "the algorithm of group 1 is not known: there is no optimizer 'adamx': did you",
    ),
    ("Own", ValueError, "one of your own is given by its class, {'algorithm': MyOptimizer}"),
    (5, TypeError, "the algorithm of group 1 is 5 (int); it must be a name, such as 'adamw'"),
    (None, TypeError, "the algorithm of group 1 is None"),
    (np.ndarray, TypeError, "the algorithm of group 1 is <class 'numpy.ndarray'> (type)"),
    (NoRule, TypeError, "the algorithm of group 1 cannot be NoRule: NoRule has no rule"),
    (fastopt.Optimizer, TypeError, "the algorithm of group 1 cannot be Optimizer"),
]


@pytest.mark.parametrize(("given", "error", "words"), WRONG, ids=[str(each[0]) for each in WRONG])
def test_what_is_no_algorithm(given: Any, error: type[Exception], words: str) -> None:
    params: Any = model()
    makes: list[Callable[[], object]] = [
        lambda: SGD(params, groups={"b.*": {"algorithm": given}}),
        lambda: SGD([{"params": params["a"]}, {"params": params["b"], "algorithm": given}]),
    ]
    for make in makes:
        with pytest.raises(error, match=re.escape(words)):
            make()
    opt = SGD(params)
    with pytest.raises(error, match=re.escape(words)):
        opt.add_params({"c": np.ones(2)}, algorithm=given)
    assert (list(params), opt.names) == (["a", "b"], ["a.w", "a.x", "b.w", "b.x"])
    opt.step(model(1))


def test_hyperparameters_that_the_algorithm_does_not_have() -> None:
    words = "there is no hyperparameter 'momentum' of group 1 (AdamW): there are adaptive_clip"
    for own in ({"momentum": 0.5}, {"multiply": {"momentum": 0.5}}):
        with pytest.raises(TypeError, match=re.escape(words)):
            SGD(model(), groups={"b.*": {"algorithm": "adamw", **own}})
    with pytest.raises(ValueError, match=re.escape("lr of group 1 (AdamW) is -1.0")):
        SGD(model(), groups={"b.*": {"algorithm": "adamw", "lr": -1.0}})
    with pytest.raises(ValueError, match=re.escape("of group 0 (AdamW)")):
        SGD(model(), groups={"*": {"algorithm": "adamw", "lr": -1.0}})
    opt = of_two("sgd", "adamw", model())
    with pytest.raises(KeyError, match=re.escape("of group 1 (AdamW)")):
        _ = opt.groups[1]["momentum"]
    with pytest.raises(TypeError, match=re.escape(words)):
        opt.groups[1]["momentum"] = 0.5


def test_where_it_is_no_option() -> None:
    with pytest.raises(
        TypeError, match="SGD is an algorithm itself, and a group can have another"
    ) as error:
        SGD(model(), algorithm="adamw")
    assert 'groups={"embed.*": {"algorithm": "adamw"}}' in str(error.value)
    assert fastopt.get("adamw", model()).lr == 1e-3
    w = np.ones(2)
    with pytest.raises(TypeError, match=r"fastopt\.functional\.adamw\("):
        fastopt.functional.sgd(w, w.copy(), t=1, lr=0.1, algorithm="adamw")
    with pytest.raises(TypeError, match=re.escape("a group is a dict")):
        SGD({"params": w, "algorithm": "adamw"})


def test_a_name_of_before_warns() -> None:
    with pytest.warns(DeprecationWarning, match="is now called 'sgd'"):
        opt = AdamW(model(), groups={"b.*": {"algorithm": "iterative"}})
    assert opt.groups[1].algorithm == "SGD"
