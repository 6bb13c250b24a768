"""Schedules against those of Keras 3, in float64, over their whole length and beyond it.

Keras computes on torch here, in a process of its own since its backend cannot be changed: on JAX and
NumPy it rounds cosines to float32.
"""

import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from fastopt import schedules as s

if TYPE_CHECKING:
    from oracles.conftest import Difference

# Keras finds the period of restarts by a logarithm, and the part of it by a difference. The largest
# measured is 2.8e-16.
TOLERANCE = 1e-12
STEPS = 150

THEIRS = {
    s.exponential(0.1, 0.7, 9): "ExponentialDecay(0.1, 9, 0.7)",
    s.exponential(0.1, 0.7, 9, staircase=True): "ExponentialDecay(0.1, 9, 0.7, True)",
    s.inverse_time(0.1, 0.7, 9): "InverseTimeDecay(0.1, 9, 0.7)",
    s.inverse_time(0.1, 0.7, 9, staircase=True): "InverseTimeDecay(0.1, 9, 0.7, True)",
    s.polynomial(0.1, 90, 0.003, 2.5): "PolynomialDecay(0.1, 90, 0.003, 2.5)",
    s.polynomial(0.1, 23, 0.003, 0.5, True): "PolynomialDecay(0.1, 23, 0.003, 0.5, True)",
    # Each level begins a step later there.
    s.piecewise([10, 70], [0.1, 0.3, 0.2]): "PiecewiseConstantDecay([9, 69], [0.1, 0.3, 0.2])",
    s.cosine(0.1, 90, 0.1 * 0.03): "CosineDecay(0.1, 90, 0.03)",
    s.warmup_cosine(0.1, 110, 30, 0.1 * 0.03, 0.02): (
        "CosineDecay(0.02, 80, 0.03, warmup_target=0.1, warmup_steps=30)"
    ),
    s.cosine_restarts(0.1, 13, 1, 0.1 * 0.03, 0.8): "CosineDecayRestarts(0.1, 13, 1.0, 0.8, 0.03)",
    s.cosine_restarts(0.1, 13, 3, 0.1 * 0.03, 0.8): "CosineDecayRestarts(0.1, 13, 3.0, 0.8, 0.03)",
}


@pytest.mark.skipif(not (find_spec("keras") and find_spec("torch")), reason="needs Keras and torch")
def test_same_values(run_python: Callable[..., str], difference: "Difference") -> None:
    printed = run_python(
        f"""
        import json
        import warnings
        warnings.simplefilter("ignore")  # of what Keras imports
        import keras
        from keras.optimizers.schedules import *
        keras.config.set_floatx("float64")
        made = [{", ".join(THEIRS.values())}]
        print(json.dumps([[float(rate(step)) for step in range({STEPS})] for rate in made]))
        """,
        KERAS_BACKEND="torch",
    )
    expected = json.loads(printed)
    far = {
        repr(schedule): found
        for schedule, values in zip(THEIRS, expected, strict=True)
        if not (found := difference(schedule.values(STEPS), values)) <= TOLERANCE
    }
    assert not far
