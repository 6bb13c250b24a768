"""Centralization and adaptive clipping against optax, in float64 over 200 steps.

optax clips columns of matrices, where slices of the first axis are ours: it is given their transposes.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

STEPS = 200
# XLA sums in an order of its own. The largest measured is 7e-16.
TOLERANCE = 1e-12

Case = tuple[str, dict[str, Any], dict[str, Any], Callable[[], Any]]

SGD = ("sgd", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1})
ADAM = ("adam", {"lr": 0.01, "betas": (0.8, 0.97)})
RMSPROP = ("rmsprop", {"lr": 0.01, "alpha": 0.9, "clipvalue": 1.5})


def sgd() -> Any:
    return optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.01, momentum=0.9))


def adam() -> Any:
    return optax.adam(0.01, b1=0.8, b2=0.97)


def rmsprop() -> Any:
    made = optax.rmsprop(0.01, decay=0.9, eps_in_sqrt=False)
    return optax.chain(optax.clip(1.5), made)


CASES: dict[str, Case] = {
    f"{which[0]}, {' and '.join(h)}": (*which, h, made)
    for which, made in ((SGD, sgd), (ADAM, adam), (RMSPROP, rmsprop))
    for h in (
        {"centralize": True},
        {"adaptive_clip": 0.05, "adaptive_clip_eps": 0.2},
        {"centralize": True, "adaptive_clip": 0.02},
    )
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_same_path(case: Case, problem: "ProblemMaker", difference: "Difference") -> None:
    name, options, h, base = case
    some = problem(STEPS, absent=False)
    p = some.parameters()
    opt = fastopt.get(name, p, **options, **h)
    changes = [_centralized()] if h.get("centralize") else []
    if "adaptive_clip" in h:
        eps = h.get("adaptive_clip_eps", 1e-3)
        changes.append(optax.adaptive_grad_clip(h["adaptive_clip"], eps=eps))
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        theirs = optax.chain(*changes, base())
        params = _there(some.parameters())
        state = theirs.init(params)
        update = jax.jit(theirs.update)
        for g in some.grads:
            updates, state = update(_there(g), state, params)
            params = optax.apply_updates(params, updates)
            opt.step(g)
        assert max([difference(p, params[key]) for key, p in _there(p).items()]) <= TOLERANCE


def _there(arrays: dict[str, Any]) -> dict[str, Any]:
    """Make columns of the slices of the first axis."""
    return {k: x if x.ndim < 2 else x.reshape(len(x), -1).T for k, x in arrays.items()}


def _centralized() -> Any:
    """Make optax's centralization of transposed arrays, whose first axis is the last one."""
    inner = optax.centralize()

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        found, state = inner.update(_turned(updates), state, params)
        return _turned(found), state

    return optax.GradientTransformation(inner.init, update)


def _turned(tree: Any) -> Any:
    return jax.tree.map(jax.numpy.transpose, tree)
