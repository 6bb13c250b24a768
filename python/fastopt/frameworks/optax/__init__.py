"""Optax."""

from fastopt.frameworks.optax.arrival import from_optax

__all__ = ["from_optax"]
