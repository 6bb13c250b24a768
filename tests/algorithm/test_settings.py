"""The settings as such: defaults, what they can be, when they can change, and in configurations."""

import inspect
import json
from typing import Any

import numpy as np
import pytest
from support.by_hand import bfloat16

import fastopt
from fastopt import schedules

DEFAULTS: dict[str, Any] = {
    "global_clipnorm": None,
    "nonfinite": "propagate",
    "max_consecutive_skips": None,
    "loss_scale": 1.0,
    "zero_grads": False,
    "cast_grads": False,
    "stats": False,
    "flush_subnormals": False,
    "tied": None,
    "cast_to": None,
    "ema": None,
    "ema_bias_correction": False,
    "swa_start": None,
    "swa_every": 1,
    "lookahead_steps": None,
    "lookahead_alpha": 0.5,
    "gradient_accumulation_steps": 1,
}
FIXED = (
    "tied",
    "cast_to",
    "ema",
    "ema_bias_correction",
    "swa_start",
    "swa_every",
    "lookahead_steps",
    "lookahead_alpha",
    "gradient_accumulation_steps",
)

WRONG: list[tuple[str, Any, type[Exception], str]] = [
    ("global_clipnorm", 0.0, ValueError, "> 0, or None"),
    ("global_clipnorm", -1.0, ValueError, "> 0, or None"),
    ("global_clipnorm", np.nan, ValueError, "finite"),
    ("global_clipnorm", np.inf, ValueError, "finite"),
    ("global_clipnorm", "1", TypeError, "it must be a number"),
    ("global_clipnorm", True, TypeError, "it must be a number"),
    ("clipnorm", 0, ValueError, "> 0, or None"),
    ("clipnorm", -1.0, ValueError, "> 0, or None"),
    ("clipnorm", np.nan, ValueError, "finite"),
    ("clipvalue", 0, ValueError, "> 0, or None"),
    ("clipvalue", -1.0, ValueError, "> 0, or None"),
    ("clipvalue", np.nan, ValueError, "finite"),
    ("clipvalue", [1.0], TypeError, "it must be a number"),
    ("nonfinite", "ignore", ValueError, "'propagate', 'raise' or 'skip'"),
    ("nonfinite", None, TypeError, "'propagate', 'raise' or 'skip'"),
    ("nonfinite", True, TypeError, "'propagate', 'raise' or 'skip'"),
    ("max_consecutive_skips", 0, ValueError, "a whole number >= 1"),
    ("max_consecutive_skips", 1.0, TypeError, "a whole number >= 1"),
    ("max_consecutive_skips", True, TypeError, "a whole number >= 1"),
    ("loss_scale", 0.0, ValueError, "> 0"),
    ("loss_scale", -2.0, ValueError, "> 0"),
    ("loss_scale", np.nan, ValueError, "finite"),
    ("loss_scale", np.inf, ValueError, "finite"),
    ("loss_scale", "auto", ValueError, "a number > 0 or 'dynamic'"),
    ("loss_scale", None, TypeError, "it must be a number"),
    ("loss_scale", True, TypeError, "it must be a number"),
    ("zero_grads", 1, TypeError, "True or False"),
    ("zero_grads", None, TypeError, "True or False"),
    ("cast_grads", "float32", TypeError, "True or False"),
    ("stats", 0, TypeError, "True or False"),
    ("flush_subnormals", 1, TypeError, "True or False"),
    ("flush_subnormals", "True", TypeError, "True or False"),
    ("tied", "sum", ValueError, "it must be 'add' or None"),
    ("tied", True, TypeError, "it must be 'add' or None"),
    ("ema", 1.0, ValueError, ">= 0 and < 1"),
    ("ema", -0.1, ValueError, ">= 0 and < 1"),
    ("ema", np.nan, ValueError, "finite"),
    ("ema", "0.9", TypeError, "it must be a number"),
    ("ema", True, TypeError, "it must be a number"),
    ("ema", [0.9], TypeError, "it must be a number"),
    ("ema_bias_correction", 1, TypeError, "True or False"),
    ("swa_start", -1, ValueError, "a whole number >= 0"),
    ("swa_start", 10.0, TypeError, "a whole number >= 0"),
    ("swa_start", True, TypeError, "a whole number >= 0"),
    ("swa_start", "10", TypeError, "a whole number >= 0"),
    ("swa_every", 0, ValueError, "a whole number >= 1"),
    ("swa_every", None, TypeError, "a whole number >= 1"),
    ("swa_every", 1.5, TypeError, "a whole number >= 1"),
    ("lookahead_steps", 0, ValueError, "a whole number >= 1"),
    ("lookahead_steps", -5, ValueError, "a whole number >= 1"),
    ("lookahead_steps", 5.0, TypeError, "a whole number >= 1"),
    ("lookahead_steps", True, TypeError, "a whole number >= 1"),
    ("lookahead_alpha", 0.0, ValueError, "> 0 and <= 1"),
    ("lookahead_alpha", -0.5, ValueError, "> 0 and <= 1"),
    ("lookahead_alpha", 1.1, ValueError, "> 0 and <= 1"),
    ("lookahead_alpha", np.nan, ValueError, "finite"),
    ("lookahead_alpha", None, TypeError, "it must be a number"),
    ("lookahead_alpha", "0.5", TypeError, "it must be a number"),
    ("gradient_accumulation_steps", 0, ValueError, "a whole number >= 1"),
    ("gradient_accumulation_steps", -1, ValueError, "a whole number >= 1"),
    ("gradient_accumulation_steps", 2.0, TypeError, "a whole number >= 1"),
    ("gradient_accumulation_steps", True, TypeError, "a whole number >= 1"),
]


def test_defaults() -> None:
    opt = fastopt.Adam(np.ones(2))
    assert {name: getattr(opt, name) for name in DEFAULTS} == DEFAULTS
    parameters = inspect.signature(fastopt.Adam).parameters
    assert {name: parameters[name].default for name in DEFAULTS} == DEFAULTS
    assert opt.skipped == 0
    assert opt.grad_norm is None


@pytest.mark.parametrize(("name", "value", "error", "words"), WRONG, ids=lambda case: repr(case)[:30])
def test_wrong_values(name: str, value: Any, error: type[Exception], words: str) -> None:
    p = np.ones(2)
    copy = np.full(2, 7, np.float16)
    given = {"ema": 0.5, "cast_to": copy, name: value}
    with pytest.raises(error, match=name) as caught:
        fastopt.Adam(p, **given)
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert (p.tolist(), copy.tolist()) == ([1.0] * 2, [7.0] * 2)
    opt = fastopt.Adam(p)
    before = getattr(opt, name)
    if name in FIXED:
        with pytest.raises(AttributeError, match=f"{name} is decided when an optimizer is made"):
            setattr(opt, name, value)
    else:
        with pytest.raises(error, match=name):
            setattr(opt, name, value)
    assert getattr(opt, name) == before
    opt.step(np.ones(2))


def test_types_are_normalised() -> None:
    given: dict[str, Any] = {
        "global_clipnorm": np.float32(2),
        "loss_scale": 4,
        "zero_grads": np.True_,
        "ema": np.float64(0.5),
        "lookahead_steps": np.int64(5),
        "lookahead_alpha": 1,
        "gradient_accumulation_steps": np.int64(3),
    }
    opt = fastopt.SGD(np.ones(2), **given)
    found = [getattr(opt, name) for name in given]
    assert found == [2.0, 4.0, True, 0.5, 5, 1.0, 3]
    assert list(map(type, found)) == [float, float, bool, float, int, float, int]


@pytest.mark.parametrize(
    ("given", "suggested"),
    [
        ("global_clip_norm", "global_clipnorm"),
        ("clip_norm", "clipnorm"),
        ("zero_gards", "zero_grads"),
        ("nonfinites", "nonfinite"),
        ("lossscale", "loss_scale"),
        ("gradient_accumulation", "gradient_accumulation_steps"),
        ("swa_starts", "swa_start"),
        ("lookahead_step", "lookahead_steps"),
    ],
)
def test_misspelt(given: str, suggested: str) -> None:
    words = f"no hyperparameter '{given}': did you mean '{suggested}'"
    options: dict[str, Any] = {given: 1.0}
    with pytest.raises(TypeError, match=words):
        fastopt.Adam(np.ones(2), **options)
    opt = fastopt.Adam(np.ones(2))
    with pytest.raises(AttributeError, match=words):
        setattr(opt, given, 1.0)


def test_settings_are_no_entries_of_groups() -> None:
    with pytest.raises(TypeError, match=r"no hyperparameter 'zero_grads' of group 1"):
        fastopt.SGD([{"params": np.ones(2)}, {"params": np.ones(2), "zero_grads": True}])
    opt = fastopt.SGD(np.ones(2))
    with pytest.raises(TypeError, match="no hyperparameter 'ema'"):
        opt.groups[0]["ema"] = 0.5


def test_two_norms_contradict_each_other() -> None:
    words = "clips each gradient by its own norm, and global_clipnorm all"
    p, q = np.ones(2), np.ones(2)
    with pytest.raises(ValueError, match=words):
        fastopt.SGD(p, clipnorm=1.0, global_clipnorm=1.0)
    with pytest.raises(ValueError, match=words):
        fastopt.SGD([{"params": p}, {"params": q, "clipnorm": 1.0}], global_clipnorm=1.0)
    opt = fastopt.SGD(p, clipnorm=1.0)
    with pytest.raises(ValueError, match=words):
        opt.global_clipnorm = 1.0
    assert opt.global_clipnorm is None
    opt.step(np.ones(2))


def test_a_contradiction_that_comes_later(backend: str) -> None:
    p, copy = np.ones(2), np.zeros(2, np.float16)
    opt = fastopt.Adam(p, global_clipnorm=1.0, zero_grads=True, ema=0.5, cast_to=copy, backend=backend)
    opt.step(np.ones(2))
    g = np.ones(2)
    arrays = [p, copy, g, opt.ema_state, *opt.state["params"].values()]
    before = [a.tobytes() for a in arrays]
    opt.clipnorm = 1.0
    for act in (opt.step, opt.accumulate):
        with pytest.raises(ValueError, match="set one of them to None"):
            act(g)
    assert [a.tobytes() for a in arrays] == before
    assert opt.step_count == 1
    opt.global_clipnorm = None
    assert opt.step(g)


def test_bias_correction_needs_an_average() -> None:
    with pytest.raises(ValueError, match=r"ema_bias_correction=True needs an ema, such as ema=0\.999"):
        fastopt.SGD(np.ones(2), ema_bias_correction=True)
    fastopt.SGD(np.ones(2), ema_bias_correction=True, ema=0.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"swa_every": 2}, "swa_every=2 needs a beginning, such as swa_start=1000"),
        ({"swa_every": 2, "ema": 0.9}, "swa_every=2 needs a beginning, such as swa_start=1000"),
        ({"lookahead_alpha": 0.8}, r"lookahead_alpha=0\.8 needs slow weights: give lookahead_steps"),
        ({"swa_start": 3, "ema_bias_correction": True}, "ema_bias_correction=True needs an ema"),
        ({"swa_start": 0, "ema": 0.0}, "two averages, and an optimizer keeps one: set one of them to"),
    ],
)
def test_settings_that_need_or_exclude_each_other(given: dict[str, Any], words: str) -> None:
    p = np.ones(2)
    with pytest.raises(ValueError, match=words):
        fastopt.SGD(p, **given)
    with pytest.raises(ValueError, match=words):
        fastopt.from_config({"name": "SGD", "groups": [{}], "settings": given}, p)


def test_each_can_be_switched_on_and_off(backend: str) -> None:
    """What has been on and is off again leaves no trace: the bits of one that never had it."""
    p, q = np.linspace(-1, 1, 40), np.linspace(-1, 1, 40)
    opt, twin = (fastopt.Adam(x, lr=0.1, backend=backend) for x in (p, q))
    g = np.full(40, 0.25)
    switches: dict[str, Any] = {
        "global_clipnorm": 0.1,
        "nonfinite": "raise",
        "zero_grads": True,
        "cast_grads": True,
        "stats": True,
        "flush_subnormals": True,
        "loss_scale": 2.0,
    }
    for name, value in switches.items():
        setattr(opt, name, value)
        assert getattr(opt, name) == value
        factor = 1.0 if name != "global_clipnorm" else 0.1 / np.sqrt(40 * 0.0625)
        given = g * 2.0 if name == "loss_scale" else g.copy()
        opt.step(given.astype(np.float32) if name == "cast_grads" else given)
        assert bool(given.any()) is (name != "zero_grads")
        setattr(opt, name, DEFAULTS[name])
        twin.step(factor * g)
        given = g.copy()
        opt.step(given)
        twin.step(g)
        assert given.all()
        assert p.tobytes() == q.tobytes(), name


def settings_of(opt: fastopt.Optimizer) -> dict[str, Any]:
    return {name: getattr(opt, name) for name in DEFAULTS}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"global_clipnorm": 1 / 3, "nonfinite": "raise", "loss_scale": 0.1, "zero_grads": True},
        {"cast_grads": True, "stats": True, "loss_scale": "dynamic", "nonfinite": "skip"},
        {"flush_subnormals": True},
        {"ema": 0.999, "ema_bias_correction": True, "gradient_accumulation_steps": 4},
        {"ema": 0.0, "clipnorm": 0.3, "clipvalue": 0.7},
        {"swa_start": 0, "swa_every": 3},
        {"swa_start": 5, "lookahead_steps": 1, "lookahead_alpha": 1 / 3},
        {"ema": schedules.linear(0.1, end=0.999, steps=7), "ema_bias_correction": True},
        {"ema": schedules.warmup(schedules.constant(0.99), steps=3)},
        {"ema": np.float32(0.1), "loss_scale": np.float64(3), "zero_grads": np.True_},
    ],
    ids=lambda given: "-".join(given) or "nothing",
)
def test_round_trip_through_json(given: dict[str, Any]) -> None:
    p, q = np.ones(5), np.ones(5)
    opt = fastopt.AdamW(p, **given)
    config = json.loads(json.dumps(opt.get_config()))
    assert config == opt.get_config()
    for make in (fastopt.from_config, fastopt.AdamW.from_config):
        twin = make(config, q)
        assert twin.get_config() == config
        assert settings_of(twin) == settings_of(opt)
    for x in (opt, twin):
        x.step(np.full(5, 0.3))
    assert p.tobytes() == q.tobytes()


def test_a_config_of_groups_and_of_what_was_changed() -> None:
    groups = [{"params": np.ones(2), "clipvalue": 1.0}, {"params": np.ones(3)}]
    opt = fastopt.SGD(groups, stats=True, ema=0.5)
    opt.stats = False
    opt.loss_scale = 8.0
    config = opt.get_config()
    assert config["settings"] == {"ema": 0.5, "loss_scale": 8.0}
    twin = fastopt.from_config(config, [np.ones(2), np.ones(3)])
    assert settings_of(twin) == settings_of(opt)
    assert [g["clipvalue"] for g in twin.groups] == [1.0, None]


def test_a_dynamic_scale_is_written_as_such() -> None:
    opt = fastopt.SGD(np.ones(2), loss_scale="dynamic")
    opt.step(np.full(2, np.inf))
    assert opt.loss_scale == 32768.0
    assert opt.get_config()["settings"] == {"loss_scale": "dynamic"}


def test_arrays_and_functions_are_in_no_config() -> None:
    for copy in (np.zeros(3, bfloat16), np.zeros(3, np.float16)):
        opt = fastopt.SGD(np.ones(3), cast_to=copy, zero_grads=True)
        assert opt.get_config()["settings"] == {"zero_grads": True}
    opt = fastopt.SGD(np.ones(3), ema=lambda step: 0.5)
    with pytest.raises(TypeError, match=r"ema is .*, a function, which no config can hold"):
        opt.get_config()


def test_a_schedule_in_a_config() -> None:
    ema = schedules.linear(0.5, end=0.9, steps=10)
    config = fastopt.SGD(np.ones(3), ema=ema).get_config()
    assert config["settings"] == {"ema": ema.get_config()}
    assert config["settings"]["ema"]["schedule"] == "linear"
    assert fastopt.from_config(config, np.ones(3)).ema == ema
    config["settings"]["ema"] = {"schedule": "linnear"}
    with pytest.raises(ValueError, match="there is no schedule 'linnear': did you mean 'linear'"):
        fastopt.from_config(config, np.ones(3))


def test_a_config_from_before_there_were_settings() -> None:
    config = fastopt.SGD(np.ones(2), lr=0.3).get_config()
    del config["settings"]
    assert fastopt.from_config(config, np.ones(2)).lr == 0.3
    config["settings"] = {"zero_gard": True}
    with pytest.raises(TypeError, match="did you mean 'zero_grads'"):
        fastopt.from_config(config, np.ones(2))
