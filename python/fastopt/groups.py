"""A group: parameters that share their hyperparameters."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from fastopt import regularization
from fastopt.hyperparameters import Hyper, Values, suggest


class Group(MutableMapping[str, Any]):
    """The hyperparameters of one group, and under ``"params"`` its parameters as they were given.

    Every write is checked. ``group.h`` has the same values as attributes, for `coefficients`; what
    the stages need of them is computed when they are set.
    """

    def __init__(
        self,
        params: Any,
        index: int | None,
        declared: Mapping[str, Hyper],
        given: Mapping[str, Any],
        check: Callable[[Values], None],
    ) -> None:
        self.index = index  # None for the only one
        self.params = params
        self._declared = declared
        self._check = check
        self.h = Values(**{name: hyper.default for name, hyper in declared.items()})
        self.set(self.with_values(given))

    def with_values(self, given: Mapping[str, Any]) -> Values:
        """Give the hyperparameters with some of them changed, checked but not yet set."""
        values = dict(vars(self.h))
        for name, value in given.items():
            values[name] = self._hyper(name).check(value, name + self._which())
        h = Values(**values)
        self._check(h)
        return h

    def set(self, h: Values) -> None:
        """Set what `with_values` gave."""
        self.h = h
        self.stage_scalars = regularization.scalars(h)
        self.changed = True  # until the optimizer has looked

    def _which(self) -> str:
        return "" if self.index is None else f" of group {self.index}"

    def _hyper(self, name: str) -> Hyper:
        if name not in self._declared:
            known = suggest(name, self._declared)
            raise TypeError(f"there is no hyperparameter {name!r}{self._which()}: {known}")
        return self._declared[name]

    def __getitem__(self, name: str) -> Any:
        if name == "params":
            return self.params
        if name not in self._declared:
            raise KeyError(f"there is no hyperparameter {name!r}: {suggest(name, self._declared)}")
        return getattr(self.h, name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def update(self, *given: Any, **more: Any) -> None:
        """Change several at once: all of them, or none if one is wrong."""
        values = dict(*given, **more)
        if "params" in values:
            raise TypeError("the parameters of a group cannot be replaced: make a new optimizer")
        self.set(self.with_values(values))

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"hyperparameters cannot be deleted; set group[{name!r}] to a value instead")

    def __iter__(self) -> Iterator[str]:
        yield "params"
        yield from self._declared

    def __len__(self) -> int:
        return 1 + len(self._declared)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self.h).items())
        return f"Group({values})"
