"""Algorithms whose scalars depend on all parameters together, and on the loss."""

import copy
import math
from collections import namedtuple
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from support.variants import TOGETHER

import fastopt
from fastopt.algorithm import Measured, Values, measurement, number
from fastopt.numerics import BLOCK

SHAPES = ((5,), (), (3, 70), (BLOCK + 33,), (0,), (129, 67))
C = namedtuple("C", "step beta")


class Polyak(fastopt.Optimizer):
    """Polyak's step along a mean of gradients; counts how far gradients have pointed back in all."""

    beta: float = number(default=0.5, at_least=0.0, below=1.0)
    carried: ClassVar = {"back": measurement(at_least=-math.inf)}
    sums: ClassVar = {"p": "values", "m": "squares", "back": "values"}
    measures_all = True
    takes_loss = True

    @staticmethod
    def rule(p: Any, g: Any, m: Any, c: Any) -> Any:
        m = c.beta * m + g
        return p - c.step * m, m

    @staticmethod
    def direction(p: Any, g: Any, m: Any, back: Any, c: Any) -> Any:
        m = c.beta * m + g
        return g * p, m, back + m * p

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> Any:
        return C(h.lr, h.beta)

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        carried.back = carried.back + measured.sums["p"] + measured.sums["back"]

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        return c._replace(step=c.step * measured.loss / measured.sums["m"])


def arrays(rng: np.random.Generator, dtype: Any = np.float64) -> list[NDArray[Any]]:
    found = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    found[5] = np.asfortranarray(found[5])
    return found


def by_hand(params: list[Any], steps: list[list[Any]], losses: list[float]) -> float:
    """Take the same steps in float64, plainly."""
    back, m = 0.0, [np.zeros_like(p) for p in params]
    for grads, loss in zip(steps, losses, strict=True):
        here = [i for i, g in enumerate(grads) if g is not None]
        for i in here:
            m[i] = 0.5 * m[i] + grads[i]
        back += sum(float(((grads[i] + m[i]) * params[i]).sum()) for i in here)
        length = sum(float((m[i] * m[i]).sum()) for i in here)
        for i in here:
            lr = 0.1 if i < 3 else 0.2
            params[i][...] -= lr * loss / length * m[i]
    return back


def carried(opt: Any) -> dict[str, float]:
    found: dict[str, float] = opt.state_dict()["carried"][type(opt).__name__]
    return found


@pytest.mark.parametrize("name", ["numba", "numpy"])
def test_sums_over_all_of_groups_that_differ(name: str) -> None:
    rng = np.random.default_rng(0)
    params = arrays(rng)
    mine = [p.copy() for p in params]
    opt = Polyak([{"params": params[:3], "lr": 0.1}, {"params": params[3:], "lr": 0.2}], backend=name)
    steps: list[list[Any]] = [list(arrays(rng)) for _ in range(4)]
    steps[1][2] = steps[2][5] = None
    losses = [2.0, 1.0, 3.0, 0.5]
    for grads, loss in zip(steps, losses, strict=True):
        assert opt.step([grads[:3], grads[3:]], loss=loss)
    back = by_hand(mine, steps, losses)
    for p, q in zip(params, mine, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-13)  # some roundings
    assert carried(opt)["back"] == pytest.approx(back, rel=1e-12)


@pytest.mark.parametrize("algorithm", sorted(TOGETHER))
@pytest.mark.usefixtures("default_settings")
def test_the_same_bits_on_every_backend_and_number_of_threads(algorithm: str) -> None:
    found = []
    for name, threads in (("native", 1), ("native", 2), ("numba", 1), ("numpy", 1)):
        rng = np.random.default_rng(1)
        params = arrays(rng, np.float32)
        given: dict[str, Any] = {"weight_decay": 0.1, "clipnorm": 30.0, "ema": 0.5}
        opt = fastopt.get(algorithm, params, backend=name, **given)
        fastopt.set_num_threads(threads)
        for _ in range(5):
            grads = arrays(rng, np.float32)
            opt.step(grads, loss=3.5 if opt.needs_loss else None)
        state = [a.tobytes() for each in opt.state.values() for a in each.values()]
        found.append(([p.tobytes() for p in params], state, opt.state_dict().get("carried")))
    assert found[1:] == found[:1] * 3


@pytest.mark.parametrize("value", [0.25, math.nan, math.inf, -math.inf])
def test_what_is_carried_goes_on(value: float, tmp_path: Path) -> None:
    """Through state_dict, files, copies, and away with a reset of all."""
    rng = np.random.default_rng(2)
    p = arrays(rng)
    opt = Polyak(p, backend="numpy")
    opt.step(arrays(rng), loss=1.0)
    state = opt.state_dict()
    state["carried"]["Polyak"]["back"] = value
    opt.load_state_dict(state)
    opt.save(tmp_path / "opt.npz")
    others = [Polyak([a.copy(order="K") for a in p], backend="numpy") for _ in range(2)]
    others[0].load(tmp_path / "opt.npz")
    others[1].load_state_dict(opt.state_dict())
    for each in (*others, copy.deepcopy(opt)):
        assert repr(carried(each)) == repr({"back": value})
    opt.reset("0")
    assert repr(carried(opt)) == repr({"back": value})
    opt.reset()
    assert "carried" not in opt.state_dict()


def test_a_state_that_carries_something_else() -> None:
    p = [np.ones(3)]
    opt = Polyak(p, backend="numpy")
    opt.step([np.ones(3)], loss=1.0)
    state = opt.state_dict()
    for given, error in (
        ({"Polyak": {"x": 1.0}}, ValueError),
        ({"Polyak": {"back": "much"}}, TypeError),
        ({"Polyak": 1.0}, TypeError),
        (3, TypeError),
    ):
        with pytest.raises(error):
            opt.load_state_dict({**state, "carried": given})
    assert carried(opt) == state["carried"]["Polyak"]


LOSSES: list[tuple[Any, type[Exception], str]] = [
    (None, TypeError, r"Polyak needs the loss of each step: opt\.step\(grads, loss=loss\)"),
    ("much", TypeError, r"loss is 'much' \(str\); it must be one number"),
    (np.ones(2), TypeError, r"it must be one number: opt\.step\(grads, loss=float\(loss\)\)"),
    (math.nan, ValueError, "loss is nan, and Polyak takes its step from it: leave this step out, or"),
    (math.inf, ValueError, "loss is inf, and Polyak takes its step from it"),
]


@pytest.mark.parametrize(("loss", "error", "says"), LOSSES, ids=["none", "word", "array", "nan", "inf"])
def test_a_loss_that_is_none(loss: Any, error: type[Exception], says: str) -> None:
    p = np.ones(3)
    opt = Polyak([p], backend="numpy")
    with pytest.raises(error, match=says):
        opt.step([np.ones(3)], loss=loss)
    assert p.tolist() == [1.0, 1.0, 1.0]
    assert opt.step_count == 0
    assert opt.step([np.ones(3)], loss=np.float32(3.0))
    assert p.tolist() == [1.0 - 1e-3] * 3


def test_a_loss_that_is_not_finite_is_left_out_or_raises() -> None:
    p = np.ones(3)
    opt = Polyak([p], backend="numpy", nonfinite="skip")
    assert not opt.step([np.ones(3)], loss=math.nan)
    opt.nonfinite = "raise"
    with pytest.raises(FloatingPointError, match="the loss is inf"):
        opt.step([np.ones(3)], loss=math.inf)
    assert p.tolist() == [1.0, 1.0, 1.0]
    assert (opt.step_count, opt.skipped) == (0, 1)


def test_a_loss_that_nobody_asks_for() -> None:
    p = np.ones(3)
    opt = fastopt.Adam([p])
    with pytest.raises(TypeError, match=r"Adam uses no loss: give the gradients alone"):
        opt.step([np.ones(3)], loss=1.0)
    assert p.tolist() == [1.0, 1.0, 1.0]


def test_sums_of_gradients_have_no_loss() -> None:
    opt = Polyak([np.ones(3)], backend="numpy", gradient_accumulation_steps=2)
    with pytest.raises(TypeError, match=r"Polyak needs the loss of each step, and accumulate"):
        opt.accumulate([np.ones(3)])
    assert opt.accumulated == 0


def test_fit_gives_the_loss() -> None:
    p = {"w": np.full(2, 3.0)}
    opt = Polyak(p, lr=0.5, backend="numpy")
    seen = []

    def loss_and_grad(params: Any, x: Any) -> Any:
        seen.append(params["w"].copy())
        return float((params["w"] ** 2).sum()), {"w": 2.0 * params["w"]}

    fastopt.fit(loss_and_grad, p, opt, [(np.zeros(1),)] * 2, epochs=1)
    assert seen[1].tolist() == [3.0 - 0.5 * 18.0 / 72.0 * 6.0] * 2


def test_nothing_can_be_summed_of_what_is_no_result() -> None:
    class Wrong(Polyak):
        sums: ClassVar = {"q": "values"}

    with pytest.raises(TypeError, match='name one of p, m, back, and "squares" or "values"'):
        Wrong([np.ones(3)], backend="numpy")


@pytest.mark.parametrize("backend", ["native", "numba", "numpy"])
def test_groups_whose_directions_return_more_and_less(backend: str) -> None:
    rng = np.random.default_rng(9)
    params = {"a": rng.standard_normal(9), "b": rng.standard_normal(9)}
    alone = {name: p.copy() for name, p in params.items()}
    both = fastopt.DoG(params, groups={"b": {"algorithm": "prodigy"}}, backend=backend)
    each = [
        fastopt.DoG({"a": alone["a"]}, backend=backend),
        fastopt.Prodigy({"b": alone["b"]}, backend=backend),
    ]
    for _ in range(5):
        grads = {name: rng.standard_normal(9) for name in params}
        both.step(grads)
        for opt, name in zip(each, params, strict=True):
            opt.step({name: grads[name]})
    for name, p in params.items():
        assert p.tobytes() == alone[name].tobytes()


def test_no_state_of_a_direction_is_called_as_the_parameter_is() -> None:
    def weighted(p: Any, g: Any, weight: Any, c: Any) -> Any:
        return p - c.step * g, weight

    class Wrong(Polyak):
        rule = direction = staticmethod(weighted)  # type: ignore[assignment]
        sums: ClassVar = {"weight": "squares"}

    with pytest.raises(TypeError, match=r'calls a state weight.*another name, such as "weights"'):
        Wrong([np.ones(3)], backend="numpy")


@pytest.mark.parametrize("backend", ["native", "numba", "numpy"])
@pytest.mark.parametrize("asked", [False, True])
def test_a_parameter_is_weighed_where_that_is_asked_for(backend: str, asked: bool) -> None:
    found: list[tuple[float, float]] = []

    class Looking(fastopt.MoMo):
        sums: ClassVar = {**fastopt.MoMo.sums, **({"weight": "squares"} if asked else {})}

        @classmethod
        def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
            found.append((measured.before, measured.sums["p"]))
            return c

    Looking([np.array([3.0, 4.0])], backend=backend).step([np.ones(2)], loss=1.0)
    ((before, values),) = found
    assert values == 7.0
    assert before == 5.0 if asked else math.isnan(before)
