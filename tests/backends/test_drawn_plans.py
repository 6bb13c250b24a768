"""Plans that are drawn give the bits of the same step found on another way: compiled from csrc/.

The plan alone, of a few rules at one instruction set; `tools/check_instrumented` draws from all.
"""

import subprocess
from pathlib import Path

from support.compiled import CSRC, LONGEST, TESTS, build

RULES = ["adam", "perturbation", "sgd"]  # with states and without, and some that take no stage
ROUNDS = 60
# The kernels first, whose level all of a unit has.
TESTED = ["kernels/table.cpp", "pool/threads.cpp", "dispatch/levels.cpp"]
TESTED += [
    f"plan/{name}.cpp" for name in ("plan", "step", "update", "norms", "measure", "look", "parallel")
]
TESTED += [
    f"plan/{name}.cpp"
    for name in ("strided_gradient", "spread", "reductions", "stored", "rows", "row_gradient")
]


def test_drawn_plans(tmp_path: Path) -> None:
    rules = "".join(f'#include "kernels/rules/{name}.hpp"\n' for name in RULES)
    (tmp_path / "rules.inc").write_text(rules)
    (tmp_path / "levels.inc").write_text('FASTOPT_EACH_LEVEL(baseline, "baseline")\n')
    driver = TESTS / "cpp"
    program = build(
        tmp_path,
        [CSRC / name for name in TESTED],
        [*sorted((driver / "fuzz").glob("*.cpp")), driver / "levels.cpp", driver / "fuzz_plan.cpp"],
    )
    command = [str(program), str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5 * LONGEST, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"fuzz: {ROUNDS} ")
