"""Bad input raises a typed error that names it and the remedy, and no byte has changed.

The tables are in `faults`; they run in a process of their own for each backend, with every array
between pages that nobody may touch. Here stands what must come of it.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from faults.tally import Tally
from support.environment import SETTINGS
from support.hashing import digest
from support.places import DTYPES, PLACES, Scene, check_message, good
from support.variants import FACTORED, FOUNDING, WITH_ALL

import fastopt
from fastopt import backends

TESTS = Path(__file__).parents[1]
MODULES = ("torch", "jax", "ml_dtypes")


def run(module: str, tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """Run a table in a new process; a signal is a failure with the name of the case."""
    report, now = tmp_path / "report.json", tmp_path / "now"
    environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *arguments, report, now],
        cwd=TESTS,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    last = now.read_text().strip() if now.exists() else "nothing yet"
    assert done.returncode == 0, f"exit status {done.returncode} at: {last}\n{done.stderr}"
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def test_every_fault(tmp_path: Path, thorough: bool) -> None:
    """Every fault with every algorithm: each on one backend in turn, or on each of them."""
    for module in MODULES:
        pytest.importorskip(module)
    usable = [name for name in backends.NAMES if not backends.backend(name).why_not()]
    cases, inputs = 0, set()
    for turn, backend in enumerate(usable):
        shared = ("0", "1") if thorough else (str(turn), str(len(usable)))
        found = run("faults", tmp_path, backend, *shared)
        assert not found["shown"], json.dumps(found["shown"], indent=1)
        assert (found["accepted"], found["changed"], found["wrongly"]) == (0, 0, 0)
        print(f"{backend}: {found['cases']} cases, none accepted, no byte changed, no signal")
        cases += found["cases"]
        inputs.update(found["inputs"])
    print(f"{cases} cases of {len(inputs)} inputs")
    assert len(inputs) >= 2_500
    assert cases >= 30_000


def test_what_goes_wrong_is_seen(tmp_path: Path) -> None:
    """The table can fail: by what is taken, what is changed, what is said, and by a signal."""
    tally, array = Tally(tmp_path / "now"), np.zeros(3)

    def hashed() -> str:
        return array.tobytes().hex()

    def refused() -> None:
        raise TypeError("as it should be")

    def refused_too_late() -> None:
        array[0] += 1
        refused()

    for name, call, words in (
        ("fine", refused, "should"),
        ("taken", lambda: None, ""),
        ("late", refused_too_late, ""),
        ("other words", refused, "remedy"),
    ):
        tally.refuses("an array", name, "here", call, TypeError, (words,), hashed)
    tally.refuses("an array", "other error", "here", refused, ValueError, (), str)
    report = tally.report()
    assert report["cases"] == 5
    assert [report[key] for key in ("accepted", "changed", "wrongly")] == [1, 1, 2]
    assert tally.accepted == ["an array: taken, here"]


@pytest.mark.parametrize("at_end", [True, False])
def test_the_guards_are_there(at_end: bool) -> None:
    script = f"""
        import numpy as np
        from faults.guarded import guarded
        a = guarded(np.ones(8, np.float32), {at_end})
        assert a.sum() == 8
        print("here", flush=True)
        np.lib.stride_tricks.as_strided(a[{7 if at_end else 0}:], (2,), ({4 if at_end else -4},)).sum()
    """
    # AddressSanitizer, where it is in the process, would take the signal.
    options = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)],
        cwd=TESTS,
        env={**os.environ, "ASAN_OPTIONS": options},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "here", done.stderr
    assert done.returncode == -signal.SIGSEGV


def test_every_good_size_between_guards(backend: str, tmp_path: Path) -> None:
    """No access outside of an array of any size, and gradients as they were."""
    found = run("faults.sizes", tmp_path, backend)
    print(f"{backend}: {found['steps']} steps in guarded memory")
    assert found["gradients_changed"] == 0
    assert found["steps"] >= 258 * 2 * len((*FOUNDING, *FACTORED) if backend == "native" else WITH_ALL)


# The same in models of other structures.

FAULTS: list[tuple[str, Any, type[Exception], str]] = [
    ("int64", lambda a: a.astype(np.int64), TypeError, "int64"),
    ("foreign order", lambda a: a.astype(a.dtype.newbyteorder()), TypeError, "byte order"),
    ("text", lambda a: "weights", TypeError, "str"),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0])
def test_every_place_of_a_parameter(fault: Any, place: str, backend: str) -> None:
    _, make, error, word = fault
    build, name = PLACES[place]
    for algorithm in FOUNDING:
        bad, others = make(good(0)), [good(1), good(2)]
        before = digest(bad, others)
        with pytest.raises(error) as caught:
            fastopt.get(algorithm, build(bad, others), backend=backend)
        check_message(caught.value, f"'{name}", (word,))
        assert digest(bad, others) == before


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0])
def test_every_place_of_a_gradient(fault: Any, place: str, backend: str) -> None:
    _, make, error, word = fault
    for i, algorithm in enumerate(FOUNDING):
        scene = Scene(algorithm, backend, place, DTYPES[i % 2])
        bad = scene.bad(make(good(6, scene.dtype)))
        scene.refuses(bad, error, f"the gradient of '{scene.name}'", (word,))
        scene.goes_on()
