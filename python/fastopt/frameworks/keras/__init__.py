"""Keras 3."""

from fastopt.frameworks.keras.arrival import from_keras
from fastopt.frameworks.keras.departure import to_keras

__all__ = ["from_keras", "to_keras"]
