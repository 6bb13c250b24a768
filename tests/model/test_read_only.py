"""What shows the optimizer's own can be read and not changed; the remedy that the error names works."""

import copy
import json
import operator
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.variants import FOUNDING, known

import fastopt
from fastopt.registry import optimizer_class

AVERAGES: dict[str, dict[str, Any]] = {
    "state": {},
    "ema_state": {"ema": 0.9},
    "swa_state": {"swa_start": 1},
    "slow_state": {"lookahead_steps": 2},
}


def made(name: str = "state", params: Any = None) -> Any:
    nested = {"w": np.ones(3), "l": {"b": np.ones(2), "c": [np.ones(1), np.array(2.0)]}}
    return fastopt.Adam(nested if params is None else params, **AVERAGES.get(name, {}))


def apply_remedy(opt: Any, error: Exception) -> None:
    """Do what the message says, and see that it has been done."""
    line = re.search(r"write into the array, (.*)\[\.\.\.\] = x$", str(error))
    assert line, error
    exec(f"{line[1]}[...] = 7.0", {"opt": opt})
    assert (eval(line[1], {"opt": opt}) == 7.0).all()


DICT: dict[str, Callable[[Any, Any], object]] = {
    "set": lambda d, key: operator.setitem(d, key, np.zeros(3)),
    "set another": lambda d, key: operator.setitem(d, "another", np.zeros(3)),
    "del": operator.delitem,
    "|=": lambda d, key: d.__ior__({key: 0}),
    "clear": lambda d, key: d.clear(),
    "pop": lambda d, key: d.pop(key),
    "pop with default": lambda d, key: d.pop("another", None),
    "popitem": lambda d, key: d.popitem(),
    "setdefault": lambda d, key: d.setdefault("another", 0),
    "update": lambda d, key: d.update({key: 0}),
    "update by keyword": lambda d, key: d.update(another=0),
}

LIST: dict[str, Callable[[Any], object]] = {
    "set": lambda x: operator.setitem(x, 0, np.zeros(1)),
    "set a slice": lambda x: operator.setitem(x, slice(None), []),
    "del": lambda x: operator.delitem(x, 0),
    "+=": lambda x: x.__iadd__([1]),
    "*=": lambda x: x.__imul__(2),
    "append": lambda x: x.append(1),
    "clear": lambda x: x.clear(),
    "extend": lambda x: x.extend([1]),
    "insert": lambda x: x.insert(0, 1),
    "pop": lambda x: x.pop(),
    "remove": lambda x: x.remove(x[0]),
    "reverse": lambda x: x.reverse(),
    "sort": lambda x: x.sort(key=id),
}


@pytest.mark.parametrize("way", DICT)
@pytest.mark.parametrize("name", AVERAGES)
def test_no_dict_that_shows_arrays_can_be_changed(name: str, way: str) -> None:
    opt = made(name)
    for key in (None, "w" if name == "state" else "l"):

        def read(key: str | None = key) -> Any:
            return getattr(opt, name) if key is None else getattr(opt, name)[key]

        found = read()
        before = list(found)
        with pytest.raises(TypeError, match=rf"^opt\.{name}.* can only be read: write into") as error:
            DICT[way](found, before[0])
        assert list(found) == list(read()) == before
        apply_remedy(opt, error.value)


@pytest.mark.parametrize("way", LIST)
def test_no_list_that_shows_arrays_can_be_changed(way: str) -> None:
    opt = made("ema_state")
    found = opt.ema_state["l"]["c"]
    words = r"^opt\.ema_state\['l'\]\['c'\] can only be read: write into the array, opt\.ema_state\["
    with pytest.raises(TypeError, match=words) as error:
        LIST[way](found)
    assert len(found) == 2
    apply_remedy(opt, error.value)


def test_the_remedy_is_of_the_array_that_was_meant() -> None:
    opt = made("ema_state")
    changes: list[tuple[Callable[[], object], str]] = [
        (lambda: operator.setitem(opt.state["l.b"], "v", 0), "opt.state['l.b']['v']"),
        (lambda: operator.setitem(opt.state, "l.b", {}), "opt.state['l.b']['m']"),
        (lambda: operator.setitem(opt.state, "unknown", {}), "opt.state['w']['m']"),
        (lambda: operator.setitem(opt.ema_state["l"], "c", []), "opt.ema_state['l']['c'][0]"),
        (lambda: operator.setitem(opt.ema_state["l"]["c"], 1, 3.0), "opt.ema_state['l']['c'][1]"),
    ]
    for change, place in changes:
        with pytest.raises(TypeError, match=re.escape(f"array, {place}[...] = x")) as error:
            change()
        apply_remedy(opt, error.value)
    single = made(params=np.array(1.0))
    with pytest.raises(TypeError, match=re.escape("opt.state['params']['m'][...] = x")) as error:
        single.state["params"]["m"] = np.array(0.0)
    apply_remedy(single, error.value)
    with pytest.raises(TypeError, match=r"opt\.state\['params'\] has no arrays"):
        fastopt.SGD(np.ones(2)).state["params"] = {}


def test_what_has_been_done_in_place_is_not_refused() -> None:
    """``d[key] *= 2`` multiplies the array, and then assigns it."""
    opt = made("ema_state")
    opt.state["w"]["m"] += 3.0
    opt.ema_state["l"]["c"][0] *= 5.0
    assert opt.state["w"]["m"].tolist() == [3.0] * 3
    assert opt.ema_state["l"]["c"][0].tolist() == [5.0]
    single = made("ema_state", np.ones(2))
    single.ema_state *= 4.0
    assert single.ema_state.tolist() == [4.0] * 2


def test_all_else_is_as_of_dicts_and_lists() -> None:
    opt = made("ema_state")
    state, averages = opt.state, opt.ema_state
    assert isinstance(state, dict)
    assert isinstance(averages["l"]["c"], list)
    assert list(state) == opt.names
    assert len(state) == 4
    assert state["w"] == {"m": state["w"]["m"], "v": state["w"]["v"]}
    names = ["w", "l.b", "l.c.0", "l.c.1"]
    assert (opt.names, opt.names.__add__(["x"]), opt.names[1:]) == (names, [*names, "x"], names[1:])
    assert json.dumps(opt.names) == json.dumps(names)
    assert repr(opt.names) == repr(names)
    ways: list[Callable[[Any], Any]] = [
        copy.copy,
        copy.deepcopy,
        lambda x: pickle.loads(pickle.dumps(x)),
    ]
    for again in ways:
        for shown, kind in ((state, dict), (averages["l"]["c"], list)):
            found = again(shown)
            assert type(found) is kind
            assert len(found) == len(shown)
    assert type(copy.deepcopy(state)["w"]) is dict
    assert not np.shares_memory(copy.deepcopy(state)["w"]["m"], state["w"]["m"])
    assert type(state | {"x": 1}) is dict
    assert type(state.copy()) is type({**state}) is dict
    assert type(opt.names.copy()) is list
    fastopt.Adam(opt.ema_state).step(
        made("ema_state").ema_state
    )  # they are containers of parameters, and of gradients


def test_states_of_the_caller_stay_plain() -> None:
    opt = made("ema_state")
    for found in (opt.state_dict(), opt.state_dict(copy=False), opt.get_config()):
        json.dumps(found, default=lambda array: type(array).__name__)
        found.clear()
        assert type(found) is dict


@pytest.mark.parametrize("way", LIST)
def test_groups_names_and_frozen_cannot_be_changed(way: str) -> None:
    opt = fastopt.Adam({"w": np.ones(3), "b": np.ones(2)}, groups={"w": {"lr": 0.1}})
    opt.freeze("b")
    for name, words in (
        ("groups", r"opt\.groups\[0\]\['lr'\] = 0\.1; opt\.add_params"),
        ("names", "make a new optimizer of containers with other keys"),
        ("frozen", r"use opt\.freeze\('w'\) and opt\.unfreeze\('w'\)"),
    ):
        before = list(getattr(opt, name))
        with pytest.raises(TypeError, match=rf"^opt\.{name} can only be read: .*{words}"):
            LIST[way](getattr(opt, name))
        assert getattr(opt, name) == before


def test_groups_that_have_changed_cannot_be_changed_either() -> None:
    opt: Any = fastopt.Adam({"w": np.ones(3)})
    opt.add_params({"b": np.ones(2)}, lr=0.5)
    with pytest.raises(TypeError, match=r"opt\.groups can only be read"):
        opt.groups.append({"params": np.ones(2)})
    assert [group["lr"] for group in opt.groups] == [1e-3, 0.5]


@pytest.mark.parametrize("way", DICT)
def test_what_a_group_shows_cannot_be_changed(way: str) -> None:
    params = {"w": np.ones(3), "b": np.ones(2)}
    opt = fastopt.Adam(params, groups={"w": {"multiply": {"lr": 0.5}}})
    group = opt.groups[1]
    ways: list[tuple[Callable[[], Any], str]] = [
        (lambda: group["multiply"], r"opt\.groups\[1\]\['multiply'\] = \{\*\*"),
        (lambda: group.multiply, r"opt\.groups\[1\]\['multiply'\] = \{\*\*"),
        (lambda: group["params"], r"opt\.add_params\(\.\.\.\)"),
        (lambda: group.params, r"opt\.add_params\(\.\.\.\)"),
        (lambda: group.given, r"opt\.groups\[1\]\['lr'\] = 0\.1"),
    ]
    for read, words in ways:
        before = dict(read())
        with pytest.raises(TypeError, match=f"can only be read: .*{words}"):
            DICT[way](read(), next(iter(before)))
        assert read() == before
    assert fastopt.Adam(params).groups[0].params is params  # the caller's own


def test_the_remedies_of_groups() -> None:
    opt: Any = fastopt.Adam({"w": np.ones(3), "b": np.ones(2)}, groups={"w": {"multiply": {"lr": 0.5}}})
    opt.groups[1]["multiply"] = {**opt.groups[1]["multiply"], "lr": 0.1}
    opt.groups[1]["lr"] = 0.25
    assert opt.groups[1].h.lr == 0.25 * 0.1


def test_attributes_of_a_group_are_its_entries() -> None:
    opt: Any = fastopt.Adam({"w": np.ones(3), "b": np.ones(2)}, groups={"w": {"lr": 0.5}})
    group = opt.groups[1]
    group.lr = 0.25
    group.multiply = {"lr": 0.5}
    assert (group["lr"], group.lr, group.h.lr, opt.groups[0].lr) == (0.25, 0.25, 0.125, 1e-3)
    opt.step({"w": np.ones(3), "b": np.ones(2)})
    with pytest.raises(ValueError, match=r"lr of group 1 is nan"):
        group.lr = np.nan
    with pytest.raises(AttributeError, match=r"cannot be replaced: opt\.add_params"):
        group.params = {}
    for name in ("given", "current", "unknown", "momentum"):
        with pytest.raises(AttributeError, match=name):
            setattr(group, name, 0.1)
    assert repr(group) == repr(opt.groups[1])
    assert repr(group).startswith("Group(lr=0.25, multiply=")
    with pytest.raises(AttributeError, match="momentum"):
        _ = group.momentum


def shown() -> list[tuple[str, str]]:
    """Every property of optimizers that can only be read, which no algorithm adds to."""
    found = []
    for name in FOUNDING:
        cls = optimizer_class(name)
        found += [
            (name, key)
            for key in dir(cls)
            if isinstance(getattr(cls, key), property) and getattr(cls, key).fset is None
        ]
    return found


def test_there_are_such_properties() -> None:
    assert {key for _, key in shown()} >= {*AVERAGES, "step_count", "names", "frozen", "skipped"}


@pytest.mark.parametrize(("algorithm", "name"), shown())
def test_every_property_that_can_only_be_read_has_a_remedy(algorithm: str, name: str) -> None:
    options = known(optimizer_class(algorithm), dict(AVERAGES.get(name, {})))
    opt: Any = fastopt.get(algorithm, {"w": np.ones(3)}, **options)
    opt.step({"w": np.ones(3)})
    before = repr(getattr(opt, name))
    acts: list[Callable[[], None]] = [lambda: setattr(opt, name, 0), lambda: delattr(opt, name)]
    for act in acts:
        with pytest.raises(
            AttributeError, match=rf"^opt\.{name} cannot be (replaced|deleted): "
        ) as error:
            act()
        assert "it can only be read" not in str(error.value)
        if name in AVERAGES and "has no arrays" not in str(error.value):
            apply_remedy(opt, error.value)
            before = repr(getattr(opt, name))
    assert repr(getattr(opt, name)) == before


def test_averages_that_are_not_there_cannot_be_set() -> None:
    opt: Any = fastopt.SGD(np.ones(2))
    with pytest.raises(AttributeError, match=r"opt\.ema_state cannot be replaced: .* with ema=0\.999"):
        opt.ema_state = np.ones(2)


def test_deleted_attributes() -> None:
    opt: Any = fastopt.Adam(np.ones(2))
    for name in ("groups", "params", "like", "backend", "lr", "ema", "nonfinite", "betas"):
        with pytest.raises(AttributeError, match=f"{name} cannot be deleted"):
            delattr(opt, name)
    opt.step(np.ones(2))


def test_a_property_of_a_subclass_can_be_written_where_it_has_a_setter() -> None:
    class Mine(fastopt.SGD):
        @property
        def both(self) -> int:
            return self._both

        @both.setter
        def both(self, value: int) -> None:
            self._both = value

        @property
        def one(self) -> int:
            return 1

    opt: Any = Mine(np.ones(2))
    opt.both = 3
    assert opt.both == 3
    with pytest.raises(AttributeError, match=r"opt\.one cannot be replaced: it can only be read"):
        opt.one = 2
