"""What runs only where there is no extension has the bits of what runs in its place."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import everywhere_runs

import fastopt
from backends.test_choice import HIDE_NATIVE
from fastopt.followers import averages as averaging
from fastopt.followers.averages import SWAPPED
from fastopt.model.commit import make
from fastopt.runtime.extension import native

PACKAGE = Path(fastopt.__file__).parent
WITHOUT = (
    HIDE_NATIVE
    + f"""
import runpy
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
sys.argv[1:] = BACKENDS
runpy.run_path({everywhere_runs.__file__!r}, run_name="__main__")
"""
)

with_extension = pytest.mark.skipif(native is None, reason="there is no extension to compare with")


# Where the package asks whether the extension is there: each has a part that runs only without it.
ASKING = {
    "arrays/memory.py",  # arrays/test_array_memory.py
    "arrays/structure.py",  # arrays/test_containers.py
    "backends/choice.py",  # backends/test_choice.py
    "backends/native.py",  # backends/test_choice.py
    "backends/numba.py",  # here: own_rule
    "bench/run.py",  # a word in its output
    "followers/averages.py",  # here
    "model/commit.py",  # here
    "numerics/powers.py",  # here: powers; numerics/test_scalars.py
    "runtime/threadpoolctl.py",  # runtime/test_threads_setting.py
    "step/rule_trial.py",  # here: own_rule
    "torch/states.py",  # oracles/test_torch_contract.py
    "torch/tensors.py",  # likewise
}
ASKS = re.compile(r"^(?! *assert).*(\bnative (is|if|else)\b|\bif (extension\.)?native\b)", re.MULTILINE)


def test_every_place_that_asks_for_it_is_known() -> None:
    """A new one needs a run in everywhere_runs.py, or a test of its own, that goes there without it."""
    found = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if ASKS.search(file.read_text()) and file.name != "extension.py"
    }
    assert found == ASKING


# The swap in Python, which runs nowhere where the extension is.


def arrays(seed: int) -> list[NDArray[Any]]:
    rng = np.random.default_rng(seed)
    size = SWAPPED + 3
    some: list[Any] = [
        rng.standard_normal(size).astype(np.float32),
        rng.standard_normal(2 * SWAPPED),
        np.asfortranarray(rng.standard_normal((5, SWAPPED // 2))),
        np.asarray(rng.standard_normal(())),
        np.zeros((0, 3)),
        np.array([0x7FF8000000000001, 1 << 63, 1, seed], np.uint64).view(np.float64),
    ]
    return some


class Flag:
    value = False


SWAPS = [averaging._swap_in_python, *([] if native is None else [native.swap])]


@pytest.mark.parametrize("swap", SWAPS, ids=["Python", "C++"][: len(SWAPS)])
def test_swapped(swap: Callable[..., None]) -> None:
    some, others, flag = arrays(0), arrays(1), Flag()
    first, second = ([a.tobytes("A") for a in each] for each in (some, others))
    swap(some, others, [(flag, "value", True)])
    assert [a.tobytes("A") for a in some] == second
    assert [a.tobytes("A") for a in others] == first
    assert flag.value is True
    swap(some, others, ())
    assert [a.tobytes("A") for a in some] == first


@pytest.mark.parametrize("swap", SWAPS, ids=["Python", "C++"][: len(SWAPS)])
def test_averaged_with_each_swap(
    swap: Callable[..., None], backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[bytes] = []
    for patched in (averaging.swap, swap):
        monkeypatch.setattr(averaging, "swap", patched)
        runs.append(b"".join(map(everywhere_runs.hashed, everywhere_runs.averages(backend))))
    assert runs[0] == runs[1]


def test_changes_are_made_in_turn() -> None:
    flag = Flag()
    make([(flag, "value", 1), (flag, "other", 2), (flag, "value", 3)])
    assert vars(flag) == {"value": 3, "other": 2}


@with_extension
def test_all_that_fastopt_does_without_it(run_python: Callable[..., str]) -> None:
    """In a process that cannot import it, on the backends that are left."""
    found = json.loads(run_python(WITHOUT.replace("BACKENDS", "['numba', 'numpy']")))
    wanted = everywhere_runs.outcomes("native")
    assert list(wanted) == [run.__name__ for run in everywhere_runs.RUNS]
    assert found == {"numba": wanted, "numpy": wanted}
    assert everywhere_runs.outcomes("numpy") == wanted
