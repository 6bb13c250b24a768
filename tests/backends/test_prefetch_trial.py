"""Whether to fetch ahead is tried, and what is faster is kept: the trial, compiled from csrc/."""

from pathlib import Path

from support.compiled import run_alone


def test_trials_on_machines_that_are_made_up(tmp_path: Path) -> None:
    run_alone("test_prefetch_trial.cpp", tmp_path)
