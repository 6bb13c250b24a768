"""Training: mini-batches, the loop over them, and callbacks.

::

    data = fastopt.Batches((x, y), 32)
    history = fastopt.fit(loss_and_grad, params, opt, data, epochs=10)
"""

from typing import TYPE_CHECKING

from fastopt.runtime import attributes
from fastopt.training.batches import Batches
from fastopt.training.checkpoint import Checkpoint
from fastopt.training.early_stopping import EarlyStopping
from fastopt.training.history import History
from fastopt.training.loop import fit
from fastopt.training.plateau import Plateau
from fastopt.training.run import Run

__all__ = ["Batches", "Checkpoint", "EarlyStopping", "History", "Plateau", "Run", "fit"]


if not TYPE_CHECKING:  # type checkers find by themselves what is missing
    __getattr__, __dir__ = attributes.of(__name__)
