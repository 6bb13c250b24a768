"""Facts of an algorithm, which its class declares: what descriptions and tables are made of."""

from collections.abc import Mapping
from types import MappingProxyType


class Facts:
    """The source of an algorithm, its states for each parameter, and what it is good for."""

    def __init__(
        self,
        *,
        paper: str = "",
        kind: str = "",
        good_for: str = "",
        states: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.paper = paper
        self.kind = kind
        self.good_for = good_for
        self.states = states  # what each holds, by its name; some options need more of them than others
