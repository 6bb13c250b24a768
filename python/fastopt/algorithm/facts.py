"""Facts of an algorithm, which its class declares: what descriptions and tables are made of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Facts(NamedTuple):
    """The source of an algorithm, its states for each parameter, and what it is good for."""

    paper: str = ""
    kind: str = ""
    good_for: str = ""
    # What each holds, by its name; some options need more of them than others.
    states: Mapping[str, str] = MappingProxyType({})
