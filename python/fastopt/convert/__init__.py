"""State that travels: training begun here goes on in another framework, and the other way round.

::

    torch_optimizer.load_state_dict(fastopt.convert.to_torch(opt))
    fastopt.convert.from_torch(opt, torch_optimizer.state_dict())

Optimizer state is converted: moments, momentum, numbers of steps, hyperparameters. The parameters are
the caller's, to be copied as he likes. What a function cannot translate, it refuses; nothing has
changed then.
"""

from fastopt.convert.keras import from_keras
from fastopt.convert.optax import from_optax
from fastopt.convert.torch import from_torch, to_torch

__all__ = ["from_keras", "from_optax", "from_torch", "to_torch"]
