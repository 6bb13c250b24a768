"""Beside torch, scikit-learn and Numba in every order of import, and what children of theirs find."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.import_orders import ORDERS, PEERS, hashes, program

for name in PEERS:
    pytest.importorskip(name)


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_same_bits_and_nothing_changed(order: tuple[str, ...], start: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(program(order, start))
    assert run(file) == alone(tmp_path)


def run(file: Path) -> set[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, str(file)],
        env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return hashes(done.stdout)


_ALONE: list[set[str]] = []


def alone(folder: Path) -> set[str]:
    """Give the hash of a process that has no neighbours."""
    if not _ALONE:
        file = folder / "alone.py"
        file.write_text(program(("fastopt",), "spawn"))
        _ALONE.append(run(file))
    return _ALONE[0]
