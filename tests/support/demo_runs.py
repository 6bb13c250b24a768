"""Made-up runs, and the command's output, for the tests of the demo."""

from pathlib import Path
from typing import Any

from fastopt.__main__ import main
from fastopt.demo.run import Run


def made_up(label: str = "adam", loss: float = 0.5, accuracy: float = 0.9, **changes: Any) -> Run:
    facts = {
        "backend": "native",
        "lr": 0.001,
        "clipnorm": None,
        "batch": 128,
        "steps": [0, 100],
        "losses": [1.0, loss],
        "test_losses": [1.1, loss + 0.1],
        "accuracies": [0.5, accuracy],
        "validation_losses": [1.05, loss + 0.05],
        "seconds_of_step": 1e-4,
        "seconds_of_optimizer": 1e-5,
        "params": {},
        **changes,
    }
    return Run(label, **facts)


def compare(folder: Path, *arguments: str, out: str = "results.json") -> Path:
    """Run ``python -m fastopt compare``, and give the path of its file in the folder."""
    assert main(["compare", *arguments, "--out", str(folder / out)]) == 0
    return folder / out
