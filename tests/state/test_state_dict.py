"""`state_dict` and `load_state_dict`: what is in it, what is taken, what is refused."""

import copy
import json
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
from support.resume_runs import RUNS, digest, everything, gradients, model

import fastopt
from fastopt import schedules
from fastopt.algorithm.hyperparameters import Values, number

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers


def trained(steps: int = 3, **options: Any) -> tuple[Any, dict[str, Any]]:
    """Make an Adam that has gone some steps."""
    params = model(0)
    opt = Adam(params, **options)
    for k in range(steps):
        opt.step(gradients(k))
    return opt, params


def without_arrays(state: Any) -> Any:
    """What is left of a state when its arrays are named and no more."""
    if isinstance(state, dict):
        return {k: without_arrays(v) for k, v in state.items()}
    return "array" if isinstance(state, np.ndarray) else state


# What is in it.


@pytest.mark.parametrize("name", RUNS["wrappers"]())
def test_all_but_arrays_is_what_json_can_hold(name: str) -> None:
    run = RUNS["wrappers"]()[name]
    opt = run.make(params := model(0))
    for k in range(4):
        run.act(opt, params, k)
    plain = without_arrays(opt.state_dict())
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_what_is_in_it() -> None:
    opt, params = trained(lr=schedules.step(0.1, 2, 0.5), ema=0.9, nonfinite="skip")
    state = opt.state_dict()
    assert (state["optimizer"], state["steps"], state["skipped"]) == ("Adam", 3, 0)
    assert state["settings"] == {"nonfinite": "skip", "ema": 0.9}
    assert list(state["parameters"]) == list(params) == state["groups"][0]["names"]
    lr = state["groups"][0]["hyperparameters"]["lr"]
    assert lr == {"schedule": "step", "value": 0.1, "step_size": 2, "gamma": 0.5}
    late = state["parameters"]["late"]
    assert (late["steps"], late["carried"], late["frozen"]) == (1, {}, False)
    assert list(late["arrays"]) == ["m", "v", "*average"]
    for name, p in params.items():
        assert state["parameters"][name]["arrays"]["m"].tobytes() == opt.state[name]["m"].tobytes()
        assert state["parameters"][name]["arrays"]["m"].flags.f_contiguous == p.flags.f_contiguous


def test_copies_stay_as_they_are_and_views_do_not() -> None:
    opt, _ = trained(ema=0.9)
    copies, views = opt.state_dict(), opt.state_dict(copy=False)
    before = {name: entry["arrays"]["m"].tobytes() for name, entry in copies["parameters"].items()}
    opt.step(gradients(5))
    for name, entry in views["parameters"].items():
        assert entry["arrays"]["m"].ctypes.data == opt.state[name]["m"].ctypes.data
        assert entry["arrays"]["*average"].ctypes.data == opt.ema_state[name].ctypes.data
        assert copies["parameters"][name]["arrays"]["m"].tobytes() == before[name]
        assert not any(
            np.shares_memory(array, views["parameters"][name]["arrays"][key])
            for key, array in copies["parameters"][name]["arrays"].items()
        )


def test_a_state_is_copied_when_it_is_loaded() -> None:
    opt, params = trained()
    state = opt.state_dict()
    other = Adam({name: p.copy(order="K") for name, p in params.items()})
    other.load_state_dict(state)
    other.step(gradients(4))
    opt.step(gradients(4))
    assert digest(other, other.params) == digest(opt, params)
    assert state["parameters"]["b"]["arrays"]["m"] != opt.state["b"]["m"]


def test_its_own_state_changes_nothing() -> None:
    run = everything("nadam")
    opt = run.make(params := model(0))
    for k in range(5):
        run.act(opt, params, k)
    before = digest(opt, params)
    for own in (opt.state_dict(), opt.state_dict(copy=False)):
        opt.load_state_dict(own)
        assert digest(opt, params) == before


def test_who_sat_out_before_sits_out_after() -> None:
    """What an optimizer remembers of its last step is not that of the state."""
    opt, params = trained(2)
    twin, others = trained(2)
    opt.load_state_dict(opt.state_dict())
    for o in (opt, twin):
        o.step(gradients(1))  # without those who were not in the last one
    assert digest(opt, params) == digest(twin, others)
    assert opt.state_dict()["parameters"]["f"]["steps"] == 1


def test_what_was_there_before_is_gone() -> None:
    """A state replaces all of another run: its arrays, steps, sums, averages, scale, frozen ones."""
    run = everything("adamw")
    params, others = model(0), model(0)
    opt, other = run.make(params), run.make(others)
    fresh = opt.state_dict(), digest(opt, params)
    for k in range(5):
        run.act(opt, params, k)
    opt.groups[0]["amsgrad"] = True
    run.act(opt, params, 6)
    for name in params:
        params[name][...] = others[name]
    opt.load_state_dict(fresh[0])
    assert digest(opt, params) == fresh[1]
    for k in range(5):
        run.act(opt, params, k)
        run.act(other, others, k)
    assert digest(opt, params) == digest(other, others)


def test_a_rule_that_has_just_been_chosen_has_its_state_saved() -> None:
    opt, params = trained()
    opt.groups[0]["amsgrad"] = True
    state = opt.state_dict()
    assert "v_max" in state["parameters"]["b"]["arrays"]
    again = {name: p.copy(order="K") for name, p in params.items()}
    other = Adam(again)
    other.load_state_dict(state)
    for o in (opt, other):
        o.step(gradients(4))
    assert digest(other, again) == digest(opt, params)


def test_groups_are_found_by_their_parameters() -> None:
    def make(*lrs: float) -> Any:
        p = list(model(0).values())
        groups: list[Any] = [{"params": p[:2]}, {"params": ()}, {"params": tuple(p[2:])}]
        return Adam([{**g, "lr": lr} for g, lr in zip(groups, lrs, strict=True)])

    opt, other = make(0.1, 0.2, 0.3), make(1.0, 2.0, 3.0)
    grads = list(gradients(2).values())
    opt.step([grads[:2], None, grads[2:]])
    other.load_state_dict(opt.state_dict())
    assert [group["lr"] for group in other.groups] == [0.1, 0.2, 0.3]
    state = opt.state_dict()
    del state["groups"][1]  # that of nobody
    other = make(1.0, 2.0, 3.0)
    other.load_state_dict(state)
    assert [group["lr"] for group in other.groups] == [0.1, 2.0, 0.3]
    state["groups"].reverse()
    with pytest.raises(ValueError, match=r"the group of .* the optimizer has the group of 0.0, 0.1;"):
        other.load_state_dict(state)


# Hyperparameters, schedules, functions.


def test_hyperparameters_and_settings_come_with_it() -> None:
    opt, _ = trained(lr=0.5, amsgrad=True, global_clipnorm=1.0, maximize=True)
    other = Adam(model(1), stats=True, groups={"b": {"lr": 9.0}}, nonfinite="raise")
    with pytest.raises(ValueError, match=r"the group of .*late.* the optimizer has the group of"):
        other.load_state_dict(opt.state_dict())
    other = Adam(model(1), stats=True, nonfinite="raise")
    other.load_state_dict(opt.state_dict())
    assert other.get_config() == opt.get_config()
    assert (other.stats, other.nonfinite, other.global_clipnorm) == (False, "propagate", 1.0)


def test_without_hyperparameters() -> None:
    opt, _ = trained(lr=0.5, global_clipnorm=1.0, groups={"b": {"frozen": True, "lr": 3.0}})
    other = Adam(model(1), groups={"late": {"frozen": True}}, loss_scale=4.0, ema=0.5)
    config = other.get_config()
    with pytest.raises(ValueError, match=r"missing: average of l.w"):
        other.load_state_dict(opt.state_dict(), hyperparameters=False)
    found = other.load_state_dict(opt.state_dict(), hyperparameters=False, strict=False)
    assert found.missing == [f"average of {name}" for name in other.names]
    assert found.unexpected == []
    assert other.get_config() == config
    assert other.frozen == ["late"]
    assert other.loss_scale == 4.0
    assert other.step_count == 3
    assert other.state["f"]["m"].tobytes() == opt.state["f"]["m"].tobytes()


@pytest.mark.parametrize("hyperparameters", [False, True])
def test_the_loss_scale_is_taken_where_it_is_dynamic_on_both_sides(hyperparameters: bool) -> None:
    fixed, _ = trained(loss_scale=8.0)
    dynamic, _ = trained(loss_scale="dynamic")
    dynamic.step({name: p * np.inf for name, p in model(1).items()})
    assert dynamic.loss_scale == 32768.0
    for opt, state, wanted in (
        (fixed, dynamic.state_dict(), 32768.0 if hyperparameters else 8.0),
        (dynamic, fixed.state_dict(), 8.0 if hyperparameters else 32768.0),
        (Adam(model(0), loss_scale="dynamic"), dynamic.state_dict(), 32768.0),
    ):
        other = copy.deepcopy(state)
        opt.load_state_dict(other, hyperparameters=hyperparameters)
        assert opt.loss_scale == wanted
        opt.loss_scale = 8.0 if opt is fixed else "dynamic"
        dynamic.load_state_dict(state) if opt is fixed else None


def test_a_schedule_stays_the_same_object() -> None:
    lr = schedules.reduce_on_plateau(0.4, 0.5, patience=0)
    opt, _ = trained(lr=lr, weight_decay=schedules.linear(0.1, 10))
    lr.observe(1.0)
    lr.observe(1.0)
    state = json.loads(json.dumps(without_arrays(opt.state_dict())))
    mine = schedules.reduce_on_plateau(0.4, 0.5, patience=0)
    decay = schedules.linear(0.1, 10)
    other = Adam(model(1), lr=mine, weight_decay=decay)
    other.load_state_dict({**opt.state_dict(), "groups": state["groups"]})
    assert other.groups[0].given["lr"] is mine
    assert other.groups[0].given["weight_decay"] is decay
    assert mine(0) == other.lr == 0.2
    mine.observe(1.0)
    assert other.lr == 0.1
    assert lr(0) == 0.2


def test_another_schedule_is_replaced_and_keeps_what_it_was_told() -> None:
    lr = schedules.reduce_on_plateau(0.4, 0.5, patience=0)
    opt, _ = trained(lr=lr)
    lr.observe(1.0)
    lr.observe(1.0)
    other_lr = schedules.reduce_on_plateau(0.4, 0.5, patience=1)
    other = Adam(model(1), lr=other_lr)
    other.load_state_dict(opt.state_dict())
    assert other.groups[0].given["lr"] not in (lr, other_lr)
    assert (other.lr, other_lr(0)) == (0.2, 0.4)


def test_functions_are_given_again() -> None:
    def lr(step: int) -> float:
        return 0.1 / (step + 1)

    opt, params = trained(lr=lr, betas=(lr, 0.99), ema=lambda step: 0.5)
    state = opt.state_dict()
    assert state["groups"][0]["hyperparameters"]["lr"] == {"function": "lr"}
    assert state["groups"][0]["hyperparameters"]["betas"] == [{"function": "lr"}, 0.99]
    assert state["settings"]["ema"] == {"function": "<lambda>"}
    again = {name: p.copy(order="K") for name, p in params.items()}
    other = Adam(again, ema=lambda step: 0.5)
    with pytest.raises(
        ValueError, match=r"lr was a function \(lr\).* give the same one again, lr=\.\.\."
    ):
        other.load_state_dict(state)
    other = Adam(again, lr=lr, betas=(lr, 0.3), ema=lambda step: 0.5)
    other.load_state_dict(state)
    assert other.groups[0].given["betas"] == (lr, 0.99)
    for o in (opt, other):
        o.step(gradients(4))
    assert digest(other, again) == digest(opt, params)
    with pytest.raises(ValueError, match=r"saved with ema=\{'function': '<lambda>'\}, and .* None"):
        Adam(again, lr=lr, betas=(lr, 0.3)).load_state_dict(state)


def test_a_hyperparameter_that_fails_at_the_saved_step_is_refused() -> None:
    opt, _ = trained(lr=lambda step: 0.1)
    other = Adam(params := model(1), lr=lambda step: [0.1, 0.1, -1.0][step])
    before = digest(other, params)
    with pytest.raises(ValueError, match=r"lr at step 2 is -1.0"):
        other.load_state_dict(opt.state_dict())
    assert digest(other, params) == before


# What an own algorithm has.


class OwnCoefficients(NamedTuple):
    lr: float
    grown: float


def own_rule(p: Any, g: Any, trace: Any, c: Any) -> Any:
    trace = trace * c.grown + g
    return p - c.lr * trace, trace


class Own(fastopt.Optimizer):
    speed: float = number(default=0.5)
    rule = staticmethod(own_rule)
    carried = {"grown": number(default=1.0)}  # noqa: RUF012 - as documented

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> NamedTuple:
        carried.grown *= h.speed
        return OwnCoefficients(h.lr, carried.grown)


def test_an_optimizer_of_the_user() -> None:
    params = model(0)
    opt = Own(params, lr=0.1, speed=0.3, backend="numpy")
    for k in range(3):
        opt.step(gradients(k))
    again = {name: p.copy(order="K") for name, p in params.items()}
    other = Own(again, backend="numpy")
    other.load_state_dict(opt.state_dict())
    for o in (opt, other):
        o.step(gradients(4))
    assert digest(other, again) == digest(opt, params)


# What is on one side only.


def test_strict_or_not() -> None:
    opt, _ = trained()
    state = opt.state_dict()
    fewer = {name: p for name, p in model(1).items() if name not in ("b", "f")}
    more = {**fewer, "new": np.ones(3)}
    other = Adam(more, lr=0.7)
    other.step({name: np.ones_like(p) for name, p in more.items()})
    before = digest(other, more)
    with pytest.raises(
        ValueError,
        match=r"missing: new; unexpected: f, b\. .*, strict=False\) takes",
    ):
        other.load_state_dict(state)
    assert digest(other, more) == before
    new = {key: a.copy() for key, a in other.state["new"].items()}
    found = other.load_state_dict(state, strict=False)
    assert found == (["new"], ["f", "b"])
    assert other.lr == opt.lr == 1e-3
    assert {key: a.tobytes() for key, a in other.state["new"].items()} == {
        key: a.tobytes() for key, a in new.items()
    }
    for name in fewer:
        assert other.state[name]["v"].tobytes() == opt.state[name]["v"].tobytes()
    steps = {name: entry["steps"] for name, entry in other.state_dict()["parameters"].items()}
    assert steps == {"l.w": 3, "l.bias": 3, "none": 3, "late": 1, "new": 1}


def test_an_array_on_one_side_only() -> None:
    opt, _ = trained(amsgrad=True)
    state = opt.state_dict()
    del state["parameters"]["f"]["arrays"]["m"]
    other = Adam(params := model(1), amsgrad=True)
    other.step(gradients(1))
    before, m = digest(other, params), other.state["f"]["m"].tobytes()
    with pytest.raises(ValueError, match="missing: m of f"):
        other.load_state_dict(state)
    assert digest(other, params) == before
    assert other.load_state_dict(state, strict=False) == (["m of f"], [])
    assert other.state["f"]["m"].tobytes() == m
    assert other.state["f"]["v_max"].tobytes() == opt.state["f"]["v_max"].tobytes()
    with_average, _ = trained(ema=0.9)
    state = with_average.state_dict()
    with pytest.raises(ValueError, match=r"saved with ema=0.9, and this optimizer has None: make one"):
        other.load_state_dict(state)
    found = other.load_state_dict(state, strict=False)
    assert found.unexpected == [f"average of {name}" for name in params]


def test_a_parameter_without_a_step_begins_at_the_beginning() -> None:
    opt = fastopt.Adagrad(model(0), initial_accumulator_value=0.25)
    state = opt.state_dict()
    for entry in state["parameters"].values():
        entry["arrays"].clear()
    other = fastopt.Adagrad(params := model(1))
    other.step(gradients(2))
    other.load_state_dict(state)
    assert all((other.state[name]["a"] == 0.25).all() for name in params)


@pytest.mark.parametrize(
    ("name", "saved", "has"),
    [
        ("ema", 0.9, 0.5),
        ("ema_bias_correction", True, False),
        ("gradient_accumulation_steps", 2, 3),
        ("gradient_accumulation_steps", 1, 3),
    ],
)
def test_settings_that_cannot_change(name: str, saved: Any, has: Any) -> None:
    opt, _ = trained(**{"ema": 0.5, name: saved})
    other = Adam(params := model(1), **{"ema": 0.5, name: has})
    before = digest(other, params)
    with pytest.raises(ValueError, match=f"with {name}={saved!r}, and this optimizer has {has!r}"):
        other.load_state_dict(opt.state_dict())
    assert digest(other, params) == before
    assert other.load_state_dict(opt.state_dict(), hyperparameters=False) == ([], [])


# What is refused.


def at(*path: Any) -> Callable[[Any, Any], None]:
    """Give a function that puts something else at a place of a state."""

    def put(state: Any, value: Any) -> None:
        for key in path[:-1]:
            state = state[key]
        if value is KeyError:
            del state[path[-1]]
        else:
            state[path[-1]] = value

    return put


STEPS = "must be a whole number >= 0 and <= 9007199254740992"
SPECIAL = np.full((3, 5), 0.5, np.float32)

WRONG: list[tuple[tuple[Any, ...], Any, type[Exception], str]] = [
    *[
        (path, value, error, f"the number of steps{of} is .*{STEPS}")
        for path, of in ((("steps",), ""), (("parameters", "f", "steps"), " of 'f'"))
        for value, error in (
            (-1, ValueError),
            (2**53 + 1, ValueError),
            (3.0, TypeError),
            (float("nan"), TypeError),
            (True, TypeError),
            ("3", TypeError),
            (None, TypeError),
        )
    ],
    (("skipped",), -1, ValueError, "the number of steps left out is -1"),
    (("accumulated",), -1, ValueError, "gradients that have been added up is -1"),
    (("accumulated",), 4, ValueError, "has 4 gradients added up, .* takes a step with 3: .*steps=4"),
    (("optimizer",), "AdamW", ValueError, r"the state of AdamW, .* is NAdam: .*AdamW\(\.\.\.\)"),
    (("optimizer",), 3, TypeError, r"state\['optimizer'\] is 3 \(int\); it must be a string"),
    (("optimizer",), KeyError, TypeError, r"a state is what state_dict\(\) gives"),
    (("groups",), KeyError, TypeError, r"state has no 'groups', which state_dict\(\) gives it"),
    (("groups",), {}, TypeError, r"state\['groups'\] is \{\} \(dict\); it must be a list"),
    (("groups", 0), 3, TypeError, r"state\['groups'\]\[0\] is 3 \(int\); it must be a dict"),
    (("groups", 0, "names"), KeyError, TypeError, r"state\['groups'\]\[0\] has no 'names'"),
    (("groups", 0, "names"), [], ValueError, "has an empty group where the optimizer has the group of"),
    (("groups",), [], ValueError, "has an empty group where the optimizer has the group of b"),
    (("groups", 0, "hyperparameters", "lr"), -1.0, ValueError, "lr is -1.0; it must be"),
    (("groups", 0, "hyperparameters", "lr"), "x", TypeError, "lr is 'x'"),
    (("groups", 0, "hyperparameters", "lrr"), 1, TypeError, "'lrr': did you mean 'lr'"),
    (("groups", 0, "hyperparameters", "multiply"), 3, TypeError, "multiply is 3"),
    (("groups", 0, "hyperparameters", "lr"), {"schedule": "cos"}, ValueError, "no schedule 'cos'"),
    (("groups", 0, "hyperparameters", "betas"), [0.5], ValueError, "betas has 1 entries"),
    (("groups", 0, "hyperparameters", "clipnorm"), 1.0, ValueError, "set one of them to None"),
    (("groups", 0, "schedules", "eps"), 3, TypeError, "states of the schedules of 'eps' are not what"),
    (("groups", 0, "schedules", "eps"), [], TypeError, "states of the schedules of 'eps' are not what"),
    (("groups", 0, "schedules", "eps"), [{"value": 1}], TypeError, "reduce_on_plateau is what"),
    (("settings", "foo"), 1, ValueError, "has the setting 'foo', unknown to this version"),
    (("settings", "nonfinite"), "raise", ValueError, "loss_scale='dynamic' finds its scale"),
    (("settings", "zero_grads"), 1, TypeError, "zero_grads is 1"),
    (("loss_scale",), {}, TypeError, r"state\['loss_scale'\] has no 'value'"),
    (("loss_scale", "value"), 0.0, ValueError, "the loss scale is 0.0"),
    (("loss_scale", "value"), None, TypeError, "the loss scale is None"),
    (("loss_scale", "value"), float("inf"), ValueError, "the loss scale is inf"),
    (("loss_scale", "good_steps"), -1, ValueError, "the number of good steps is -1"),
    (("followers",), 3, TypeError, r"state\['followers'\] is 3"),
    (("followers", "average"), 3, TypeError, "gives is a dict; this is 3"),
    (("followers", "average"), {}, ValueError, "a dict of 'remains'"),
    (("followers", "average", "remains"), 2.0, ValueError, "remains is 2.0"),
    (("followers", "average", "remains"), "x", TypeError, "remains is 'x'"),
    (("parameters",), [], TypeError, r"state\['parameters'\] is \[\]"),
    (("parameters", "f"), None, TypeError, r"state\['parameters'\]\['f'\] is None"),
    (("parameters", "f"), KeyError, ValueError, r"missing: f\. .*\(state, strict=False\) takes what"),
    (("parameters", "f", "arrays"), KeyError, TypeError, r"\['f'\] has no 'arrays'"),
    (("parameters", "f", "frozen"), 1, TypeError, "frozen of 'f' is 1"),
    (("parameters", "f", "carried"), {}, ValueError, r"'f' carries \[\], not \['mu_product'\]"),
    (("parameters", "f", "carried", "mu_product"), float("nan"), ValueError, "of 'f' is nan"),
    (("parameters", "f", "carried", "mu_product"), 7.0, ValueError, "mu_product of 'f' is 7.0"),
    (("parameters", "f", "arrays", "v"), KeyError, ValueError, "missing: v of f"),
    (("parameters", "f", "arrays", "*x"), SPECIAL, ValueError, "unexpected: x of f"),
    (("parameters", "f", "arrays", "*average"), KeyError, ValueError, "missing: average of f"),
    (("parameters", "f", "arrays", "v"), 3, TypeError, r"v of 'f' is a int, not a NumPy array"),
    (("parameters", "f", "arrays", "v"), SPECIAL.astype(float), ValueError, r"shape \(3, 5\); its"),
    (("parameters", "l.w", "arrays", "v"), SPECIAL.astype(float), ValueError, "'l.w' is float64 of"),
    (("parameters", "l.w", "arrays", "v"), SPECIAL.astype(">f4"), ValueError, "v of 'l.w' is >f4 of"),
    (("parameters", "l.w", "arrays", "v"), SPECIAL.T, ValueError, r"is float32 of shape \(5, 3"),
    (("parameters", "l.w", "arrays", "*average"), SPECIAL[0], ValueError, "average of 'l.w' is"),
    (("parameters", "l.w", "arrays", "*accumulated"), SPECIAL[0], ValueError, "the sum of gradients"),
]  # fmt: skip


def everything_at_once() -> tuple[Any, Any]:
    """An optimizer in the middle of it all."""
    params, nadam = model(0), cast(Any, fastopt.NAdam)
    opt = nadam(
        params,
        eps=schedules.reduce_on_plateau(1e-8),
        ema=0.9,
        loss_scale="dynamic",
        nonfinite="skip",
        gradient_accumulation_steps=3,
        global_clipnorm=1.0,
    )
    for k in range(4):
        opt.accumulate(gradients(k))
    return opt, params


def place(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


@pytest.mark.parametrize(("path", "value", "error", "words"), WRONG, ids=lambda x: None)
def test_a_wrong_state_changes_nothing(
    path: tuple[Any, ...], value: Any, error: type[Exception], words: str
) -> None:
    opt, params = everything_at_once()
    before, config = digest(opt, params), opt.get_config()
    source, _ = everything_at_once()
    for k in range(4, 9):
        source.accumulate(gradients(k))
    source.lr = 0.7
    state = source.state_dict()
    everything_at_once()[0].load_state_dict(state)
    at(*path)(state, value)
    with pytest.raises(error, match=words) as caught:
        opt.load_state_dict(state)
    assert type(caught.value) is error
    assert digest(opt, params) == before
    assert opt.get_config() == config
    opt.accumulate(gradients(4))


@pytest.mark.parametrize("state", [None, 3, [], {}, {"state": {}, "param_groups": []}])
def test_what_is_no_state(state: Any) -> None:
    with pytest.raises(TypeError, match=r"a state is what state_dict\(\) gives; this is .*convert"):
        Adam(model(0)).load_state_dict(state)


def test_arrays_that_are_not_finite_are_taken_with_one_warning() -> None:
    opt, _ = trained()
    state = opt.state_dict()
    state["parameters"]["f"]["arrays"]["v"][1, 1] = np.inf
    state["parameters"]["b"]["arrays"]["m"][...] = np.nan
    other = Adam(params := model(1))
    before = digest(other, params)
    with pytest.raises(RuntimeWarning):
        other.load_state_dict(state)
    assert digest(other, params) == before
    words = "not finite in v of 'f' and 1 more: that run had diverged"
    with pytest.warns(RuntimeWarning, match=words) as caught:
        other.load_state_dict(state)
    assert [each.filename for each in caught] == [__file__]
    assert np.isinf(other.state["f"]["v"][1, 1])
    large, _ = trained()
    large.state["f"]["v"][...] = 1e300  # whose squares are infinite
    other.load_state_dict(large.state_dict())


def test_when_it_cannot_be() -> None:
    opt, _ = trained(ema=0.9)
    state = opt.state_dict()

    def refused(words: str) -> None:
        with pytest.raises(RuntimeError, match=words):
            opt.state_dict()
        with pytest.raises(RuntimeError, match=words):
            opt.load_state_dict(state)

    with opt.averaged():
        refused("has its averages in the parameters")
    with opt.perturbed(gradients(2)):
        refused("has its parameters perturbed")
    opt._core.gate.enter()
    thread = threading.Thread(target=refused, args=("is in the middle of a step",))
    thread.start()
    thread.join()
    opt._core.gate.leave()
    opt.load_state_dict(state)
    opt = fastopt.SGDScheduleFree(model(0))
    state = opt.state_dict()
    opt.eval()
    refused(r"is in eval mode: call its train\(\) first")
    opt.train()
    opt.load_state_dict(state)
    opt = fastopt.SGD(model(0), momentum=0.9)
    state = opt.state_dict()
    with opt.at_nesterov_point():
        refused("looks ahead")


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_failure_while_it_is_taken_changes_nothing(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    opt, params = everything_at_once()
    source, _ = everything_at_once()
    source.accumulate(gradients(5))
    source.accumulate(gradients(6))
    source.lr = 0.7
    before, config = digest(opt, params), opt.get_config()
    for place in (
        "fastopt.backends.native.make_plan",
        "fastopt.backends.numba.make_plan",
        "fastopt.backends.numpy.make_plan",
        "fastopt.arrays.allocation.Arena.like",
    ):

        def fail(*args: Any) -> None:
            raise error("no more memory")

        with monkeypatch.context() as patch:
            patch.setattr(place, fail)
            if opt.backend in place or "memory" in place:
                with pytest.raises(error, match="no more memory"):
                    opt.load_state_dict(source.state_dict())
        assert digest(opt, params) == before
        assert opt.get_config() == config
    twin, others = everything_at_once()
    for k in range(4, 12):
        opt.accumulate(gradients(k))
        twin.accumulate(gradients(k))
    assert digest(opt, params) == digest(twin, others)
