"""The thread pool by itself, compiled from csrc/, in its rarest moments."""

from pathlib import Path

from support.compiled import run_alone


def test_a_caller_that_sleeps_is_woken(tmp_path: Path) -> None:
    run_alone("test_pool.cpp", tmp_path, "pool/threads.cpp")
