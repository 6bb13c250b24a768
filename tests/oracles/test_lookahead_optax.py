"""Slow weights against optax.lookahead, in float64 over 200 steps."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

STEPS = 200
# optax adds alpha * (fast - slow), in an order of XLA's choice: a few units of 1e-16 a step. The
# largest measured is 2.5e-15.
TOLERANCE = 1e-12

Case = tuple[str, dict[str, Any], Callable[[], Any]]

CASES: dict[str, Case] = {
    "sgd": ("sgd", {"lr": 0.01, "momentum": 0.9}, lambda: optax.sgd(0.01, momentum=0.9)),
    "adam": ("adam", {"lr": 0.01}, lambda: optax.adam(0.01)),
}


@pytest.mark.parametrize(("k", "alpha"), [(1, 0.5), (5, 0.5), (6, 0.8), (7, 1.0)])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_same_path(
    case: Case, k: int, alpha: float, problem: "ProblemMaker", difference: "Difference"
) -> None:
    name, options, transform = case
    some = problem(STEPS, absent=False)
    p = some.parameters()
    opt = fastopt.get(name, p, lookahead_steps=k, lookahead_alpha=alpha, **options)
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        theirs = optax.lookahead(transform(), sync_period=k, slow_step_size=alpha)
        params = optax.LookaheadParams.init_synced(some.parameters())
        state = theirs.init(params)
        update = jax.jit(theirs.update)
        for g in some.grads:
            updates, state = update(g, state, params)
            params = optax.apply_updates(params, updates)
            opt.step(g)
            for ours, wanted in ((p, params.fast), (opt.slow_state, params.slow)):
                assert max(difference(ours[n], wanted[n]) for n in p) <= TOLERANCE
