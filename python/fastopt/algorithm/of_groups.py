"""The algorithm that a group asks for, by a name or by its class."""

from collections.abc import Mapping
from typing import Any

from fastopt.algorithm.base import Algorithm
from fastopt.runtime import by_name, describe

Asked = tuple[type[Algorithm], Mapping[str, Any]]  # and the options that the name stands for


def algorithm_of(given: Any, group: int) -> Asked:
    """Return the algorithm that is meant; raise TypeError or ValueError, with the group, for none."""
    where = f"the algorithm of group {group}"
    own = "one of your own is given by its class, {'algorithm': MyOptimizer}"
    if isinstance(given, type) and issubclass(given, Algorithm):
        try:
            given.check_class()
        except TypeError as error:
            raise TypeError(f"{where} cannot be {given.__name__}: {error}") from None
        return given, {}
    if not isinstance(given, str):
        raise TypeError(f"{where} is {describe(given)}; it must be a name, such as 'adamw': {own}")
    try:
        found: Asked = by_name.find(given)
    except ValueError as error:
        raise ValueError(f"{where} is not known: {error}; {own}") from None
    return found
