"""groups=: parameters chosen by patterns of names and by functions, with options of their own."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import ANY_SHAPE, TOGETHER

import fastopt
from fastopt import schedules
from fastopt.model.usual_groups import is_bias_or_norm

Array = NDArray[Any]
Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers
AdamW: Any = fastopt.AdamW


def model(seed: int = 0) -> dict[str, Any]:
    """Parameters of three layers, named ``embed``, ``blocks.0.w``, ..., ``bias``."""
    rng = np.random.default_rng(seed)

    def layer() -> dict[str, Array]:
        return {"w": rng.standard_normal((4, 3)), "bias": rng.standard_normal(3)}

    return {
        "embed": rng.standard_normal((5, 4)).astype(np.float32),
        "blocks": [layer(), layer()],
        "bias": rng.standard_normal(2),
    }


def leaves(tree: Any) -> list[Array]:
    if isinstance(tree, np.ndarray):
        return [tree]
    return [x for each in (tree.values() if isinstance(tree, dict) else tree) for x in leaves(each)]


def bits(tree: Any) -> list[bytes]:
    return [p.tobytes() for p in leaves(tree)]


def train(opt: Any, steps: int = 4) -> None:
    for seed in range(1, 1 + steps):
        opt.step(model(seed))


def members(opt: fastopt.Optimizer) -> list[list[str]]:
    return [list(group["params"]) for group in opt.groups]


NAMES = ["embed", "blocks.0.w", "blocks.0.bias", "blocks.1.w", "blocks.1.bias", "bias"]


# Who is meant.


@pytest.mark.parametrize(
    ("which", "meant"),
    [
        ("*.bias", ["blocks.0.bias", "blocks.1.bias", "bias"]),  # also the one in no layer
        ("bias", ["bias"]),
        ("blocks.0.*", ["blocks.0.w", "blocks.0.bias"]),
        ("blocks.[01].w", ["blocks.0.w", "blocks.1.w"]),
        ("*w", ["blocks.0.w", "blocks.1.w"]),
        ("?????", ["embed"]),
        ("*", NAMES),
        (lambda name, p: p.ndim == 2 and name != "embed", ["blocks.0.w", "blocks.1.w"]),
        (lambda name, p: p.dtype == np.float32, ["embed"]),
        (is_bias_or_norm, ["blocks.0.bias", "blocks.1.bias", "bias"]),
    ],
)
def test_patterns_and_functions(which: Any, meant: list[str]) -> None:
    params = model()
    opt = Adam(params, lr=0.1, groups={which: {"lr": 0.5}})
    rest = [name for name in NAMES if name not in meant]
    assert members(opt) == ([rest, meant] if rest else [meant])
    assert [group["lr"] for group in opt.groups] == ([0.1, 0.5] if rest else [0.5])
    assert opt.names == NAMES
    arrays = dict(zip(NAMES, leaves(params), strict=True))
    for group in opt.groups:
        assert all(p is arrays[name] for name, p in group["params"].items())


def test_case_matters() -> None:
    with pytest.raises(ValueError, match="'Embed', which matches no parameter: did you mean 'embed'"):
        Adam(model(), groups={"Embed": {}})


def test_what_several_say_holds_together_and_the_later_one_first() -> None:
    opt = Adam(
        model(),
        lr=0.1,
        groups={
            "*.bias": {"lr": 0.2, "eps": 1e-3, "multiply": {"weight_decay": 0.0, "eps": 2.0}},
            "blocks.*": {"lr": 0.3, "maximize": True, "multiply": {"lr": 0.5, "eps": 3.0}},
            "bias": {"betas": (0.5, 0.6)},
        },
    )
    assert members(opt) == [
        ["embed"],
        ["blocks.0.bias", "blocks.1.bias"],
        ["bias"],
        ["blocks.0.w", "blocks.1.w"],
    ]
    shown = [(g["lr"], g["eps"], g["maximize"], g["betas"][0], dict(g["multiply"])) for g in opt.groups]
    assert shown == [
        (0.1, 1e-8, False, 0.9, {}),
        (0.3, 1e-3, True, 0.9, {"weight_decay": 0.0, "eps": 3.0, "lr": 0.5}),
        (0.2, 1e-3, False, 0.5, {"weight_decay": 0.0, "eps": 2.0}),
        (0.3, 1e-8, True, 0.9, {"lr": 0.5, "eps": 3.0}),
    ]


def test_groups_that_nobody_is_left_out_of() -> None:
    opt = Adam(model(), groups={"*": {"lr": 0.5}, "*.bias": {}, "bias": {"eps": 0.1}})
    assert [group["lr"] for group in opt.groups] == [0.5, 0.5, 0.5]
    assert members(Adam(model(), groups={})) == [NAMES]
    assert members(Adam(np.ones(2), groups={"params": {"lr": 1.0}})) == [["params"]]


# The bits are those of groups that are written out.


@pytest.mark.parametrize("algorithm", [a for a in ANY_SHAPE if a not in TOGETHER])
def test_the_bits_of_a_list_of_groups(algorithm: str, backend: str) -> None:
    options: dict[str, Any] = {"lr": 0.3, "weight_decay": 0.2}
    params, others = model(), model()
    opt: Any = fastopt.get(
        algorithm,
        params,
        lr=0.1,
        weight_decay=0.3,
        groups={"*.bias": {"weight_decay": 0.0}, "blocks.*": options, "embed": {"maximize": True}},
        backend=backend,
    )
    p = dict(zip(NAMES, leaves(others), strict=True))
    split: list[tuple[list[str], dict[str, Any]]] = [
        (["blocks.0.bias", "blocks.1.bias"], options),
        (["bias"], {"weight_decay": 0.0}),
        (["blocks.0.w", "blocks.1.w"], options),
        (["embed"], {"maximize": True}),
    ]
    written_out: Any = fastopt.get(
        algorithm,
        [{"params": [p[name] for name in names], **given} for names, given in split],
        lr=0.1,
        weight_decay=0.3,
        backend=backend,
    )
    for seed in (1, 2, 3):
        take_step(opt, model(seed))
        g = dict(zip(NAMES, leaves(model(seed)), strict=True))
        take_step(written_out, [[g[name] for name in names] for names, _ in split])
    assert bits(params) == bits(others)


def test_the_order_of_parameters_and_gradients_stays(backend: str) -> None:
    params, others = list(leaves(model())), list(leaves(model()))
    opt = Adam(params, groups={"1": {"lr": 0.3}, "4": {"lr": 0.3}}, lr=0.3, backend=backend)
    plain = Adam(others, lr=0.3, backend=backend)
    for seed in (1, 2):
        opt.step(leaves(model(seed)))
        plain.step(leaves(model(seed)))
    assert bits(params) == bits(others)
    params[1] = params[1].copy()
    with pytest.raises(ValueError, match=r"params\[1\] is not the array that this optimizer updates"):
        opt.step(leaves(model(3)))


def test_with_a_list_of_groups() -> None:
    """Patterns divide each group that was given, and their options go before its own."""
    p = model()
    opt = Adam(
        [
            {"params": {"embed": p["embed"], "bias": p["bias"]}, "lr": 0.1, "multiply": {"eps": 2.0}},
            {"params": p["blocks"], "lr": 0.2},
        ],
        groups={"*.bias": {"multiply": {"lr": 0.5}}, "embed": {"lr": 0.7}, "*w": {"frozen": True}},
    )
    assert members(opt) == [["bias"], ["embed"], ["0.bias", "1.bias"], ["0.w", "1.w"]]
    assert [group["lr"] for group in opt.groups] == [0.1, 0.7, 0.2, 0.2]
    assert [dict(g["multiply"]) for g in opt.groups] == [
        {"eps": 2.0, "lr": 0.5},
        {"eps": 2.0},
        {"lr": 0.5},
        {},
    ]
    assert opt.frozen == ["0.w", "1.w"]
    before = p["blocks"][0]["w"].tobytes(), p["embed"].tobytes()
    g = model(1)
    opt.step([{"embed": g["embed"], "bias": g["bias"]}, g["blocks"]])
    assert p["blocks"][0]["w"].tobytes() == before[0]
    assert p["embed"].tobytes() != before[1]


# no_decay, layer_decay.


def test_no_decay(backend: str) -> None:
    params, others = model(), model()
    opt = AdamW(params, weight_decay=0.1, groups=fastopt.no_decay, backend=backend)
    by_hand = AdamW(others, weight_decay=0.1, groups={"*.bias": {"weight_decay": 0}}, backend=backend)
    assert members(opt) == members(by_hand)
    assert [group["weight_decay"] for group in opt.groups] == [0.1, 0.0]
    train(opt)
    train(by_hand)
    assert bits(params) == bits(others)
    opt = AdamW(model(), weight_decay=0.1, groups={**fastopt.no_decay, "embed": {"lr": 0.5}})
    assert [group["weight_decay"] for group in opt.groups] == [0.1, 0.0, 0.1]
    opt.weight_decay = 0.2  # of all groups: what a group was given is no rule
    assert [group["weight_decay"] for group in opt.groups] == [0.2, 0.2, 0.2]


def test_layer_decay() -> None:
    layers = ["embed", "blocks.0.*", "blocks.1.*"]
    assert fastopt.layer_decay(layers, 0.5) == {
        "embed": {"multiply": {"lr": 0.25}},
        "blocks.0.*": {"multiply": {"lr": 0.5}},
        "blocks.1.*": {"multiply": {"lr": 1.0}},
    }
    opt = AdamW(model(), lr=0.1, groups={**fastopt.layer_decay(layers, 0.75), **fastopt.no_decay})
    found = {name: group.h.lr for group in opt.groups for name in group["params"]}
    assert found == {
        "bias": 0.1,
        "embed": 0.1 * 0.5625,
        "blocks.0.w": 0.1 * 0.75,
        "blocks.0.bias": 0.1 * 0.75,
        "blocks.1.w": 0.1,
        "blocks.1.bias": 0.1,
    }
    assert opt.lr == 0.1
    both = Adam(model(), groups=fastopt.layer_decay(["*", "bias"], 0.5))
    assert [dict(group["multiply"]) for group in both.groups] == [{"lr": 0.5}, {"lr": 1.0}]


@pytest.mark.parametrize(
    ("layers", "rate", "error", "words"),
    [
        ("embed.*", 0.5, TypeError, r"layers is 'embed.*' \(str\); it must be a list of patterns"),
        ([1, 2], 0.5, TypeError, r"layers is \[1, 2\] \(list\); it must be a list of patterns"),
        (["*w", "*w"], 0.5, ValueError, "layers has a pattern twice"),
        (["*w"], "x", TypeError, "rate is 'x'"),
        (["*w"], -0.5, ValueError, "rate is -0.5; it must be a finite number >= 0"),
        (["*w"], float("nan"), ValueError, "rate is nan"),
    ],
)
def test_wrong_layers(layers: Any, rate: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fastopt.layer_decay(layers, rate)


# multiply.


@pytest.mark.parametrize("lr", [0.1, schedules.linear(0.1, 3, 0.01)])
def test_factors_are_taken_with_what_all_have(lr: Any, backend: str) -> None:
    params, others = model(), model()
    opt = Adam(params, lr=lr, groups={"*.bias": {"multiply": {"lr": 0.3}}}, backend=backend)
    by_hand = Adam(others, lr=0.1, groups={"*.bias": {}}, backend=backend)
    for seed in range(1, 5):
        now = lr(seed - 1) if callable(lr) else lr
        assert opt.lr == now
        assert [group["lr"] for group in opt.groups] == [now, now]
        by_hand.groups[0]["lr"], by_hand.groups[1]["lr"] = now, now * 0.3
        opt.step(model(seed))
        by_hand.step(model(seed))
        assert bits(params) == bits(others)


def test_factors_are_written_and_read() -> None:
    opt = Adam(model(), lr=0.1, groups={"*.bias": {"multiply": {"lr": 0.5}}})
    bias = opt.groups[1]
    opt.lr = 0.2
    assert (bias["lr"], bias.h.lr) == (0.2, 0.1)
    bias["multiply"] = {"lr": 2, "clipvalue": 3}
    assert (bias["lr"], bias.h.lr, bias.h.clipvalue) == (0.2, 0.4, None)
    bias["clipvalue"] = 1.0
    assert bias.h.clipvalue == 3.0
    bias.update(multiply={}, lr=0.7)
    assert bias.h.lr == 0.7
    assert "multiply" not in repr(bias)


@pytest.mark.parametrize(
    ("multiply", "error", "words"),
    [
        (0.5, TypeError, r'multiply of group 1 is 0.5 \(float\); it must be like \{"lr": 0.1\}'),
        ({"lr": "x"}, TypeError, "multiply of group 1 for lr is 'x'"),
        ({"lr": -1.0}, ValueError, "multiply of group 1 for lr is -1.0"),
        ({"lr": schedules.constant(0.1)}, TypeError, "multiply of group 1 for lr is constant"),
        ({"betas": 0.5}, TypeError, "has 'betas', which is no number and cannot be multiplied"),
        ({"amsgrad": 0.5}, TypeError, "has 'amsgrad', which is no number and cannot be multiplied"),
        ({"lrr": 0.5}, TypeError, "no hyperparameter 'lrr' of group 1: did you mean 'lr'"),
        ({"lr": 1e308}, ValueError, r"lr of group 1, multiplied by 1e\+308, is inf"),
    ],
)
def test_wrong_factors(multiply: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Adam(model(), lr=100.0, groups={"*.bias": {"multiply": multiply}})
    opt = Adam(model(), lr=100.0, groups={"*.bias": {"multiply": {"lr": 0.5}}})
    with pytest.raises(error, match=words):
        opt.groups[1]["multiply"] = multiply
    assert dict(opt.groups[1]["multiply"]) == {"lr": 0.5}
    assert opt.groups[1].h.lr == 50.0


def test_a_factor_is_checked_against_the_range() -> None:
    with pytest.raises(ValueError, match=r"momentum, multiplied by 2\.0, is 1\.8; .* < 1"):
        fastopt.SGDScheduleFree(np.ones(2), groups={"*": {"multiply": {"momentum": 2.0}}})


# frozen.


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
def test_frozen_ones_sit_out(algorithm: str, backend: str) -> None:
    params, others = model(), model()
    options: Any = {"weight_decay": 0.1, "backend": backend}
    groups: Any = {"blocks.0.*": {"frozen": True}, "bias": {"frozen": False}}
    opt: Any = fastopt.get(algorithm, params, groups=groups, **options)
    plain: Any = fastopt.get(algorithm, others, **options)
    assert opt.frozen == ["blocks.0.w", "blocks.0.bias"]
    before = bits(params["blocks"][0])
    for seed in (1, 2, 3):
        take_step(opt, model(seed))
        g = model(seed)
        g["blocks"][0] = None
        take_step(plain, g)
    assert bits(params["blocks"][0]) == before
    assert bits(params) == bits(others)
    steps = {name: each["steps"] for name, each in opt.state_dict()["parameters"].items()}
    assert steps == dict.fromkeys(NAMES, 3) | {"blocks.0.w": 0, "blocks.0.bias": 0}


# There and back.


@pytest.mark.parametrize(
    "groups",
    [
        {"*.bias": {"lr": 0.3}},
        {"*": {"frozen": True}},
        {"*": {"multiply": {"lr": 0.5}}},
        {"embed": {"frozen": True}, is_bias_or_norm: {"multiply": {"lr": 0.5}, "lr": 0.25}},
        {**fastopt.layer_decay(["embed", "blocks.*"], 0.5), **fastopt.no_decay},
        {"bias": {"lr": schedules.cosine(0.5, 10), "betas": (schedules.constant(0.5), 0.9)}},
    ],
)
def test_config(groups: Any) -> None:
    params, others = model(), model()
    opt = AdamW(params, lr=0.1, groups=groups)
    config = json.loads(json.dumps(opt.get_config()))
    twin = fastopt.from_config(config, others)
    assert twin.get_config() == config == opt.get_config()
    assert members(twin) == members(opt)
    assert twin.state_dict()["groups"] == opt.state_dict()["groups"]
    train(opt)
    train(twin)
    assert bits(params) == bits(others)


def test_config_of_frozen_groups() -> None:
    groups: Any = [
        {"params": {"a": np.ones(2), "b": np.ones(3)}, "frozen": True},
        {"params": np.ones(1)},
    ]
    config = Adam(groups).get_config()
    again = fastopt.from_config(config, [{"a": np.ones(2), "b": np.ones(3)}, np.ones(1)])
    assert again._core.bound.frozen == [True, True, False]
    opt = Adam({"a": np.ones(2), "b": np.ones(3)})
    opt.freeze("a")
    assert "frozen" not in str(opt.get_config())  # a group is frozen as a whole, or not in a config
    opt.freeze("b")
    assert opt.get_config()["groups"][0]["frozen"] is True


def test_config_for_other_parameters_says_who_is_missing() -> None:
    config = Adam(model(), groups={"bias": {"lr": 0.5}}).get_config()
    with pytest.raises(ValueError, match=r"the names \['bias'\], which matches no parameter"):
        fastopt.from_config(config, {"embed": np.ones(2)})


# What is refused.


@pytest.mark.parametrize(
    ("groups", "error", "words"),
    [
        ([{"params": 1}], TypeError, r"groups is \[.*\(list\); it must be like \{\"\*\.bias\""),
        ("*.bias", TypeError, r"groups is '\*\.bias' \(str\); it must be like"),
        ({"*.bais": {}}, ValueError, r"'\*\.bais', which matches no parameter: did you mean 'bias'"),
        ({"blocks.2.*": {}}, ValueError, r"there are bias, blocks\.0\.bias, .*, embed$"),
        ({lambda name, p: False: {}}, ValueError, "groups has <lambda>, which matches no parameter"),
        ({3: {}}, TypeError, r"groups has 3 \(int\); it must be a pattern of names, such as"),
        ({None: {}}, TypeError, r"groups has None \(NoneType\); it must be a pattern"),
        ({"*": 0.1}, TypeError, r"groups\['\*'\] is 0\.1 \(float\); it must be a dict of options"),
        ({"*": {"lrr": 0.1}}, TypeError, "no hyperparameter 'lrr': did you mean 'lr'"),
        ({"bias": {"lrr": 0.1}}, TypeError, "no hyperparameter 'lrr' of group 1: did you mean 'lr'"),
        ({"bias": {"lr": "x"}}, TypeError, "lr of group 1 is 'x'"),
        ({"bias": {"lr": -1}}, ValueError, "lr of group 1 is -1"),
        ({"bias": {"params": 1}}, TypeError, "no hyperparameter 'params' of group 1"),
        ({"bias": {"frozen": 1}}, TypeError, r"frozen is 1 \(int\); it must be True or False"),
        ({"bias": {"ema": 0.9}}, TypeError, "no hyperparameter 'ema' of group 1"),
    ],
)
def test_wrong_groups(groups: Any, error: type[Exception], words: str) -> None:
    params = model()
    before = bits(params)
    with pytest.raises(error, match=words):
        Adam(params, groups=groups)
    assert bits(params) == before


def test_a_message_does_not_list_a_thousand_names() -> None:
    params = {f"layer{i}": np.ones(1) for i in range(1000)}
    with pytest.raises(ValueError, match="did you mean 'layer") as caught:
        Adam(params, groups={"layer": {}})
    assert str(caught.value).endswith(", ...")
    assert len(str(caught.value)) < 500
