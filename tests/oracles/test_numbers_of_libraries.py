"""Numbers and schedules of array libraries as hyperparameters: values without axes, by their value."""

from typing import Any

import numpy as np
import pytest

import fastopt

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers


def check(value: Any) -> None:
    """Check that a value that is 0.25 is taken wherever a learning rate is."""
    p, q = np.ones(3), np.ones(3)
    opt, plain = Adam(p, lr=value), Adam(q, lr=0.25)
    for given in (value, lambda step: value):
        opt.lr = given
        assert (opt.lr, type(opt.lr)) == (0.25, float)
        opt.step(np.ones(3))
        plain.step(np.ones(3))
        assert p.tobytes() == q.tobytes()


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    check(torch.tensor(0.25, requires_grad=True))
    for value in (torch.tensor(True), torch.tensor([0.25]), torch.tensor(1j)):
        with pytest.raises(TypeError, match=r"lr is tensor.*; it must be a number >= 0"):
            Adam(np.ones(3), lr=value)


def test_bfloat16() -> None:
    check(pytest.importorskip("ml_dtypes").bfloat16(0.25))


def test_jax() -> None:
    check(pytest.importorskip("jax.numpy").float32(0.25))


def test_a_schedule_of_optax() -> None:
    schedule = pytest.importorskip("optax").cosine_decay_schedule(0.1, 10)
    p, q = np.ones(3), np.ones(3)
    opt, plain = Adam(p, lr=schedule), Adam(q)
    for step in range(3):
        plain.lr = float(schedule(step))
        opt.step(np.ones(3))
        plain.step(np.ones(3))
        assert p.tobytes() == q.tobytes()
    opt.lr = schedule(5)
    assert opt.lr == float(schedule(5)) != float(schedule(0))
