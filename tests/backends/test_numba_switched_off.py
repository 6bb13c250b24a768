"""Numba with its compiler switched off: another backend, or an error that names the setting."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.backends import backend

pytest.importorskip("numba")

Run = Callable[..., str]

CHOICE = """
import warnings
import numpy as np
import fastopt
from typing import NamedTuple

class Scalars(NamedTuple):
    lr: float

class Own(fastopt.Optimizer):
    rule = staticmethod(lambda p, g, c: p - c.lr * g)
    rule.__name__ = "own"
    coefficients = staticmethod(lambda h, t: Scalars(h.lr))

def tried(name, make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            p = np.ones(3)
            opt = make(p)
            opt.step(np.ones(3))
            print(name, opt.backend, p[0], *[w.message for w in caught], sep=" | ")
        except Exception as error:
            print(name, type(error).__name__, error, sep=" | ")
            assert p[0] == 1.0

print(fastopt.build_info()["unavailable"])
tried("by name", lambda p: fastopt.SGD(p, lr=0.5, backend="numba"))
tried("any", lambda p: fastopt.SGD(p, lr=0.5))
tried("own", lambda p: Own(p, lr=0.5))
"""
OFF = "numba compiles nothing, as NUMBA_DISABLE_JIT is set"


@pytest.mark.parametrize("asked", ["", "numba"])
def test_the_environment_switches_it_off(asked: str, run_python: Run) -> None:
    env = {"NUMBA_DISABLE_JIT": "1", "FASTOPT_BACKEND": asked}
    if asked:
        script = (
            "import numpy, fastopt\ntry: fastopt.SGD(numpy.ones(3))\nexcept ImportError as e: print(e)"
        )
        said = run_python(script, **env)
        assert f"'numba' cannot be used (FASTOPT_BACKEND='numba'): {OFF}: unset it" in said
        return
    unavailable, by_name, anyone, own = run_python(CHOICE, **env).splitlines()
    assert OFF in unavailable
    assert by_name.startswith(f"by name | ImportError | the backend 'numba' cannot be used: {OFF}")
    assert anyone == "any | native | 0.5"
    assert own.startswith(
        "own | numpy | 0.5 | fastopt runs on the backend 'numpy', several times slower"
    )
    assert OFF in own


@pytest.mark.parametrize(
    "setting",
    [
        *("NUMBA_CAPTURED_ERRORS=new_style", "NUMBA_OPT=0"),
        *("NUMBA_BOUNDSCHECK=1", "NUMBA_DISABLE_JIT=0"),
    ],
)
def test_other_settings_of_numba_change_nothing(setting: str, run_python: Run) -> None:
    name, _, value = setting.partition("=")
    unavailable, *lines = run_python(CHOICE, **{name: value}).splitlines()
    assert unavailable == "{}"
    assert lines == ["by name | numba | 0.5", "any | native | 0.5", "own | numba | 0.5"]


@pytest.fixture
def switched_off() -> Iterator[Any]:
    from numba import config

    before = config.DISABLE_JIT

    def switch() -> None:
        config.DISABLE_JIT = 1

    yield switch
    config.DISABLE_JIT = before


def test_at_run_time_a_loop_that_is_there_runs_on(switched_off: Any) -> None:
    p, g = np.ones(3), np.ones(3)
    opt = fastopt.SGD(p, lr=0.25, backend="numba")
    opt.step(g)
    switched_off()
    opt.step(g)
    assert p.tolist() == [0.5] * 3
    assert "numba.config.DISABLE_JIT is set" in backend("numba").why_not()


def test_at_run_time_a_loop_that_is_missing_is_an_error_before_anything_is_written(
    switched_off: Any,
) -> None:
    from fastopt.backends import numba_kernel

    p, g = [np.ones(3), np.ones(2)], [np.ones(3), np.ones(2)]
    opt = fastopt.SGD(p, lr=0.5, backend="numba")
    numba_kernel.kernel.cache_clear()
    switched_off()
    with pytest.raises(RuntimeError, match=r"numba\.config.DISABLE_JIT is set: unset it"):
        opt.step(g)
    assert [x.tolist() for x in p] == [[1.0] * 3, [1.0] * 2]
    assert opt.step_count == 0
    from numba import config

    config.DISABLE_JIT = 0  # what the message says
    opt.step(g)
    assert p[0].tolist() == [0.5] * 3
