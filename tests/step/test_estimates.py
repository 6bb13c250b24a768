"""Estimates of the Hessian: taken into a state, counted, checked, and refused."""

import copy
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
from fastopt.step import core_of

BACKENDS = ("native", "numba", "numpy")
SHAPES: list[tuple[int, ...]] = [(5,), (), (3, 70), (4129,), (0,), (129, 67)]
# Each rule, and each way of taking an estimate.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("adahessian", {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    ("adahessian", {"hessian_power": "1/2", "eps": 1e-3, "maximize": True}),
    ("sophia", {"lr": 0.05, "bs": 3.0, "betas": (0.8, 0.9)}),
    (
        "sophia",
        {
            "lr": 0.05,
            "estimator": "hutchinson",
            "bias_correction": True,
            "maximize": True,
            "clip_threshold": 0.7,
            "before_estimate": "sign",
        },
    ),
]
EACH = pytest.mark.parametrize(("name", "options"), CASES)
BOTH = pytest.mark.parametrize("name", ["adahessian", "sophia"])


def arrays(seed: int, dtype: Any = np.float64) -> list[Any]:
    rng = np.random.default_rng(seed)
    found = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    found[5] = np.asfortranarray(found[5])
    return found


def bits(opt: fastopt.Optimizer) -> list[bytes]:
    kept = [a for state in opt.state.values() for a in state.values()]
    return [np.ascontiguousarray(a).tobytes() for a in (*opt.params, *kept)]


def pair(name: str = "adahessian", **options: Any) -> tuple[dict[str, NDArray[Any]], Any]:
    params = {"w": np.linspace(-1.0, 1.0, 6).reshape(2, 3), "b": np.ones(3)}
    return params, fastopt.get(name, params, **options)


def curvature(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"w": rng.standard_normal((2, 3)), "b": rng.standard_normal(3)}


# What is computed.


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_backends_have_the_same_bits(name: str, options: dict[str, Any], dtype: Any) -> None:
    found = []
    for backend in BACKENDS:
        opt = fastopt.get(name, arrays(0, dtype), backend=backend, **options)
        for t in range(5):
            if t != 2:
                h = arrays(10 + t, dtype)
                h[2] = np.asfortranarray(h[2])
                h[3] = np.repeat(h[3], 2)[::2]
                if t:
                    h[t % 2] = None
                assert opt.estimate(h)
            grads = arrays(20 + t, dtype)
            if t == 3:
                grads[0] = None
            opt.step(grads)
        found.append((bits(opt), [e["carried"] for e in opt.state_dict()["parameters"].values()]))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_no_bit(threads: int, default_settings: None) -> None:
    fastopt.set_num_threads(threads)
    rng = np.random.default_rng(0)
    p = rng.standard_normal(300_001)
    opt = fastopt.AdaHessian([p])
    h = rng.standard_normal(p.size)
    opt.estimate([h])
    beta2 = opt.betas[1]
    assert (opt.state["0"]["v"] == (1.0 - beta2) * h * h).all()


def test_the_means() -> None:
    """As printed: beta2, and the square where it is one; both in the state that the class names."""
    x = np.array([3.0, -2.0])
    for options, first, second in (
        ({}, 0.25 * x * x, 0.25 * (0.75 * x * x + x * x)),
        ({"estimator": "hutchinson"}, 0.25 * x, 0.25 * (0.75 * x + x)),
        ({"estimator": "hutchinson", "maximize": True}, -0.25 * x, -0.25 * (0.75 * x + x)),
    ):
        opt = fastopt.Sophia([np.ones(2)], betas=(0.9, 0.75), **options)
        for wanted in (first, second):
            opt.estimate([x])
            assert (opt.state["0"]["h"] == wanted).all()
    assert not opt.state["0"]["m"].any()
    assert opt.step_count == 0


@BOTH
def test_each_parameter_counts_its_own_estimates(name: str, backend: str) -> None:
    """With the bits of an optimizer that has this parameter alone."""
    start = [np.linspace(0.5, 1.0, n) for n in (3, 4, 5)]
    there = [(1, 1, 1), (0, 1, 0), (1, 1, 0), (0, 0, 0), (1, 0, 1)]
    together = [p.copy() for p in start]
    opt: Any = fastopt.get(name, together, backend=backend)
    alone = [fastopt.get(name, p, backend=backend) for p in start]
    for t, which in enumerate(there):
        opt.estimate(
            [np.full_like(p, t + 2.0) if yes else None for p, yes in zip(start, which, strict=True)]
        )
        grads = [None if t == k else np.full_like(p, t - 1.5) for k, p in enumerate(start)]
        opt.step(grads)
        for each, yes, g in zip(alone, which, grads, strict=True):
            if yes:
                each.estimate(np.full_like(each.params, t + 2.0))
            if g is not None:
                each.step(g)
    assert [p.tobytes() for p in together] == [p.tobytes() for p in start]
    carried = [each["carried"]["beta2_product"] for each in opt.state_dict()["parameters"].values()]
    beta2 = opt.betas[1]
    assert carried == pytest.approx([beta2**n for n in (3, 3, 2)], rel=1e-15)  # roundings of products


def test_few_estimates_are_corrected_by_their_number() -> None:
    """AdaHessian's first step is of length lr, however late, and after a hundred by one estimate."""
    for steps in (1, 100):
        p = np.array([1.0, 2.0])
        opt = fastopt.AdaHessian([p], lr=0.5, betas=(0.0, 0.999), eps=0.0)
        opt.estimate([np.array([2.0, -4.0])])
        for _ in range(steps):
            before = p.copy()
            opt.step([np.array([2.0, 4.0])])
        # three roundings
        np.testing.assert_allclose(before - p, 0.5, rtol=1e-14)


def test_optax_has_the_estimates_of_steps_before() -> None:
    """``before_estimate="sign"`` has the first step without; the order of the calls does the rest."""
    p = np.array([0.0, 0.0])
    opt = fastopt.Sophia(
        [p], lr=1.0, estimator="hutchinson", before_estimate="sign", rho=1.0, weight_decay=0.0
    )
    opt.step([np.array([3.0, -0.5])])
    assert p.tolist() == [-1.0, 1.0]
    opt.betas = (0.0, 0.0)
    opt.estimate([np.array([10.0, 0.1])])
    opt.step([np.array([5.0, -0.5])])
    assert p.tolist() == [-1.5, 2.0]


def test_the_plan_takes_steps_by_itself_when_all_have_had_one() -> None:
    _, opt = pair()
    assert not core_of(opt).bound.direct
    opt.estimate({**curvature(), "b": None})
    assert not core_of(opt).bound.direct
    opt.estimate(curvature())
    opt.step(curvature(3))
    assert core_of(opt).bound.direct
    opt.reset("w")
    assert not core_of(opt).bound.direct


# What is checked.


def unchanged(opt: Any, before: list[bytes]) -> bool:
    kept = [a.tobytes() for state in opt.state.values() for a in state.values()]
    return kept == before


@BOTH
def test_a_step_before_the_first(name: str, backend: str) -> None:
    _, opt = pair(name, backend=backend)
    words = r"'w' has had none: opt\.estimate\(h\).* before opt\.step\(grads\)"
    for _ in range(2):
        with pytest.raises(RuntimeError, match=words):
            opt.step(curvature(3))
    opt.estimate({"w": None, "b": np.ones(3)})
    with pytest.raises(RuntimeError, match=words):
        opt.step(curvature(3))
    assert opt.step({"w": None, "b": np.ones(3)})
    opt.estimate(curvature())
    assert opt.step(curvature(3))
    opt.reset("w")
    with pytest.raises(RuntimeError, match=words):
        opt.step(curvature(3))
    assert opt.step_count == 2


@pytest.mark.parametrize(
    ("h", "error", "words"),
    [
        (None, TypeError, r"the estimate is None.*opt\.estimate\(h\)"),
        (lambda: 0.0, TypeError, r"the estimate is <function .*opt\.estimate\(h\)"),
        (
            {"w": np.ones((2, 3))},
            ValueError,
            "the estimate must have the keys of the parameters; missing: 'b'",
        ),
        ({"w": np.ones((3, 2)), "b": None}, ValueError, r"the estimate of 'w' has shape \(3, 2\)"),
        (
            {"w": np.ones((2, 3), np.float32), "b": None},
            TypeError,
            "the estimate of 'w' has dtype float32",
        ),
        ({"w": [1.0], "b": None}, (TypeError, ValueError), "the estimate"),
    ],
)
def test_what_does_not_fit(h: Any, error: Any, words: str, backend: str) -> None:
    _, opt = pair(backend=backend)
    opt.estimate(curvature())
    before = [a.tobytes() for state in opt.state.values() for a in state.values()]
    with pytest.raises(error, match=words):
        opt.estimate(h)
    assert unchanged(opt, before)


def test_an_estimate_in_the_memory_of_its_mean(backend: str) -> None:
    _, opt = pair(backend=backend)
    with pytest.raises(ValueError, match=r"the estimate of 'b' shares memory with state 'v' of 'b'"):
        opt.estimate({"w": None, "b": opt.state["b"]["v"][::-1]})


def test_algorithms_that_take_none() -> None:
    with pytest.raises(TypeError, match=r"Adam takes no estimate .*AdaHessian and Sophia do"):
        fastopt.Adam(np.ones(2)).estimate(np.ones(2))
    assert not fastopt.Adam(np.ones(2)).needs_estimate


def test_groups_of_other_algorithms(backend: str) -> None:
    params, opt = pair(groups={"b": {"algorithm": "sgd", "lr": 0.5}}, backend=backend)
    assert opt.needs_estimate
    with pytest.raises(TypeError, match=r"'b', which is in a group with SGD.* give None in its place"):
        opt.estimate(curvature())
    h, g = curvature()["w"], curvature(1)["w"]
    alone = {"w": params["w"].copy()}
    other = fastopt.AdaHessian(alone, backend=backend)
    for _ in range(3):
        opt.estimate({"w": h, "b": None})
        opt.step({"w": g, "b": np.ones(3)})
        other.estimate({"w": h})
        other.step({"w": g})
    assert params["w"].tobytes() == alone["w"].tobytes()
    assert params["b"].tolist() == [-0.5] * 3


def test_frozen_ones_take_none() -> None:
    _, opt = pair()
    opt.freeze("w")
    opt.estimate(curvature())
    assert not opt.state["w"]["v"].any()
    assert opt.state["b"]["v"].all()
    opt.unfreeze("w")
    with pytest.raises(RuntimeError, match="'w' has had none"):
        opt.step(curvature())


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_estimates_that_are_not_finite(bad: float, backend: str) -> None:
    """Or whose squares are not."""
    h = curvature()
    h["w"][1, 2] = bad
    for nonfinite in ("raise", "skip"):
        _, opt = pair(nonfinite=nonfinite, backend=backend)
        opt.estimate(curvature(1))
        before = [a.tobytes() for state in opt.state.values() for a in state.values()]
        product = opt.state_dict()["parameters"]["w"]["carried"]
        if nonfinite == "raise":
            with pytest.raises(FloatingPointError, match=r"the estimate of 'w'.*'propagate' takes"):
                opt.estimate(h)
        else:
            assert not opt.estimate(h)
        assert unchanged(opt, before)
        assert opt.state_dict()["parameters"]["w"]["carried"] == product
    _, opt = pair(backend=backend)
    assert opt.estimate(h)
    assert not np.isfinite(opt.state["w"]["v"][1, 2])


def test_a_hyperparameter_that_chooses_how_they_are_taken(backend: str) -> None:
    opt = fastopt.Sophia(np.ones(2), betas=(0.9, 0.0), backend=backend)
    opt.estimate(np.array([2.0, -3.0]))
    assert opt.state["params"]["h"].tolist() == [4.0, 9.0]
    opt.estimator = "hutchinson"
    opt.estimate(np.array([2.0, -3.0]))
    assert opt.state["params"]["h"].tolist() == [2.0, -3.0]


def test_while_the_parameters_are_elsewhere_and_after_the_end() -> None:
    _, opt = pair(ema=0.5)
    with opt.averaged(), pytest.raises(RuntimeError, match="has its averages"):
        opt.estimate(curvature())
    opt.close()
    with pytest.raises(RuntimeError, match="is closed"):
        opt.estimate(curvature())


# What else an optimizer does.


@EACH
@pytest.mark.parametrize("how", ["file", "deepcopy"])
@pytest.mark.parametrize("when", [0, 1, 3])
def test_training_goes_on_bit_for_bit(
    name: str, options: dict[str, Any], how: str, when: int, backend: str
) -> None:
    """From behind an estimate too, before the step that waits for it."""

    def train(opt: Any, begin: int, end: int) -> None:
        for t in range(begin, end):
            if t:
                opt.step([each * 0.5 for each in arrays(20 + t)])
            h = arrays(10 + t)
            h[t % 3] = None if t else h[t % 3]
            opt.estimate(h)

    whole = fastopt.get(name, arrays(0), backend=backend, **options)
    train(whole, 0, 6)
    opt = fastopt.get(name, arrays(0), backend=backend, **options)
    train(opt, 0, when + 1)
    if how == "deepcopy":
        other = copy.deepcopy(opt)
    else:
        file = io.BytesIO()
        opt.save(file, params=True)
        file.seek(0)
        other = fastopt.get(name, arrays(5), backend=backend, **options)
        other.estimate(arrays(6))
        other.load(file)
    train(other, when + 1, 6)
    assert bits(other) == bits(whole)


def test_sums_of_gradients_wait_for_it_too() -> None:
    params, opt = pair(gradient_accumulation_steps=2)
    opt.accumulate(curvature())
    with pytest.raises(RuntimeError, match="'w' has had none"):
        opt.accumulate(curvature(1))
    opt.estimate(curvature(2))
    assert opt.accumulate(curvature(3))
    sums = curvature(), curvature(1)
    mean = {key: (sums[0][key] + sums[1][key]) * 0.5 for key in params}
    others, other = pair()
    other.estimate(curvature(2))
    other.step(mean)
    for key, p in params.items():
        np.testing.assert_allclose(p, others[key], rtol=1e-12)  # a sum, and then its scale


def test_fit_with_a_hook() -> None:
    p = np.array([3.0, -2.0])
    opt = fastopt.AdaHessian([p], lr=0.5)
    opt.before_step(lambda opt: opt.estimate([np.array([1.0, 4.0])]))
    data = [(np.zeros(1),)] * 50
    fastopt.fit(lambda p, x: (0.0, [np.array([1.0, 4.0]) * p[0]]), [p], opt, data, epochs=1)
    assert np.abs(p).max() < 0.1


def test_tied_arrays_add_their_estimates() -> None:
    w = np.ones((2, 3))
    opt = fastopt.Sophia({"in": w, "out": w.T}, tied="add", betas=(0.9, 0.0))
    opt.estimate({"in": np.full((2, 3), 2.0), "out": np.full((3, 2), 1.0)})
    assert (opt.state["in"]["h"] == 9.0).all()
    opt.step({"in": np.ones((2, 3)), "out": None})


def test_other_dtypes_where_gradients_are_cast(backend: str) -> None:
    opt = fastopt.AdaHessian(np.ones(3), cast_grads=True, betas=(0.9, 0.0), backend=backend)
    opt.estimate(np.array([1.0, 2.0, 3.0], np.float16))
    assert opt.state["params"]["v"].tolist() == [1.0, 4.0, 9.0]
    assert opt.step(np.ones(3, np.float32))


def test_the_loss_scale_divides_gradients_alone() -> None:
    found = []
    for scale in (1.0, 4.0):
        p = np.ones(3)
        opt = fastopt.AdaHessian(p, loss_scale=scale, clipnorm=10.0)
        opt.estimate(np.full(3, 5.0))
        opt.step(scale * np.arange(3.0))
        found.append(p.tobytes())
    assert found[0] == found[1]


def test_the_functional_form_wants_what_an_estimate_changes() -> None:
    p = np.ones(2)
    with pytest.raises(TypeError, match=r"give v with .*beta2_product=beta2\*\*n"):
        fastopt.functional.adahessian(p, p.copy(), np.zeros(2), np.ones(2), t=1)
    kept = fastopt.functional.adahessian(
        p, np.ones(2), np.zeros(2), np.full(2, 0.5), t=1, lr=0.5, beta2_product=0.5, eps=0.0
    )
    assert kept == {"beta2_product": 0.5}
    assert p.tolist() == [0.5, 0.5]
