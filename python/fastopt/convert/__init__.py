"""State that travels: training begun here goes on in another framework, and the other way round.

::

    torch_optimizer.load_state_dict(fastopt.convert.to_torch(opt))
    fastopt.convert.from_torch(opt, torch_optimizer.state_dict())

Optimizer state is converted: moments, momentum, numbers of steps, hyperparameters; the parameters are
the caller's to copy. What cannot be translated is refused, and nothing has changed then.
"""

from typing import TYPE_CHECKING

from fastopt.frameworks.keras import from_keras, to_keras
from fastopt.frameworks.optax import from_optax, to_optax
from fastopt.frameworks.torch import from_torch, to_torch
from fastopt.runtime import attributes

__all__ = ["from_keras", "from_optax", "from_torch", "to_keras", "to_optax", "to_torch"]


if not TYPE_CHECKING:  # type checkers find by themselves what is missing
    __getattr__, __dir__ = attributes.of(__name__)
