"""Where like="paper" is not the letter of a paper, and how the paper's own rule is had."""

from typing import TYPE_CHECKING, Any

import numpy as np
from transcribed import transcriptions

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

STEPS = 50

# Roundings of the same formula in another order, over 50 steps; the largest measured is 1.3e-15.
TOLERANCE = 1e-13


def test_adamax_leaves_what_has_no_gradient() -> None:
    """Without any epsilon the paper divides 0 by 0."""
    pair = transcriptions()["paper", "adamax"]
    p, g = np.ones(2), np.array([0.0, 1.0])
    with np.errstate(invalid="ignore"):
        exact = pair.rule(p, g, {}, 1, pair.complete({}))
    assert np.isnan(exact[0])
    fastopt.Adamax([p], like="paper").step([g])
    assert p[0] == 1.0
    assert p[1] == exact[1]


def test_a_schedule_of_adamw_is_multiplied_into_both(
    problem: "ProblemMaker", difference: "Difference"
) -> None:
    """The paper's eta_t multiplies the step and the decay; here each is told."""
    alpha, decay = 0.01, 0.003
    some = problem(STEPS)
    ours, exact = some.parameters(), some.parameters()
    opt = fastopt.AdamW(ours, like="paper", lr=alpha, weight_decay=decay)
    m, v, t = ({key: 0.0 * p for key, p in exact.items()} for _ in range(3))
    for k, grads in enumerate(some.grads):
        eta = 0.5 * (1.0 + np.cos(np.pi * k / STEPS))
        opt.lr, opt.weight_decay = eta * alpha, eta * decay
        opt.step(grads)
        for key, g in grads.items():
            if g is not None:
                t[key] += 1.0
                m[key] = 0.9 * m[key] + 0.1 * g
                v[key] = 0.999 * v[key] + 0.001 * g**2
                m_hat, v_hat = m[key] / (1.0 - 0.9 ** t[key]), v[key] / (1.0 - 0.999 ** t[key])
                step = alpha * m_hat / (np.sqrt(v_hat) + 1e-8) + decay * exact[key]
                exact[key] = exact[key] - eta * step
    for key, p in exact.items():
        assert difference(ours[key], p) <= TOLERANCE, key


def nadam_of_2016(p: Any, grads: list[Any], mus: Any, nu: float, lr: float, eps: float) -> Any:
    """Take the steps of algorithm 2 of the workshop paper; mus begins with that of step 1."""
    m, n = 0.0 * p, 0.0 * p
    for t, g in enumerate(grads, 1):
        m = mus[t - 1] * m + (1.0 - mus[t - 1]) * g
        n = nu * n + (1.0 - nu) * g**2
        m_hat = mus[t] * m / (1.0 - np.prod(mus[: t + 1]))
        m_hat = m_hat + (1.0 - mus[t - 1]) * g / (1.0 - np.prod(mus[:t]))
        p = p - lr / (np.sqrt(nu * n / (1.0 - nu**t)) + eps) * m_hat
    return p


def test_nadam_of_the_workshop_paper_is_another(
    problem: "ProblemMaker", difference: "Difference"
) -> None:
    """Its buffer decays by mu_t, and a factor nu stands before the second moment.

    With a constant mu it is optax's form, the learning rate and epsilon divided by the root of nu.
    """
    grads = [g["matrix"] for g in problem(STEPS, absent=False).grads]
    p, mu, nu = np.ones((5, 7)), 0.9, 0.95

    def trained(**options: Any) -> Any:
        params = [p.copy()]
        opt = fastopt.NAdam(params, betas=(mu, nu), **options)
        for g in grads:
            opt.step([g])
        return params[0]

    scheduled = mu * (1.0 - 0.5 * 0.96 ** (np.arange(1, STEPS + 2) / 250.0))
    printed = nadam_of_2016(p, grads, scheduled, nu, 0.01, 1e-3)
    assert difference(trained(like="paper", lr=0.01, eps=1e-3), printed) > 1e-3
    constant = nadam_of_2016(p, grads, np.full(STEPS + 1, mu), nu, 0.01, 1e-3)
    ours = trained(like="optax", lr=0.01 / nu**0.5, eps=1e-3 / nu**0.5)
    assert difference(ours, constant) <= TOLERANCE
