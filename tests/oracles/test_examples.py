"""The examples run as they stand, and say what they are there to show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

# What each needs besides NumPy, and what it has to print.
NEEDS: dict[str, list[str]] = {
    "autograd_network": ["autograd"],
    "class_network": ["sklearn", "matplotlib"],
    "damped_cosine": ["jax"],
    "estimator": ["sklearn"],
    "evolution": [],
    "perceptrons": ["sklearn"],
    "port_from_keras_and_torch": ["keras", "torch"],
    "scipy_minimize": ["scipy"],
    "spacy_text": ["spacy"],
    "torch_on_a_cpu": ["torch"],
    "word_vectors": [],
}
SAYS: dict[str, str] = {
    "autograd_network": r"autograd's adam +(0\.\d{6}).*fastopt's adam +\1.*adan.* 0\.01",
    "class_network": r"largest difference of a weight after 210 steps: \de-0[67]|[1-9]\.\de-0[67]",
    "damped_cosine": r"frequency +(2\.99|3\.0[01])\d",
    "estimator": r"adamw +accuracy 0\.9[5-9]\d.*step 640; the copy's weights went too: False",
    "evolution": r"in the end, from 20 other beginnings: [45]\d\d\.",
    "perceptrons": r"theirs +accuracy (0\.\d+).*ours +accuracy \1.*AdamW.* 0\.9[4-9].*grid: 0\.01",
    "port_from_keras_and_torch": r"Keras.*gap [1-9]e-0[3-7].*PyTorch.*gap [1-9]e-0[67]",
    "scipy_minimize": r"BFGS .* off by 1\..*L-BFGS-B .* off by 1\..*Adam .* off by 0\.0[01]",
    "spacy_text": r"thinc's Adam +loss (\d\.\d\d\d).*fastopt's Adam +loss \1.*Lion.*: (0\.[6-9]|1\.)",
    "torch_on_a_cpu": r"largest difference of a weight after 60 steps: [1-9]e-0[78]",
    "word_vectors": r"500 words more, after 300 steps: 1\.[4-6].*near 'float': .*\b(int|complex)\b",
}


def run(name: str, at: Path, *arguments: str) -> str:
    ours = ("FASTOPT_", "KERAS_")  # of the tests that run beside
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    done = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_example_is_run_and_in_the_index() -> None:
    there = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    assert there == sorted(NEEDS) == sorted(SAYS)
    assert sorted(re.findall(r"\]\((\w+)\.py\)", (EXAMPLES / "README.md").read_text())) == there


@pytest.mark.parametrize("name", NEEDS)
def test_an_example_says_what_it_is_there_to_show(name: str, tmp_path: Path) -> None:
    for module in NEEDS[name]:
        pytest.importorskip(module)
    picture = tmp_path / "curve.png"
    text = run(name, tmp_path, *([picture.name] if name == "class_network" else []))
    assert re.search(SAYS[name], text, re.DOTALL), text
    assert name != "class_network" or picture.stat().st_size > 10_000
    assert max(map(len, text.splitlines())) <= 80


def test_the_damped_cosine_is_the_same_by_autograd(tmp_path: Path) -> None:
    pytest.importorskip("autograd")
    assert re.search(SAYS["damped_cosine"], run("damped_cosine", tmp_path, "autograd"))
