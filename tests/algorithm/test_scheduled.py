"""Hyperparameters that are functions of the step: the same bits as values that are set by hand."""

import json
import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from support.resume_runs import digest, gradients, model
from support.steps import take_step
from support.variants import each_hyperparameter

import fastopt
from fastopt import schedules
from fastopt.algorithm.validators import Choice, Number, Several
from fastopt.registry import optimizer_class

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers
SGD: Any = fastopt.SGD
STEPS = 6


def wavy(low: float, high: float) -> Callable[[int], float]:
    """A function of the step between two values, for which no step is like another."""

    def value(step: int) -> float:
        assert type(step) is int
        return low + (high - low) * (0.5 + 0.5 * math.sin(3.0 * step + 1.0))

    return value


def bits(*models: Any) -> list[bytes]:
    return [p.tobytes() for each in models for p in each.values()]


def range_of(number: Number, default: float | None) -> tuple[float, float]:
    """Two values that are both allowed, and not the default."""
    low = max(number.at_least, number.above + 0.01)
    high = min(number.at_most, number.below - 0.05)
    if math.isinf(low):
        low = 0.1 if high > 0.1 else high - 0.6
    else:
        low = max(low, 0.1) if default is None else low + 0.01
    return low, (low + 0.5 if math.isinf(high) else max(high, low))


KINDS = [
    (algorithm, name)
    for algorithm, name in each_hyperparameter()
    for hyper in [optimizer_class(algorithm).hyperparameters[name]]
    if not (isinstance(hyper.validator, Choice) or hyper.initial)
]


def scheduled(hyper: Any) -> Any:
    """Make a value for a hyperparameter that changes with each step."""
    if isinstance(hyper.validator, Several):
        return tuple(wavy(0.9 * x, x) if x else wavy(0.3, 0.8) for x in hyper.default)
    assert isinstance(hyper.validator, Number)
    return wavy(*range_of(hyper.validator, hyper.default))


def at(value: Any, step: int) -> Any:
    return tuple(each(step) for each in value) if isinstance(value, tuple) else value(step)


@pytest.mark.parametrize(("algorithm", "name"), KINDS, ids=[f"{a}-{n}" for a, n in KINDS])
def test_the_bits_of_values_that_are_set_by_hand(algorithm: str, name: str) -> None:
    value = scheduled(optimizer_class(algorithm).hyperparameters[name])
    options: dict[str, Any] = {"weight_decay": 0.1} | {name: value}
    if "silent_sgd_phase" in optimizer_class(algorithm).hyperparameters:
        options["silent_sgd_phase"] = False
    params, others = model(0), model(0)
    opt: Any = fastopt.get(algorithm, params, **options)
    by_hand: Any = fastopt.get(algorithm, others, **(options | {name: at(value, 0)}))
    found = []
    for step in range(STEPS):
        setattr(by_hand, name, at(value, step))
        assert getattr(opt, name) == getattr(by_hand, name) == at(value, step)
        take_step(opt, gradients(step))
        take_step(by_hand, gradients(step))
        assert bits(params, *opt.state.values()) == bits(others, *by_hand.state.values())
        found.append(params["l.w"].tobytes())
    assert len(set(found)) == STEPS


@pytest.mark.parametrize("name", ["lr", "betas", "weight_decay", "clipvalue"])
def test_on_every_backend(name: str, backend: str) -> None:
    value = scheduled(fastopt.AdamW.hyperparameters[name])
    params, others = model(0), model(0)
    opt: Any = fastopt.get("adamw", params, backend=backend, **{name: value})
    reference: Any = fastopt.get("adamw", others, backend="numpy", **{name: value})
    for step in range(STEPS):
        opt.step(gradients(step))
        reference.step(gradients(step))
    assert digest(opt, params) == digest(reference, others)


def test_either_of_a_pair() -> None:
    changing = wavy(0.2, 0.9)
    for given in ((changing, 0.99), (0.7, changing), [changing, changing]):
        params, others = model(0), model(0)
        opt, by_hand = Adam(params, betas=given), Adam(others)
        for step in range(STEPS):
            now = tuple(each(step) if callable(each) else each for each in given)
            by_hand.betas = now
            assert opt.betas == now
            opt.step(gradients(step))
            by_hand.step(gradients(step))
        assert {k: p.tobytes() for k, p in params.items()} == {
            k: p.tobytes() for k, p in others.items()
        }


@pytest.mark.parametrize("algorithm", ["sgd", "rmsprop"])
def test_momentum_that_comes_and_goes(algorithm: str, backend: str) -> None:
    """The rule changes with it; the buffer stays in between, as it does by hand."""
    momentum = schedules.piecewise([2, 4], [0.9, 0.0, 0.5])
    params, others = model(0), model(0)
    opt: Any = fastopt.get(algorithm, params, momentum=momentum, backend=backend)
    by_hand: Any = fastopt.get(algorithm, others, backend=backend)
    for step in range(STEPS):
        by_hand.momentum = momentum(step)
        opt.step(gradients(step))
        by_hand.step(gradients(step))
        assert {k: p.tobytes() for k, p in params.items()} == {
            k: p.tobytes() for k, p in others.items()
        }
    rising = schedules.piecewise([2], [0.0, 0.5])
    opt = fastopt.get(algorithm, params, momentum=rising, backend=backend)
    assert "b" not in opt.state["f"]
    opt.step(gradients(2))
    opt.step(gradients(2))
    assert "b" not in opt.state["f"]
    opt.step(gradients(2))
    assert opt.state["f"]["b"].any()


def test_every_way_of_training_asks_for_the_step_that_comes() -> None:
    lr = schedules.linear(0.5, 10, 0.1)
    momentum = schedules.linear(0.9, 10, 0.5)
    params, others = model(0), model(0)
    options: Any = {"gradient_accumulation_steps": 2}
    opt = SGD(params, lr=lr, momentum=momentum, **options)
    by_hand = SGD(others, lr=0.1, momentum=0.1, **options)

    def everything(o: Any, p: Any, step: int) -> None:
        with o.at_nesterov_point():
            there = {k: None if g is None else g + p[k] for k, g in gradients(step).items()}
        with o.perturbed(there):
            further = {k: None if g is None else g - p[k] for k, g in there.items()}
        o.accumulate(further)
        o.accumulate(there)

    for step in range(STEPS):
        by_hand.lr, by_hand.momentum = lr(step), momentum(step)
        everything(opt, params, step)
        everything(by_hand, others, step)
        assert {k: p.tobytes() for k, p in params.items()} == {
            k: p.tobytes() for k, p in others.items()
        }
    assert opt.step_count == STEPS


def test_every_group_has_its_own() -> None:
    def make(**first: Any) -> Any:
        return Adam([{"params": model(0)["b"], **first}, {"params": model(1)["f"]}], lr=0.3)

    lr = schedules.exponential(0.1, 0.5, 2)
    opt, by_hand = make(lr=lr), make()
    for step in range(STEPS):
        by_hand.groups[0]["lr"] = lr(step)
        assert [group["lr"] for group in opt.groups] == [lr(step), 0.3]
        with pytest.raises(ValueError, match="the groups have different values of lr"):
            _ = opt.lr
        for o in (opt, by_hand):
            o.step([gradients(2)["b"], gradients(2)["f"]])
    for group, other in zip(opt.groups, by_hand.groups, strict=True):
        assert group["params"].tobytes() == other["params"].tobytes()


# Reading, writing, configurations.


def test_what_is_read_is_the_value_of_the_step_that_comes() -> None:
    lr = schedules.multi_step(0.4, [1, 2], 0.5)
    opt = Adam(np.ones(2), lr=lr)
    found = []
    for _ in range(4):
        found.append((opt.lr, opt.groups[0]["lr"], dict(opt.groups[0])["lr"]))
        opt.step(np.ones(2))
    assert found == [(value,) * 3 for value in (0.4, 0.2, 0.1, 0.1)]
    assert opt.groups[0].given["lr"] is lr
    assert f"lr={lr!r}" in repr(opt)


def test_a_value_takes_the_place_of_a_schedule_and_the_other_way() -> None:
    params, others = model(0), model(0)
    opt, by_hand = Adam(params, lr=wavy(0.1, 0.2)), Adam(others)
    later = wavy(0.3, 0.4)
    for step in range(STEPS):
        if step == 2:
            opt.lr = 0.25
        if step == 4:
            opt.groups[0]["lr"] = later
        by_hand.lr = wavy(0.1, 0.2)(step) if step < 2 else 0.25 if step < 4 else later(step)
        assert opt.lr == by_hand.lr
        opt.step(gradients(step))
        by_hand.step(gradients(step))
        assert {k: p.tobytes() for k, p in params.items()} == {
            k: p.tobytes() for k, p in others.items()
        }


def test_what_a_schedule_is_told_before_its_first_step_counts() -> None:
    for late in (False, True):
        lr = schedules.reduce_on_plateau(0.4, 0.5, patience=0)
        p, q = np.ones(2), np.ones(2)
        opt = SGD(p, lr=0.9 if late else lr)
        opt.lr = lr
        lr.observe(1.0)
        lr.observe(1.0)
        opt.step(np.ones(2))
        SGD(q, lr=0.2).step(np.ones(2))
        assert p.tolist() == q.tolist()


def test_config() -> None:
    lr = schedules.warmup(schedules.cosine(0.1, 20), 3)
    opt = Adam(model(0), lr=lr, betas=(schedules.constant(0.5), 0.9), ema=0.9)
    config = json.loads(json.dumps(opt.get_config()))
    assert config["groups"][0]["lr"] == lr.get_config()
    twin = fastopt.from_config(config, model(0))
    assert twin.groups[0].given["lr"] == lr
    for o in (opt, twin):
        for step in range(5):
            o.step(gradients(step))
    assert digest(opt, opt.params) == digest(twin, twin.params)
    opt.eps = lambda step: 1e-8
    with pytest.raises(TypeError, match=r"eps is <function.*which no config can hold: one of"):
        opt.get_config()


# Steps that are not taken.


def test_only_steps_that_are_taken_count() -> None:
    asked: list[int] = []

    def lr(step: int) -> float:
        asked.append(step)
        return 0.1 / (step + 1)

    params, others = model(0), model(0)
    opt = Adam(params, lr=lr, nonfinite="skip")
    bad = gradients(2)
    bad["f"][1, 1] = np.nan
    for grads in (gradients(2), bad, bad, gradients(3)):
        opt.step(grads)
    assert opt.step_count == 2
    assert opt.lr == 0.1 / 3
    by_hand = Adam(others)
    for step, grads in enumerate((gradients(2), gradients(3))):
        by_hand.lr = 0.1 / (step + 1)
        by_hand.step(grads)
    assert bits(params) == bits(others)
    assert sorted(set(asked)) == [0, 1, 2]


def test_a_wrong_gradient_does_not_count() -> None:
    opt = Adam(params := model(0), lr=wavy(0.1, 0.2), betas=(wavy(0.1, 0.9), 0.9))
    opt.step(gradients(0))
    before, lr = digest(opt, params), opt.lr
    with pytest.raises(ValueError, match="the gradient of 'b'"):
        opt.step({**gradients(1), "b": np.ones(3)})
    assert digest(opt, params) == before
    assert opt.lr == lr


# What is refused.


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("lr", math.nan, ValueError, "lr{} at step 2 is nan; it must be a finite number >= 0"),
        ("lr", -0.1, ValueError, r"lr{} at step 2 is -0\.1; it must be"),
        ("lr", "0.1", TypeError, r"lr{} at step 2 is '0\.1' \(str\); it must be a number"),
        ("lr", None, TypeError, r"lr{} at step 2 is None \(NoneType\); it must be a number"),
        ("lr", True, TypeError, r"lr{} at step 2 is True \(bool\)"),
        ("lr", np.ones(2), TypeError, r"lr{} at step 2 is array\(\[1\., 1\.\]\) \(ndarray\)"),
        ("weight_decay", math.inf, ValueError, "weight_decay{} at step 2 is inf"),
        ("clipnorm", 0.0, ValueError, r"clipnorm{} at step 2 is 0\.0; .* > 0, or None"),
        ("betas", 1.0, ValueError, r"betas\[1\]{} at step 2 is 1\.0; .* < 1"),
        ("betas", (0.9, 0.9), TypeError, r"betas\[1\]{} at step 2 is \(0\.9, 0\.9\) \(tuple\)"),
    ],
)
@pytest.mark.parametrize("grouped", [False, True])
def test_what_a_function_gives(
    name: str, value: Any, error: type[Exception], words: str, grouped: bool
) -> None:
    """It is an error of that step, names where it comes from, and changes nothing."""

    def function(step: int) -> Any:
        return value if step == 2 else 0.5

    given = (0.9, function) if name == "betas" else function
    groups = {"b": {name: given}} if grouped else {"*": {name: given}}
    opt = Adam(params := model(0), groups=groups)
    for step in range(2):
        opt.step(gradients(step))
    before = bits(params, *opt.state.values())
    where = " of group 1" if grouped else ""
    for _ in range(2):
        for act in (opt.step, opt.accumulate):
            with pytest.raises(error, match=words.format(where)):
                act(gradients(2))
        with pytest.raises(error, match=words.format(where)):
            _ = opt.groups[-1][name]
    assert (bits(params, *opt.state.values()), opt.step_count) == (before, 2)
    opt.groups[-1][name] = (0.9, 0.5) if name == "betas" else 0.5
    assert opt.step(gradients(2)) is True


def test_a_function_that_raises_is_heard() -> None:
    rates = [0.1, 0.2]
    opt = Adam(params := model(0), lr=lambda step: rates[step])
    opt.step(gradients(0))
    opt.step(gradients(1))
    before = bits(params), opt.step_count
    opt.state_dict()  # asks for no step that is to come
    with pytest.raises(IndexError):
        opt.step(gradients(2))
    assert before == (bits(params), opt.step_count)


def test_values_that_do_not_go_together() -> None:
    opt = SGD(np.ones(2), momentum=schedules.piecewise([1], [0.9, 0.0]), nesterov=True)
    opt.step(np.ones(2))
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0"):
        opt.step(np.ones(2))
    assert opt.step_count == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("lr", "cosine", "lr is 'cosine'"),
        ("lr", schedules.Schedule, "lr is <class"),
        ("lr", {"schedule": "constant", "value": 0.1}, "lr is {'schedule'"),
        ("betas", schedules.constant(0.5), "betas is constant"),
        ("amsgrad", lambda step: True, "amsgrad is <function"),
        ("maximize", schedules.constant(1.0), "maximize is constant"),
        ("loss_scale", schedules.constant(1.0), "loss_scale is constant"),
        ("global_clipnorm", schedules.constant(1.0), "global_clipnorm is constant"),
    ],
)
def test_what_cannot_be_a_function(name: str, value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Adam(np.ones(2), **{name: value})
    opt = Adam(np.ones(2))
    with pytest.raises(TypeError, match=words):
        setattr(opt, name, value)


def test_a_value_at_the_beginning_is_checked_when_it_is_given() -> None:
    with pytest.raises(ValueError, match=r"lr at step 0 is -1\.0"):
        Adam(np.ones(2), lr=lambda step: -1.0)
    opt = Adam(np.ones(2))
    opt.step(np.ones(2))
    with pytest.raises(ValueError, match=r"lr at step 1 is -1\.0"):
        opt.lr = lambda step: -1.0
    assert opt.lr == 1e-3


@pytest.mark.parametrize("name", ["adam", "nadam", "adamwschedulefree"])
def test_the_functional_form_takes_values(name: str) -> None:
    function = getattr(fastopt.functional, name)
    states = optimizer_class(name).select_rule(fastopt.get(name, np.ones(2)).groups[0].h)
    arrays = [np.zeros(2) for _ in range(states.__code__.co_argcount - 3)]
    p = np.ones(2)
    for given, shown in (
        ({"lr": schedules.constant(0.1)}, "lr"),
        ({"betas": (wavy(0, 1), 0.9)}, "betas"),
    ):
        words = rf"{shown} is a function of the step; here give its value, {shown}=f\(t - 1\)"
        with pytest.raises(TypeError, match=words):
            function(p, np.ones(2), *arrays, t=1, **given)
    assert p.tolist() == [1.0, 1.0]


# What it takes.


def test_it_takes_little_time() -> None:
    """A step with a schedule costs what a step and setting a value by hand cost, or less."""
    g, lr = np.ones(16), schedules.cosine(0.1, 1_000_000)
    opt, by_hand = Adam(np.ones(16), lr=lr), Adam(np.ones(16))

    def scheduled() -> None:
        opt.step(g)

    def hand() -> None:
        by_hand.lr = lr(by_hand.step_count)
        by_hand.step(g)

    def time(act: Callable[[], None]) -> float:
        begin = perf_counter()
        for _ in range(300):
            act()
        return perf_counter() - begin

    pairs = [(time(scheduled), time(hand)) for _ in range(15)]
    assert min(a for a, _ in pairs) < min(b for _, b in pairs)
