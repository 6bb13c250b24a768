"""Copies and pickles of optimizers go on with the same bits, with arrays of their own."""

import copy
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.resume_runs import RUNS, STEPS, digest, everything, model

import fastopt
from fastopt import schedules


def pickled(given: Any) -> Any:
    return pickle.loads(pickle.dumps(given))


WAYS: dict[str, Callable[[Any], Any]] = {"deepcopy": copy.deepcopy, "pickle": pickled}


@pytest.mark.parametrize("which", [which for which in RUNS if " " not in which])
def test_every_run_copied_on_its_way(which: str) -> None:
    """Each copy is copied again: what one loses, no later one has.

    Before every step, where settings or ways of training differ; twice, where options do.
    """
    points = range(STEPS) if which in ("wrappers", "everything") or STEPS > 8 else (2, 5)
    for name, run in RUNS[which]().items():
        alone, there = model(0), model(0)
        straight, opt = run.make(alone), run.make(there)
        olds = []
        for k in range(STEPS):
            if k in points:
                way = copy.deepcopy if k % 2 or name == "functions" else pickled  # lambdas have none
                olds.append((opt, there, digest(opt, there)))
                there, opt = way((there, opt))
                assert opt.params is there
            run.act(straight, alone, k)
            run.act(opt, there, k)
        assert digest(opt, there) == digest(straight, alone), name
        for old, params, before in olds:
            assert digest(old, params) == before, name


@pytest.mark.parametrize("way", WAYS)
def test_on_each_backend(way: str, backend: str) -> None:
    run = everything("nadam")
    params = model(0)
    opt = run.make(params, backend=backend)
    for k in range(3):
        run.act(opt, params, k)
    there, other = WAYS[way]((params, opt))
    assert other.backend == backend
    for k in range(3, STEPS):
        run.act(opt, params, k)
        run.act(other, there, k)
    assert digest(other, there) == digest(opt, params)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_shared(way: str) -> None:
    params = model(0)
    opt = everything("adamw").make(params)
    opt.accumulate({name: np.ones_like(p) for name, p in params.items()})
    other = WAYS[way](opt)
    for name, p in params.items():
        assert not np.shares_memory(other.params[name], p)
        assert other.params[name].flags.f_contiguous == p.flags.f_contiguous
        assert not np.shares_memory(other.cast_to[name], opt.cast_to[name])
        for key, state in opt.state[name].items():
            assert not np.shares_memory(other.state[name][key], state)
        assert not np.shares_memory(other.ema_state[name], opt.ema_state[name])
        assert other.params[name].size == 0 or np.array_equal(other.params[name], p)


class Layer:
    """A layer as people write it: arrays, and an optimizer of them."""

    def __init__(self) -> None:
        self.w, self.b = np.ones((2, 3)), np.zeros(3)
        self.dw, self.db = np.full((2, 3), 0.5), np.full(3, -0.25)
        self.taken = 0
        self.opt = fastopt.Adam([self.w, self.b], grads=[self.dw, self.db], lr=schedules.cosine(0.1, 9))
        self.opt.after_step(self.count)

    def count(self, opt: Any) -> None:
        self.taken += 1


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_has_its_optimizer(way: str) -> None:
    """Model, optimizer, bound gradients and hooks stay one, whichever of them is copied."""
    layer = Layer()
    layer.opt.step()
    other = WAYS[way](layer)
    assert other.opt.params[0] is other.w
    assert other.opt.params[1] is other.b
    other.dw[...] = layer.dw[...] = 2.0
    assert other.opt.step()
    assert layer.opt.step()
    assert (other.taken, layer.taken) == (2, 2)
    assert other.w.tobytes() == layer.w.tobytes()
    assert not np.shares_memory(other.w, layer.w)
    assert WAYS[way](layer.opt).params[0].tobytes() == layer.w.tobytes()


@pytest.mark.parametrize("way", WAYS)
def test_eval_mode_is_copied(way: str, backend: str) -> None:
    params: dict[str, Any] = {"w": np.linspace(-1.0, 1.0, 7), "b": np.ones(3, np.float32)}
    copies = {name: np.zeros(p.shape, np.float16) for name, p in params.items()}
    opt = fastopt.AdamWScheduleFree(params, lr=0.1, cast_to=copies, ema=0.9, backend=backend)
    grads = {"w": np.ones(7), "b": np.full(3, -2.0, np.float32)}
    for _ in range(3):
        opt.step(grads)
    opt.eval()
    params["b"][1] = 7.0  # what is written in eval mode is gone in training, and is there until then
    there, other = WAYS[way]((params, opt))
    with pytest.raises(RuntimeError, match=re.escape("is in eval mode: call its train() first")):
        other.step(grads)
    for name, p in params.items():
        assert there[name].tobytes() == p.tobytes()
        assert other.cast_to[name].tobytes() == there[name].astype(np.float16).tobytes()
    for each in (opt, other):
        each.train()
        each.step(grads)
    for name, p in params.items():
        assert there[name].tobytes() == p.tobytes()
        assert other.cast_to[name].tobytes() == copies[name].tobytes()
        assert other.ema_state[name].tobytes() == opt.ema_state[name].tobytes()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_measured_is_copied(way: str) -> None:
    opt = fastopt.SGD([np.ones(3)], stats=True)
    opt.step([np.ones(3)])
    other = WAYS[way](opt)
    assert other.grad_norm == opt.grad_norm == 3.0**0.5
    assert other.report() == opt.report()


@pytest.mark.parametrize("way", WAYS)
def test_parameters_that_came_and_went(way: str) -> None:
    params: dict[str, Any] = {"a": np.ones(3), "b": np.ones(2), "c.bias": np.ones(2)}
    opt = fastopt.SGD(params, lr=0.5, momentum=0.9, groups={"*.bias": {"weight_decay": 0.1}})
    opt.step({name: np.ones_like(p) for name, p in params.items()})
    opt.add_params({"d": np.ones(4, np.float32)}, lr=0.25, algorithm="adamw")
    opt.remove_params("b")
    opt.freeze("a")
    opt.lr = 0.125
    there, other = WAYS[way]((params, opt))
    grads = {name: np.ones_like(p) for name, p in params.items()}
    opt.step(grads)
    other.step(grads)
    assert digest(other, there) == digest(opt, params)
    for each in (opt, other):
        each.add_params({"e": np.ones(2)})
    assert [dict(group) | {"params": 0} for group in other.groups] == [
        dict(group) | {"params": 0} for group in opt.groups
    ]


class Tuned(fastopt.SGD):
    """A class of one's own, with an attribute."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, **options)
        self._notes = ["a"]


@pytest.mark.parametrize("way", WAYS)
def test_own_attributes_are_copied(way: str) -> None:
    opt = Tuned([np.ones(3)], momentum=0.5)
    other: Tuned = WAYS[way](opt)
    assert type(other) is Tuned
    assert other._notes == ["a"]
    assert other._notes is not opt._notes
    assert other.groups[0]["momentum"] == 0.5


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_alone_warns_that_no_model_has_its_arrays(way: str) -> None:
    opt = fastopt.SGD([np.ones(3)])
    opt.step([np.ones(3)])
    other = WAYS[way](opt)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it begins to count anew
        other.step([np.ones(3)])
    with pytest.warns(fastopt.UnseenArrayWarning, match=r"read opt\.params"):
        other.step([np.ones(3)])


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_shares_its_arrays_as_others_do(way: str) -> None:
    """While another optimizer of its arrays has moved them, a copy takes no step."""
    other = WAYS[way](fastopt.SGD([np.ones(3)]))
    beside = fastopt.SGD(other.params, ema=0.5)
    beside.step([np.ones(3)])
    with beside.averaged(), pytest.raises(RuntimeError, match="shares '0' with an optimizer that has"):
        other.step([np.ones(3)])
    assert other.step([np.ones(3)])


def test_averages_that_begin_anew_in_eval_mode() -> None:
    """They begin with the parameters of training, in the copy and in what was copied."""
    opt = fastopt.SGDScheduleFree([np.ones(3)], lr=0.1, ema=0.5)
    for _ in range(3):
        opt.step([np.ones(3)])
    opt.restart_averages()
    trained = opt.params[0].copy()
    opt.eval()
    other = copy.deepcopy(opt)
    for each in (opt, other):
        each.train()
        assert each.params[0].tobytes() == each.ema_state[0].tobytes() == trained.tobytes()


def test_a_function_that_has_no_value_at_the_first_step() -> None:
    opt = fastopt.SGD([np.ones(3)])
    for _ in range(2):
        opt.step([np.ones(3)])
    opt.lr = lambda step: (None, 0.25, 0.5)[step]  # type: ignore[assignment,return-value]
    assert copy.deepcopy(opt).lr == 0.5


@pytest.mark.parametrize("way", WAYS)
def test_masks_are_copied_with_what_they_are_of(way: str) -> None:
    params: dict[str, Any] = {"w": np.ones((2, 3)), "b": np.ones(3)}
    mask = {"w": np.array([[True], [False]]), "b": None}
    opt = fastopt.SGD(params, lr=1.0, mask=mask, momentum=0.5)
    opt.add_params({"c": np.ones(2)}, mask={"c": np.array([False, True])})
    there, held, other = WAYS[way]((params, mask, opt))
    held["w"][...] = ~held["w"]
    other.step({name: np.ones_like(p) for name, p in there.items()})
    assert there["w"][:, 0].tolist() == [1.0, 0.0]
    assert there["c"].tolist() == [1.0, 0.0]
    assert params["w"].tolist() == np.ones((2, 3)).tolist()


# What cannot be copied.


@pytest.mark.parametrize("way", WAYS)
def test_a_closed_optimizer(way: str) -> None:
    opt = fastopt.Adam([np.ones(3)])
    opt.close()
    with pytest.raises(RuntimeError, match=r"is closed: make a new one, and load what state_dict"):
        WAYS[way](opt)


@pytest.mark.parametrize("way", WAYS)
def test_parameters_that_are_elsewhere(way: str) -> None:
    opt = fastopt.Adam([np.ones(3)], ema=0.9)
    opt.step([np.ones(3)])
    with opt.averaged(), pytest.raises(RuntimeError, match="has its averages in the parameters"):
        WAYS[way](opt)
    assert opt.step([np.ones(3)])


@pytest.mark.parametrize("way", WAYS)
def test_a_parameter_that_was_replaced(way: str) -> None:
    params = [np.ones(3)]
    opt = fastopt.Adam(params)
    params[0] = params[0] - 1.0
    with pytest.raises(ValueError, match="is not the array that this optimizer updates"):
        WAYS[way](opt)


def test_a_shallow_copy() -> None:
    p = np.ones(3)
    opt = fastopt.Adam([p])
    with pytest.raises(TypeError, match=re.escape("copy.deepcopy((model, opt))")):
        copy.copy(opt)
    model, other = copy.deepcopy(([p], opt))
    assert other.params[0] is model[0]


def test_a_pickle_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as then:
        then.setattr("fastopt.state.copying.__version__", "0.0.7")
        old = pickle.dumps(fastopt.Adam([np.ones(3)]))
    with pytest.raises(ValueError, match=r"this Adam was pickled by fastopt 0\.0\.7.*save"):
        pickle.loads(old)


def test_an_optimizer_takes_no_parts() -> None:
    opt = fastopt.Adam([np.ones(3)])
    with pytest.raises(TypeError, match="load_state_dict"):
        opt.__setstate__(fastopt.SGD([np.ones(3)]).__getstate__())
    assert opt.step([np.ones(3)])


def test_lambdas_have_no_pickle() -> None:
    opt = fastopt.Adam([np.ones(3)], lr=lambda step: 0.1 / (step + 1))
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(opt)
    assert copy.deepcopy(opt).groups[0]["lr"] == 0.1
