"""Offsets beyond 2^32 bytes, in every stream that the extension reads or writes, in a few mebibytes.

What only goes to a kernel is memory that is never touched, and the kernel looks at the addresses. What
the extension itself reads or writes lies in `repeated_memory`: an offset that is cut to 32 bits lands
on an element with another value.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.by_hand import Array, bfloat16
from support.own_kernels import OwnPlan, at
from support.repeated_memory import ELEMENTS, repeated

from arrays.test_indices import reserved
from fastopt.algorithm.stages import NOTHING
from fastopt.backends import PLAIN_PASS
from fastopt.optimizers.sgd import SgdCoefficients
from fastopt.runtime.extension import native

pytestmark = pytest.mark.skipif(native is None, reason="there is no extension")

TIMES = 683  # that the file lies in an array: 2 MiB more than 2^32 bytes of float32
THIRDS = np.repeat(np.array([1, 2, 4], np.float32), ELEMENTS // 3)  # 2^32 bytes are no multiple of one
SQUARES = 7 * ELEMENTS  # their sum


def untouched(elements: int) -> Array:
    return reserved(4 * elements).view(np.float32)


class InTurn:
    """A kernel that looks whether p, g and the states come in step, each element once."""

    def __init__(self, p: Array, g: Array, *states: Array) -> None:
        self._starts = [a.ctypes.data for a in (p, g, *states)]
        self.done = 0

    def __call__(self, scalars: int, p: int, g: int, states: list[int], n: int) -> None:
        offsets = [here - start for here, start in zip((p, g, *states), self._starts, strict=True)]
        assert offsets == [4 * self.done] * len(offsets)
        self.done += n


def test_parameter_gradient_and_states_of_more_than_2_to_the_32_elements() -> None:
    p, g, m, v = (untouched(2**32 + 4099) for _ in range(4))
    see = InTurn(p, g, m, v)
    OwnPlan(see, p, m, v).run(g)
    assert see.done == p.size


@pytest.fixture
def thirds() -> Iterator[Array]:
    """An array with three values, whose file they fill in turn."""
    with repeated(TIMES, np.float32) as (array,):
        array[:ELEMENTS] = THIRDS
        yield array


def test_sums_of_squares_of_the_gradient(thirds: Array) -> None:
    own = OwnPlan(None, untouched(thirds.size))
    own.plan.bind([thirds], None, True)
    assert own.plan.sums_of_squares(1) == [SQUARES * TIMES]


def test_sums_of_squares_of_the_update(thirds: Array) -> None:
    g, m = (untouched(thirds.size) for _ in range(2))
    see = InTurn(thirds, g, m)
    found = OwnPlan(see, thirds, m).run(g, sums=True, extras=PLAIN_PASS, changes=(), row_of=())
    assert see.done == thirds.size
    assert found == [(0.0, SQUARES * TIMES)]


def test_a_gradient_that_lies_otherwise(thirds: Array) -> None:
    """Transposed, so that tiles of it are gathered; with states."""
    g = thirds.reshape(-1, 2).T
    p, m = (untouched(thirds.size).reshape(g.shape) for _ in range(2))
    length, seen = g.shape[1], 0

    def see(scalars: object, p_at: int, g_at: int, states: list[int], n: int) -> None:
        nonlocal seen
        seen += n
        offset = p_at - p.ctypes.data
        assert states == [m.ctypes.data + offset]
        row, column = divmod(offset // 4, length)
        tile = at(g_at, n, np.float32)
        assert (tile[0], tile[-1]) == (g[row, column], g[row, column + n - 1])

    own = OwnPlan(see, p, m)
    own.run(g)
    assert seen == g.size
    assert own.plan.sums_of_squares(1) == [SQUARES * TIMES]


def test_slow_weights_and_averages(thirds: Array) -> None:
    """Both become the parameters."""
    with repeated(TIMES, np.float32, np.float32) as (slow, average):
        own = OwnPlan(None, thirds)
        own.plan.attach([slow], [average], None)
        extras = PLAIN_PASS._replace(average=True, take=1.0, pull=True, pull_take=1.0)
        own.run(untouched(thirds.size), extras=extras)
        for found in (thirds, slow, average):
            np.testing.assert_array_equal(found[:ELEMENTS], THIRDS)


def test_copies_of_more_than_2_to_the_31_elements() -> None:
    """They have two bytes each."""
    with repeated(2 * TIMES, np.float32, np.uint16) as (p, copy):
        p[:ELEMENTS] = THIRDS
        own = OwnPlan(None, p)
        own.plan.attach(None, None, [copy])
        own.run(untouched(p.size))
        np.testing.assert_array_equal(copy[:ELEMENTS].view(bfloat16), THIRDS.astype(bfloat16))


def test_all_in_one_kernel(thorough: bool) -> None:
    """SGD with average and copy; where there is time, the copy too reaches beyond 2^32 bytes."""
    assert native is not None
    times = 2 * TIMES if thorough else TIMES
    with repeated(times, *[np.float32] * 3, np.uint16) as (p, g, average, copy):
        g[:ELEMENTS] = THIRDS
        plan: Any = native.Plan([(p,)], ["sgd"], [0])
        plan.attach(None, [average], [copy])
        plan.bind([g], None, True)
        extras = PLAIN_PASS._replace(average=True, keep=1.0, take=1.0)
        plan.run([(NOTHING, SgdCoefficients(lr=1.0))], 1, extras)  # whole numbers: the sums are exact
        np.testing.assert_array_equal(p[:ELEMENTS], -times * THIRDS)
        np.testing.assert_array_equal(average[:ELEMENTS], -(times * (times + 1) // 2) * THIRDS)
        np.testing.assert_array_equal(copy[:ELEMENTS].view(bfloat16), p[:ELEMENTS].astype(bfloat16))
