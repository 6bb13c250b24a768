"""The algorithms. Every module of this package is found by itself, and every optimizer in it."""

from importlib import import_module
from pkgutil import iter_modules

from fastopt.algorithm.rule import shipped
from fastopt.optimizer import Optimizer

CLASSES: dict[str, type[Optimizer]] = {}

for _module in iter_modules(__path__):
    for _name, _thing in vars(import_module(f"{__name__}.{_module.name}")).items():
        if isinstance(_thing, type) and issubclass(_thing, Optimizer) and _thing is not Optimizer:
            CLASSES[_name] = shipped(_thing)

globals().update(CLASSES)
__all__ = sorted(CLASSES)
