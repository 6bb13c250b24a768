"""Several loops over one Batches: each has its own epoch and place, and takes no batch of another."""

import copy
import gc
import pickle
import threading
from itertools import islice
from typing import Any

import numpy as np
import pytest
from support.training_cases import X as INPUTS
from support.training_cases import Y as TARGETS
from support.training_cases import bits, loss_and_grad, start

import fastopt
from fastopt import Batches

Y = np.arange(11)
Epoch = list[list[int]]


def made(**options: Any) -> Batches:
    return Batches(Y, 4, **{"seed": 1, **options})


def epochs(count: int, **options: Any) -> list[Epoch]:
    batches = made(**options)
    return [listed(batches) for _ in range(count)]


def listed(batches: Any) -> Epoch:
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("looks", [1, 2])
def test_a_look_at_the_first_batch_takes_nothing(looks: int, held: bool, shuffle: bool) -> None:
    batches, expected, kept = made(shuffle=shuffle), epochs(3, shuffle=shuffle), []
    for _ in range(3):
        for _ in range(looks):
            loop = iter(batches)
            kept += [loop] * held
            assert next(loop).tolist() == expected[batches.epoch][0]
        del loop
        assert listed(batches) == expected[len(kept) // looks - 1 if held else batches.epoch - 1]
    assert batches.epoch == 3


def test_two_loops_at_once_have_all_batches_each() -> None:
    batches, expected = made(), epochs(2)
    for epoch in expected:
        pairs = [(a.tolist(), b.tolist()) for a, b in zip(batches, batches, strict=False)]
        assert pairs == [(batch, batch) for batch in epoch]


def test_a_slow_loop_that_ends_late_moves_nothing_back() -> None:
    batches, expected = made(), epochs(3)
    slow = iter(batches)
    first = next(slow).tolist()
    assert [listed(batches) for _ in range(2)] == expected[:2]
    assert [first, *listed(slow)] == expected[0]
    assert (batches.epoch, batches.position) == (2, 0)
    assert listed(batches) == expected[2]


def test_nested_loops() -> None:
    batches, expected = made(), epochs(4)
    outer: Epoch = []
    inner: list[Epoch] = []
    for batch in batches:
        outer.append(batch.tolist())
        inner.append(listed(batches))
    assert outer == expected[0]
    assert inner == expected[:3]  # each that ends is an epoch
    assert listed(batches) == expected[3]


def test_a_break_moves_nothing() -> None:
    batches, expected = made(), epochs(2)
    for _ in batches:
        break
    assert (batches.epoch, batches.position) == (0, 1)
    assert listed(batches) == expected[0]
    loop = iter(batches)
    for batch in loop:
        assert batch.tolist() == expected[1][0]
        break
    assert listed(loop) == expected[1][1:]  # which goes on
    assert batches.epoch == 2


def test_all_batches_without_asking_for_more_are_an_epoch() -> None:
    batches, expected = made(), epochs(3)
    found = [
        [batch.tolist() for _, batch in zip(range(3), batches, strict=False)],
        listed(islice(batches, 3)),
        listed(batches),
    ]
    assert found == expected


def test_an_iterator_that_is_held_over_epochs_has_its_own() -> None:
    batches, expected = made(), epochs(3)
    early = iter(batches)
    assert listed(batches) == expected[0]
    assert listed(batches) == expected[1]
    assert listed(early) == expected[0]
    assert listed(early) == []
    assert listed(batches) == expected[2]


def test_a_loop_after_a_look_with_a_held_iterator_between_epochs() -> None:
    batches, expected = made(), epochs(3)
    pictures = iter(batches)
    for epoch in expected:
        next(pictures)
        assert listed(batches) == epoch


def test_the_place_is_that_of_the_farthest_loop() -> None:
    batches = made()
    places = []
    for _ in batches:
        next(iter(batches))  # a look in between
        places.append((batches.epoch, batches.position))
    assert places == [(0, 1), (0, 2), (0, 3)]
    left = iter(batches)
    next(left), next(left)
    del left
    gc.collect()
    for _ in batches:  # one that is left early counts no more
        assert (batches.epoch, batches.position) == (1, 1)
        break


def test_each_loop_knows_its_place() -> None:
    batches, expected = made(), epochs(1)[0]
    outer = iter(batches)
    next(outer)
    listed(batches)
    assert (outer.epoch, outer.position) == (0, 1)
    again = made()
    again.load_state_dict(outer.state_dict())
    assert listed(again) == expected[1:]


def test_a_look_after_a_state_was_loaded() -> None:
    batches, expected = made(), epochs(3)
    batches.load_state_dict(batches.state_dict() | {"epoch": 1, "position": 1})
    assert next(iter(batches)).tolist() == expected[1][1]
    assert listed(batches) == expected[1][1:]
    assert listed(batches) == expected[2]


def test_loops_in_threads() -> None:
    batches, expected = Batches(np.arange(4000), 1, seed=1), Batches(np.arange(4000), 1, seed=1)
    whole = listed(expected)
    found: list[Epoch] = [[], [], []]
    shared, parts = iter(batches), [Epoch(), Epoch()]

    def loop(k: int) -> None:
        found[k] = listed(batches)

    def part(k: int) -> None:
        parts[k] = listed(shared)

    loops = [iter(batches) for _ in found]  # before one of them ends
    threads = [
        threading.Thread(target=lambda k=k: found.__setitem__(k, listed(loops[k]))) for k in range(3)
    ]
    threads += [threading.Thread(target=part, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [whole] * 3
    assert sorted(parts[0] + parts[1]) == sorted(whole)


def test_copies_stand_where_the_data_stands() -> None:
    batches, expected = made(), epochs(2)
    loop = iter(batches)
    next(loop)
    for other in (copy.copy(batches), copy.deepcopy(batches), pickle.loads(pickle.dumps(batches))):
        assert other.state_dict() == batches.state_dict()
        assert [listed(other), listed(other)] == expected


def test_fit_after_a_look_has_the_bits_of_one_without() -> None:
    found = []
    for looks in (False, True):
        opt, data = fastopt.Adam(start(), lr=0.05), Batches((INPUTS, TARGETS), 4, seed=3)
        if looks:
            next(iter(data))
            kept = iter(data)
            next(kept)

        def look(run: Any, data: Batches = data, looks: bool = looks) -> None:
            if looks:
                list(data), next(iter(data))

        fastopt.fit(
            loss_and_grad,
            opt.params,
            opt,
            data,
            3,
            [look, Stepping(look)],
            validation=lambda params, look=look: (look(None), 0.0)[1],  # type: ignore[misc]
        )
        found.append(bits(opt.params))
    assert found[0] == found[1]


class Stepping:
    """A function that is called after each step."""

    def __init__(self, function: Any) -> None:
        self.on_step = function


def test_a_subclass_with_a_loop_of_its_own() -> None:
    class Doubled(Batches):
        def __iter__(self) -> Any:
            for x, y in super().__iter__():
                yield x + x, y

    found = []
    for data in (Doubled((INPUTS, TARGETS), 4, seed=3), Batches((INPUTS + INPUTS, TARGETS), 4, seed=3)):
        opt = fastopt.Adam(start(), lr=0.05)
        fastopt.fit(loss_and_grad, opt.params, opt, data, 3)
        found.append((bits(opt.params), data.epoch))
    assert found[0] == found[1]
    assert found[0][1] == 3
