"""State from and to torch.optim, in the form of its ``state_dict``."""

from fastopt.convert.torch.arrival import from_torch
from fastopt.convert.torch.departure import to_torch

__all__ = ["from_torch", "to_torch"]
