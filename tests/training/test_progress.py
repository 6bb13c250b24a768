"""The progress bar of fit: when it is shown, and what of it fits a terminal."""

import contextlib
import io
import os
import re
import struct
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from support.training_cases import X, Y, loss_and_grad, start

import fastopt
from fastopt.training import History


def given(**changes: Any) -> dict[str, Any]:
    opt = fastopt.Adam(start(), lr=0.05)
    good = {"loss_and_grad": loss_and_grad, "params": opt.params, "opt": opt, "data": (X, Y)}
    return good | changes


def test_progress_is_shown_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    fastopt.fit(**given(epochs=3, progress=True, validation=lambda params: 0.25))
    (last,) = capsys.readouterr().err.strip().split("\r")[-1:]
    assert last.startswith("epoch 3/3 100%, loss ")
    assert "validation 0.25 |" in last


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_is_shown_without_a_terminal(
    progress: bool | None, capsys: pytest.CaptureFixture[str]
) -> None:
    fastopt.fit(**given(data=iter([(X, Y)]), progress=progress))
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for progress, shown in ((None, True), (False, False)):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        fastopt.fit(**given(data=iter([(X, Y)]), progress=progress))
        assert ("epoch 1/1" in terminal.getvalue()) is shown


def test_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert isinstance(fastopt.fit(**given()), History)
    with pytest.raises(ImportError, match="progress=True needs tqdm: pip install tqdm"):
        fastopt.fit(**given(progress=True))


def lines_on_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[str]:
    """Train with stderr at a terminal of so many columns; list what its line has been."""
    pty, fcntl, termios = (pytest.importorskip(name) for name in ("pty", "fcntl", "termios"))
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(there, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        fastopt.fit(**given(**options))
    written = b""
    with (
        contextlib.suppress(OSError),
        os.fdopen(here, "rb", 0) as screen,
    ):  # Linux ends it with an error
        while more := screen.read(4096):
            written += more
    return [line for line in re.split(r"[\r\n]+", written.decode()) if line.strip()]


METRICS = {"validation loss": 0.0123456, "accuracy": 0.98765}


@pytest.mark.parametrize(
    ("columns", "metrics", "words"),
    [
        (80, METRICS, r"epoch 1/1 100%, loss [\d.]+, validation loss 0.01235, accuracy 0.9877 00:00"),
        (80, {}, r"epoch 1/1 100%, loss [\d.]+ \|█{20,}\| 00:00"),
        (80, {**METRICS, "perplexity": 33.25}, r".*, accuracy 0.9877, \.\.\. *"),
        (60, METRICS, r".* validation loss 0.01235, \.\.\. *"),
        (45, METRICS, r"epoch 1/1 100%, loss [\d.]+, \.\.\. 00:00"),
        (30, METRICS, r"epoch 1/1 100% \|█+\| 00:00"),
        (12, METRICS, r"epoch 1/1 1"),
    ],
)
def test_no_number_is_cut_by_the_end_of_the_line(
    columns: int, metrics: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    lines = lines_on_a_terminal(columns, monkeypatch, validation=lambda params: metrics)
    assert max(map(len, lines)) < columns
    assert re.fullmatch(words, lines[-1]), lines[-1]


def test_without_a_length_the_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    lines = lines_on_a_terminal(80, monkeypatch, data=iter([(X, Y)] * 3))
    assert re.fullmatch(r"epoch 1/1, step 3, loss [\d.]+", lines[-1]), lines[-1]


def test_a_notebook_has_a_bar_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The class that tqdm has for notebooks, where one runs; a shell in a terminal is none."""
    pytest.importorskip("tqdm.auto")
    made: list[Any] = []

    class Bar(contextlib.nullcontext[None]):
        n, format_dict = 0, {"ncols": None}

        def __init__(self, **options: Any) -> None:
            super().__init__()
            made.append(options)
            self.descriptions: list[str] = made
            self.bar_format = ""

        def set_description_str(self, text: str, refresh: bool) -> None:
            made.append((text, self.bar_format))

        def update(self, count: int) -> None:
            pass

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    shell = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    fastopt.fit(**given())
    assert not made
    shell.kernel = None
    fastopt.fit(**given(validation=lambda params: METRICS))
    assert made[0] == {"total": 1, "dynamic_ncols": False, "bar_format": "{desc}"}
    text, form = made[-1]
    assert text.endswith("validation loss 0.01235, accuracy 0.9877")
    assert form == "{desc} |{bar}| {remaining}"
    assert capsys.readouterr().err == ""
