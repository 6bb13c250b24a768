"""Algorithms of the field against the libraries that have them, in float64.

What is in no dialect, and options that none has: the others are in test_dialects_optax and _keras.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

torch = pytest.importorskip("torch")
optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")
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


class Case(NamedTuple):
    """Our name and options, and the same of a library."""

    name: str
    given: dict[str, Any]
    by: Callable[[Any, Params], Step]
    make: Callable[..., Any]


def authors_beta3(k: Any) -> Any:
    """Compute the authors' beta3 of 0.99 in a step, 0, 1, ..., warmed up from 0.8 for 30 steps."""

    def life(beta: float) -> Any:
        return jax.numpy.log(0.5) / jax.numpy.log(beta + 1e-8) - 1.0

    share = (k + 1.0) / 30.0
    warm = 0.5 ** (1.0 / ((1.0 - share) * life(0.8) + share * life(0.99) + 1.0))
    return jax.numpy.where(k + 1.0 < 30.0, warm, 0.99)


LR = 0.01

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
            b1=0.8,
            b2=0.97,
            b3=authors_beta3,
            alpha=lambda k: 3.0 * jax.numpy.minimum(1.0, (k + 1.0) / 40.0),
            eps=1e-4,
            eps_root=1e-3,
            weight_decay=0.1,
        ),
    ),
    Case(
        "cocob",
        {"alpha": 10.0, "eps": 1e-3, "weight_decay": 0.1},
        of_optax,
        lambda: optax.contrib.cocob(alpha=10.0, eps=1e-3, weight_decay=0.1),
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
    Case(
        "yogi",
        {"lr": LR, "initial_accumulator_value": 0.1},
        of_optax,
        lambda: optax.chain(
            optax.scale_by_yogi(initial_accumulator_value=0.1), optax.scale_by_learning_rate(LR)
        ),
    ),
    Case(
        "adopt",
        {"lr": LR, "clip_exp": 0.5},
        of_optax,
        lambda: optax.contrib.adopt(LR, clip_value_fn=lambda x: x**0.5),
    ),
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
