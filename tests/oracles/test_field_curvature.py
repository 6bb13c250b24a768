"""Algorithms that step by the Hessian, against the authors' files and libraries, in float64.

Transcribed are timm's AdaHessian, the Hessian's diagonal given, and the authors' SophiaG; optax's
Sophia is called.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, Problem, ProblemMaker

Options = dict[str, Any]
State = dict[str, Any]

STEPS = 200
# The same formulas with their factors drawn together, a few roundings a step; the largest measured is
# 9e-15.
TOLERANCE = 1e-12


def estimates(some: "Problem", k: int) -> dict[str, Any]:
    """Return one for each array: of a step behind this, with what sits out there made of it."""
    grads = some.grads[(k + 7) % STEPS]
    return {n: some.start[n] * (k % 3 + 0.5) if g is None else 1e-2 * g for n, g in grads.items()}


def adahessian(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    """As timm's class, whose estimates are the same at each step where none is new."""
    beta1, beta2 = h["betas"]
    p = p * (1.0 - h["lr"] * h["weight_decay"])
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    corrected = s["v"] / (1.0 - beta2 ** s["_estimates"])
    denominator = corrected ** (h["hessian_power"] / 2.0) + h["eps"]
    return p - h["lr"] / (1.0 - beta1**t) * s["m"] / denominator


def square(s: State, x: Any, h: Options) -> None:
    beta2 = h["betas"][1]
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * x * x


def sophia(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    """As the authors' SophiaG."""
    beta1 = h["betas"][0]
    p = p * (1.0 - h["lr"] * h["weight_decay"])
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    ratio = np.minimum(np.abs(s["m"]) / (h["rho"] * h["bs"] * s["h"] + 1e-15), 1.0)
    return p - h["lr"] * np.sign(s["m"]) * ratio


def square_of_sampled(s: State, x: Any, h: Options) -> None:
    beta2 = h["betas"][1]
    s["h"] = beta2 * s.get("h", 0.0) + (1.0 - beta2) * x * x


POWERS = {"1": 1.0, "1/2": 0.5}
CASES: list[tuple[Any, Any, int, Options]] = [
    (adahessian, square, 1, {"lr": 0.03, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    (adahessian, square, 3, {"lr": 0.03, "betas": (0.8, 0.95), "eps": 1e-3, "hessian_power": "1/2"}),
    (adahessian, square, 7, {"betas": (0.0, 0.99)}),
    (
        sophia,
        square_of_sampled,
        10,
        {"lr": 0.02, "betas": (0.9, 0.95), "rho": 0.3, "bs": 50.0, "weight_decay": 0.2},
    ),
    (sophia, square_of_sampled, 1, {"lr": 0.02}),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_as_transcribed(case: int, problem: "ProblemMaker", difference: "Difference") -> None:
    formula, take, every, given = CASES[case]
    some = problem(STEPS)
    ours, exact = some.parameters(), some.parameters()
    opt: Any = fastopt.get(formula.__name__, ours, **given)
    h = {name: opt.groups[0][name] for name in type(opt).hyperparameters}
    if "hessian_power" in h:
        h["hessian_power"] = POWERS[h["hessian_power"]]
    states: dict[str, State] = {name: {"_estimates": 0, "_t": 0} for name in exact}
    for k, grads in enumerate(some.grads):
        if k % every == 0:
            found = estimates(some, k)
            opt.estimate(found)
            for name, s in states.items():
                take(s, found[name], h)
                s["_estimates"] += 1
        opt.step(grads)
        for name, g in grads.items():
            if g is not None:
                s = states[name]
                s["_t"] += 1
                exact[name] = formula(exact[name], g, s, s["_t"], h)
        for name, p in exact.items():
            assert difference(ours[name], p) <= TOLERANCE, (k, name)
    for name, s in states.items():
        for key, array in opt.state[name].items():
            assert difference(array, s[key]) <= TOLERANCE, (name, key)


# optax's, by our options; what it estimates with is given.

OPTIONS: Options = {
    "lr": 0.01,
    "betas": (0.9, 0.95),
    "eps": 1e-3,
    "rho": 0.3,
    "clip_threshold": 0.8,
    "weight_decay": 0.2,
}
OPTAX: Options = {"estimator": "hutchinson", "bias_correction": True, "before_estimate": "sign"}


@pytest.fixture
def float64_on_the_cpu() -> Iterator[None]:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.usefixtures("float64_on_the_cpu")
@pytest.mark.parametrize("every", [1, 10])
def test_as_optax(every: int, problem: "ProblemMaker", difference: "Difference") -> None:
    """Its step is by the estimates of steps before, and it estimates where the parameters were."""
    optax = pytest.importorskip("optax")
    some = problem(STEPS, absent=False)
    ours = some.parameters()
    theirs: Any = some.parameters()
    opt = fastopt.Sophia(ours, **OPTIONS, **OPTAX)

    def estimate(updates: Any, state: Any, params: Any = None, **given: Any) -> Any:
        return given["found"], state

    given = optax.GradientTransformationExtraArgs(lambda params: None, estimate)
    transform = optax.contrib.sophia(
        *(OPTIONS["lr"], *OPTIONS["betas"], OPTIONS["eps"], OPTIONS["weight_decay"]),
        gamma=OPTIONS["rho"],
        clip_threshold=OPTIONS["clip_threshold"],
        update_interval=every,
        hessian_diagonal_fn=given,
    )
    state, update = transform.init(theirs), jitted(transform.update)
    for k, grads in enumerate(some.grads):
        found = estimates(some, k)
        opt.step(grads)
        if k % every == 0:
            opt.estimate(found)
        updates, state = update(grads, state, theirs, found=found)
        theirs = optax.apply_updates(theirs, updates)
        for name, p in theirs.items():
            assert difference(ours[name], p) <= TOLERANCE, (k, name)


def jitted(function: Callable[..., Any]) -> Any:
    import jax

    return jax.jit(function)
