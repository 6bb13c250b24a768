"""PyTorch."""

from fastopt.frameworks.torch.arrival import from_torch
from fastopt.frameworks.torch.departure import following, to_torch
from fastopt.frameworks.torch.groups import plain
from fastopt.frameworks.torch.names import (
    CARRIED,
    FOLLOWING,
    TABLE,
    UNCOUNTED,
    VECTORS,
    as_ours,
)

__all__ = [
    "CARRIED",
    "FOLLOWING",
    "TABLE",
    "UNCOUNTED",
    "VECTORS",
    "as_ours",
    "following",
    "from_torch",
    "plain",
    "to_torch",
]
