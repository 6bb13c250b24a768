"""Keras 3."""

from fastopt.frameworks.keras.arrival import from_keras

__all__ = ["from_keras"]
