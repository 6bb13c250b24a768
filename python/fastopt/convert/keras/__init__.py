"""State from the optimizers of Keras 3."""

from fastopt.convert.keras.arrival import from_keras

__all__ = ["from_keras"]
