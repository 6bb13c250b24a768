"""Mini-batches: what is in them, in which order, and where they go on."""

import json
from typing import Any

import numpy as np
import pytest

from fastopt import Batches

X = np.arange(22.0).reshape(11, 2)
Y = np.arange(11)


def order(seed: int, epoch: int, count: int = 11) -> list[int]:
    """Draw the order by the formula of the docstring."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    return rng.permutation(count).tolist()  # type: ignore[no-any-return]


# What is in them.


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 4, 3]), (True, [4, 4])])
def test_each_epoch_has_its_own_order(drop_last: bool, sizes: list[int]) -> None:
    batches = Batches((X, Y), 4, seed=3, drop_last=drop_last)
    assert len(batches) == len(sizes)
    for epoch in range(3):
        found = list(batches)
        assert [len(y) for _, y in found] == sizes
        chosen = order(3, epoch)[: sum(sizes)]
        assert np.concatenate([y for _, y in found]).tolist() == chosen
        assert np.array_equal(np.concatenate([x for x, _ in found]), X[chosen])
        assert not any(np.shares_memory(x, X) for x, _ in found)


def test_orders_differ_by_seed_and_epoch() -> None:
    orders = {tuple(order(seed, epoch)) for seed in (0, 1, 2**32 - 1) for epoch in range(5)}
    assert len(orders) == 15


def test_without_shuffling_batches_are_views_in_order() -> None:
    batches = Batches({"x": X, "y": Y}, 5, shuffle=False, seed=7)
    for _ in range(2):
        found = list(batches)
        assert [batch["y"].tolist() for batch in found] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10]]
        assert all(np.shares_memory(batch["x"], X) and batch["x"].base is X.base for batch in found)


def test_all_at_once_are_the_arrays_in_order() -> None:
    batches = Batches((X, Y), None, seed=4)
    for _ in range(2):
        ((x, y),) = batches
        assert np.shares_memory(x, X)
        assert x.tolist() == X.tolist()
        assert y.tolist() == Y.tolist()


def test_a_batch_has_the_form_and_dtypes_of_the_data() -> None:
    words = np.array(["a", "b", "c"])
    deep = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 2, 2))
    (only,) = Batches(words, 3)
    assert only.tolist() == [words[i] for i in order(0, 0, 3)]
    (both,) = Batches((words, deep), 3)
    assert isinstance(both, tuple)
    assert np.array_equal(both[1], deep[order(0, 0, 3)])
    assert [part.dtype for part in both] == [words.dtype, deep.dtype]
    (named,) = Batches({"w": words}, 3)
    assert list(named) == ["w"]


def test_memory_mapped_arrays(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(6, 2))
    mapped[...] = np.arange(12).reshape(6, 2)
    first, second = Batches(mapped, 3, seed=9)
    assert np.array_equal(np.concatenate([first, second]), np.asarray(mapped)[order(9, 0, 6)])


# Where they go on.


def numbers(batches: Batches, count: int) -> list[list[int]]:
    """Take so many batches, over the epochs, and leave the last loop with a break."""
    found: list[list[int]] = []
    while len(found) < count:
        for batch in batches:
            found.append(batch.tolist())
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("taken", range(10))
def test_resumed_at_any_batch(taken: int, shuffle: bool) -> None:
    straight = Batches(Y, 4, shuffle=shuffle, seed=1, drop_last=shuffle)
    expected = numbers(Batches(Y, 4, shuffle=shuffle, seed=1, drop_last=shuffle), taken + 7)
    numbers(straight, taken)
    state = json.loads(json.dumps(straight.state_dict()))
    resumed = Batches(Y.copy(), 4, shuffle=shuffle, seed=1, drop_last=shuffle)
    numbers(resumed, 2)  # it was elsewhere
    resumed.load_state_dict(state)
    assert (resumed.epoch, resumed.position) == (straight.epoch, straight.position)
    straight.load_state_dict(state)  # to go on after the break
    assert numbers(resumed, 7) == numbers(straight, 7) == expected[taken:]


def test_the_place_is_after_the_batch_that_is_given() -> None:
    batches = Batches(Y, 4)
    places = [(batches.epoch, batches.position)]
    places += [(batches.epoch, batches.position) for _ in range(2) for _ in batches]
    assert places == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert (batches.epoch, batches.position) == (2, 0)


def test_repr_says_what_and_where() -> None:
    batches = Batches(Y, 4, seed=2, drop_last=True)
    next(iter(batches))
    assert repr(batches) == (
        "Batches(samples=11, size=4, shuffle=True, seed=2, drop_last=True), epoch 0, 1 of 2 drawn"
    )


# What is refused.


@pytest.mark.parametrize(
    ("data", "given", "error", "words"),
    [
        ([1, 2], {}, TypeError, r"data is \[1, 2\] \(list\); it must be an array, or a tuple or dict"),
        (None, {}, TypeError, "data is None"),
        ((X, [1, 2]), {}, TypeError, r"data\[1\] is \[1, 2\] \(list\); .* np.asarray"),
        ({"x": X, "y": 3}, {}, TypeError, r"data\['y'\] is 3 \(int\)"),
        ((), {}, ValueError, "data has no arrays"),
        ({}, {}, ValueError, "data has no arrays"),
        (np.float64(3), {}, TypeError, "data is"),
        (np.array(3.0), {}, ValueError, r"data has shape \(\), and no first axis"),
        ((X, np.array(3.0)), {}, ValueError, r"data\[1\] has shape \(\)"),
        ((X, Y[1:]), {}, ValueError, r"data\[0\] has 11 samples and data\[1\] 10; the first axis"),
        ({"x": X, "y": Y[:0]}, {}, ValueError, r"data\['x'\] has 11 samples and data\['y'\] 0"),
        (X[:0], {}, ValueError, r"data has shape \(0, 2\): there are no samples"),
        (X, {"size": 12}, ValueError, "size is 12, and data has only 11 samples; None takes all"),
        (X, {"size": 0}, ValueError, "size is 0; it must be a whole number >= 1"),
        (X, {"size": 4.0}, TypeError, "size is 4.0"),
        (X, {"shuffle": 1}, TypeError, "shuffle is 1 .* True or False"),
        (X, {"drop_last": "no"}, TypeError, "drop_last is 'no'"),
        (X, {"seed": -1}, ValueError, "seed is -1; it must be a whole number >= 0 and <= 4294967295"),
        (X, {"seed": 2**32}, ValueError, "seed is 4294967296"),
        (X, {"seed": None}, TypeError, "seed is None"),
    ],
)
def test_bad_arguments(data: Any, given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Batches(data, **{"size": 2, **given})


GOOD = Batches(Y, 4, seed=2).state_dict()


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("state", TypeError, "what state_dict.* returns, with epoch, position, samples, size"),
        ({"epoch": 1, "position": 0}, TypeError, "the state of Batches"),
        (GOOD | {"more": 1}, TypeError, "the state of Batches"),
        (GOOD | {"samples": 12}, ValueError, "samples 12, and these have 11: make them as they were"),
        (GOOD | {"size": 5}, ValueError, "size 5, and these have 4"),
        (GOOD | {"seed": 3}, ValueError, "seed 3, and these have 2"),
        (GOOD | {"shuffle": False}, ValueError, "shuffle False, and these have True"),
        (GOOD | {"drop_last": True}, ValueError, "drop_last True, and these have False"),
        (GOOD | {"epoch": -1}, ValueError, "epoch is -1"),
        (GOOD | {"epoch": 1.0}, TypeError, "epoch is 1.0"),
        (GOOD | {"epoch": 5, "position": 4}, ValueError, "position is 4; .* <= 3"),
    ],
)
def test_bad_states_change_nothing(state: Any, error: type[Exception], words: str) -> None:
    batches = Batches(Y, 4, seed=2)
    next(iter(batches))
    before = batches.state_dict()
    with pytest.raises(error, match=words):
        batches.load_state_dict(state)
    assert batches.state_dict() == before
