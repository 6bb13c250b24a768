"""The algorithms. Every module of this package is found by itself, and every optimizer in it."""

from importlib import import_module
from pkgutil import iter_modules

from fastopt.algorithm.rule import shipped
from fastopt.optimizer import Optimizer

CLASSES: dict[str, type[Optimizer]] = {}


def _is_complete(cls: type[Optimizer]) -> bool:
    return hasattr(cls, "coefficients")  # no common base of several


for _module in iter_modules(__path__):
    for _name, _thing in vars(import_module(f"{__name__}.{_module.name}")).items():
        if (
            isinstance(_thing, type)
            and issubclass(_thing, Optimizer)
            and hasattr(_thing, "coefficients")
        ):
            CLASSES[_name] = shipped(_thing)

globals().update(CLASSES)
__all__ = sorted(CLASSES)
