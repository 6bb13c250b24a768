"""A group: parameters that share an algorithm and its hyperparameters."""

import weakref
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from fastopt.arrays import read_only_dict
from fastopt.model.commit import commit
from fastopt.model.ended_schedules import warn_if_ended
from fastopt.model.group_tables import groups_table, notable
from fastopt.model.group_values import GroupValues, moderate_changes

if TYPE_CHECKING:
    from fastopt.algorithm import Algorithm

ALGORITHM = (
    "the algorithm of a group is decided when the group is made: opt.remove_params(...) and "
    "opt.add_params(..., algorithm='adamw') make one of another, or make a new optimizer"
)


class Group(GroupValues, MutableMapping[str, Any]):
    """The hyperparameters of one group, and under ``"params"`` its parameters as they were given.

    Every write is checked. A value can be a function of the step, 0, 1, 2, ...; what is read is its
    value for the step that comes. ``multiply={"lr": 0.1}`` are factors that values are taken with, and
    read without. ``group.h`` has all of them as attributes, multiplied, for `coefficients`. The name of
    its algorithm is ``group["algorithm"]``.
    """

    # No attribute can be set that would mean nothing; those of hyperparameters are in `group_class`.
    __slots__ = ()

    @property
    def params(self) -> Any:
        """Its parameters, as they were given; a dict by name where ``groups=`` has divided them."""
        self._gate.read = True
        return self.container

    @params.setter
    def params(self, value: Any) -> None:
        raise AttributeError(
            "the parameters of a group cannot be replaced: opt.add_params(...) and "
            "opt.remove_params(...) change them"
        )

    @property
    def algorithm(self) -> str:
        """The name of its algorithm."""
        return self.kind.__name__

    @algorithm.setter
    def algorithm(self, value: Any) -> None:
        raise AttributeError(ALGORITHM)

    @property
    def given(self) -> Mapping[str, Any]:
        """The values and functions of the step that were given."""
        place = self._place()
        return read_only_dict(self._given, f"set a value, {place}['lr'] = 0.1", f"{place}.given")

    @property
    def multiply(self) -> Mapping[str, float]:
        """The factors that values are taken with."""
        place = f"{self._place()}['multiply']"
        return read_only_dict(
            self._factors, f"give all factors, {place} = {{**{place}, 'lr': 0.1}}", place
        )

    @multiply.setter
    def multiply(self, value: Mapping[str, float]) -> None:
        self["multiply"] = value

    def _place(self) -> str:
        return f"opt.groups[{self.index or 0}]"

    def __getitem__(self, name: str) -> Any:
        if name in ("params", "multiply", "algorithm"):
            return getattr(self, name)
        if name not in self._declared:
            which = self._which() if self.other else ""
            raise KeyError(f"there is no hyperparameter {name!r}{which}: {self._meant(name)}")
        return self._at(name, self._given, {})

    def __setitem__(self, name: str, value: Any) -> None:
        changes = moderate_changes([self], name, value)
        if changes is None and name in self._declared:
            value = self._declared[name].accept(value, name + self._which())
            changes = moderate_changes([self], name, value)
        if changes is None:
            self.update({name: value})
            return
        leave = self._gate.enter_to_change()
        try:
            commit(changes)
        finally:
            leave()

    def update(self, *given: Any, **more: Any) -> None:
        """Change several at once: all of them, or none if one is wrong."""
        values = dict(*given, **more)
        if "params" in values:
            raise TypeError("the parameters of a group cannot be replaced: make a new optimizer")
        if "algorithm" in values:
            raise TypeError(ALGORITHM)
        leave = self._gate.enter_to_change()
        try:
            changes = self.changes(self.with_values(values))
            for name, value in values.items():
                line = f"opt.groups[{self.index or 0}][{name!r}] = {{}}".format
                warn_if_ended(name + self._which(), value, self._counter.steps, line)
            commit(changes)
        finally:
            leave()

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"hyperparameters cannot be deleted; set group[{name!r}] to a value instead")

    def __iter__(self) -> Iterator[str]:
        yield "params"
        if self.other:  # as it has to be said to get such a group
            yield "algorithm"
        yield from self._declared

    def __len__(self) -> int:
        return 1 + self.other + len(self._declared)

    def __repr__(self) -> str:
        return f"Group({', '.join(f'{name}={value!r}' for name, value in notable(self).items())})"

    def _repr_html_(self) -> str:
        return groups_table(self.algorithm, [self])


def group_class(algorithm: "type[Algorithm]") -> type[Group]:
    """Make the class of an algorithm's groups, once: ``group.lr = 0.1`` is ``group["lr"] = 0.1``."""
    found = _classes.get(algorithm)
    if found is None:
        names = [name for name in algorithm.hyperparameters if not hasattr(Group, name)]
        members = {"__slots__": (), "__doc__": Group.__doc__, **{n: _item(n) for n in names}}
        found = _classes[algorithm] = type("Group", (Group,), members)
    return found


_classes: "weakref.WeakKeyDictionary[type[Algorithm], type[Group]]" = weakref.WeakKeyDictionary()


def _item(name: str) -> property:
    def read(group: Group) -> Any:
        return group[name]

    def write(group: Group, value: Any) -> None:
        group[name] = value

    return property(read, write)
