"""Algorithms against optax where it has the same rule, in float64 over 200 steps.

optax is a second opinion beside torch.optim, written by other people for another compiler. Left
out is what bears the same name and is another rule there: Adagrad and RMSprop with epsilon inside
the root, RMSprop with momentum (the buffer holds the learning rate), AMSGrad (the maximum of
corrected moments), NAdam (a constant momentum). Gradients are always there: optax has one step
count for all arrays.
"""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from support.own_lamb import Lamb

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

STEPS = 200
EVERY = 20  # steps from one comparison to the next

# XLA orders and contracts the operations in its own way, and decoupled weight decay is subtracted
# there instead of multiplied in; a few units of 1e-16 each, more where an array is near zero. The
# largest measured is 1.1e-14.
TOLERANCE = 1e-12


class Case(NamedTuple):
    """Ours, the same in optax, and optax's names of our states."""

    name: str
    given: dict[str, Any]
    transform: Callable[[], Any]
    states: dict[str, str]


ADAM = {"m": "mu", "v": "nu"}
ADAMAX = {"m": "mu", "u": "nu"}
BETAS = {"b1": 0.8, "b2": 0.97}


def coupled(weight_decay: float, transform: Any) -> Any:
    """Add the decay to the gradient."""
    return optax.chain(optax.add_decayed_weights(weight_decay), transform)


CASES = {
    "sgd": Case("sgd", {"lr": 0.01}, lambda: optax.sgd(0.01), {}),
    "sgd, weight decay": Case(
        "sgd",
        {"lr": 0.01, "weight_decay": 0.1},
        lambda: coupled(0.1, optax.sgd(0.01)),
        {},
    ),
    "sgd, decoupled weight decay": Case(
        "sgd",
        {"lr": 0.01, "weight_decay": 0.1, "momentum": 0.9, "decoupled_weight_decay": True},
        lambda: optax.chain(
            optax.trace(0.9), optax.add_decayed_weights(0.1), optax.scale_by_learning_rate(0.01)
        ),
        {"b": "trace"},
    ),
    "sgd, momentum": Case(
        "sgd",
        {"lr": 0.01, "momentum": 0.9},
        lambda: optax.sgd(0.01, momentum=0.9),
        {"b": "trace"},
    ),
    "sgd, nesterov": Case(
        "sgd",
        {"lr": 0.01, "momentum": 0.8, "nesterov": True},
        lambda: optax.sgd(0.01, momentum=0.8, nesterov=True),
        {"b": "trace"},
    ),
    "adadelta": Case(
        "adadelta", {}, lambda: optax.adadelta(learning_rate=1.0), {"v": "e_g", "u": "e_x"}
    ),
    "adadelta, all": Case(
        "adadelta",
        {"lr": 0.3, "rho": 0.95, "eps": 1e-4, "weight_decay": 0.02},
        lambda: optax.adadelta(learning_rate=0.3, rho=0.95, eps=1e-4, weight_decay=0.02),
        {"v": "e_g", "u": "e_x"},
    ),
    # With eps = 0 it does not matter on which side of the root it stands.
    "adagrad, no eps": Case(
        "adagrad",
        {"lr": 0.05, "initial_accumulator_value": 0.1, "eps": 0.0},
        lambda: optax.adagrad(0.05, initial_accumulator_value=0.1, eps=0.0),
        {"a": "sum_of_squares"},
    ),
    "rmsprop": Case(
        "rmsprop",
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-4},
        lambda: optax.rmsprop(0.01, decay=0.9, eps=1e-4, eps_in_sqrt=False),
        {"v": "nu"},
    ),
    "rmsprop, centered": Case(
        "rmsprop",
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-4, "centered": True, "weight_decay": 0.02},
        lambda: coupled(
            0.02, optax.rmsprop(0.01, decay=0.9, eps=1e-4, eps_in_sqrt=False, centered=True)
        ),
        {"v": "nu", "g_mean": "mu"},
    ),
    "adam": Case("adam", {}, lambda: optax.adam(1e-3, eps_root=0.0), ADAM),
    "adam, all": Case(
        "adam",
        {"lr": 0.01, "betas": (0.8, 0.97), "eps": 1e-4, "weight_decay": 0.1},
        lambda: coupled(0.1, optax.adam(0.01, **BETAS, eps=1e-4, eps_root=0.0)),
        ADAM,
    ),
    "adamw": Case("adamw", {}, lambda: optax.adamw(1e-3, eps_root=0.0, weight_decay=0.01), ADAM),
    "adamw, all": Case(
        "adamw",
        {"lr": 0.01, "betas": (0.8, 0.97), "eps": 1e-4, "weight_decay": 0.1},
        lambda: optax.adamw(0.01, **BETAS, eps=1e-4, eps_root=0.0, weight_decay=0.1),
        ADAM,
    ),
    "adamax": Case("adamax", {}, lambda: optax.adamax(2e-3), ADAMAX),
    "adamax, all": Case(
        "adamax",
        {"lr": 0.01, "betas": (0.8, 0.97), "eps": 1e-4, "weight_decay": 0.1},
        lambda: coupled(0.1, optax.adamax(0.01, **BETAS, eps=1e-4)),
        ADAMAX,
    ),
    "adamax, decoupled weight decay": Case(
        "adamax",
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True},
        lambda: optax.adamaxw(0.01, weight_decay=0.1),
        ADAMAX,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def forks_stay_quiet() -> None:
    """Start JAX without the handler that warns at every later fork of the process.

    Here warnings are errors, so that of JAX would fail whichever test forks after this module. The
    children of such tests do not use JAX.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "register_at_fork", lambda **_: None)
        jax.devices("cpu")


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """Let JAX compute in float64, which it does only where that is switched on."""
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_same_rule(case: Case, problem: "ProblemMaker", difference: "Difference") -> None:
    some = problem(STEPS, absent=False)
    ours = some.parameters()
    opt = fastopt.get(case.name, ours, **case.given)
    transform = case.transform()
    theirs = some.parameters()
    state = transform.init(theirs)
    update = jax.jit(transform.update)
    for k, grads in enumerate(some.grads):
        opt.step(grads)
        updates, state = update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
        if (k + 1) % EVERY == 0 or k < 3:
            compare(case, ours, opt.state, theirs, state, difference)


def test_lamb(problem: "ProblemMaker", difference: "Difference") -> None:
    """An algorithm of a user's, whose step depends on norms of each array."""
    some = problem(STEPS, absent=False)
    ours, theirs = some.parameters(), some.parameters()
    opt = Lamb(ours, lr=0.01, decay=0.1, eps=1e-6)
    transform = optax.lamb(0.01, weight_decay=0.1, eps=1e-6)
    state = transform.init(theirs)
    update = jax.jit(transform.update)
    for grads in some.grads:
        opt.step(grads)
        updates, state = update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
    compare(Case("lamb", {}, lambda: transform, ADAM), ours, opt.state, theirs, state, difference)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_falling_learning_rate(name: str, problem: "ProblemMaker", difference: "Difference") -> None:
    """Whether a buffer holds the learning rate shows only when that changes."""
    some = problem(STEPS, absent=False)
    ours, theirs = some.parameters(), some.parameters()

    def rate(k: Any) -> Any:
        return 0.01 / (1.0 + 0.1 * k)

    momentum = {"momentum": 0.9} if name == "sgd" else {}
    given = {**momentum, "weight_decay": 0.0 if name == "sgd" else 0.1}
    opt = fastopt.get(name, ours, **given)
    maker = optax.sgd if name == "sgd" else optax.adamw
    transform = maker(rate, **(momentum or {"weight_decay": 0.1}))
    state = transform.init(theirs)
    update = jax.jit(transform.update)
    for k, grads in enumerate(some.grads):
        opt.groups[0]["lr"] = rate(k)
        opt.step(grads)
        updates, state = update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
    states = {"b": "trace"} if name == "sgd" else ADAM
    case = Case(name, given, lambda: transform, states)
    compare(case, ours, opt.state, theirs, state, difference)


def compare(
    case: Case, ours: Any, our_state: Any, theirs: Any, their_state: Any, difference: "Difference"
) -> None:
    for key, p in ours.items():
        assert difference(p, theirs[key]) <= TOLERANCE, key
        assert set(our_state[key]) == set(case.states)
        for name, their_name in case.states.items():
            found = optax.tree_utils.tree_get(their_state, their_name)
            assert difference(our_state[key][name], found[key]) <= TOLERANCE, (key, name)
