"""Parameters that are frozen, added and removed while training goes on; hooks."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt import schedules
from fastopt.step import membership


def layers(*names: str) -> dict[str, Any]:
    return {
        name: {"w": np.full((3, 2), 0.5, np.float32), "bias": np.full(2, 0.5, np.float32)}
        for name in names
    }


def gradients(params: Any, k: int) -> Any:
    if isinstance(params, dict):
        return {name: gradients(p, k + i) for i, (name, p) in enumerate(params.items())}
    if isinstance(params, list):
        return [gradients(p, k + i) for i, p in enumerate(params)]
    rng = np.random.default_rng(k)
    return rng.standard_normal(params.shape).astype(params.dtype)


def bits(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: bits(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [bits(value) for value in tree]
    return tree.tobytes()


@pytest.mark.parametrize("backend", ["native", "numba", "numpy"])
def test_frozen_ones_keep_every_bit_and_count_no_step(backend: str) -> None:
    params = layers("embed", "head")
    opt = fastopt.AdamW(params, groups={"embed.*": {"frozen": True}}, ema=0.9, backend=backend)
    assert opt.frozen == ["embed.w", "embed.bias"]
    before = bits(params["embed"])
    for k in range(3):
        grads = gradients(params, k)
        grads["embed"] = {"w": np.full((3, 2), np.nan, np.float32), "bias": None}
        opt.step(grads)
    assert bits(params["embed"]) == before
    assert {n: e["steps"] for n, e in opt.state_dict()["parameters"].items()} == {
        "embed.w": 0,
        "embed.bias": 0,
        "head.w": 3,
        "head.bias": 3,
    }
    assert opt.unfreeze("*.bias") == ["embed.bias", "head.bias"]
    opt.step(gradients(params, 9))
    assert bits(params["embed"]["w"]) == before["w"]
    assert bits(params["embed"]["bias"]) != before["bias"]
    assert opt.freeze(lambda name, p: p.ndim == 2) == ["embed.w", "head.w"]
    assert opt.frozen == ["embed.w", "head.w"]


def test_freezing_equals_a_gradient_of_none() -> None:
    ours, theirs = layers("a", "b"), layers("a", "b")
    some, other = fastopt.Adam(ours), fastopt.Adam(theirs)
    for k in range(12):
        if k == 3:
            some.freeze("a.*")
        if k == 8:
            some.unfreeze("a.*")
        grads = gradients(ours, k)
        some.step(grads)
        other.step({**grads, "a": None} if 3 <= k < 8 else grads)
    assert bits(ours) == bits(theirs)


@pytest.mark.parametrize("backend", ["native", "numba", "numpy"])
@pytest.mark.parametrize(
    "options", [{}, {"ema": 0.9}, {"groups": fastopt.no_decay}, {"lr": schedules.linear(0.1, 10, 0.0)}]
)
def test_added_ones_join_as_if_they_had_sat_out(options: dict[str, Any], backend: str) -> None:
    ours, theirs = layers("a"), layers("a", "b")
    some = fastopt.AdamW(ours, backend=backend, **options)
    other = fastopt.AdamW(theirs, backend=backend, **options)
    for k in range(4):
        grads = gradients(ours, k)
        some.step(grads)
        other.step({**grads, "b": None})
    some.add_params(layers("b"))
    assert some.names == other.names == ["a.w", "a.bias", "b.w", "b.bias"]
    for k in range(4, 9):
        grads = gradients(theirs, k)
        some.step(grads)
        other.step(grads)
    assert bits(ours) == bits(theirs)
    assert bits(some.state) == bits(other.state)
    if "ema" in options:
        assert bits(some.ema_state) == bits(other.ema_state)


def test_added_ones_can_have_options_of_their_own() -> None:
    params = layers("a")
    opt = fastopt.Adam(params, lr=0.1, groups={"*.bias": {"weight_decay": 0.5}})
    opt.lr = 0.2
    opt.groups[1]["eps"] = 0.125
    opt.add_params(layers("b"), lr=0.25, multiply={"eps": 2.0}, frozen=True)
    held = [(sorted(g.params), g["lr"], g["weight_decay"], g.h.eps) for g in opt.groups]
    assert held == [
        (["a.w"], 0.2, 0.0, 1e-8),
        (["a.bias"], 0.2, 0.5, 0.125),
        (["b.bias"], 0.25, 0.5, 2e-8),
        (["b.w"], 0.25, 0.0, 2e-8),
    ]
    assert opt.frozen == ["b.w", "b.bias"]
    assert fastopt.from_config(opt.get_config(), params).get_config() == opt.get_config()
    twin = fastopt.Adam(params, groups=None)
    with pytest.raises(ValueError, match="has the group of a"):
        twin.load_state_dict(opt.state_dict())


def test_lists_and_lists_of_groups_grow() -> None:
    params = [np.ones(3)]
    opt = fastopt.Adam(params)
    opt.step([np.ones(3)])
    opt.add_params(np.ones(2))
    opt.add_params([np.ones(1), np.ones(4)])
    assert [p.size for p in params] == [3, 2, 1, 4]
    opt.step([np.ones(3), None, np.ones(1), None])
    groups: list[Any] = [{"params": [np.ones(3)], "lr": 0.5}]
    grouped = fastopt.Adam(groups)
    grouped.add_params([np.ones(2)], lr=0.25)
    assert [group["lr"] for group in grouped.groups] == [0.5, 0.25]
    assert len(groups) == 2
    grouped.step([[np.ones(3)], [np.ones(2)]])


def test_removed_ones_are_left_alone() -> None:
    params = layers("a", "b", "c")
    alone = layers("a", "c")
    opt, other = fastopt.Adam(params), fastopt.Adam(alone)
    for k in range(3):
        grads = gradients(params, k)
        opt.step(grads)
        other.step({"a": grads["a"], "c": grads["c"]})
    taken = params["b"]["w"]
    was = taken.tobytes()
    assert opt.remove_params("b.*") == ["b.w", "b.bias"]
    assert params["b"] == {}
    grads = gradients(alone, 7)
    opt.step({"a": grads["a"], "b": {}, "c": grads["c"]})
    other.step(grads)
    assert taken.tobytes() == was
    assert bits({"a": params["a"], "c": params["c"]}) == bits(alone)
    entries = [np.ones(1), np.ones(2), np.ones(3)]
    shorter = fastopt.SGD(entries, momentum=0.9)
    shorter.step([np.ones(1), np.ones(2), np.ones(3)])
    shorter.remove_params("1")
    assert shorter.names == ["0", "1"]
    assert [b["b"].size for b in shorter.state.values()] == [1, 3]


def removed(make: Any, which: tuple[int, ...]) -> None:
    """Take some of five arrays out: the others are those very arrays, with the states that they had."""
    arrays = [np.full(k + 1, float(k)) for k in range(5)]
    params = make(arrays)
    opt = fastopt.SGD(params, momentum=0.5)
    opt.step(make([np.full(k + 1, 1.0 + k) for k in range(5)]))
    names, states = opt.names, [each["b"] for each in opt.state.values()]
    gone = {id(arrays[k]) for k in which}
    assert opt.remove_params(lambda name, p: id(p) in gone) == [names[k] for k in which]
    left = [k for k in range(5) if k not in which]
    assert [id(p) for p in leaves(params)] == [id(arrays[k]) for k in left]
    assert [each["b"].tobytes() for each in opt.state.values()] == [states[k].tobytes() for k in left]
    opt.step(gradients(params, 1))
    assert opt.step_count == 2


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [a for each in tree for a in leaves(each)] if isinstance(tree, list) else [tree]


IN_CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "dict": lambda a: dict(zip("vwxyz", a, strict=True)),
    "integer keys": lambda a: dict(zip((3, 0, 4, 1, 2), a, strict=True)),
    "list in a list": lambda a: [a[0], [a[1], a[2], a[3]], a[4]],
    "lists in a dict": lambda a: {"b": [a[0], a[1], a[2]], "a": [a[3], a[4]]},
    "dict in a list": lambda a: [a[0], {"y": a[1], "x": a[2]}, a[3], a[4]],
}


@pytest.mark.parametrize("container", IN_CONTAINERS)
def test_several_are_removed_at_once(container: str) -> None:
    """All but all: what goes is what was meant, in whichever places."""
    for count in range(1, 5):
        for which in combinations(range(5), count):
            removed(IN_CONTAINERS[container], which)


def test_a_pattern_that_means_several() -> None:
    arrays = [np.full(k + 1, float(k)) for k in range(12)]
    params = list(arrays)
    opt = fastopt.Adam(params)
    assert opt.remove_params("1*") == ["1", "10", "11"]
    assert [id(p) for p in params] == [id(arrays[k]) for k in (0, *range(2, 10))]


def unchanged(opt: fastopt.Optimizer, call: Callable[[], object], error: Any, words: str) -> None:
    before, names = str(opt.state_dict()), opt.names
    with pytest.raises(error, match=words):
        call()
    assert (str(opt.state_dict()), opt.names) == (before, names)


def test_what_cannot_be_added_or_removed_changes_nothing() -> None:
    params = layers("a", "b")
    opt = fastopt.Adam(params)
    opt.step(gradients(params, 0))
    unchanged(opt, lambda: opt.add_params({"a": np.ones(2)}), ValueError, "has 'a' already")
    unchanged(opt, lambda: opt.add_params(np.ones(2)), TypeError, "params is a dict")
    unchanged(opt, lambda: opt.add_params({"c": [1.0]}), TypeError, "'c.0'")
    unchanged(opt, lambda: opt.add_params({"c": params["a"]["w"]}), ValueError, "share")
    unchanged(opt, lambda: opt.add_params({"c": np.ones(2)}, lr=-1), ValueError, "lr of group 1 is -1")
    unchanged(opt, lambda: opt.add_params({"c": np.ones(2)}, rate=1), TypeError, "'rate'")
    unchanged(opt, lambda: opt.remove_params("*"), ValueError, "at least one must remain")
    unchanged(opt, lambda: opt.remove_params("d.*"), ValueError, "matches no parameter")
    unchanged(opt, lambda: opt.freeze("d.*"), ValueError, "matches no parameter")
    unchanged(opt, lambda: opt.freeze(3), TypeError, "a pattern of names")  # type: ignore[arg-type]
    assert list(params) == ["a", "b"]
    fixed = fastopt.Adam((np.ones(2), np.ones(3)))
    unchanged(fixed, lambda: fixed.add_params(np.ones(2)), TypeError, "to which nothing can be added")
    unchanged(fixed, lambda: fixed.remove_params("0"), TypeError, "taken out of a tuple")
    copied = fastopt.Adam([np.ones(2)], cast_to=[np.zeros(2, np.uint16)])
    unchanged(copied, lambda: copied.add_params(np.ones(2)), ValueError, "cast_to")
    adding = fastopt.Adam([np.ones(2)], gradient_accumulation_steps=3)
    adding.accumulate([np.ones(2)])
    unchanged(adding, lambda: adding.add_params(np.ones(2)), ValueError, "have been accumulated")


def test_hooks_are_called_around_each_step() -> None:
    p, said = np.ones(2), list[str]()
    opt = fastopt.SGD(p, lr=1.0)
    remove = opt.before_step(lambda o: said.append(f"before {o.step_count} {p[0]}"))
    opt.after_step(lambda o: said.append(f"after {o.step_count} {p[0]}"))
    opt.after_step(lambda o: o.state_dict())  # nothing holds the optimizer then
    opt.step(np.ones(2))
    remove()
    remove()
    opt.step(np.ones(2))
    assert said == ["before 0 1.0", "after 1 0.0", "after 2 -1.0"]
    with pytest.raises(TypeError, match="must be a function"):
        opt.after_step(3)  # type: ignore[arg-type]


def test_a_hook_that_raises_leaves_the_step_out() -> None:
    def stop(opt: Any) -> None:
        raise KeyError("no")

    p = np.ones(2)
    opt = fastopt.SGD(p, lr=1.0)
    opt.before_step(stop)
    with pytest.raises(KeyError):
        opt.step(np.ones(2))
    assert opt.step_count == 0
    assert p.tolist() == [1.0, 1.0]


def test_hooks_know_of_steps_alone() -> None:
    said: list[str] = []
    p = np.ones(2)
    opt = fastopt.SGD(p, lr=1.0, gradient_accumulation_steps=2, nonfinite="skip")
    opt.before_step(lambda o: said.append("before"))
    opt.after_step(lambda o: said.append("after"))
    for g in (1.0, 1.0, 1.0, np.nan):
        opt.accumulate(np.full(2, g))
    assert said == ["before", "after", "before"]


def test_a_hook_can_take_itself_away() -> None:
    said: list[str] = []
    opt = fastopt.SGD(np.ones(2))

    def once(o: Any) -> None:
        said.append("once")
        remove()

    remove = opt.before_step(once)
    opt.before_step(lambda o: said.append("each time"))
    opt.step(np.ones(2))
    opt.step(np.ones(2))
    assert said == ["once", "each time", "each time"]


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("change", ["add", "remove"])
def test_a_change_that_fails_at_the_end_changes_nothing(
    change: str, as_list: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that is not there for the new plan: containers, states and average are as before."""
    tree = layers("a", "b", "c")
    twin_tree = layers("a", "b", "c")
    params: Any = list(tree.values()) if as_list else tree
    twin_params: Any = list(twin_tree.values()) if as_list else twin_tree
    opt = fastopt.AdamW(params, ema=0.9, backend="numpy")
    twin = fastopt.AdamW(twin_params, ema=0.9, backend="numpy")
    opt.step(gradients(params, 0))
    twin.step(gradients(twin_params, 0))

    def fail(*_: Any) -> None:
        raise MemoryError

    def remove() -> None:
        opt.remove_params("1.*" if as_list else "b.*")

    def add() -> None:
        more = layers("d", "e")
        opt.add_params(list(more.values()) if as_list else more, lr=0.5)

    with monkeypatch.context() as patched:
        patched.setattr(membership, "planned", fail)
        with pytest.raises(MemoryError):
            add() if change == "add" else remove()
    assert bits(params) == bits(twin_params)
    opt.step(gradients(params, 1))
    twin.step(gradients(twin_params, 1))
    assert bits(params) == bits(twin_params)
    assert bits(opt.ema_state) == bits(twin.ema_state)
    assert repr(opt) == repr(twin)
