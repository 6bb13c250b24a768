"""Steps that keep out what is not finite: the native plan decides as Python does, step by step.

The NumPy backend leaves each of these steps to Python.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.own_momentum import Own

import fastopt

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "skip": ("adam", {"nonfinite": "skip"}),
    "raise": ("adam", {"nonfinite": "raise"}),
    "dynamic": ("sgd", {"loss_scale": "dynamic", "momentum": 0.9}),
    "a limit": ("adam", {"nonfinite": "skip", "global_clipnorm": 1.0}),
    "limits of each": ("adamw", {"loss_scale": "dynamic", "clipnorm": 0.5}),
    "a scale below 1": ("adam", {"nonfinite": "skip", "loss_scale": 1e-12}),
    "a schedule": ("adam", {"nonfinite": "skip", "lr": lambda step: 0.5**step, "zero_grads": True}),
    "followers": ("nadam", {"nonfinite": "skip", "ema": 0.5, "lookahead_steps": 2}),
    "decay": ("adam", {"nonfinite": "skip", "weight_decay": 0.1}),
    "casts": ("adamwschedulefree", {"loss_scale": "dynamic", "cast_grads": True}),
}
# Among ordinary numbers. The square of the last but one leaves float32, and that of the last one does
# where the loss scale is below 1.
BAD = (np.inf, np.nan, 3e38, 1e21, 1e8)


def gradients(rng: np.random.Generator, params: list[NDArray[Any]], half: bool) -> list[NDArray[Any]]:
    found = [rng.standard_normal(p.shape).astype(p.dtype) for p in params]
    if rng.random() < 0.4:
        found[rng.integers(len(found))].flat[0] = rng.choice(BAD)
    with np.errstate(over="ignore"):
        return [g.astype(np.float16) for g in found] if half else found


def life(backend: str, name: str, options: dict[str, Any], seed: int) -> list[Any]:
    """Take some steps: what can be seen after each."""
    rng = np.random.default_rng(seed)
    params = [rng.standard_normal(n).astype(dtype) for n, dtype in ((5, "f4"), (70, "f8"), (9, "f4"))]
    groups: Any = [{"params": params[:2]}, {"params": params[2:], "eps": 1e-6}]
    if name == "sgd":
        groups = params
    opt = fastopt.get(name, groups, backend=backend, **options)
    seen: list[Any] = []
    for _ in range(8):
        g = gradients(rng, params, options.get("cast_grads", False))
        try:
            taken: Any = opt.step(g if name == "sgd" else [g[:2], g[2:]])
        except FloatingPointError as error:
            taken = str(error)
        arrays = [*params, *g, *[a for each in opt.state.values() for a in each.values()]]
        counts = (opt.step_count, opt.skipped, opt.loss_scale, repr(opt.grad_norm))
        seen.append((taken, counts, [a.tobytes() for a in arrays]))
    return seen


@pytest.mark.parametrize("case", CASES)
def test_the_plan_decides_as_python_does(case: str) -> None:
    name, options = CASES[case]
    for seed in range(12):
        assert life("native", name, options, seed) == life("numpy", name, options, seed), seed


def test_steps_are_taken_and_left_out() -> None:
    for name, options in CASES.values():
        every = [taken for seed in range(12) for taken, _, _ in life("native", name, options, seed)]
        assert True in every, name
        assert {*every} != {True}, name


def test_a_limit_of_each_gradient_may_come_and_go(backend: str) -> None:
    p = np.zeros(4, np.float32)
    limit: Any = lambda step: (None, 1.0, None, 0.5)[step]  # noqa: E731
    opt = fastopt.SGD(p, lr=1.0, clipnorm=limit, backend=backend)
    for _ in range(4):
        opt.step(np.ones(4, np.float32))
    assert p.tolist() == [-2.75] * 4  # the norm is 2: 1, 1/2, 1 and 1/4 of the gradient


def test_a_scheduled_limit_of_each_excludes_one_of_all() -> None:
    limit: Any = lambda step: None  # noqa: E731
    with pytest.raises(ValueError, match="set one of them to None"):
        fastopt.SGD(np.zeros(2), clipnorm=limit, global_clipnorm=1.0)


def test_numbers_near_the_end_of_the_range_are_remembered(backend: str) -> None:
    """A buffer of 1e38 has no room, however moderate all that a later step is given."""
    p = np.zeros(3, np.float32)
    opt = fastopt.SGD([p], lr=1e-5, momentum=0.9, nonfinite="raise", backend=backend)
    for _ in range(3):
        opt.step([np.zeros(3, np.float32)])
    opt.step([np.full(3, 1e38, np.float32)])
    opt.step([np.zeros(3, np.float32)])
    opt.lr = 5.0
    before = p.tobytes()
    with pytest.raises(FloatingPointError, match="parameter '0'"):
        opt.step([np.zeros(3, np.float32)])
    assert p.tobytes() == before


def test_scalars_of_an_own_rule_are_looked_at(backend: str) -> None:
    if backend == "native":
        pytest.skip("a rule of one's own has no native kernel")
    p = np.zeros(3, np.float32)
    opt = Own([p], lr=1e32, nonfinite="raise", backend=backend)
    opt.step([np.ones(3, np.float32)])
    before = p.tobytes()
    with pytest.raises(FloatingPointError, match="parameter '0'"):
        opt.step([np.full(3, 1e8, np.float32)])
    assert p.tobytes() == before


def test_gradients_are_looked_at_as_they_are_after_the_loss_scale(backend: str) -> None:
    p = np.ones(3, np.float32)
    opt = fastopt.Adam([p], nonfinite="raise", loss_scale=1e-14, backend=backend)
    for _ in range(3):
        opt.step([np.full(3, 1e-14, np.float32)])
    before = p.tobytes()
    with pytest.raises(FloatingPointError, match="state 'v' of '0'"):
        opt.step([np.full(3, 1e7, np.float32)])  # 1e21, whose square is no float32
    assert p.tobytes() == before
