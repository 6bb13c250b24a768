"""sparse="exact" has the bits of the dense step on np.zeros and np.add.at, or is refused."""

import copy
from typing import Any

import numpy as np
import pytest
from support.variants import ANY_SHAPE, BY_NORM

import fastopt
from rows.drawn import SHAPES, Steps, same, step_all

# Whose rows stay as they are until they have had a gradient; and those of which no other row moves.
RESTING = {
    *("adabound", "adadelta", "adam", "adamatan2", "adan", "ademamix", "adopt", "aggmo"),
    *("diffgrad", "laprop", "lion", "nadam", "optimisticadam"),
    *("optimisticsgd", "padam", "qhadam", "qhm", "radam", "rmsprop", "signum", "simplifiedademamix"),
}
IDLE = {"adagrad", "sgd", "signsgd"}
ESTIMATED = {name for name, cls in ANY_SHAPE.items() if cls.takes_estimate}  # needs more than gradients
MOVING = sorted(set(ANY_SHAPE) - BY_NORM - ESTIMATED - RESTING - IDLE)


def pair(name: str, steps: Steps, **options: Any) -> list[Any]:
    """Make an optimizer for gradients of rows, and one for dense ones.

    Tests look at states in the end: after each look the rows that live are looked for anew.
    """
    kinds = {"weight_decay": 0.0} if "weight_decay" in ANY_SHAPE[name].hyperparameters else {}
    return [
        fastopt.get(name, steps.params(), **{**kinds, "sparse": sparse, "lr": 0.1, **options})
        for sparse in ("exact", None)
    ]


@pytest.mark.parametrize("name", sorted(RESTING | IDLE))
def test_rows_have_the_bits_of_dense_steps(name: str) -> None:
    steps = Steps(np.float32, (3,), name)
    ours, dense = pair(name, steps)
    for g in steps:
        ours.step(g)
        dense.step(steps.dense(g))
        assert same(ours, dense.named_parameters())
    assert same(ours, dense)


@pytest.mark.parametrize("name", MOVING)
def test_what_moves_other_rows_is_refused(name: str) -> None:
    steps = Steps(np.float32, (3,), name)
    ours = fastopt.get(name, steps.params(), sparse="exact", lr=0.1)
    before = copy.deepcopy(ours.named_parameters())
    with pytest.raises((TypeError, ValueError), match="of rows"):
        step_all(ours, list(steps)[1:])
    assert same(ours, before)
    assert ours.step_count == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"weight_decay": 0.1}),
        ("adam", {"l1": 0.1}),
        ("adam", {"eps": 0.0}),
        ("sgd", {"maximize": True}),  # makes +0.0 of -0.0
        ("adamw", {}),
        ("sgd", {"momentum": 0.5, "weight_decay": 0.1}),
    ],
)
def test_options_that_move_other_rows_are_refused(name: str, options: Any) -> None:
    steps = Steps(np.float32, (3,), name)
    ours = fastopt.get(name, steps.params(), sparse="exact", **options)
    with pytest.raises(ValueError, match="never had a gradient"):
        step_all(ours, list(steps)[1:])


@pytest.mark.parametrize(
    "options",
    [
        {"clipnorm": 0.5},
        {"global_clipnorm": 0.5, "clipvalue": 0.2},
        {"loss_scale": 8.0, "nonfinite": "skip"},
        {"lr": fastopt.schedules.exponential(0.1, 0.5)},
        {"flush_subnormals": False, "amsgrad": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_options_do_the_same(shape: Any, options: Any, backend: str) -> None:
    steps = Steps(np.float64, shape, "options")
    ours, dense = pair("adam", steps, backend=backend, **options)
    for g in steps:
        assert ours.step(g) == dense.step(steps.dense(g))
        assert same(ours, dense.named_parameters())
    assert same(ours, dense)


def test_resumed_at_every_step() -> None:
    steps = Steps(np.float32, (5,), "resumed")
    whole, dense = pair("adam", steps)
    for g in steps:
        state, now = whole.state_dict(), copy.deepcopy(whole.named_parameters())
        again = fastopt.Adam(now, sparse="exact", lr=0.1)
        again.load_state_dict(state)
        step_all(again, [g])
        whole.step(g)
        dense.step(steps.dense(g))
        assert same(again, whole)
        assert same(whole, dense)
        whole = copy.deepcopy(whole)


def test_dense_steps_between() -> None:
    """Rows that a dense gradient has moved go on moving, in one that was known before, too."""
    steps = Steps(np.float32, (5,), "between")
    ours, dense = pair("adam", steps)
    for k, g in enumerate(steps):
        ours.step(steps.dense(g) if k % 3 == 2 else g)
        dense.step(steps.dense(g))
        assert same(ours, dense.named_parameters())
    assert same(ours, dense)


def test_a_step_that_is_left_out_and_one_that_is_dense() -> None:
    """What was known of rows before a step that was not taken is not held for known after others."""
    steps = Steps(np.float32, (5,), "left out")
    ours, dense = pair("adam", steps, nonfinite="skip")
    gradients = list(steps)
    bad = steps.with_nan(gradients[2])
    _, first, _, third, fourth, _ = gradients
    for g, is_dense in [(first, False), (bad, False), (third, True), (fourth, False)]:
        assert ours.step(steps.dense(g) if is_dense else g) == dense.step(steps.dense(g))
        assert same(ours, dense.named_parameters())
    assert same(ours, dense)


def test_other_groups_go_their_own_way() -> None:
    """Muon for the matrix beside, whose directions are measured; a step without rows."""
    rng = np.random.default_rng(0)
    words, weights = rng.standard_normal((30, 4)), rng.standard_normal((6, 6))
    made = []
    for sparse in ("exact", None):
        params = {"E": words.copy(), "W": weights.copy()}
        groups = {"E": {"algorithm": "adam", "sparse": sparse}}
        made.append(fastopt.Muon(params, groups=groups))
    for k in range(5):
        g = fastopt.RowGradient(rng.integers(0, 30, 7), rng.standard_normal((7, 4)))
        w = rng.standard_normal((6, 6))
        made[0].step({"E": None if k == 2 else g, "W": w})
        made[1].step({"E": None if k == 2 else g.dense(30), "W": w})
        assert same(*made)


def test_states_that_are_written_by_hand(backend: str) -> None:
    steps = Steps(np.float32, (5,), "by hand")
    ours, dense = pair("adam", steps, backend=backend)
    for k, g in enumerate(steps):
        ours.step(g)
        dense.step(steps.dense(g))
        if k == 2:
            for opt in (ours, dense):
                opt.state["E"]["m"][...] += 0.5
    assert same(ours, dense)


def test_estimates_move_rows_later() -> None:
    steps = Steps(np.float32, (5,), "estimates")
    made = [fastopt.AdaHessian(steps.params(), lr=0.1, sparse=sparse) for sparse in ("exact", None)]
    for k, g in enumerate(steps):
        if k % 2 == 0:
            for opt in made:
                opt.estimate({name: np.full_like(p, 0.5 + k) for name, p in steps.params().items()})
        made[0].step(g)
        made[1].step(steps.dense(g))
        assert same(*made)
