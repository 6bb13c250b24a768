"""What an installation has to do on every platform that has a wheel. Needs NumPy and pytest alone."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import ANY_SHAPE, in_turn

import fastopt
from fastopt import backends
from fastopt.runtime.extension import native

Arrays = list[NDArray[Any]]
SIZES = [0, 1, 3, 7, 16, 31, 64, 257, 300_000]  # the last is several chunks, and work for two threads


def trained(name: str, backend: str, dtype: Any) -> Arrays:
    """Take four steps with stages around the rule; give back parameters and states."""
    rng = np.random.default_rng(3)
    params = [rng.standard_normal(size).astype(dtype) for size in SIZES]
    opt = fastopt.get(name, params, backend=backend, weight_decay=0.01, maximize=True, ema=0.9)
    for _ in range(4):
        take_step(opt, [rng.standard_normal(size).astype(dtype) for size in SIZES])
    return params + [array for state in opt.state.values() for array in state.values()]


def test_the_extension_is_there_and_used() -> None:
    info = fastopt.build_info()
    assert info["backend"] == "native"
    assert native is not None
    assert native.version == info["version"] == fastopt.__version__
    assert info["isa"] in info["isa_levels"]
    assert info["isa_levels"][0] == "baseline"
    assert os.environ.get("FASTOPT_ISA", info["isa"]) == info["isa"]


@pytest.mark.parametrize("name", ANY_SHAPE)
def test_the_bits_are_those_of_numpy(name: str) -> None:
    dtype = in_turn(name, [np.float32, np.float64])
    for found, expected in zip(
        trained(name, "native", dtype), trained(name, "numpy", dtype), strict=True
    ):
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


def test_wrong_arrays_are_refused_and_nothing_changes() -> None:
    params = [np.ones(5, np.float32), np.ones(4, np.float32)]
    opt = fastopt.get("adam", params)
    for wrong in (np.ones(3, np.float32), np.ones(4, np.float64)):
        with pytest.raises((TypeError, ValueError)):
            opt.step([np.ones(5, np.float32), wrong])
    assert all((p == 1).all() for p in params)
    assert opt.step_count == 0


def test_numpy_is_all_that_importing_asks_for() -> None:
    hidden = ["numba", "safetensors", "sklearn", "matplotlib", "tqdm", "torch", "ml_dtypes"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({hidden})); import fastopt; print(fastopt.SGD)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "SGD" in done.stdout


def test_every_backend_says_whether_it_can_be_used() -> None:
    assert "native" not in fastopt.build_info()["unavailable"]
    assert backends.backend("numpy").why_not() in ("", None)
