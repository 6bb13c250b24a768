"""References of others to the arrays of an optimizer, and to the containers that they are in.

Those of the optimizer itself are told apart by what its objects hold, those of the native plan by one
that is made to see. An array counts as unseen only where the interpreter counts exactly as many.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from fastopt.algorithm import rule_of
from fastopt.arrays import entries, is_container
from fastopt.backends import backend
from fastopt.step.accumulator import accumulate
from fastopt.step.bound import Core


def unseen(core: Core, gradients: bool = False) -> list[str]:
    """List the names of the parameters, or of those whose bound gradients, nothing else refers to."""
    if gradients and core.bound.grads is None:
        return []
    # The model may have the copies of `cast_to` alone.
    if not gradients and (core.gate.read or core.bound.followers.copies is not None):
        return []
    given = "grads" if gradients else "params"
    if is_container(getattr(core.bound, given)) and _of_root(core, given):
        return []
    others, survey = counted(core, given)
    places = core.bound.parameters.places
    if len(survey.leaves) != len(places.arrays):  # containers have been changed: the next step says so
        return []
    seen = {
        owner
        for owner, (above, chain, foreign) in zip(places.owners, survey.leaves, strict=True)
        if foreign or any([others[each] for each in (*above, *chain)])
    }
    return [name for i, name in enumerate(core.bound.parameters.names) if i not in seen]


class Survey:
    """The arrays of a container, the containers that they are in, and what they are views of."""

    def __init__(self, given: Any, absent: bool) -> None:
        """Look into a container, in which None is an absent gradient, or no leaf."""
        self._absent = absent
        self.objects: list[Any] = []  # each once; all else here are ids, which are no references
        self.held: Counter[int] = Counter()  # references of the objects to each other
        self.leaves: list[tuple[tuple[int, ...], tuple[int, ...], bool]] = []
        self._known: set[int] = set()
        self._look(given, ())

    def _look(self, tree: Any, above: tuple[int, ...]) -> None:
        if not is_container(tree):
            is_array = isinstance(tree, np.ndarray)
            chain, foreign = self._chain(tree) if is_array else ((), True)
            if is_array or (tree is None and self._absent):
                self.leaves.append((above, chain, foreign))
            return
        self._add(tree)
        children = entries(tree).values()
        self.held.update(map(id, children))
        for child in children:
            self._look(child, (*above, id(tree)))

    def _chain(self, array: Any) -> tuple[tuple[int, ...], bool]:
        """Return the ids of an array and of what it is a view of, and whether that ends elsewhere."""
        found = []
        while isinstance(array, np.ndarray):
            found.append(id(array))
            is_new = self._add(array)
            array = array.base
            if is_new and array is not None:
                self.held[id(array)] += 1
        return tuple(found), array is not None

    def _add(self, one: Any) -> bool:
        if id(one) in self._known:
            return False
        self._known.add(id(one))
        self.objects.append(one)
        return True


def counted(core: Core, given: str) -> tuple[dict[int, int], Survey]:
    """Count the references of others to each array and container of an attribute, by id."""
    survey = Survey(
        getattr(core.bound, given), given == "grads"
    )  # no name for it here, which were a reference
    survey.held.update(_of_optimizer(core))
    numbers = _numbers(survey.objects)
    ids = map(id, survey.objects)
    return {key: n - survey.held[key] for key, n in zip(ids, numbers, strict=True)}, survey


def _numbers(objects: list[Any]) -> list[int]:
    """Count references, those of the list and of the counting taken off as the interpreter has them."""
    alone = [object()]
    (usual,) = [sys.getrefcount(each) for each in alone]
    return [sys.getrefcount(each) - usual for each in objects]


def _of_optimizer(core: Core) -> Iterator[int]:
    """Yield the id of what the optimizer refers to, once for each reference."""
    for held in _holders(core):
        yield from map(id, held)


def _of_root(core: Core, given: str) -> int:
    """Count the references of others to the container that was given, without a look into it."""
    held = Counter([id(each) for each in _containers(core)])
    return _numbers([getattr(core.bound, given)])[0] - held[id(getattr(core.bound, given))]


def _containers(core: Core) -> Iterator[Any]:
    yield from (core.bound.params, *core.bound.parameters.held_containers(), core.bound.grads)
    for container, _ in core.bound.parameters.groups:
        yield container
    for group in core.bound.groups:
        yield group.container


def _holders(core: Core) -> Iterator[Iterable[Any]]:
    parameters, plan = core.bound.parameters, core.bound.plan
    yield _containers(core)
    yield parameters.arrays
    if parameters.places.later:
        yield parameters.places.arrays
    if parameters.by_name:
        for container, _ in parameters.groups:
            yield container.values()
    yield from parameters.hold.held()
    yield from core.bound.hold.held()
    listed = getattr(plan, "references", None)  # which a plan in Python has
    if listed is not None:
        yield from listed()
    else:
        arrays = parameters.arrays
        to_array, to_owner = _of_native_plan()
        owners = parameters.hold.owners()
        yield arrays * to_array
        yield list({id(owner): owner for owner in owners}.values()) * to_owner


@cache
def _of_native_plan() -> tuple[int, int]:
    """Count the references of a native plan to an array, and to the owner of a view."""
    arrays = [np.zeros(8), np.zeros(8)]
    views = [arrays[1][:]]
    before = _numbers(arrays)
    plan = backend("native").make_plan([(arrays[0],), (views[0],)], [rule_of(accumulate)] * 2, [0] * 2)
    after = _numbers(arrays)
    del plan
    return after[0] - before[0], after[1] - before[1]
