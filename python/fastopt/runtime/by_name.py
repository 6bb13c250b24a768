"""Algorithms by name, for rooms below those that have them: the public page says how they are found."""

from collections.abc import Callable
from typing import Any

find: Callable[[str], Any]  # returns the class of a name and its options, as `fastopt.registry.find`
