"""State from the transformations of Optax."""

from fastopt.convert.optax.arrival import from_optax

__all__ = ["from_optax"]
