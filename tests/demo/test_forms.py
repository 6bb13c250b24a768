"""The optimizers of the experiments are, to the last digits, those of the documents they are from."""

from collections.abc import Callable

import numpy as np
import pytest

from fastopt.demo.data import Array
from fastopt.demo.experiments import five_points, mnist
from fastopt.demo.own_rules import LateAdagrad, LateRMSprop
from fastopt.demo.sweep import ROSTER as BOSTON

Formula = Callable[[Array, Array, Array], tuple[Array, Array]]


def late_adagrad(p: Array, total: Array, g: Array) -> tuple[Array, Array]:
    return p - 0.01 * g / np.sqrt(total + 1e-8), total + g * g


def late_rmsprop(p: Array, r: Array, g: Array) -> tuple[Array, Array]:
    return p - 0.01 * g / np.sqrt(r + 1e-8), 0.9 * r + 0.1 * g**2


@pytest.mark.parametrize(("cls", "formula"), [(LateAdagrad, late_adagrad), (LateRMSprop, late_rmsprop)])
def test_late_rules_divide_by_what_the_steps_before_left(cls: type, formula: Formula) -> None:
    rng = np.random.default_rng(0)
    p = rng.standard_normal(50)
    expected, state = p.copy(), np.zeros(50)
    optimizer = cls(p, lr=0.01)
    for _ in range(50):
        g = rng.standard_normal(50)
        expected, state = formula(expected, state, g)
        optimizer.step(g)
    np.testing.assert_allclose(p, expected, rtol=1e-13)  # 1 - 0.9 is not quite 0.1


def test_momentum_of_boston_has_the_rate_in_its_buffer() -> None:
    momentum = BOSTON[2].having(lr=1e-3).optimizer(p := np.zeros(1), None)
    b = w = 0.0
    for lr in (1e-3, 1e-2):
        momentum.lr = lr
        momentum.step(np.ones(1))
        b = 0.98 * b - lr * 1.0
        w += b
    assert p[0] == pytest.approx(w, rel=1e-15)


def test_momentum_of_five_points_has_no_learning_rate() -> None:
    p = np.zeros(1)
    momentum = five_points.ROSTER[1].optimizer(p, None)
    momentum.step(np.ones(1))
    assert p[0] == pytest.approx(-0.1, rel=1e-15)
    momentum.step(np.ones(1))
    assert p[0] == pytest.approx(-0.1 - 0.19, rel=1e-15)


def test_rmsprop_and_adam_of_five_points_add_epsilon_to_the_root_and_correct_nothing() -> None:
    rmsprop, adam = (five_points.ROSTER[i].having(lr=0.1) for i in (2, 3))
    g1, g2 = 1e-4, -2e-4  # so that epsilon counts
    found = []
    for contestant in (rmsprop, adam):
        optimizer = contestant.optimizer(p := np.zeros(1), None)
        for g in (g1, g2):
            optimizer.step(np.array([g]))
        found.append(p[0])
    r1, m1 = 0.1 * g1**2, 0.1 * g1
    r2, m2 = 0.9 * r1 + 0.1 * g2**2, 0.9 * m1 + 0.1 * g2
    expected = [
        -0.1 * a / (np.sqrt(r1) + 1e-5) - 0.1 * b / (np.sqrt(r2) + 1e-5)
        for a, b in ((g1, g2), (m1, m2))
    ]
    assert found == pytest.approx(expected, rel=1e-13)  # 1 - 0.9 is not quite 0.1


def test_adam_of_boston_has_epsilon_hat() -> None:
    optimizer = BOSTON[3].having(lr=1e-3).optimizer(p := np.zeros(1), None)
    g = 1e-7  # so that epsilon counts
    optimizer.step(np.array([g]))
    rate = 1e-3 * np.sqrt(1 - 0.999) / (1 - 0.9)
    expected = -rate * 0.1 * g / (np.sqrt(0.001 * g**2) + 1e-8)
    assert p[0] == pytest.approx(expected, rel=1e-13)  # 1 - 0.999 is not quite 0.001


def test_the_eight_forms_of_mnist_are_those_of_the_notebook() -> None:
    """The first two steps of each, in float64, by hand, at the notebook's learning rates."""
    rates = {"sgd": 1e-2, "adamax": 2e-3}
    g1, g2, w = 2.0, -1.0, 0.0
    found = {}
    for contestant in mnist.FORMS:
        rated = contestant.having(lr=rates.get(contestant.label, 1e-3))
        optimizer = rated.optimizer(p := np.zeros(1), None)
        for g in (g1, g2):
            if contestant.lookahead:
                with optimizer.at_nesterov_point():
                    pass
            optimizer.step(np.array([g]))
        found[contestant.label] = p[0]
    m1, v1 = 0.1 * g1, 0.001 * g1**2
    m2, v2 = 0.9 * m1 + 0.1 * g2, 0.999 * v1 + 0.001 * g2**2
    m_hat, root = m2 / (1 - 0.9**2), np.sqrt(v2 / (1 - 0.999**2)) + 1e-8
    first = 1e-3 * g1 / (g1 + 1e-8)
    expected = {
        "sgd": w - 1e-2 * (g1 + g2),
        "momentum": w - 1e-3 * g1 - (0.9e-3 * g1 + 1e-3 * g2),
        "nesterov": w - 1e-3 * g1 - (0.9e-3 * g1 + 1e-3 * g2),
        "adagrad": w - 1e-3 * g1 / 1e-4 - 1e-3 * g2 / np.sqrt(g1**2 + 1e-8),
        "rmsprop": w - 1e-3 * g1 / 1e-4 - 1e-3 * g2 / np.sqrt(0.1 * g1**2 + 1e-8),
        "adam": w - first - 1e-3 * m_hat / root,
        "adamax": w - 2e-3 - 2e-3 * m_hat / (0.999 * g1),
        "nadam": w
        - 1e-3 * (0.9 * g1 + g1) / (g1 + 1e-8)
        - 1e-3 * (0.9 * m_hat + 0.1 * g2 / (1 - 0.9**2)) / root,
    }
    assert found == pytest.approx(expected, rel=1e-13)  # 1 - 0.999 is not quite 0.001
