"""Optimizers of PyTorch whose steps fastopt takes: ``fastopt.torch.AdamW(model.parameters())``."""

from typing import Any

import torch

from fastopt.algorithm import need_of
from fastopt.optimizers import CLASSES
from fastopt.runtime import attributes
from fastopt.torch.classes import class_of

__all__ = [name for name in CLASSES if need_of(CLASSES[name]) != "function"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise attributes.missing(__name__, name)
    globals()[name] = found = class_of(CLASSES[name])
    return found


def __dir__() -> list[str]:
    return __all__
