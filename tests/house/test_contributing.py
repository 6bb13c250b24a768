"""CONTRIBUTING's new algorithm: its two files go into a copy of the tree, which is built and tested.

That takes the package index and some minutes of compilation: ``FASTOPT_TEST_EXAMPLE=1`` asks for it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from house.test_docs import blocks

ROOT = Path(__file__).parents[2]
WHOLE = ["python", "csrc", "tests", "tools", "CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE"]


def run(*command: str, at: Path, **settings: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTOPT_")} | settings
    done = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


def files_of_the_example() -> dict[str, str]:
    """Give the two files by the paths that the page names for them."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.findall(r"^`([\w/.]+)`, found by .*?:\n\n```\w+\n(.*?)^```$", page, re.M | re.S)
    return dict(found)


def test_the_page_names_the_two_files_of_the_example() -> None:
    assert files_of_the_example() == {
        "csrc/kernels/rules/damped.hpp": blocks("CONTRIBUTING.md", "cpp")[0],
        "python/fastopt/optimizers/damped.py": blocks("CONTRIBUTING.md", "python")[0],
    }


def test_every_room_and_file_that_the_page_names_is_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:python|csrc|tests|tools|bench|docs)/[\w/.]*)`", page)
    assert len(named) > 20
    there = [path for path in named if path in files_of_the_example() or (ROOT / path).exists()]
    assert there == named


def test_the_page_names_every_room() -> None:
    rooms = {path.parent.name for path in ROOT.glob("python/fastopt/*/__init__.py")}
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert rooms == set(re.findall(r"^\| `python/fastopt/(\w+)/`", page, re.M))


@pytest.mark.skipif(
    "FASTOPT_TEST_EXAMPLE" not in os.environ, reason="takes minutes: FASTOPT_TEST_EXAMPLE=1"
)
def test_the_example_works_with_two_files(tmp_path: Path) -> None:
    tree, python = tmp_path / "tree", str(tmp_path / "venv/bin/python")
    tree.mkdir()
    for name in WHOLE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tree / name)
    for name, text in files_of_the_example().items():
        (tree / name).write_text(text)
    add_the_stage(tree)
    add_the_format(tree)
    add_the_average(tree)
    run(sys.executable, "-m", "venv", "venv", at=tmp_path)
    install = [python, "-m", "pip", "install", "-q", "pytest", "ml_dtypes", "-e", ".[numba]"]
    run(*install, "-C", "cmake.define.FASTOPT_LEVELS=baseline", at=tree)
    run(python, "tools/write_stubs.py", at=tree)
    tests = [
        "tests/numerics/test_bits.py",
        "tests/optimizers/test_rules.py",
        "tests/arrays/test_layouts.py",
        "tests/optimizers/test_functional.py",
    ]
    said = run(python, "-m", "pytest", "-q", *tests, "-k", "damped or rules", at=tree)
    assert re.search(r"[1-9]\d* passed", said)
    run(python, "-c", USE_OF_THE_STAGE, at=tree)
    run(python, "-c", USE_OF_THE_FORMAT, at=tree)
    run(python, "-c", USE_OF_THE_AVERAGE, at=tree)


def insert(path: Path, block: str, before: str, *more: tuple[str, str]) -> None:
    """Put a block of the page before what stands in a file, and other text in place of some."""
    text = path.read_text()
    for old, new in [(before, f"{block}\n\n{before}"), *more]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


def add_the_stage(tree: Path) -> None:
    """Put the page's stage into its two files."""
    insert(
        tree / "csrc/kernels/stages.hpp",
        blocks("CONTRIBUTING.md", "cpp")[1],
        "}  // namespace",
        ("each(cautious_l1)\n", "each(cautious_l1) each(quiet)\n"),
    )
    line = '    Stage("quiet", before_quiet, after_decoupled),\n'
    insert(
        tree / "python/fastopt/algorithm/stages.py",
        blocks("CONTRIBUTING.md", "python")[1],
        "# In the order of csrc/",
        ("after_cautious_l1),\n)", f"after_cautious_l1),\n{line})"),
        ("CAUTIOUS_L1 = range", "CAUTIOUS_L1, QUIET = range"),
    )


def add_the_format(tree: Path) -> None:
    """Put the page's format into its two files."""
    insert(
        tree / "csrc/kernels/formats.hpp",
        blocks("CONTRIBUTING.md", "cpp")[2],
        "template <class To, class From> inline void narrow_all(",
        ("BFloat16, 2)\n", "BFloat16, 2) each(float8_e5m2, Float8E5M2, 1)\n"),
    )
    line = '    Format("float8_e5m2", np.dtype(np.uint8), from_float8_e5m2, None),\n'
    insert(
        tree / "python/fastopt/numerics/formats.py",
        blocks("CONTRIBUTING.md", "python")[2],
        "# In the order of csrc/",
        ("to_bfloat16),\n)", f"to_bfloat16),\n{line})"),
    )


def add_the_average(tree: Path) -> None:
    """Put the page's average into its two files."""
    kind, setting = blocks("CONTRIBUTING.md", "python")[3:5]
    insert(tree / "python/fastopt/followers/averages.py", kind, "def averages_for(")
    insert(tree / "python/fastopt/algorithm/base.py", setting, "    gradient_accumulation_steps: int")


# The same bits natively and from NumPy as from gradients that ml_dtypes widens; no copies.
USE_OF_THE_FORMAT = """
import fastopt, ml_dtypes
import numpy as np

given = np.arange(256).astype(np.uint8).view(ml_dtypes.float8_e5m2)
given = given[np.isfinite(given.astype(np.float32))]
found = []
for name, g in (("native", given), ("numpy", given), ("native", given.astype(np.float32))):
    p = np.ones(len(given), np.float32)
    fastopt.SGD([p], lr=0.1, cast_grads=True, backend=name).step([g])
    found.append(p.tobytes())
assert found[0] == found[1] == found[2]
try:
    fastopt.SGD([np.ones(len(given))], lr=0.1, cast_to=[given])
except TypeError:
    pass
else:
    raise AssertionError
"""


# The same bits natively and from NumPy, through threads and tiles, and other ones than without it.
USE_OF_THE_STAGE = """
from collections import namedtuple

import numpy as np
from fastopt import backends
from fastopt.algorithm import NOTHING, STAGES, rule_of
from fastopt.algorithm.stages import QUIET
from fastopt.optimizers.sgd import sgd

assert backends.backend("native").why_not() == "" and STAGES[QUIET].name == "quiet"
Scalars = namedtuple("Scalars", "lr")
found = []
for name, threshold in (("native", 0.5), ("numpy", 0.5), ("numpy", 0.0)):
    rng = np.random.default_rng(0)
    p, g = (rng.standard_normal(5000).astype(np.float32) for _ in range(2))
    plan = backends.backend(name).make_plan([(p,)], [rule_of(sgd)], [0])
    plan.bind([g], None, True)
    row = NOTHING._replace(stage=QUIET, scale=2.0, limit=1.5, keep=0.75, threshold=threshold)
    plan.run([(row, Scalars(0.1))], 2)
    found.append(p.tobytes())
assert found[0] == found[1] != found[2]
"""


# On every backend the mean by its own weights, and it goes into the parameters and out again.
USE_OF_THE_AVERAGE = """
import fastopt
import numpy as np

for backend in ("native", "numba", "numpy"):
    p, wanted = np.ones(3), np.ones(3)
    opt = fastopt.SGD([p], lr=0.1, polynomial_average=3.0, backend=backend)
    for t in range(1, 11):
        opt.step([p.copy()])
        wanted += 4.0 / (t + 3.0) * (p - wanted)
    trained = p.copy()
    with opt.averaged():
        assert np.allclose(p, wanted, rtol=1e-15, atol=0)  # in another order of roundings
    assert (p == trained).all()
try:
    fastopt.SGD([np.ones(3)], polynomial_average=3.0, ema=0.9)
except ValueError as error:
    assert "ema and polynomial_average are two averages" in str(error)
else:
    raise AssertionError
"""
