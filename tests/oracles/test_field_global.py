"""Algorithms whose scalars follow from all parameters, or from the loss, against optax, in float64."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

STEPS = 30
SHAPES = {"w": (5, 7), "scale": ()}  # a compiler takes its time for each

# The same operations in another order, as XLA contracts them, of gradients that depend on what was
# reached before; the largest measured is 6e-14.
TOLERANCE = 1e-12

Params = dict[str, Any]


class Case(NamedTuple):
    """An algorithm with its options, and a transformation of optax's that is the same."""

    name: str
    given: dict[str, Any]
    transform: Callable[[], Any]


contrib = optax.contrib
OURS = {"lr": 0.5, "s_decay": 0.05, "s_init": 1e-3, "s_eps": 1e-6}


def mechanized(base: Any) -> Any:
    return contrib.mechanize(base, weight_decay=0.05, s_init=1e-3, eps=1e-6)


CASES = [
    Case(
        "dog",
        {"lr": 0.5, "reps_rel": 1e-2, "eps": 0.1, "weight_decay": 0.1},
        lambda: contrib.dog(0.5, ("heuristic", 1e-2), 0.1, 0.1),
    ),
    Case("dog", {"lr": 0.7, "init_eta": 0.05}, lambda: contrib.dog(0.7, ("learning_rate", 0.05))),
    Case(
        "dowg",
        {"lr": 0.5, "eps": 1e-2, "init_estim_sq_dist": 0.1, "weight_decay": 0.1},
        lambda: contrib.dowg(0.5, 0.1, 1e-2, 0.1),
    ),
    Case(
        "polyaksgd",
        {"f_min": -1.0, "max_step_size": 0.1, "eps": 0.1},
        lambda: optax.polyak_sgd(0.1, 1.0, -1.0, 0.1),
    ),
    Case(
        "polyaksgd",
        {"f_min": 30.0, "variant": "sps+"},
        lambda: optax.polyak_sgd(1.0, 1.0, 30.0, 0.0, "sps+"),
    ),
    Case(
        "momo",
        {"lr": 0.5, "beta": 0.8, "lower_bound": -1.0, "adapt_lower_bound": True},
        lambda: contrib.momo(0.5, 0.8, -1.0, 0.0, True),
    ),
    Case("momo", {"lower_bound": 2.0}, lambda: contrib.momo(1.0, 0.9, 2.0)),
    Case(
        "momoadam",
        {
            "lr": 0.3,
            "betas": (0.8, 0.95),
            "eps": 1e-3,
            "lower_bound": -1.0,
            "adapt_lower_bound": True,
        },
        lambda: contrib.momo_adam(0.3, 0.8, 0.95, 1e-3, -1.0, 0.0, True),
    ),
    Case(
        "prodigy",
        {
            "betas": (0.8, 0.95),
            "beta3": 0.9,
            "eps": 1e-3,
            "d0": 1e-2,
            "d_coef": 0.7,
            "weight_decay": 0.1,
            "use_bias_correction": True,
            "safeguard_warmup": True,
        },
        lambda: contrib.prodigy(1.0, (0.8, 0.95), 0.9, 1e-3, 1e-2, 0.7, 0.1, True),
    ),
    Case(
        "dadaptadam",
        {
            "betas": (0.8, 0.95),
            "eps": 1e-3,
            "d0": 1e-2,
            "weight_decay": 0.1,
            "decoupled_weight_decay": True,
            "use_bias_correction": True,
        },
        lambda: contrib.dadapt_adamw(1.0, (0.8, 0.95), 1e-3, 1e-2, 0.1),
    ),
    Case(
        "mechanicsgd",
        {**OURS, "weight_decay": 0.1, "decoupled_weight_decay": True},
        lambda: mechanized(optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.5))),
    ),
    Case(
        "mechanicsgd",
        {**OURS, "momentum": 0.8, "nesterov": True},
        lambda: mechanized(optax.sgd(0.5, 0.8, nesterov=True)),
    ),
    Case(
        "mechanicadamw",
        {**OURS, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1},
        lambda: mechanized(optax.adamw(0.5, 0.8, 0.95, 1e-3, weight_decay=0.1)),
    ),
    Case(
        "mechaniclion",
        {**OURS, "betas": (0.8, 0.95), "weight_decay": 0.1},
        lambda: mechanized(optax.lion(0.5, 0.8, 0.95, weight_decay=0.1)),
    ),
]


def loss_and_gradients(params: Params, k: int) -> tuple[float, Params]:
    """Return an ill-conditioned quadratic, and its gradients with noise of this step's own."""
    rng, noise = np.random.default_rng(9), np.random.default_rng(100 + k)
    loss, grads = 0.0, {}
    for name, p in params.items():
        curvature = 10.0 ** rng.uniform(-1.0, 1.0, p.shape)
        loss += float((0.5 * curvature * p * p).sum())
        grads[name] = np.asarray(curvature * p + 0.3 * noise.standard_normal(p.shape))
    return loss, grads


@pytest.fixture(autouse=True)
def float64_on_the_cpu() -> Iterator[None]:
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.name}-{i}") for i, case in enumerate(CASES)]
)
def test_the_same_as_optax(case: Case, difference: "Difference") -> None:
    rng = np.random.default_rng(1)
    ours = {name: np.asarray(rng.standard_normal(shape)) for name, shape in SHAPES.items()}
    theirs: Any = {name: p.copy() for name, p in ours.items()}
    opt = fastopt.get(case.name, ours, **case.given)
    transform = optax.with_extra_args_support(case.transform())
    state, update = transform.init(theirs), jax.jit(transform.update)
    for k in range(STEPS):
        loss, grads = loss_and_gradients(ours, k)
        opt.step(grads, loss=loss if opt.needs_loss else None)
        updates, state = update(grads, state, theirs, value=loss)
        theirs = optax.apply_updates(theirs, updates)
        for name, p in theirs.items():
            assert difference(ours[name], p) <= TOLERANCE, (k, name)
