"""Whatever happens while a checkpoint is written, the path holds a whole one: the old or the new."""

import errno
import os
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoint_samples import MANIFEST, SUFFIXES, few, load, same

from fastopt import checkpoint
from fastopt.checkpoint.atomic import replacing

KILLS = int(os.environ.get("FASTOPT_TEST_KILLS", "40"))  # for each format


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"state{request.param}"


def alone(path: Path) -> bool:
    """Say whether the directory holds the checkpoint and nothing else."""
    return os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_a_failing_call_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    checkpoint.write(path, {"step": 1}, few())
    before = path.read_bytes()

    def fail(*args: Any) -> None:
        raise OSError(errno.EIO, "out of order")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(
            checkpoint.CheckpointError, match=r"was not written: .*out of order"
        ) as error:
            checkpoint.write(path, {"step": 2}, few())
    assert isinstance(error.value.__cause__, OSError)
    assert str(path) in str(error.value)
    assert path.read_bytes() == before
    assert alone(path)


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt, MemoryError])
def test_an_exception_between_any_two_blocks_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    checkpoint.write(path, {"step": 1}, few())
    before = path.read_bytes()
    monkeypatch.setattr("fastopt.checkpoint.arrays.BLOCK", 16)
    blocks = sum(-(-array.nbytes // 16) for array in few().values())

    for last in range(blocks):
        passed = 0

        def count(done: int, last: int = last) -> None:
            nonlocal passed
            passed += 1
            if passed > last:
                raise kind("stop here")

        with monkeypatch.context() as patch:
            patch.setattr("fastopt.checkpoint.writer.meter", lambda *args: Shown(count))
            with pytest.raises(
                checkpoint.CheckpointError if kind is OSError else kind, match="stop here"
            ):
                checkpoint.write(path, {"step": 2}, few())
        assert passed == last + 1
        assert path.read_bytes() == before
        assert alone(path)


class Shown:
    """Stands where the progress bar does."""

    def __init__(self, count: Callable[[int], None]) -> None:
        self.count = count

    def __enter__(self) -> Callable[[int], None]:
        return self.count

    def __exit__(self, *error: object) -> None:
        pass


def test_a_directory_that_cannot_be_flushed_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "out of order")
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(checkpoint.CheckpointError, match="was written, but"):
        checkpoint.write(path, MANIFEST, few())
    assert same(load(path, few())[1], few())


def test_file_and_directory_are_flushed_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        calls.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def replaced(source: str, target: str) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    checkpoint.write(path, MANIFEST, few())
    assert calls == ["file", "replace", "directory"]


def test_all_bytes_are_with_the_system_when_it_is_told_to_flush(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    with replacing(str(path)) as file:
        file.write(b"few")
    assert sizes[0] == 3


def test_a_full_disk_leaves_the_old_file(path: Path, run_python: Callable[..., str]) -> None:
    """The limit on the size of files stands for a full disk: writes fail, or are cut short."""
    script = f"""
        import os, resource, signal
        import numpy as np
        from fastopt import checkpoint
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        path = {str(path)!r}
        checkpoint.write(path, {{"step": 1}}, {{"a": np.zeros(10)}})
        before = open(path, "rb").read()
        for limit in [0, 100, 5_000, 1_000_000, 8_000_100]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                checkpoint.write(path, {{"step": 2}}, {{"a": np.ones(1_000_000)}})
            except checkpoint.CheckpointError as error:
                assert isinstance(error.__cause__, OSError), error.__cause__
                assert "was not written" in str(error)
            else:
                raise AssertionError(limit)
            assert open(path, "rb").read() == before
            assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        checkpoint.write(path, {{"step": 2}}, {{"a": np.ones(1_000_000)}})
        print(checkpoint.Reader(path).manifest["step"])
    """
    assert run_python(script) == "2"


def test_a_killed_process_leaves_a_whole_file(path: Path, run_python: Callable[..., str]) -> None:
    """Children that save without end are killed at random moments; the parent reads what is there."""
    script = f"""
        import glob, itertools, os, random, signal, time
        import numpy as np
        from fastopt import checkpoint
        path = {str(path)!r}
        moments = random.Random(0)

        def state(step):
            return {{"a": np.full(30_000, step, np.float32), "b": np.full((300, 50), -step)}}

        def found():
            with checkpoint.Reader(path) as file:
                step = file.manifest["step"]
                expected = state(step)
                assert list(file.describe()) == list(expected)
                assert all((file.read(name) == expected[name]).all() for name in expected)
                return step

        checkpoint.write(path, {{"step": 0}}, state(0))
        step = interrupted = 0
        for kill in range({KILLS}):
            child = os.fork()
            if child == 0:
                signal.alarm(60)  # if nobody kills it
                for step in itertools.count(step + 1):
                    checkpoint.write(path, {{"step": step}}, state(step))
            time.sleep(moments.uniform(0.001, 0.05))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            assert found() >= step
            step = found()
            left = glob.glob(os.path.join(os.path.dirname(path), ".fastopt-*.partial"))
            interrupted += len(left)
            for each in left:
                os.unlink(each)
            assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
        print(step, interrupted)
    """
    step, interrupted = map(int, run_python(script).split())
    assert step > 0
    assert interrupted > KILLS // 4  # most kills come while a file is being written


def test_writers_at_once(path: Path) -> None:
    """Several writers and readers of one path: every reader finds a whole checkpoint."""

    def state(writer: int) -> dict[str, Any]:
        return {"a": np.full(1000, writer, np.float64)}

    checkpoint.write(path, {"writer": 0}, state(0))
    failed: list[BaseException] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        try:
            for _ in range(20):
                checkpoint.write(path, {"writer": writer}, state(writer))
        except BaseException as error:
            failed.append(error)

    def read() -> None:
        try:
            while not stop.is_set():
                manifest, arrays = load(path, state(0))
                assert same(arrays, state(manifest["writer"]))
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(1, 5)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert not failed
    assert load(path, state(0))[0]["writer"] in range(1, 5)
    assert alone(path)


def test_what_is_open_stays_as_it_is(path: Path) -> None:
    checkpoint.write(path, MANIFEST, few())
    with checkpoint.Reader(path) as file:
        checkpoint.write(path, {}, {})
        assert same({name: file.read(name) for name in few()}, few())
    assert load(path, {}) == ({}, {})


def test_a_new_file_has_the_permissions_of_the_umask_and_a_replaced_one_keeps_its_own(
    path: Path,
) -> None:
    before = os.umask(0o027)
    try:
        checkpoint.write(path, {}, {})
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        for mode in (0o600, 0o644, 0o444):
            path.chmod(mode)
            checkpoint.write(path, {}, {})
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_symbolic_link_leads_to_the_file_that_is_replaced(path: Path) -> None:
    (path.parent / "deep").mkdir()
    real = path.parent / "deep" / f"real{path.suffix}"
    path.symlink_to(Path("deep") / real.name)
    checkpoint.write(path, MANIFEST, few())  # the link leads nowhere yet
    checkpoint.write(path, MANIFEST, few())
    assert path.is_symlink()
    assert alone(real)
    assert same(load(real, few())[1], few())
    assert same(load(path, few())[1], few())


def test_relative_paths_and_strings(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    checkpoint.write(path.name, MANIFEST, few())
    with checkpoint.Reader(path.name) as file:
        assert file.manifest == MANIFEST
    assert alone(path)


def test_what_is_no_file_is_not_replaced(path: Path) -> None:
    path.mkdir()
    with pytest.raises(checkpoint.CheckpointError, match="no regular file"):
        checkpoint.write(path, {}, {})
    with pytest.raises(checkpoint.CheckpointError, match="no regular file"):
        checkpoint.Reader(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(checkpoint.CheckpointError, match="no regular file"):
        checkpoint.write(path, {}, {})
    with pytest.raises(checkpoint.CheckpointError, match="no regular file"):
        checkpoint.Reader(path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert alone(path)


def test_a_missing_directory_is_named(path: Path) -> None:
    target = path.parent / "missing" / path.name
    with pytest.raises(checkpoint.CheckpointError, match=re.escape("os.makedirs")) as error:
        checkpoint.write(target, {}, {})
    assert str(target.parent) in str(error.value)
    assert not isinstance(error.value, FileNotFoundError)


def test_a_name_that_is_too_long_for_the_system_is_refused_first(path: Path) -> None:
    target = path.with_name("x" * 300 + path.suffix)
    with pytest.raises(checkpoint.CheckpointError, match="too long"):
        checkpoint.write(target, {}, {})
    assert not os.listdir(path.parent)


@pytest.mark.parametrize("wrong", [None, 3, 1.5, []])
def test_what_is_no_path(wrong: Any) -> None:
    with pytest.raises(TypeError):
        checkpoint.write(wrong, {}, {})
    with pytest.raises(TypeError):
        checkpoint.Reader(wrong)
