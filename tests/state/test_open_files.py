"""Checkpoints in files that somebody has opened, and ~ in paths."""

import gzip
import io
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoint_samples import MANIFEST, few, same, specs
from support.resume_runs import digest, gradients, model

import fastopt
from fastopt import CheckpointError, checkpoint, training

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers


def trained() -> Any:
    opt = Adam(model(0), lr=0.5)
    for k in range(3):
        opt.step(gradients(k))
    return opt


class OnlyWrites:
    """A stream to which bytes can be written, in order, and no more."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: Any) -> int:
        self.data += bytes(data)
        return len(data)


class OnlyReads:
    """A stream from which bytes can be read, in order, and no more."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, count: int = -1) -> bytes:
        return self._file.read(min(count, 1000))


def in_memory(tmp_path: Path, write: Callable[[Any], None]) -> Any:
    write(file := io.BytesIO())
    file.seek(0)
    return file


def on_disk(tmp_path: Path, write: Callable[[Any], None]) -> Any:
    with open(tmp_path / "any name", "wb") as file:
        write(file)
    return open(tmp_path / "any name", "rb")


def zipped(tmp_path: Path, write: Callable[[Any], None]) -> Any:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first", b"1")
        with archive.open("run.npz", "w") as file:
            write(file)
    return zipfile.ZipFile(tmp_path / "all.zip").open("run.npz")


def gzipped(tmp_path: Path, write: Callable[[Any], None]) -> Any:
    with gzip.open(tmp_path / "run.gz", "wb") as file:
        write(file)
    return gzip.open(tmp_path / "run.gz", "rb")


def behind_a_header(tmp_path: Path, write: Callable[[Any], None]) -> Any:
    file = io.BytesIO()
    file.write(b"PKheader")
    write(file)
    file.seek(8)
    return file


def streamed(tmp_path: Path, write: Callable[[Any], None]) -> Any:
    write(file := OnlyWrites())
    return OnlyReads(file.data)


def of_fsspec(tmp_path: Path, write: Callable[[Any], None]) -> Any:
    opened: Any = pytest.importorskip("fsspec").open
    for place in ("memory://run.npz", str(tmp_path / "run.npz")):
        with opened(place, "wb") as file:
            write(file)
    return opened(place, "rb").open()


KINDS = [in_memory, on_disk, zipped, gzipped, behind_a_header, streamed, of_fsspec]


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind: Any, tmp_path: Path) -> None:
    opt = trained()
    loads: list[Any] = [fastopt.load, lambda file, p: Adam(p).load(file)]
    for load in loads:
        file = kind(tmp_path, lambda file: opt.save(file, params=True, extra=[1]))
        found = load(file, params := model(1))
        if isinstance(found, fastopt.Optimizer):
            assert digest(found, params) == digest(opt, opt.params)
        else:
            assert found == ([1], [], [])
            assert {n: p.tobytes() for n, p in params.items()} == {
                n: p.tobytes() for n, p in opt.params.items()
            }
        assert file.read(1) == b""
        if hasattr(file, "close"):
            assert not file.closed
            file.close()


def test_the_file_is_the_one_of_a_path(tmp_path: Path) -> None:
    opt = trained()
    opt.save(path := tmp_path / "run.npz", params=True)
    opt.save(file := io.BytesIO(), params=True)
    assert file.getvalue() == path.read_bytes()
    assert file.tell() == len(path.read_bytes())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_either_format_is_read(suffix: str, tmp_path: Path) -> None:
    arrays = few()
    checkpoint.write(path := tmp_path / f"run{suffix}", MANIFEST, arrays)
    with open(path, "rb") as file, checkpoint.Reader(file) as reader:
        assert reader.manifest == MANIFEST
        assert same(reader.read_all(specs(arrays)).arrays, arrays)


def refused(tmp_path: Path) -> dict[str, tuple[Callable[[], Any], Any, type[Exception], str]]:
    text, closed = tmp_path / "text", io.BytesIO()
    closed.close()
    read, write = (lambda opt, f: opt.load(f)), (lambda opt, f: opt.save(f))
    return {
        "text": (lambda: open(text), read, TypeError, "is open for text: .* open(path, 'rb')"),
        "to text": (lambda: open(text, "w"), write, TypeError, "open for text: .* open(path, 'wb')"),
        "StringIO": (io.StringIO, write, TypeError, "'<StringIO>' is open for text"),
        "closed": (lambda: closed, read, ValueError, "'<BytesIO>' is closed: open it for bytes, "),
        "to closed": (lambda: closed, write, ValueError, "is closed: .* open(path, 'wb'), and close"),
        "to read": (lambda: open(text, "rb"), write, ValueError, "not open for writing: .* 'wb')"),
        "of writing": (lambda: open(text, "wb"), read, ValueError, "not open for reading: .* 'rb')"),
        "no read": (OnlyWrites, read, ValueError, "not open for reading"),
        "no write": (lambda: OnlyReads(b""), write, ValueError, "not open for writing"),
        "safetensors": (
            lambda: open(tmp_path / "x.safetensors", "wb"),
            write,
            ValueError,
            "written as .npz, and this one is .*x.safetensors': give the path in place",
        ),
        "a number": (
            lambda: 3,
            write,
            TypeError,
            "path is 3 (int); it must be a path, .*open(",
        ),
        "None": (lambda: None, read, TypeError, "path is None (NoneType); it must be a path, such as"),
        "at its end": (io.BytesIO, read, CheckpointError, "nothing is left to read: file.seek(0) goes"),
        "no checkpoint": (lambda: io.BytesIO(b"x" * 99), read, CheckpointError, "it is damaged"),
    }


@pytest.mark.parametrize("name", refused(Path()))
def test_files_that_cannot_be_used(name: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    make, use, error, words = refused(tmp_path)[name]
    opt = trained()
    before = digest(opt, opt.params)
    file = make()
    with pytest.raises(error, match=re.escape(words).replace(r"\.\*", ".*")) as caught:
        use(opt, file)
    assert isinstance(caught.value, CheckpointError) == (error is CheckpointError)
    assert digest(opt, opt.params) == before
    if hasattr(file, "close"):
        file.close()


def test_a_part_of_a_file_is_refused() -> None:
    opt, other = trained(), Adam(p := model(1))
    opt.save(file := io.BytesIO(), params=True)
    before, whole = digest(other, p), file.getvalue()
    for place in range(1, len(whole), 997):
        for damaged in (whole[:place], whole[place:]):
            with pytest.raises(CheckpointError, match="checkpoint '<BytesIO>' cannot be read"):
                other.load(io.BytesIO(damaged))
            assert digest(other, p) == before


def test_a_stream_that_fails() -> None:
    class Full(OnlyWrites):
        def write(self, data: Any) -> int:
            if data:
                raise OSError("no space left")
            return 0

    opt = trained()
    with pytest.raises(CheckpointError, match="not written: no space left; the file may have a part"):
        opt.save(Full())
    opt.step(gradients(3))


def test_an_extra_that_cannot_be_written_leaves_the_file() -> None:
    file = io.BytesIO(b"before")
    with pytest.raises(TypeError):
        trained().save(file, extra=object())
    assert file.getvalue() == b"before"


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    opt = trained()
    opt.save("~/run.npz", params=True)
    assert os.listdir(tmp_path) == ["run.npz"]
    for path in ("~/run.npz", Path("~/run.npz"), b"~/run.npz"):
        again = fastopt.load(path, p := model(1))  # type: ignore[arg-type]
        assert digest(again, p) == digest(opt, opt.params)
    with pytest.raises(FileNotFoundError, match=re.escape(f"no checkpoint at '{tmp_path}/no.npz'")):
        opt.load("~/no.npz")


def test_fit_resumes_from_an_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    def loss_and_grad(p: Any, batch: Any) -> Any:
        return float(p.sum()), np.ones_like(p)

    ended = []
    file: Any = io.BytesIO()
    resume: Any
    for resume in (None, "~/fit.npz", file):
        p = np.zeros(3)
        opt = Adam(p)
        if resume is file:
            file.write((tmp_path / "fit.npz").read_bytes())
            file.seek(0)
        calls = [training.Checkpoint("~/fit.npz")] if resume is None else []
        fastopt.fit(loss_and_grad, p, opt, [1, 2], 1 if resume is None else 2, calls, resume=resume)
        ended.append((opt.step_count, p.tobytes()))
    assert ended[1] == ended[2]
    assert ended[1][0] == 4
    with pytest.raises(TypeError, match=r"it must be a path, .* where each save can replace the one"):
        training.Checkpoint(file)
