"""Gate and bound: what an optimizer is inside is replaced as a whole, by one at a time."""

import gc
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastopt
from fastopt.step.bound import Bound


def arrays(*names: str) -> dict[str, Any]:
    return {name: np.ones(3, np.float32) for name in names}


def test_bound_cannot_be_changed() -> None:
    opt = fastopt.Adam(arrays("a"))
    bound = opt._core.bound
    with pytest.raises(AttributeError, match=r"but\(settings=\.\.\.\) makes another"):
        bound.settings = {}
    other = bound.but(frozen=[True])
    assert (other.frozen, bound.frozen) == ([True], [False])
    assert [name for name in vars(bound) if getattr(bound, name) is not getattr(other, name)] == [
        "frozen"
    ]


CHANGES: dict[str, Callable[[Any], object]] = {
    "a setting": lambda opt: setattr(opt, "stats", True),
    "freezing": lambda opt: opt.freeze("a"),
    "adding": lambda opt: opt.add_params(arrays("c")),
    "removing": lambda opt: opt.remove_params("b"),
    "loading": lambda opt: opt.load_state_dict(opt.state_dict()),
    "closing": lambda opt: opt.close(),
    "accumulating": lambda opt: opt.accumulate(arrays("a", "b")),
    "some gradients alone": lambda opt: opt.step({"a": np.ones(3, np.float32), "b": None}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_another_bound(name: str) -> None:
    opt = fastopt.Adam(arrays("a", "b"), gradient_accumulation_steps=2)
    opt.step(arrays("a", "b"))
    before = opt._core.bound
    kept = {key: getattr(before, key) for key in vars(before)}
    CHANGES[name](opt)
    assert opt._core.bound is not before
    assert all([getattr(before, key) is value for key, value in kept.items()])


def test_plain_steps_change_no_bound() -> None:
    opt = fastopt.Adam(arrays("a"))
    before = opt._core.bound
    for _ in range(3):
        opt.step(arrays("a"))
        opt.lr = 0.1
    assert opt._core.bound is before


def test_a_rule_that_was_chosen_before_a_setting_is_not_forgotten() -> None:
    opt = fastopt.Adam(arrays("a"))
    opt.amsgrad = True
    opt.stats = True
    opt.step(arrays("a"))
    assert list(opt.state["a"]) == ["m", "v", "v_max"]


@pytest.mark.parametrize("backend", ["native", "numpy"])
def test_frozen_parameters_stay(backend: str) -> None:
    """Also where the plan has taken whole steps by itself before, and by a state."""
    opt, twin = (fastopt.Adam(arrays("a", "b"), backend=backend) for _ in range(2))
    for each in (opt, twin):
        each.step(arrays("a", "b"))
    opt.freeze("a")
    twin.load_state_dict(opt.state_dict())
    for each in (opt, twin):
        before = each.params["a"].copy()
        each.step(arrays("a", "b"))
        assert np.array_equal(each.params["a"], before)
        assert not np.array_equal(each.params["b"], before)


def test_groups_are_the_same_objects_after_a_load() -> None:
    opt = fastopt.Adam(arrays("a"), lr=0.1)
    group = opt.groups[0]
    state = opt.state_dict()
    opt.lr = 0.2
    opt.load_state_dict(state)
    assert opt.groups[0] is group
    assert group["lr"] == 0.1
    group["lr"] = 0.3
    assert opt.lr == 0.3


def test_values_can_change_where_parameters_are_elsewhere() -> None:
    opt = fastopt.SGD(arrays("a"), momentum=0.9)
    opt.step(arrays("a"))
    with opt.at_nesterov_point():
        opt.lr = 0.5
        opt.stats = True
        with pytest.raises(RuntimeError, match="looks ahead"):
            opt.step(arrays("a"))
    assert opt.lr == 0.5
    assert opt.step(arrays("a"))


def test_a_closed_optimizer_can_be_read_and_never_entered() -> None:
    opt = fastopt.Adam(arrays("a"))
    opt.step(arrays("a"))
    opt.close()
    assert opt.state_dict()["steps"] == 1
    opt.lr = 0.5
    for act in (lambda: opt.step(arrays("a")), lambda: opt.load_state_dict({}), lambda: opt.flush()):
        for _ in range(2):
            with pytest.raises(RuntimeError, match="is closed"):
                act()


def test_bfloat16_is_taken_step_after_step() -> None:
    opt = fastopt.Adam(arrays("a"), cast_grads=True)
    twin = fastopt.Adam(arrays("a"))
    for k in range(3):
        g = np.full(3, k + 1.0)
        opt.step({"a": g.astype(ml_dtypes.bfloat16)})
        twin.step({"a": g.astype(np.float32)})
    assert np.array_equal(opt.params["a"], twin.params["a"])


@pytest.mark.parametrize(
    "settings",
    [{}, {"ema": 0.9}, {"nonfinite": "skip"}, {"lookahead_steps": 2, "loss_scale": "dynamic"}],
)
def test_what_was_bound_before_is_let_go(settings: dict[str, Any], backend: str) -> None:
    """At once, whatever the collector of cycles does: it holds the arrays of before."""

    def alive() -> int:
        return sum(type(each) is Bound for each in gc.get_objects())

    params = arrays("a", "b")
    opt = fastopt.Adam(params, backend=backend, **settings)
    opt.step(arrays("a", "b"))
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for step in range(4):
            opt.global_clipnorm = 1.0 + step
            opt.step(arrays(*opt.names))
            opt.lr = 0.1 * step
            opt.add_params({f"c{step}": np.ones(2)})
            opt.step({**arrays(*opt.names), **{n: np.ones(2) for n in opt.names if n[0] == "c"}})
            opt.remove_params(f"c{step}")
        assert alive() == before
    finally:
        gc.enable()
