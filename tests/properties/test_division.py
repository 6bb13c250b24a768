"""How elements are divided into arrays, arrays into groups, and in which order, changes no bit."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.scenes import APART, ELEMENTWISE, Arrays, Scene, assert_same, scenes
from support.steps import take_step
from support.variants import Variant

import fastopt


def cut(a: Any, at: list[int]) -> Arrays:
    return [piece.copy() for piece in np.split(a.ravel(order="K"), at)]


@given(scenes(of=ELEMENTWISE, absent=False), st.lists(st.integers(0, 70), max_size=4))
def test_arrays_cut_in_pieces(scene: Scene, at: list[int]) -> None:
    at.sort()
    wanted = scene.params()
    whole = scene.make(wanted)
    params = [cut(p, at) for p in wanted]
    opt = scene.make(params)
    for k in range(1, 4):
        grads = scene.grads(k)
        take_step(whole, grads)
        take_step(opt, [cut(g, at) for g in grads])
    joined = [np.concatenate(pieces) for pieces in params]
    assert_same(joined, [p.ravel(order="K") for p in wanted])


@given(scenes(of=APART), st.randoms(use_true_random=False))
def test_any_order(scene: Scene, random: Any) -> None:
    wanted = scene.train()
    order = list(range(len(scene.shapes)))
    random.shuffle(order)
    params = scene.params()
    opt = scene.make([params[i] for i in order])
    for k in range(1, 4):
        grads = scene.grads(k)
        take_step(opt, [grads[i] for i in order])
    states = dict(zip(order, opt.state.values(), strict=True))
    found = [*params, *(a for i in range(len(order)) for a in states[i].values())]
    assert_same(found, wanted)


@given(scenes(absent=False), st.data())
def test_none_is_not_being_there(scene: Scene, data: st.DataObject) -> None:
    params = scene.params()
    there = data.draw(st.lists(st.booleans(), min_size=len(params), max_size=len(params)))
    there[data.draw(st.integers(0, len(params) - 1))] = True
    opt = scene.make(params)
    before = [
        [a.copy() for a in (p, *s.values())] for p, s in zip(params, opt.state.values(), strict=True)
    ]
    alone = [p for p, here in zip(scene.params(), there, strict=True) if here]
    wanted = scene.make(alone)
    for k in range(1, 4):
        grads = [g if here else None for g, here in zip(scene.grads(k), there, strict=True)]
        take_step(opt, grads)
        take_step(wanted, [g for g in grads if g is not None])
    states = iter(wanted.state.values())
    kept = iter(alone)
    for p, state, was, here in zip(params, opt.state.values(), before, there, strict=True):
        now = [p, *state.values()]
        assert_same(now, [next(kept), *next(states).values()] if here else was)


@given(scenes(), st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=5))
def test_empty_arrays_and_single_numbers_among_them(
    scene: Scene, guests: list[tuple[int, bool]]
) -> None:
    """Wherever they stand, the others do not notice; an empty one takes its steps too."""
    wanted = scene.train()
    params = scene.params()
    hosts = list(range(len(params)))
    all_params: list[Any] = list(params)
    all_hosts: list[int | None] = list(hosts)
    for at, empty in guests:
        place = min(at, len(all_params))
        all_params.insert(place, np.zeros((0, 3) if empty else (), np.float32))
        all_hosts.insert(place, None)
    opt = scene.make(all_params)
    for k in range(1, 4):
        grads = scene.grads(k)
        take_step(
            opt,
            [
                np.ones_like(p) if i is None else grads[i]
                for i, p in zip(all_hosts, all_params, strict=True)
            ],
        )
    states = [s for i, s in zip(all_hosts, opt.state.values(), strict=True) if i is not None]
    assert_same([*params, *(a for s in states for a in s.values())], wanted)
    counts = opt.state_dict(copy=False)["parameters"].values()
    guests_took = {entry["steps"] for i, entry in zip(all_hosts, counts, strict=True) if i is None}
    assert guests_took == {3}


@st.composite
def groups(draw: st.DrawFn) -> list[Variant]:
    """Draw an algorithm with options for two to four groups, half of the time one for all."""
    name = draw(st.sampled_from(sorted({name for name, _ in APART})))
    one = draw(st.booleans())
    own = [variant for variant in APART if variant[0] == name or not one]
    return draw(st.lists(st.sampled_from(own), min_size=2, max_size=4))


@given(groups(), scenes(most=12))
def test_groups_are_optimizers(drawn: list[Variant], scene: Scene) -> None:
    """A group is an optimizer of its own with its algorithm and hyperparameters."""
    lists = [list(range(k, len(scene.shapes), len(drawn))) for k in range(len(drawn))]
    lists = [members for members in lists if members]
    params, alone = scene.params(), scene.params()
    given = [
        {"params": [params[i] for i in members], "algorithm": name, **own}
        for members, (name, own) in zip(lists, drawn, strict=False)
    ]
    opt = fastopt.get(drawn[-1][0], given)
    separate = [
        fastopt.get(name, [alone[i] for i in members], **own)
        for members, (name, own) in zip(lists, drawn, strict=False)
    ]
    for k in range(1, 4):
        grads = scene.grads(k)
        take_step(opt, [[grads[i] for i in members] for members in lists])
        for each, members in zip(separate, lists, strict=True):
            take_step(each, [grads[i] for i in members])
    states = [a for each in separate for state in each.state.values() for a in state.values()]
    assert_same([a for state in opt.state.values() for a in state.values()], states)
    assert_same(params, alone)
