"""Groups have hyperparameters of their own, and any hyperparameter can change at any time."""

import inspect
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import (
    AFTER_THE_STEP,
    ANY_SHAPE,
    BY_NORM,
    OWN_DECAY,
    TOGETHER,
    decays_by_stage,
    each_hyperparameter,
    other,
    own_options,
)

import fastopt
from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.validators import Choice, Number
from fastopt.registry import optimizer_class

Array = NDArray[Any]

BACKENDS = ("native", "numba", "numpy")


def values(seed: int, shape: tuple[int, ...] = (3, 5), dtype: Any = np.float32) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def bits(opt: fastopt.Optimizer, arrays: list[Array]) -> list[bytes]:
    states = [a for states in opt.state.values() for a in states.values()]
    return [a.tobytes() for a in [*arrays, *states]]


def defaults(algorithm: str, **wanted: Any) -> dict[str, Any]:
    """Keep what the algorithm has of these hyperparameters."""
    return {k: v for k, v in wanted.items() if k in optimizer_class(algorithm).hyperparameters}


# Two groups, and their hyperparameters.

APART = [a for a in ANY_SHAPE if a not in TOGETHER]
FIRST = {"lr": 0.1, "weight_decay": 0.2, "momentum": 0.9, "betas": (0.5, 0.75)}
SECOND = {"lr": 0.01, "maximize": True, "eps": 1e-3, "alpha": 0.5, "amsgrad": True, "centered": True}


@pytest.mark.parametrize("algorithm", APART)
def test_a_group_is_an_optimizer_of_its_own(algorithm: str, backend: str) -> None:
    first = {k: v for k, v in FIRST.items() if k != "betas" or algorithm != "came"}  # it has three
    options = defaults(algorithm, **first), defaults(algorithm, **SECOND)
    together = [values(0), values(1, dtype=np.float64)], [values(2)]
    apart = [values(0), values(1, dtype=np.float64)], [values(2)]
    opt = fastopt.get(
        algorithm,
        [{"params": p, **own} for p, own in zip(together, options, strict=True)],
        backend=backend,
    )
    alone = [
        fastopt.get(algorithm, p, backend=backend, **own) for p, own in zip(apart, options, strict=True)
    ]
    for seed in (5, 6, 7):
        grads = [values(seed), values(seed + 10, dtype=np.float64)], [values(seed + 20)]
        take_step(opt, grads)
        for o, g in zip(alone, grads, strict=True):
            take_step(o, g)
    for i, o in enumerate(alone):
        states = [a for name in o.names for a in opt.state[f"{i}.{name}"].values()]
        assert [a.tobytes() for a in [*together[i], *states]] == bits(o, apart[i])


def test_what_a_group_does_not_say_is_that_of_the_constructor() -> None:
    opt = fastopt.get(
        "adam", [{"params": values(0)}, {"params": values(1), "lr": 0.5, "eps": 0.25}], lr=0.1, eps=0.2
    )
    assert [group["lr"] for group in opt.groups] == [0.1, 0.5]
    assert [group["eps"] for group in opt.groups] == [0.2, 0.25]
    assert [group["betas"] for group in opt.groups] == [(0.9, 0.999)] * 2


def test_read_and_write_for_one_group_and_for_all() -> None:
    opt: Any = fastopt.get("adam", [{"params": values(k)} for k in range(3)], lr=0.1)
    assert opt.lr == 0.1
    opt.groups[1]["lr"] = 0.2
    assert [group["lr"] for group in opt.groups] == [0.1, 0.2, 0.1]
    with pytest.raises(ValueError, match="different values of lr") as caught:
        _ = opt.lr
    for word in ("0.1, 0.2, 0.1", "opt.groups[i]['lr']"):
        assert word in str(caught.value)
    opt.lr = 0.3
    assert opt.lr == 0.3
    assert [group["lr"] for group in opt.groups] == [0.3] * 3
    opt.groups[0]["betas"] = [0.5, 0.75]
    assert opt.groups[0]["betas"] == (0.5, 0.75)
    with pytest.raises(ValueError, match="different values of betas"):
        _ = opt.betas
    opt.groups[2].update(lr=0.4, amsgrad=True)
    assert opt.groups[2]["lr"] == 0.4
    assert [group["amsgrad"] for group in opt.groups] == [False, False, True]
    assert "lr" in opt.groups[0]
    assert "lrr" not in opt.groups[0]
    assert {**opt.groups[0]}["params"] is opt.groups[0]["params"]
    assert "lr=0.3" in repr(opt)


def test_unknown_key_of_a_group_names_key_and_group() -> None:
    with pytest.raises(TypeError, match="'lrr'") as caught:
        fastopt.get("adam", [{"params": values(0)}, {"params": values(1), "lrr": 0.1}])
    assert "'lr'" in str(caught.value)


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([{"params": values(0)}], ("params",)),
        ([{"params": values(0)}, {"params": values(1)}], ("0", "1")),
        ([{"params": [values(0)]}, {"params": [values(1)]}], ("0.0", "1.0")),
        ([{"params": {"w": values(0)}}, {"params": {"b": values(1)}}], ("w", "b")),
        ([{"params": {"w": values(0)}}, {"params": {"w": values(1)}}], ("0.w", "1.w")),
        (
            [{"params": {"l": [{"w": values(0)}]}}, {"params": values(1)}],
            ("l.0.w", "params"),
        ),
        ([{"params": []}, {"params": {"w": values(0)}}], ("w",)),
        (({"params": values(0)},), ("params",)),
    ],
    ids=["one", "arrays", "lists", "other keys", "same keys", "mixed", "empty group", "tuple"],
)
def test_names(groups: Any, names: tuple[str, ...]) -> None:
    opt = fastopt.get("adam", groups)
    assert tuple(opt.names) == names
    assert tuple(opt.state) == names


# Changes in the middle of a run.


def changed(algorithm: str, name: str, current: Any) -> Any:
    """Another value that the hyperparameter can have."""
    validator = optimizer_class(algorithm).hyperparameters[name].validator
    if isinstance(validator, Number):
        return next(x for x in (0.7, 0.6, 1.7, 7.0, -0.7) if x != current and validator.holds(x))
    if isinstance(validator, Choice):
        return next(value for value in validator.values if value != current)
    return tuple(map(other, current))


def train(
    algorithm: str, backend: str, changes: dict[int, dict[str, Any]], steps: int, **more: Any
) -> Any:
    params = [values(0), values(1, (4,)), values(2, (2, 3))]
    base = defaults(algorithm, momentum=0.5, weight_decay=0.1, lr=0.05, eps=0.1, **MOVING, **more)
    groups = [{"params": params[:1]}, {"params": params[1:]}]
    opt = fastopt.get(algorithm, groups, backend=backend, **base)
    for t in range(steps):
        for name, value in changes.get(t, {}).items():
            setattr(opt, name, value)
        grads = [values(10 + t), values(20 + t, (4,)), values(30 + t, (2, 3))]
        take_step(opt, [grads[:1], grads[1:]])
    return bits(opt, params)


# Once there is state, after the first step, without amsgrad, with less than a step of warmup.
NO_EFFECT = {
    *("initial_accumulator_value", "dampen_first", "amsgrad_corrected", "warmup_steps"),
    *("t_alpha", "t_beta3"),
    *("always_adapt", "min_norm"),  # with decay; where no norm is small
    *("reps_rel", "init_eta", "init_estim_sq_dist"),  # after the first step
    *("before_estimate", "sparse"),  # of gradients of rows
}
THE_SAME = {
    ("sgdschedulefree", "decoupled_weight_decay"),  # in all its kinds
    *((name, "eps") for name in ("cocob", "dog", "ldog")),  # once there is state
    # the steps are shorter, and the loss is above its minimum
    *((name, option) for name in ("alig", "polyaksgd") for option in ("max_step_size", "variant")),
    # the estimate is there, and does not grow here
    *(
        (f"dadapt{name}", option)
        for name in ("adam", "sgd", "adagrad", "lion", "adan")
        for option in ("d0", "growth_rate")
    ),
    # what the scale is learned from is clipped to what it was
    *((f"mechanic{name}", "s_decay") for name in ("adamw", "lion", "sgd")),
    ("sgdp", "eps"),  # where nothing is left out of a step
    ("momo", "bias_correction"),  # once there is state, with 0 as the lower bound
    ("momoadam", "lower_bound"),  # the steps are as long as they may be
    ("rprop", "lr"),  # once there is state
    ("radamschedulefree", "eps"),  # the same
    *(("adafactor", name) for name in ("eps2", "relative_step")),  # with a rate that is small
    *(("prodigy", name) for name in ("d_coef", "growth_rate")),  # the estimate does not grow here
    *(("signsgd", name) for name in ("clipnorm", "clipvalue")),  # which change no sign
    # nothing is rectified in the first steps
    *(("radam", name) for name in ("eps", "eps_placement", "eps_root", "threshold")),
}
SEEN_LATER = {
    ("rprop", "clipvalue"),  # of what is clipped here the sign alone counts in that step
    ("sophia", "clip_threshold"),  # which nothing reaches in that step
}
MOVING = {"silent_sgd_phase": False}  # what makes an algorithm move in its first steps
# What has an effect together with others alone.
BESIDE: dict[str, dict[str, Any]] = {
    "max_lr": {"decoupled_weight_decay": "corrected", "max_lr": 0.2},
    "cautious_weight_decay": {"decoupled_weight_decay": True},
    "soft_threshold": {"l1": 0.1},
    "wd_ratio": {"delta": 2.0},
    "grokfast_alpha": {"grokfast": 2.0},
    "adaptive_clip_eps": {"adaptive_clip": 0.1, "adaptive_clip_eps": 20.0},
    **{name: {"gamma": 10.0} for name in ("final_lr", "base_lr")},  # or the bounds are wide at first
}


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (a, name)
        for a, name in each_hyperparameter()
        if a not in OWN_DECAY or name not in AFTER_THE_STEP
    ],
)
def test_change_of_any_hyperparameter(algorithm: str, name: str) -> None:
    more = BESIDE.get(name, {})
    base = defaults(algorithm, momentum=0.5, weight_decay=0.1, lr=0.05, eps=0.1, **MOVING, **more)
    current = base.get(name, optimizer_class(algorithm).hyperparameters[name].default)
    changes = {2: {name: changed(algorithm, name, current)}}
    native, numba, numpy = (train(algorithm, backend, changes, 4, **more) for backend in BACKENDS)
    assert native == numpy
    assert numba == numpy
    has_effect = name not in NO_EFFECT and (algorithm, name) not in THE_SAME
    assert (numpy != train(algorithm, "numpy", {}, 4, **more)) == has_effect
    # It holds from that step on, and not before.
    late = {3: changes[2]}
    late_too = has_effect and (algorithm, name) not in SEEN_LATER
    assert (numpy != train(algorithm, "numpy", late, 4, **more)) == late_too


STRUCTURAL: list[tuple[str, list[dict[str, Any]]]] = [
    ("sgd", [{"momentum": 0.0}, {"momentum": 0.9}, {"nesterov": True}, {"nesterov": False}, {}]),
    ("sgd", [{}, {"momentum": 0.0}, {"momentum": 0.5, "dampening": 0.5}, {"momentum": 0.0}]),
    ("adam", [{}, {"amsgrad": True}, {}, {"amsgrad": False}, {"amsgrad": True}]),
    ("adamw", [{"amsgrad": True}, {"decoupled_weight_decay": False}, {"amsgrad": False}]),
    ("rmsprop", [{"momentum": 0.0}, {"centered": True}, {"momentum": 0.9}, {"centered": False}]),
    ("rmsprop", [{"centered": True}, {"momentum": 0.0}, {"centered": False}, {"momentum": 0.5}]),
    ("adagrad", [{"maximize": True}, {"weight_decay": 0.0}, {"decoupled_weight_decay": True}]),
]


@pytest.mark.parametrize(("algorithm", "changes"), STRUCTURAL)
def test_changes_of_structure(algorithm: str, changes: list[dict[str, Any]]) -> None:
    """New states begin at zero, old ones stay; the functional form with the same arrays agrees."""
    plan = dict(enumerate(changes))
    native, numba, numpy = (train(algorithm, b, plan, len(changes) + 1) for b in BACKENDS)
    assert native == numpy
    assert numba == numpy

    p = values(0)
    states: dict[str, Array] = {}
    h = defaults(algorithm, momentum=0.5, weight_decay=0.1, lr=0.05, eps=0.1)
    call = getattr(fastopt.functional, algorithm)
    for t in range(len(changes) + 1):
        h |= plan.get(t, {})
        used = fastopt.get(algorithm, p.copy(), **h).state["params"]
        own = [states.setdefault(name, np.zeros_like(p)) for name in used]
        call(p, values(10 + t), *own, t=t + 1, **h)
    assert p.tobytes() == native[0]


def test_change_in_one_group_leaves_the_other_alone(backend: str) -> None:
    params, alone = [values(0), values(1)], values(0)
    opt = fastopt.get("sgd", [{"params": p} for p in params], backend=backend)
    twin = fastopt.get("sgd", alone, backend=backend)
    for t in range(3):
        if t == 1:
            opt.groups[1]["momentum"] = 0.9
        opt.step([values(5 + t), values(8 + t)])
        twin.step(values(5 + t))
    assert params[0].tobytes() == alone.tobytes()
    assert {name: list(states) for name, states in opt.state.items()} == {"0": [], "1": ["b"]}


# Weight decay and maximize, which every algorithm has.


@pytest.mark.parametrize(
    "algorithm", [a for a in ANY_SHAPE if decays_by_stage(optimizer_class(a), False)]
)
def test_coupled_decay_is_a_term_of_the_gradient(algorithm: str, backend: str) -> None:
    for dtype in (np.float32, np.float64):
        a, b = values(0, dtype=dtype), values(0, dtype=dtype)
        coupled = {"decoupled_weight_decay": False, "backend": backend}
        opt = fastopt.get(algorithm, a, weight_decay=0.3, **coupled)
        twin = fastopt.get(algorithm, b, weight_decay=0.0, **coupled)
        for seed in (1, 2, 3):
            g = values(seed, dtype=dtype)
            take_step(opt, g)
            take_step(twin, g + dtype(0.3) * b)
        assert bits(opt, [a]) == bits(twin, [b])


@pytest.mark.parametrize("algorithm", sorted(set(ANY_SHAPE) - OWN_DECAY - BY_NORM))
def test_decoupled_decay_shrinks_the_parameter(algorithm: str, backend: str) -> None:
    for dtype in (np.float32, np.float64):
        a, b = values(0, dtype=dtype), values(0, dtype=dtype)
        rest = {"lr": 0.25, "decoupled_weight_decay": True, "backend": backend}
        opt = fastopt.get(algorithm, a, weight_decay=0.3, **rest)
        twin = fastopt.get(algorithm, b, weight_decay=0.0, **rest)
        for seed in (1, 2, 3):
            g = values(seed, dtype=dtype)
            take_step(opt, g)
            b *= dtype(1.0 - 0.25 * 0.3)
            take_step(twin, g)
        assert bits(opt, [a]) == bits(twin, [b])


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
def test_maximize_turns_the_gradient_round(algorithm: str, backend: str) -> None:
    for decay in (0.0, 0.1):
        a, b = values(0), values(0)
        opt = fastopt.get(algorithm, a, maximize=True, weight_decay=decay, backend=backend)
        twin = fastopt.get(algorithm, b, weight_decay=decay, backend=backend)
        for seed in (1, 2, 3):
            take_step(opt, values(seed))
            take_step(twin, -values(seed))
        assert bits(opt, [a]) == bits(twin, [b])


# State.


def states_of(cls: type[fastopt.Optimizer], options: dict[str, Any]) -> tuple[str, ...]:
    """Return the states that the rule takes, by its arguments, and those of other shapes."""
    h = Values(**options)
    _p, _g, *states, _c = inspect.signature(cls.select_rule(h)).parameters
    none = {cls.scratch, *cls.spread}
    return tuple([*[s for s in states if s not in none], *cls.shapes(h, np.ones((2, 3)))])


def with_states() -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """List each algorithm with options for every set of states that it can have."""
    for name, cls in ANY_SHAPE.items():
        each: dict[tuple[str, ...], dict[str, Any]] = {}
        for options in own_options(cls):
            each.setdefault(states_of(cls, options), options)
        yield from ((name, options, states) for states, options in each.items())


STATES = [*with_states()]


def shapes() -> Iterator[tuple[tuple[int, ...], Any]]:
    yield from product([(), (0,), (1,), (7, 3), (600, 700)], [np.float32, np.float64])


@pytest.mark.parametrize(("algorithm", "options", "names"), STATES)
def test_state_by_name(algorithm: str, options: dict[str, Any], names: tuple[str, ...]) -> None:
    params = {f"w{i}": values(i, shape, dtype) for i, (shape, dtype) in enumerate(shapes())}
    opt = fastopt.get(algorithm, params, **options)
    cls = optimizer_class(algorithm)
    h = Values(**{k: v.default for k, v in cls.hyperparameters.items()}).but(options)
    assert names == tuple(state for state in cls.facts.states if state in names)  # in this order
    assert tuple(opt.state) == tuple(params)
    memory = list(params.values())
    for key, p in params.items():
        here = [name for name in names if name in opt.state[key]]  # of rows, a vector has none
        assert list(opt.state[key]) == here
        assert here == [*names] or p.ndim < 2
        for name, array in opt.state[key].items():
            assert type(array) is np.ndarray
            shape = cls.shapes(h, p).get(name, p.shape)
            assert (array.shape, array.dtype) == (shape, p.dtype)
            assert array.flags.c_contiguous
            assert array.flags.aligned
            assert array.flags.writeable
            begins = np.full(shape, cls.initial_state(h, name, p), p.dtype)
            assert array.tobytes() == begins.tobytes()  # mostly zeros, and none of them negative
            memory.append(array)
    for i, a in enumerate(memory):
        assert not any(np.shares_memory(a, b) for b in memory[:i])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_initial_accumulator_value(order: Any, dtype: Any, backend: str) -> None:
    a = np.array(values(0, dtype=dtype), order=order)
    groups = [{"params": a, "initial_accumulator_value": 0.1}, {"params": values(1)}]
    opt = fastopt.get("adagrad", groups, lr=0.5, backend=backend)
    assert np.array_equal(opt.state["0"]["a"], np.full_like(a, 0.1))
    assert not opt.state["1"]["a"].any()
    g = values(2, dtype=dtype)
    opt.step([g, values(3)])
    assert np.array_equal(opt.state["0"]["a"], dtype(0.1) + g * g)


def test_what_is_written_into_state_is_written_into_the_states(backend: str) -> None:
    a, b = values(0), values(0)
    opt, twin = (fastopt.get("sgd", p, momentum=0.9, backend=backend) for p in (a, b))
    for o in (opt, twin):
        o.step(values(1))
    held = opt.state["params"]["b"]
    held[...] = 0  # restart the momentum
    opt.step(values(2))
    twin.step(values(2))
    assert np.shares_memory(held, opt.state["params"]["b"])
    assert held.tobytes() == values(2).tobytes()
    assert a.tobytes() != b.tobytes()
