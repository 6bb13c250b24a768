"""Algorithms whose scalars depend on norms: what is measured, that nothing changes, the same bits."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.own_lamb import Lamb, lamb_direction

from fastopt import backends
from fastopt.algorithm import NOTHING, StageScalars, rule_of
from fastopt.functional import _step
from fastopt.numerics import BLOCK
from fastopt.numerics.sums import block_sums, total

SHAPES = ((5,), (), (3, 70), (BLOCK + 33,), (0,), (129, 67))
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a limit": {"global_clipnorm": 0.5},
    "limits of each": {"clipnorm": 0.5, "loss_scale": 3.0},
    "decay": {"weight_decay": 0.1},
    "decoupled decay": {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    "cautious decay": {
        "weight_decay": 0.1,
        "decoupled_weight_decay": True,
        "cautious_weight_decay": True,
        "l1": 0.1,
    },
    "a threshold": {"l1": 0.1, "soft_threshold": True, "clipvalue": 0.7},
    "followers": {"ema": 0.5, "lookahead_steps": 2, "zero_grads": True},
    "a report": {"stats": True, "nonfinite": "skip"},
    "a dynamic scale": {"loss_scale": "dynamic", "cast_grads": True},
    "sums": {"gradient_accumulation_steps": 2},
}


def arrays(rng: np.random.Generator, dtype: Any) -> list[NDArray[Any]]:
    found = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    found[5] = np.asfortranarray(found[5])
    return found


def life(backend: str, settings: dict[str, Any], dtype: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    params = arrays(rng, dtype)
    groups = [{"params": params[:3]}, {"params": params[3:], "lr": 0.5, "decay": 0.2}]
    opt = Lamb(groups, lr=0.1, backend=backend, **settings)
    seen: list[Any] = []
    for step in range(4):
        g: list[Any] = [a.copy() for a in arrays(rng, dtype)]
        g[2] = np.asfortranarray(g[2])
        g[3] = g[3][::-1]
        if step == 2:
            g[1] = None
        if "gradient_accumulation_steps" in settings:
            opt.accumulate([g[:3], g[3:]])
        else:
            opt.step([g[:3], g[3:]])
        states = [a for each in opt.state.values() for a in each.values()]
        seen.append([a.tobytes() for a in [*params, *states, *[a for a in g if a is not None]]])
    return seen


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_same_bits_on_every_backend(settings: str, dtype: Any) -> None:
    given = SETTINGS[settings]
    found = life("numba", given, dtype)
    assert found == life("numpy", given, dtype)
    assert found[0] != found[-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_it_computes(dtype: Any, backend: str) -> None:
    if backend == "native":
        pytest.skip("a rule of one's own has no native kernel")
    rng = np.random.default_rng(1)
    p, g = arrays(rng, dtype), arrays(rng, dtype)
    expected = []
    for w, x in zip(p, g, strict=True):
        c = Lamb.coefficients(Lamb([np.ones(1)], lr=0.1).groups[0].h, 1)
        u = lamb_direction(w.astype("f8"), x.astype("f8"), 0.0, 0.0, c)[0]
        norms = [np.sqrt((a.astype("f8") ** 2).sum()) for a in (w, u)]
        expected.append(w - 0.1 * (norms[0] / norms[1] if norms[1] else 1.0) * u)
    Lamb(p, lr=0.1, backend=backend).step(g)
    for w, wanted in zip(p, expected, strict=True):
        # A few roundings of the direction and the update.
        np.testing.assert_allclose(
            w, wanted, rtol=16 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps
        )


@pytest.mark.parametrize("name", ["numba", "numpy"])
def test_a_measurement_changes_nothing(name: str) -> None:
    rng = np.random.default_rng(2)
    params, grads = arrays(rng, np.float32), arrays(rng, np.float32)
    m, v = (list(map(np.zeros_like, params)) for _ in range(2))
    opt = Lamb([np.ones(1)], decay=0.3)
    c = opt.coefficients(opt.groups[0].h, 1)
    rule = rule_of(Lamb.rule, lamb_direction)._replace(coefficients=type(c))
    entries = list(zip(params, m, v, strict=True))
    plan = backends.backend(name).make_plan(entries, [rule] * len(params), [0] * len(params))
    assert plan.bind([*grads[:3], None, *grads[4:]], None, True) == backends.SOME_ABSENT
    before = [a.tobytes() for a in (*params, *grads, *m, *v)]
    stage: StageScalars = NOTHING
    for threads in (1, 2, 3):
        sums = plan.measure([(stage, c)], threads, ())
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            order: Any = "F" if i == 5 else "C"
            with np.errstate(all="ignore"):
                single: Any = type(c)(*[np.float32(each) for each in c])  # type: ignore[arg-type]
                u = lamb_direction(p, g, np.float32(0), np.float32(0), single)[0]
            flat = [np.asarray(a).reshape(-1, order=order) for a in (u, p)]
            wanted = [total(block_sums(a).tolist()) for a in flat]
            assert list(sums[i]) == ([0.0] * 4 if i == 3 else [wanted[0], 0.0, 0.0, wanted[1]]), i
    assert before == [a.tobytes() for a in (*params, *grads, *m, *v)]


class Broken(Lamb):
    """LAMB that fails where it has measured, from some step on."""

    @classmethod
    def between(cls, h: Any, c: Any, measured: Any, *carried: Any) -> Any:
        if not math.isfinite(measured.direction):
            raise ArithmeticError("the direction is infinite")
        return super().between(h, c, measured)


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_what_fails_between_has_changed_nothing(backend: str) -> None:
    p, q = np.ones(5), np.ones(3)
    opt = Broken([p, q], backend=backend, ema=0.9)
    opt.step([np.ones(5), np.ones(3)])
    states = [a for each in opt.state.values() for a in each.values()]
    before = [a.tobytes() for a in (p, q, *states, *opt.ema_state)]
    with pytest.raises(ArithmeticError, match="the direction is infinite"):
        opt.step([np.ones(5), np.full(3, np.nan)])
    assert before == [a.tobytes() for a in (p, q, *states, *opt.ema_state)]
    assert opt.step_count == 1
    assert opt.step([np.ones(5), np.ones(3)])


def test_a_direction_is_tried_as_a_rule_is() -> None:
    class Norm(Lamb):
        @staticmethod
        def direction(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
            return g / np.sqrt((g * g).sum()), m, v

    with pytest.raises(TypeError, match="the rule direction of Norm is not elementwise"):
        Norm([np.ones(3)])


def test_a_direction_has_the_signature_of_its_rule() -> None:
    class Short(Lamb):
        @staticmethod
        def direction(p: Any, g: Any, c: Any) -> Any:  # type: ignore[override]
            return g

    with pytest.raises(TypeError, match="another signature than the rule rule\\(p, g, m, v, c\\)"):
        Short([np.ones(3)])


def test_a_checkpoint_goes_on_with_the_same_bits() -> None:
    rng = np.random.default_rng(3)
    p, g = arrays(rng, np.float64), arrays(rng, np.float64)
    opt = Lamb(p)
    opt.step(g)
    q = [a.copy(order="K") for a in p]
    other = Lamb(q)
    other.load_state_dict(opt.state_dict())
    opt.step(g)
    other.step(g)
    assert [a.tobytes() for a in p] == [a.tobytes() for a in q]


def test_a_function_takes_the_step_of_the_optimizer() -> None:
    rng = np.random.default_rng(3)
    p, g = rng.standard_normal(70), rng.standard_normal(70)
    mine, m, v = p.copy(), np.zeros(70), np.zeros(70)
    opt = Lamb([p], lr=0.1, decay=0.3, clipnorm=2.0, backend="numpy")
    for t in (1, 2, 3):
        opt.step([g])
        _step(Lamb, mine, g, (m, v), t, {}, opt.groups[0].h, "numpy")
    assert p.tobytes() == mine.tobytes()


def test_what_a_stage_does_to_the_parameter_is_no_part_of_the_direction(backend: str) -> None:
    if backend == "native":
        pytest.skip("a rule of one's own has no native kernel")
    rng = np.random.default_rng(4)
    p, g = rng.standard_normal(70), rng.standard_normal(70)
    decay: dict[str, Any] = {"weight_decay": 5.0, "decoupled_weight_decay": "after"}
    opt = Lamb([p], lr=0.1, decay=0.0, backend=backend, **decay)
    u = lamb_direction(p, g, 0.0, 0.0, Lamb.coefficients(opt.groups[0].h, 1))[0]
    expected = 0.5 * (p - 0.1 * np.linalg.norm(p) / np.linalg.norm(u) * u)
    opt.step([g])
    np.testing.assert_allclose(p, expected, rtol=1e-13, atol=1e-15)  # some roundings
