"""Steps are counted exactly up to 2^53, and what depends on the count is accurate at each."""

from typing import Any

import mpmath
import numpy as np
import pytest
from support.by_hand import same
from support.steps import take_step
from support.variants import ANY_SHAPE

import fastopt
from fastopt.numerics.powers import power
from fastopt.runtime.arguments import MOST_STEPS

BETAS = [0.0, 1e-12, 0.5, 0.9, 0.999, 0.999999, 1 - 2**-53]
COUNTS = [1, 2, 3, 10, 1000, 2**24 - 1, 2**24, 2**24 + 1, 2**31 - 1, 2**31, 2**32 + 1, 10**12, 2**53]


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("t", COUNTS)
def test_bias_correction(beta: float, t: int) -> None:
    with mpmath.workdps(60):
        exact = 1 - mpmath.mpf(beta) ** t
        off = abs((1.0 - power(beta, t)) - exact) / exact
        # The power is rounded when it is near 1, and the difference keeps that: 2^-53 of 1 beside the
        # least that it can be, 1 - beta.
        assert off <= mpmath.mpf(2) ** -53 / (1 - mpmath.mpf(beta))


def counted(name: str, options: dict[str, Any], steps: int, backend: str) -> tuple[Any, Any]:
    """Make an optimizer that has taken so many steps, by its own state."""
    p = np.linspace(-1.0, 1.0, 7)
    opt = fastopt.get(name, p, backend=backend, **options)
    take_step(opt, np.cos(p))
    state = opt.state_dict()
    state["steps"] = steps
    for entry in state["parameters"].values():
        entry["steps"] = steps
    opt.load_state_dict(state)
    return opt, p


@pytest.mark.parametrize("steps", [2**24 - 1, 2**24, 2**31 - 1, 2**32, 10**12, 2**53 - 3])
@pytest.mark.parametrize("name", ANY_SHAPE)
def test_goes_on_from_any_count(name: str, steps: int) -> None:
    """Where float32 and 32 bits stop counting, steps go on, with the same bits from all backends."""
    found = []
    for backend in ("native", "numpy"):
        opt, p = counted(name, {}, steps, backend)
        for k in range(1, 4):
            before = p.copy()
            take_step(opt, np.cos(p))
            assert opt.step_count == steps + k
            entry = opt.state_dict(copy=False)["parameters"][opt.names[0]]
            assert entry["steps"] == steps + k
            assert np.isfinite(p).all()
            assert not same(p, before)
        found.append([p, *opt.state[opt.names[0]].values()])
    for a, b in zip(*found, strict=True):
        assert same(a, b)


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("steps", [2**24, 2**31, 10**12, 2**53 - 1])
def test_no_bias_is_left_after_many_steps(name: str, steps: int) -> None:
    """Then Adam is what it is without bias correction: 1 - beta^t is 1."""
    found = []
    for correction in (True, False):
        opt, p = counted(name, {"lr": 0.05}, steps, "native")
        opt.bias_correction = correction
        opt.step(np.cos(p))
        found.append(p)
    assert same(*found)


@pytest.mark.parametrize("name", ANY_SHAPE)
def test_more_steps_than_are_counted_exactly(name: str) -> None:
    opt, p = counted(name, {}, MOST_STEPS, "native")
    before = p.tobytes()
    state = opt.state_dict()
    for where in (state, *state["parameters"].values()):
        where["steps"] = MOST_STEPS + 1
        with pytest.raises(ValueError, match="steps"):
            opt.load_state_dict(state)
        where["steps"] = MOST_STEPS
    assert p.tobytes() == before
    assert opt.step_count == MOST_STEPS
