"""Optax."""

from fastopt.frameworks.optax.arrival import from_optax
from fastopt.frameworks.optax.departure import to_optax

__all__ = ["from_optax", "to_optax"]
