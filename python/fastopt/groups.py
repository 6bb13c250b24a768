"""A group: parameters that share their hyperparameters."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import SimpleNamespace
from typing import Any

from fastopt.hyperparameters import Hyper, suggest


class Group(MutableMapping[str, Any]):
    """The hyperparameters of one group, and under ``"params"`` its parameters as they were given.

    Every write is checked. ``group.h`` has the same values as attributes, for `coefficients`.
    """

    def __init__(
        self,
        index: int,
        params: Any,
        declared: Mapping[str, Hyper],
        given: Mapping[str, Any],
        check: Callable[[SimpleNamespace], None],
        on_change: Callable[[], None],
    ) -> None:
        self.index = index
        self.params = params
        self._declared = declared
        self._check = check
        self._on_change = on_change
        defaults = {name: hyper.default for name, hyper in declared.items()}
        self.h = self._checked({**defaults, **given}, only=given)

    def _checked(self, values: dict[str, Any], only: Mapping[str, Any]) -> SimpleNamespace:
        for name in only:
            if name not in self._declared:
                raise TypeError(f"there is no hyperparameter {name!r}: {suggest(name, self._declared)}")
            values[name] = self._declared[name].check(values[name], name)
        h = SimpleNamespace(**values)
        self._check(h)
        return h

    def __getitem__(self, name: str) -> Any:
        if name == "params":
            return self.params
        try:
            return getattr(self.h, name)
        except (AttributeError, TypeError):
            raise KeyError(f"there is no hyperparameter {name!r}: {suggest(name, self._declared)}") from None

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "params":
            raise TypeError("the parameters of a group cannot be replaced: make a new optimizer")
        self.h = self._checked({**vars(self.h), name: value}, only={name: value})
        self._on_change()

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"hyperparameters cannot be deleted; set group[{name!r}] to a value instead")

    def __iter__(self) -> Iterator[str]:
        yield "params"
        yield from self._declared

    def __len__(self) -> int:
        return 1 + len(self._declared)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self.h).items())
        return f"Group({self.index}: {values})"
