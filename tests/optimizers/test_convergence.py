"""Every algorithm reaches the stated loss: a quadratic, Rosenbrock's valley, the demo's tumours."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from support.variants import decays_by_stage

from fastopt import schedules
from fastopt.optimizers import CLASSES

Params = dict[str, NDArray[Any]]

EACH = pytest.mark.parametrize("name", CLASSES)

# Learning rates, one for all problems, which fall to 0 along half a cosine. Who is not listed has the
# default of its class, and LEAST where that is less. Most defaults are for long training: 600 steps of
# 0.001 cannot lead from -1.2 to 1, and steps whose length is about the rate have 1 to 3 to go.
LEAST = 0.1
RATES = {
    **dict.fromkeys(("Lion", "Tiger"), 0.03),  # all are as long, and a slow mean turns late
    # Steps that get shorter, or begin short.
    **dict.fromkeys(("ACProp", "ADOPT", "Adagrad", "PAdam", "RowwiseAdagrad", "SM3"), 0.3),
    **{"AdaHessian": 0.5, "RAdamScheduleFree": 1.0, "SPlus": 1.0, "Shampoo": 1.0},
    # Steps along the gradient, which diverge from 2 / 3 on, where 3 is the largest curvature.
    **dict.fromkeys(("ASGD", "NoisySGD", "SGD", "SGDP"), 0.5),
    "OptimisticSGD": 0.3,  # it extrapolates, and diverges earlier
    "QHM": 1.0,  # its momentum is a mean over a thousand steps: 0.3 of the gradient is what moves
    # Times estimates of their own: more where those grow slowly, less where they get too large.
    **{"DAdaptAdan": 0.2, "DAdaptSGD": 0.7, "DoG": 2.0, "LDoG": 2.0, "DAdaptAdaGrad": 3.0},
    # Times what makes steps short: a mean of squares that begins at 0, a slow mean of rates, 0.001.
    **dict.fromkeys(("Adadelta", "AdaMod", "LARS"), 10.0),
}

# What else lets them arrive in so few steps.
OPTIONS: dict[str, dict[str, Any]] = {
    "ACProp": {"eps_root": 1e-3},  # around a steady gradient the variance is 0, and a step has no limit
    "SimplifiedAdEMAMix": {"betas": (0.9, 0.95)},  # 0.99 swings for longer
    "Sophia": {"estimator": "hutchinson", "rho": 0.5, "betas": (0.9, 0.99)},  # and so does 0.965
    **{key: {"s_init": 0.01} for key in ("MechanicAdamW", "MechanicSGD")},  # the scale grows by shares
    "MechanicLion": {"s_init": 0.1},
}

# They learn meanwhile how far to step.
IN_TWICE_THE_STEPS = {"MechanicAdamW", "MechanicSGD"}

# Its parameters are all gradients so far times the rate of the last step, which has to stay.
CONSTANT = {"FTRL"}


class Problem(NamedTuple):
    """A function of parameters, and where it begins."""

    start: Params
    function: Callable[[Params], tuple[float, Params]]
    steps: int


def hutchinson(problem: Problem, params: Params, rng: np.random.Generator) -> Params:
    """Estimate the Hessian's diagonal by gradients on both sides along random signs."""
    signs = {key: rng.choice([-1e-4, 1e-4], p.shape) for key, p in params.items()}
    ends = [
        problem.function({key: p + side * signs[key] for key, p in params.items()})[1]
        for side in (1.0, -1.0)
    ]
    return {key: (ends[0][key] - ends[1][key]) / (2.0 * signs[key]) for key in params}


def trained(name: str, problem: Problem, **options: Any) -> tuple[Params, Params]:
    """Train, and return the parameters before and after; what is made for matrices, without vectors."""
    cls = CLASSES[name]
    matrices = cls.facts.kind == "matrix"
    start = {key: p for key, p in problem.start.items() if p.ndim == 2 or not matrices}
    params = {key: p.copy() for key, p in start.items()}
    lr: float = RATES.get(name) or max(cls.hyperparameters["lr"].default, LEAST)
    steps = problem.steps * (2 if name in IN_TWICE_THE_STEPS else 1)
    rate = lr if name in CONSTANT else schedules.cosine(lr, steps)
    opt = cls(params, lr=rate, **{"weight_decay": 0.0, **OPTIONS.get(name, {}), **options})
    if cls.takes_function:
        for _ in range(steps // opt.groups[0]["max_iter"]):
            opt.step(lambda: problem.function(params))
    else:
        rng = np.random.default_rng(0)
        for _ in range(steps):
            loss, grads = problem.function(params)
            if opt.needs_estimate:
                opt.estimate(hutchinson(problem, params, rng))
            opt.step(grads, loss=loss if opt.needs_loss else None)
    if cls.facts.kind == "schedule-free":
        opt.eval()
    return start, params


def assert_reached(name: str, left: float, stated: float) -> None:
    """Compare with what is stated for all; the largest shares measured are 2e-5, 0.008 and 0.117."""
    assert left <= stated, (
        f"{name} has {left:.2g} of the first loss left; if its rate is not for so few steps, "
        "RATES is the place for another"
    )


# A quadratic whose condition is 100, with a minimum that weight decay moves.

CURVATURE = {"w": np.geomspace(0.03, 3.0, 24).reshape(6, 4), "b": np.geomspace(0.03, 3.0, 5)}
CENTER = {"w": np.cos(np.arange(24.0)).reshape(6, 4), "b": np.sin(np.arange(5.0))}
DECAY = 0.15
ZEROS = {key: np.zeros_like(p) for key, p in CENTER.items()}


def quadratic(params: Params) -> tuple[float, Params]:
    away = {key: p - CENTER[key] for key, p in params.items()}
    grads = {key: CURVATURE[key] * d for key, d in away.items()}
    return sum(0.5 * float(np.vdot(grads[key], d)) for key, d in away.items()), grads


@EACH
def test_a_quadratic_with_its_weight_decay(name: str) -> None:
    """The penalty is part of what is measured, where the gradient alone has it."""
    cls = CLASSES[name]
    # the penalty is no part of the loss that an algorithm is told
    decayed = decays_by_stage(cls, False) and not (cls.takes_loss or cls.takes_function)
    decay = DECAY if decayed else 0.0
    options = {"weight_decay": DECAY, "decoupled_weight_decay": False} if decayed else {}
    start, params = trained(name, Problem(ZEROS, quadratic, 400), **options)

    def penalized(p: Params) -> float:
        return quadratic(p)[0] + 0.5 * decay * sum(float(np.vdot(x, x)) for x in p.values())

    least = penalized({key: CURVATURE[key] * CENTER[key] / (CURVATURE[key] + decay) for key in start})
    assert_reached(name, (penalized(params) - least) / (penalized(start) - least), 1e-3)


# Rosenbrock's valley from two points, a row each. Across it is ten times as steep as along it, not a
# hundred times as in the original: gradient descent would need ten times the steps.

POINTS = {"w": np.array([[-1.2, 1.0], [0.0, 0.0]])}


def valley(params: Params) -> tuple[float, Params]:
    x, y = params["w"].T
    a, b = 1.0 - x, y - x * x
    grad = np.stack([-2.0 * a - 40.0 * x * b, 20.0 * b], axis=1)
    # a thirtieth, so that the curvature in the minimum is that of the quadratic
    return float((a * a + 10.0 * b * b).sum()) / 30.0, {"w": grad / 30.0}


@EACH
def test_the_valley_of_rosenbrock(name: str) -> None:
    start, params = trained(name, Problem(POINTS, valley, 600))
    assert_reached(name, valley(params)[0] / valley(start)[0], 1e-2)


# Logistic regression on the tumours of the demo.


@cache
def tumours() -> Problem:
    pytest.importorskip("sklearn")
    from fastopt.demo.data import breast_cancer
    from fastopt.demo.loss import binary_cross_entropy
    from fastopt.demo.model import Network

    data = breast_cancer(0)
    x, y = data.x_train.astype(np.float64), data.y_train.astype(np.float64)
    network = Network((30, 1), (), binary_cross_entropy)
    start = network.initialize(np.random.default_rng(0), np.float64)

    def function(params: Params) -> tuple[float, Params]:
        loss, grads = network.loss_and_gradients({**start, **params}, x, y)
        return loss, {key: grads[key] for key in params}

    return Problem(start, function, 150)


@EACH
def test_logistic_regression_of_tumours(name: str) -> None:
    problem = tumours()
    start, params = trained(name, problem)
    assert_reached(name, problem.function(params)[0] / problem.function(start)[0], 0.13)


@pytest.mark.parametrize("dtype", ["8bit", "bfloat16"])
@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if cls.facts.few_bits])
def test_with_states_in_few_bits(name: str, dtype: str) -> None:
    """As far as with all of them in float64."""
    few: dict[str, Any] = {"state_dtype": dtype, "min_8bit_size": 0, "cast_grads": True}
    problems = ((Problem(ZEROS, quadratic, 400), 1e-3), (tumours(), 0.13))
    for problem, stated in problems:
        single = {key: p.astype(np.float32) for key, p in problem.start.items()}
        start, params = trained(name, problem._replace(start=single), **few)
        left = problem.function(params)[0] / problem.function(start)[0]
        assert_reached(name, left, stated)


def test_rates_are_of_algorithms_that_there_are() -> None:
    assert {*RATES, *OPTIONS, *CONSTANT} <= {*CLASSES}
