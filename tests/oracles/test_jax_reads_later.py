"""JAX reads NumPy arguments after a call has returned: what docs/other_frameworks.md says of it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt

jax = pytest.importorskip("jax")

DOCUMENT = Path(__file__).parents[2] / "docs" / "other_frameworks.md"


def test_the_block_runs_and_its_values_are_those_before_each_step() -> None:
    (block,) = [
        b for b in re.findall(r"```py\n(.*?)```", DOCUMENT.read_text(), re.DOTALL) if "ready" in b
    ]
    namespace: dict[str, Any] = {}
    exec(compile(block, str(DOCUMENT), "exec"), namespace)
    params, before = namespace["params"], 1.0
    assert np.all(np.abs(params["w"] - 1.0) < 0.1)
    for _ in range(19):
        before *= 0.75  # 1 - lr * 2 / 4
    # 1 - w in float32, whose relative error grows as it falls; one step away would be a third.
    assert float(namespace["error"]) == pytest.approx(before, rel=1e-3)


def test_with_the_line_a_value_is_that_before_the_step() -> None:
    slow = jax.jit(lambda p: jax.lax.fori_loop(0, 30, lambda _, s: s + p.sum(), 0.0))
    p = np.ones(1 << 20, np.float32)
    opt = fastopt.SGD(p, lr=1.0)
    for t in range(3):
        value = jax.block_until_ready(slow(p))
        opt.step(np.ones_like(p))
        assert float(value) == 30 * float(1 - t) * p.size
