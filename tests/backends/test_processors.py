"""Other processors, emulated: the level chosen is one that they run, and the bits are the same."""

import shutil
import subprocess
import sys

import pytest

import fastopt

PROGRAM = """
import hashlib
import numpy as np
import fastopt

rng = np.random.default_rng(0)
p = rng.standard_normal(1001).astype(np.float32)
opt = fastopt.AdamW(p, global_clipnorm=1.0, ema=0.9)
for _ in range(3):
    opt.step(rng.standard_normal(1001).astype(np.float32))
print(fastopt.build_info()["isa"], hashlib.sha256(p.tobytes() + opt.ema_state.tobytes()).hexdigest())
"""

EMULATOR = shutil.which("qemu-x86_64")
pytestmark = pytest.mark.skipif(EMULATOR is None, reason="qemu-x86_64 is not installed")


def run(*command: str) -> list[str]:
    # OpenBLAS takes emulated processors for newer ones than they are.
    environment = {"OPENBLAS_CORETYPE": "Nehalem", "FASTOPT_BACKEND": "native"}
    done = subprocess.run(
        [*command, sys.executable, "-c", PROGRAM],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("processor", "level"),
    [("Nehalem", "baseline"), ("IvyBridge", "baseline"), ("Haswell", "x86-64-v3")],
)
def test_level_and_bits(processor: str, level: str) -> None:
    if fastopt.build_info()["isa_levels"][-1:] == ["baseline"]:
        pytest.skip("this extension is for other processors")
    assert EMULATOR is not None
    found, digest = run(EMULATOR, "-cpu", processor)
    assert found == level
    assert digest == run()[1]
