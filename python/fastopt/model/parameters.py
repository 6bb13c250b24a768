"""The arrays that an optimizer updates: their names, their groups, and where the caller keeps them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import (
    Extents,
    KeepAlive,
    Named,
    Path,
    Structure,
    Written,
    check_zeroable,
    checks,
    is_arraylike,
    read_only_dict,
    spelled,
)
from fastopt.model.given import are_pairs, is_group, named
from fastopt.model.gradient_sums import GradientSums
from fastopt.model.patterns import combined, split
from fastopt.model.places import Places, memory_of
from fastopt.model.ties import check_groups
from fastopt.numerics import computed
from fastopt.runtime import describe, shown

_NEW = "make a new optimizer"
_ONCE = "give {} once, and add up the gradients of its uses"


class Parameters:
    """The arrays of `params`, checked.

    Attributes
    ----------
    arrays, names, group_of : lists with one entry for each array
    groups : list of (container, options), one for each group
    frozen : list with one entry for each array
    places : where they are in params, which is several places for those that are tied
    gradient_sums : the gradients of these, added
    by_name : whether ``groups=`` has divided them
    singles : for each group the name of its first array that is float32, or None
    form : how containers are built, for the extension: csrc/python/leaves.hpp
    watched : the caller's container, in which arrays can be replaced, or a function that returns it
    extents : the places of the arrays in memory
    grown : whether all arrays of before are there, and have not been checked again
    hold : keeps the memory of the arrays where it is
    """

    def __init__(
        self,
        params: Any,
        hyperparameters: Iterable[str],
        groups: Any = None,
        before: "Parameters | None" = None,
        tied: str | None = None,
    ) -> None:
        """Check params; where they may have grown, `before` are those that have been checked.

        `tied` is the setting.
        """
        self.given = params
        self.grouped = _is_list_of_groups(params, {*hyperparameters, "algorithm"})
        entries: list[Mapping[str, Any]] = list(params) if self.grouped else [{"params": params}]
        self.groups = [
            (entry["params"], {k: v for k, v in entry.items() if k != "params"}) for entry in entries
        ]
        structure = Structure(self._containers())
        self._structure = structure
        self.leaves = structure.leaves  # of any container that is built like params
        paths = list(structure.paths())
        self.places = places = Places(
            _names(paths, self.grouped),
            [(path[0], "params", *path[1:]) if self.grouped else path for path in paths],
            list(self.leaves(self._containers(), "params", _NEW)),
            tied is not None,
        )
        group_of = [path[0] if self.grouped else 0 for path in paths]
        check_groups(places, group_of)
        self.group_of: list[int] = places.of_parameters(group_of)
        self.names: list[str] = places.of_parameters(places.names)
        self.arrays: list[NDArray[Any]] = places.of_parameters(places.arrays)
        self.gradient_sums = GradientSums(places)
        self.form = structure.form
        self.watched: Any = None
        if self.grouped:
            self.watched = partial(_parts, params)
        elif structure.mutable:
            self.watched = params
        self.extents: Extents
        self.hold: KeepAlive
        self.grown = before is not None and self._has_all(before.arrays)
        if before is not None and self.grown:
            known = set(map(id, before.arrays))
            pairs = zip(self.names, self.arrays, strict=True)
            more = [(name, p) for name, p in pairs if id(p) not in known]
            named = _named(more)
            checked = set(map(id, before.places.arrays))
            everywhere = zip(places.names, places.arrays, strict=True)
            self._check(_named([(name, p) for name, p in everywhere if id(p) not in checked]))
            self.extents = before.extents.with_more(more)
        else:
            named = self.named()
            self._check(_named(zip(places.names, places.arrays, strict=True)))
            self.extents = Extents(zip(self.names, self.arrays, strict=True))
        self.extents.check_disjoint("parameter {!r}".format, self._remedy)
        self.hold = before.hold.with_more(named) if before and self.grown else KeepAlive(named)
        self.by_name = groups is not None
        if self.by_name:
            self._split(groups)
        frozen = [_frozen(options) for _, options in self.groups]
        self.frozen = [frozen[group] for group in self.group_of]
        self.singles = self._first_singles()

    def _split(self, groups: Any) -> None:
        """Divide the groups by patterns of names."""
        self.group_of, parts = split(self.places, self.group_of, groups)
        members: list[dict[str, NDArray[Any]]] = [{} for _ in parts]
        for name, p, group in zip(self.names, self.arrays, self.group_of, strict=True):
            members[group][name] = p
        remedy = "opt.add_params(...) and opt.remove_params(...) change what is in it"
        self.groups = [
            (
                read_only_dict(arrays, remedy, f"opt.groups[{i}].params"),
                combined(self.groups[old][1], options),
            )
            for i, (arrays, (old, options)) in enumerate(zip(members, parts, strict=True))
        ]

    def _first_singles(self) -> list[str | None]:
        found: list[str | None] = [None] * len(self.groups)
        for name, p, group in zip(self.names, self.arrays, self.group_of, strict=True):
            if found[group] is None and computed(p.dtype) == np.float32:
                found[group] = name
        return found

    def now(self) -> Sequence[Any] | None:
        """List what the caller's containers hold now; nothing where they cannot change."""
        if self.watched is None:
            return None
        return self.places.now(self.leaves(self._containers(), "params", _NEW))

    def gradients(self, given: Any, what: str = "grads") -> Sequence[Any]:
        """List gradients that are given in a container built like params, for each place."""
        if given is None:
            raise TypeError("there are no gradients: use step(grads), or bind them with grads=...")
        if callable(given):
            raise TypeError(
                f"grads is {describe(given)}; a step calls no closure: compute the gradients "
                "before, and give them, opt.step(grads)"
            )
        try:
            return self.leaves(given, what, "None where a parameter sits out")
        except (TypeError, ValueError):
            if self.grouped and self._is_flat(given):
                return list(given)
            if isinstance(given, (list, tuple)) and are_pairs(given):
                return self.gradients(named(given, what), what)
            raise

    def _is_flat(self, given: Any) -> bool:
        """Return whether gradients for groups of lists are in one list, as their shapes have to say."""
        if not isinstance(given, (list, tuple)) or len(given) != len(self.places.arrays):
            return False
        pairs = zip(given, self.places.arrays, strict=True)
        return _is_ordered(self.form) and all(
            [g is None or (is_arraylike(g) and getattr(g, "shape", None) == p.shape) for g, p in pairs]
        )

    def leaves_of(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List the leaves of a container that is built like params, with None for later places."""
        leaves = self.leaves(_ungrouped(tree) if self.grouped else tree, what, remedy)
        return self.places.alone(leaves, what)

    def names_of_groups(self) -> list[list[str]]:
        """List the names of each group's parameters."""
        found: list[list[str]] = [[] for _ in self.groups]
        for name, group in zip(self.names, self.group_of, strict=True):
            found[group].append(name)
        return found

    def tree(self, leaves: Sequence[Any], views: bool = False) -> Any:
        """Put leaves into containers that are built like params.

        In later places of one that is tied stands a view of its leaf, if it is asked for, or None.
        """
        places = self.places
        return self._structure.tree(iter(places.views(leaves) if views else places.spread(leaves)))

    def _containers(self) -> Any:
        return _parts(self.given) if self.grouped else self.given

    def held_containers(self) -> list[Any]:
        """List the caller's container once for each reference to it that is held here."""
        return [self.given] if self.watched is None else [self.given, self.given]

    def named(self) -> list[Named]:
        """List the arrays with what messages call them."""
        return _named(zip(self.names, self.arrays, strict=True))

    def explain(
        self,
        gradients: Sequence[Any],
        beside: KeepAlive,
        casts: bool = False,
        zeroes: bool = False,
        kind: str = "gradient",
    ) -> None:
        """Raise for whatever is wrong with the arrays of a step, of which `beside` are written too."""
        places = self.places
        now: Sequence[Any] = places.arrays
        if self.watched is not None:
            now = self.leaves(self._containers(), "params", _NEW)
        written = Written([*self.named(), *beside.named])
        for path, p, there in zip(places.paths, places.arrays, now, strict=True):
            if there is not p:
                place = _expression(path)
                raise ValueError(
                    f"{place} is not the array that this optimizer updates: an expression such as "
                    f"{place} = {place} - x put a new array there, and the optimizer would go on with "
                    f"the old one. Write into the array, {place}[...] = {place} - x, or make a new "
                    "optimizer"
                )
        self.hold.check()
        beside.check()
        named = []
        for i, (p, g) in enumerate(zip(self.arrays, gradients, strict=True)):
            if g is not None:
                what = f"the {kind} of {self.names[i]!r}"
                checks.check_gradient(g, what, p, casts)
                written.check_apart(g, what)
                named.append((what, g))
        if zeroes:
            check_zeroable(named)

    def _has_all(self, arrays: Sequence[NDArray[Any]]) -> bool:
        """Return whether these are still there, and none of all twice."""
        ids = set(map(id, self.arrays))
        return len(ids) == len(self.arrays) and ids.issuperset(map(id, arrays))

    def _remedy(self, *names: str) -> str:
        """Return what messages advise for two parameters that share memory."""
        first, second = [memory_of(self.arrays[self.names.index(name)]) for name in names]
        if first != second:
            return _ONCE.format("the array that both are views of")
        tied = "tied='add' makes it one parameter, and adds the gradients of both places"
        return f"{tied}; or {_ONCE.format('every array')}"

    def _check(self, named: Iterable[Named]) -> None:
        if not self.arrays:
            raise ValueError(
                "there are no parameters: params is empty, as an iterator is that has been used"
            )
        names = self.places.names
        if len(set(names)) < len(names):
            name = min(name for name, count in Counter(names).items() if count > 1)
            raise ValueError(f"two parameters have the name {name!r}; rename one of their keys")
        for what, p in named:
            checks.check_written(p, what, low=True)


def _named(arrays: Iterable[tuple[str, Any]]) -> list[Named]:
    return [(f"parameter {name!r}", p) for name, p in arrays]


def _is_ordered(form: Any) -> bool:
    """Return whether containers of this form are lists and tuples alone."""
    return form is None or (isinstance(form, tuple) and all(map(_is_ordered, form)))


def _parts(groups: Any) -> list[Any]:
    """List what each group holds."""
    return [g.get("params") if isinstance(g, dict) else g for g in groups]


def leaves_like(params: Any, tree: Any, what: str, remedy: str) -> Sequence[Any]:
    """List the leaves of a container that is built like the params of an optimizer."""
    return Structure(_ungrouped(params)).leaves(_ungrouped(tree), what, remedy)


def _ungrouped(tree: Any) -> Any:
    """Return the parameters of each group, in a list, where it is one of groups."""
    if not isinstance(tree, (list, tuple)):
        return tree
    if not any(map(is_group, tree)):
        return tree
    return [g.get("params") if is_group(g) else g for g in tree]


def _frozen(options: dict[str, Any]) -> bool:
    value = options.pop("frozen", False)
    if not isinstance(value, bool):
        raise TypeError(f"frozen is {describe(value)}; it must be True or False")
    return value


def _is_list_of_groups(params: Any, hyperparameters: set[str]) -> bool:
    form = 'a group is a dict {"params": ..., "lr": ...}, and groups stand in a list'
    if isinstance(params, dict) and "params" in params:
        values = [k for k, v in params.items() if k in hyperparameters and np.isscalar(v)]
        if values:
            names = ", ".join(map(repr, values))
            raise TypeError(f"params has hyperparameters among its keys ({names}); {form}: [params]")
    if not isinstance(params, (list, tuple)):
        return False
    grouped = list(map(is_group, params))
    if any(grouped) and not all(grouped):
        i = grouped.index(False)
        raise TypeError(f"params[{i}] has no 'params' ({shown(params[i])}); {form}")
    return any(grouped)


def _names(paths: list[Path], grouped: bool) -> list[str]:
    """Join the keys of each path; the number of the group leads where names would be double."""
    if grouped:
        inner = _names([path[1:] for path in paths], False)
        if len(set(inner)) == len(inner):
            return inner
    return [".".join(map(str, path)) or "params" for path in paths]


def _expression(path: Path) -> str:
    return reduce(spelled, path, "params")
