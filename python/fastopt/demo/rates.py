"""The rule by which the learning rates of the demonstration were chosen, one for every optimizer."""

from collections.abc import Sequence

from fastopt.demo.contestants import Contestant

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS = (0, 1, 2)


def rule(contestants: Sequence[Contestant], steps: int) -> str:
    """Describe how these learning rates were chosen; `tools/learning_rates.py` does it again."""
    text = (
        f"Learning rates, by one rule for all: of {', '.join(f'{rate:g}' for rate in GRID[:3])}, ..., "
        f"{GRID[-1]:g} the one with the lowest validation loss after {steps} steps (on a fifth of the "
        f"training data, held out; mean of {len(SEEDS)} seeds)."
    )
    unlisted = [c.label for c in contestants if "lr" not in c.hyperparameters]
    return f"{text} At its default: {', '.join(unlisted)}." if unlisted else text
