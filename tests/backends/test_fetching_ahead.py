"""Steps feed the trial of prefetch_trial.hpp, and what it chooses reaches the kernels.

A kernel of the test's own takes longer where it is told to fetch ahead, or where it is not.
"""

import time
from typing import Any

import pytest
from arrays.test_indices import reserved
from support.own_kernels import OwnPlan, Scalars

from fastopt.backends import PLAIN_PASS
from fastopt.runtime.extension import native

pytestmark = pytest.mark.skipif(native is None, reason="there is no extension")

MIB = 2**20
SLOW = 0.05  # seconds: longer than a pause that the machine makes by itself
# The first step gets memory; then the trial; then the way that was faster.
TRIAL = [False, *[False, True, True, False] * 2]
PLAIN: dict[str, Any] = {}
WITH_SUMS: dict[str, Any] = {"sums": True, "extras": PLAIN_PASS, "changes": (), "row_of": ()}


def told(dtype: str, size: int, steps: int, slow: bool | None = None, how: Any = PLAIN) -> list[bool]:
    """Take steps over arrays of so many bytes, slow ones one way: which of them fetched ahead?"""
    p, g = (reserved(size).view(dtype) for _ in range(2))
    found: list[bool] = []

    def see(scalars: Scalars, p_at: int, *_: object) -> None:
        ahead = bool(scalars.ahead)
        if p_at == p.ctypes.data:  # the first chunk
            found.append(ahead)
            if ahead is slow:
                time.sleep(SLOW)
        assert ahead is found[-1]

    own = OwnPlan(see, p)
    for _ in range(steps):
        own.run(g, **how)
    return found


@pytest.mark.parametrize("how", [PLAIN, WITH_SUMS], ids=["plain", "with sums"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("helps", [False, True])
def test_the_faster_way_is_taken(helps: bool, dtype: str, how: Any) -> None:
    assert told(dtype, 16 * MIB, 13, slow=not helps, how=how) == [*TRIAL, *[helps] * 4]


def test_what_fits_the_caches_is_not_fetched_ahead() -> None:
    assert told("float32", 8 * MIB, 13) == [False] * 13


def test_each_plan_has_a_trial_of_its_own() -> None:
    assert told("float32", 16 * MIB, 9) == told("float32", 16 * MIB, 9) == TRIAL
