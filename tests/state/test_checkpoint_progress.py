"""The progress bar of checkpoints, and the memory that they take."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.checkpoint_samples import SUFFIXES, few, load, same, specs

from fastopt import checkpoint
from fastopt.checkpoint import progress
from fastopt.checkpoint.progress import meter

MEGABYTES = 64  # that saving and loading may take beside the state


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_bar_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    path = tmp_path / f"state{suffix}"
    checkpoint.write(path, {}, few(), progress=True)
    shown = capsys.readouterr()
    assert "saving 100%" in shown.err
    with checkpoint.Reader(path) as file:
        found = file.read_all(specs(few()), progress=True)
    assert same(found.arrays, few())
    shown = capsys.readouterr()
    assert "loading 100%" in shown.err
    assert not shown.out


@pytest.mark.parametrize(
    ("wanted", "terminal", "size", "shows"),
    [
        (None, True, progress.LARGE, True),
        (None, True, progress.LARGE - 1, False),
        (None, False, progress.LARGE, False),
        (False, True, progress.LARGE, False),
        (True, False, 1, True),
    ],
)
def test_when_there_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, wanted: bool | None, terminal: bool, size: int, shows: bool
) -> None:
    screen = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    with meter("saving ", size, wanted) as done:
        done(size)
    assert bool(screen.getvalue()) == shows


def test_without_a_stderr_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with meter("saving ", progress.LARGE, None) as done:
        done(1)


def test_without_tqdm_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    checkpoint.write(tmp_path / "state.npz", {}, few(), progress=True)
    assert same(load(tmp_path / "state.npz", few())[1], few())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_memory_beside_the_state(tmp_path: Path, run_python: Callable[..., str], suffix: str) -> None:
    script = f"""
        import resource
        import numpy as np
        from fastopt import checkpoint

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        path = {str(tmp_path / f"state{suffix}")!r}
        arrays = {{"one": np.ones((1000, 30_000), np.float32), "two": np.ones((4000, 2500), order="F")}}
        checkpoint.write(path, {{}}, {{"small": np.ones(10)}})
        before = peak()
        checkpoint.write(path, {{}}, arrays)
        saving = peak() - before
        expected = {{name: checkpoint.ArraySpec.of(array) for name, array in arrays.items()}}
        with checkpoint.Reader(path) as file:
            file.read_all(expected)
        loading = peak() - before - saving - sum(array.nbytes for array in arrays.values()) / 2**20
        print(saving, loading)
    """
    saving, loading = map(float, run_python(script).split())
    assert saving < MEGABYTES  # of a state of 190
    assert loading < MEGABYTES
