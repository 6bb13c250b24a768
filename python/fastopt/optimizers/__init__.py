"""The algorithms: a module for each family, imported when one of its classes is named.

`index` says which module has which class; tools/write_stubs.py writes it.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastopt.optimizers.index import INDEX
from fastopt.runtime import attributes

if TYPE_CHECKING:
    from fastopt.optimizer import Optimizer

__all__ = list(INDEX)


class _Classes(Mapping[str, "type[Optimizer]"]):
    """Every class by its name."""

    def __getitem__(self, name: str) -> "type[Optimizer]":
        found: type[Optimizer] = getattr(import_module(f"{__name__}.{INDEX[name]}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(INDEX)

    def __len__(self) -> int:
        return len(INDEX)


CLASSES = _Classes()


def __getattr__(name: str) -> Any:
    if name not in INDEX:
        raise attributes.missing(__name__, name)
    return CLASSES[name]


def __dir__() -> list[str]:
    return __all__
