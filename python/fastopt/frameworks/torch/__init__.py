"""PyTorch."""

from fastopt.frameworks.torch.arrival import from_torch
from fastopt.frameworks.torch.departure import to_torch

__all__ = ["from_torch", "to_torch"]
