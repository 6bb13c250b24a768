"""Algorithms of the field against the libraries that have them, in float64."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

os.environ["KERAS_BACKEND"] = "jax"
torch = pytest.importorskip("torch")
optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")
keras = pytest.importorskip("keras")
schedulefree = pytest.importorskip("schedulefree")

STEPS = 40
NAMES = ("matrix", "scalar")  # a compiler takes its time for each

# The same operations in another order, as XLA contracts them; the largest measured is 5.9e-15.
TOLERANCE = 1e-12

Params = Mapping[str, Any]
Step = Callable[[Params], Params]  # of gradients; gives the parameters after it


def of_torch(make: Callable[[list[Any]], Any], params: Params) -> Step:
    """Step with an optimizer of PyTorch's kind."""
    theirs = {key: torch.tensor(p) for key, p in params.items()}
    peer = make(list(theirs.values()))
    if hasattr(peer, "train"):
        peer.train()

    def step(grads: Params) -> Params:
        for key, g in grads.items():
            theirs[key].grad = torch.tensor(g)
        peer.step()
        return {key: p.numpy() for key, p in theirs.items()}

    return step


def of_optax(transform: Callable[[], Any], params: Params) -> Step:
    """Step with a transformation of optax's."""
    made: Any = transform()
    theirs: Any = dict(params)
    state, update = made.init(theirs), jax.jit(made.update)

    def step(grads: Params) -> Any:
        nonlocal theirs, state
        updates, state = update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
        return theirs

    return step


def of_keras(make: Callable[[], Any], params: Params) -> Step:
    """Step with an optimizer of Keras, which has its learning rate in float32."""
    theirs = {key: keras.Variable(p, dtype="float64") for key, p in params.items()}
    peer = make()
    peer.build(list(theirs.values()))

    def step(grads: Params) -> Params:
        peer.apply([jax.numpy.asarray(grads[key]) for key in theirs])
        return {key: np.asarray(p) for key, p in theirs.items()}

    return step


class Case(NamedTuple):
    """Our name and options, and the same of a library."""

    name: str
    given: dict[str, Any]
    by: Callable[[Any, Params], Step]
    make: Callable[..., Any]


BETAS = {"b1": 0.8, "b2": 0.97}


def coupled(weight_decay: float, transform: Any) -> Any:
    """Add the decay to the gradient."""
    return optax.chain(optax.add_decayed_weights(weight_decay), transform)


def authors_beta3(k: Any) -> Any:
    """Compute the authors' beta3 of 0.99 in a step, 0, 1, ..., warmed up from 0.8 for 30 steps."""

    def life(beta: float) -> Any:
        return jax.numpy.log(0.5) / jax.numpy.log(beta + 1e-8) - 1.0

    share = (k + 1.0) / 30.0
    warm = 0.5 ** (1.0 / ((1.0 - share) * life(0.8) + share * life(0.99) + 1.0))
    return jax.numpy.where(k + 1.0 < 30.0, warm, 0.99)


LR = 0.01
DECAYED = {"lr": LR, "weight_decay": 0.1, "decoupled_weight_decay": True}
MOMENTS = {"lr": LR, "betas": (0.8, 0.95), "eps": 1e-2}


def decayed(transform: Any) -> Any:
    """Decay by 0.1, decoupled, and scale by the learning rate."""
    decay = optax.add_decayed_weights(0.1)
    return optax.chain(transform, decay, optax.scale_by_learning_rate(LR))


CASES = [
    Case(
        "ademamix",
        {
            "lr": 0.01,
            "betas": (0.8, 0.97),
            "beta3": 0.99,
            "alpha": 3.0,
            "t_alpha": 40.0,
            "t_beta3": 30.0,
            "eps": 1e-4,
            "eps_root": 1e-3,
            "weight_decay": 0.1,
        },
        of_optax,
        lambda: optax.contrib.ademamix(
            0.01,
            **BETAS,
            b3=authors_beta3,
            alpha=lambda k: 3.0 * jax.numpy.minimum(1.0, (k + 1.0) / 40.0),
            eps=1e-4,
            eps_root=1e-3,
            weight_decay=0.1,
        ),
    ),
    Case(
        "simplifiedademamix",
        {
            "lr": 0.01,
            "betas": (0.8, 0.97),
            "alpha": 2.0,
            "eps": 1e-4,
            "eps_root": 1e-3,
            "weight_decay": 0.1,
        },
        of_optax,
        lambda: optax.contrib.simplified_ademamix(
            0.01, **BETAS, alpha=2.0, eps=1e-4, eps_root=1e-3, weight_decay=0.1
        ),
    ),
    Case(
        "optimisticsgd",
        {"lr": 0.01, "alpha": 0.7, "beta": 0.4, "weight_decay": 0.1},
        of_optax,
        lambda: coupled(0.1, optax.optimistic_gradient_descent(0.01, alpha=0.7, beta=0.4)),
    ),
    Case(
        "optimisticadam",
        {"lr": 0.01, "betas": (0.8, 0.97), "alpha": 0.7, "beta": 0.4, "eps": 1e-4, "eps_root": 1e-3},
        of_optax,
        lambda: optax.optimistic_adam_v2(0.01, **BETAS, alpha=0.7, beta=0.4, eps=1e-4, eps_root=1e-3),
    ),
    Case(
        "optimisticadam",
        {"lr": 0.01, "beta": 0.5, "nesterov": False},
        of_optax,
        lambda: optax.optimistic_adam_v2(0.01, beta=0.5, nesterov=False),
    ),
    Case(
        "acprop",
        {"lr": 0.01, "betas": (0.8, 0.97), "eps": 1e-4, "eps_root": 1e-3, "weight_decay": 0.1},
        of_optax,
        lambda: optax.contrib.acprop(0.01, **BETAS, eps=1e-4, eps_root=1e-3, weight_decay=0.1),
    ),
    Case(
        "cocob",
        {"alpha": 10.0, "eps": 1e-3, "weight_decay": 0.1},
        of_optax,
        lambda: optax.contrib.cocob(alpha=10.0, eps=1e-3, weight_decay=0.1),
    ),
    Case(
        "ftrl",
        {
            "lr": 0.125,
            "initial_accumulator_value": 0.5,
            "l1_regularization_strength": 0.2,
            "l2_regularization_strength": 0.3,
            "l2_shrinkage_regularization_strength": 0.1,
            "beta": 0.4,
        },
        of_keras,
        lambda: keras.optimizers.Ftrl(
            0.125,
            initial_accumulator_value=0.5,
            l1_regularization_strength=0.2,
            l2_regularization_strength=0.3,
            l2_shrinkage_regularization_strength=0.1,
            beta=0.4,
        ),
    ),
    *(
        Case(
            "radamschedulefree",
            given,
            of_torch,
            lambda p, given=given: schedulefree.RAdamScheduleFree(p, foreach=False, **given),
        )
        for given in (
            {"silent_sgd_phase": True},
            {"lr": 0.02, "silent_sgd_phase": False, "weight_decay": 0.1},
            {
                "lr": 0.02,
                "betas": (0.8, 0.97),
                "eps": 1e-4,
                "r": 0.5,
                "weight_lr_power": 1.5,
                "weight_decay": 0.1,
            },
        )
    ),
    Case("lion", {"lr": LR, "weight_decay": 1e-3}, of_optax, lambda: optax.lion(LR)),
    Case(
        "lion",
        {"betas": (0.8, 0.95), **DECAYED},
        of_optax,
        lambda: optax.lion(LR, b1=0.8, b2=0.95, weight_decay=0.1),
    ),
    Case("signsgd", DECAYED, of_optax, lambda: decayed(optax.scale_by_sign())),
    Case("signum", {"lr": LR}, of_optax, lambda: optax.signum(LR)),
    Case("signum", {"lr": LR, "beta": 0.7}, of_optax, lambda: optax.signum(LR, beta=0.7)),
    Case("radam", {"lr": LR, "eps_placement": "outside"}, of_optax, lambda: optax.radam(LR)),
    Case(
        "radam",
        {**MOMENTS, "eps_placement": "outside", "eps_root": 1e-3, "threshold": 8.0, "nesterov": True},
        of_optax,
        lambda: optax.radam(LR, b1=0.8, b2=0.95, eps=1e-2, eps_root=1e-3, threshold=8.0, nesterov=True),
    ),
    Case("adabelief", {"lr": LR}, of_optax, lambda: optax.adabelief(LR)),
    Case(
        "adabelief",
        {**MOMENTS, **DECAYED, "eps_root": 1e-3, "nesterov": True},
        of_optax,
        lambda: decayed(optax.scale_by_belief(b1=0.8, b2=0.95, eps=1e-2, eps_root=1e-3, nesterov=True)),
    ),
    Case("yogi", {}, of_optax, lambda: optax.yogi(LR)),
    Case(
        "yogi",
        {**MOMENTS, "initial_accumulator_value": 0.1},
        of_optax,
        lambda: optax.chain(
            optax.scale_by_yogi(b1=0.8, b2=0.95, eps=1e-2, initial_accumulator_value=0.1),
            optax.scale_by_learning_rate(LR),
        ),
    ),
    Case("adopt", {"lr": LR}, of_optax, lambda: optax.contrib.adopt(LR)),
    Case(
        "adopt",
        {**MOMENTS, **DECAYED, "clip_exp": 0.5, "nesterov": True},
        of_optax,
        lambda: decayed(
            optax.contrib.scale_by_adopt(
                b1=0.8, b2=0.95, eps=1e-2, nesterov=True, clip_value_fn=lambda x: x**0.5
            )
        ),
    ),
    Case(
        "nadamw",
        {**MOMENTS, **DECAYED, "correct_ahead": True},
        of_optax,
        lambda: optax.nadamw(LR, b1=0.8, b2=0.95, eps=1e-2, weight_decay=0.1),
    ),
    Case("adamaxw", {"lr": LR}, of_optax, lambda: optax.adamaxw(LR)),
    Case(
        "adamaxw",
        {**MOMENTS, **DECAYED},
        of_optax,
        lambda: optax.adamaxw(LR, b1=0.8, b2=0.95, eps=1e-2, weight_decay=0.1),
    ),
    Case(
        "lamb",
        {**MOMENTS, "eps_root": 1e-3, "weight_decay": 0.03},
        of_optax,
        lambda: optax.lamb(LR, b1=0.8, b2=0.95, eps=1e-2, eps_root=1e-3, weight_decay=0.03),
    ),
    Case(
        "novograd",
        {**MOMENTS, "weight_decay": 0.03},
        of_optax,
        lambda: optax.novograd(LR, b1=0.8, b2=0.95, eps=1e-2, weight_decay=0.03),
    ),
    Case("fromage", {"lr": LR, "min_norm": 0.7}, of_optax, lambda: optax.fromage(LR, 0.7)),
]


@pytest.fixture(scope="module", autouse=True)
def forks_stay_quiet() -> None:
    """Start JAX without the handler that warns at every later fork of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "register_at_fork", lambda **_: None)
        jax.devices("cpu")


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """Let JAX compute in float64, which it does only where that is switched on."""
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.name, *case.given]))
def test_same_rule(case: Case, problem: "ProblemMaker", difference: "Difference") -> None:
    some = problem(STEPS, absent=False)
    ours, start = ({name: some.parameters()[name] for name in NAMES} for _ in range(2))
    opt = fastopt.get(case.name, ours, **case.given)
    step = case.by(case.make, start)
    for k, each in enumerate(some.grads):
        grads = {name: each[name] for name in NAMES}
        opt.step(grads)
        theirs = step(grads)
        for key, p in ours.items():
            assert difference(p, theirs[key]) <= TOLERANCE, (key, k)
