"""What averages and slow weights need to go on elsewhere: their arrays, and a few scalars."""

import json
from typing import Any

import numpy as np
import pytest
from support.by_hand import assert_same, gradients, model

import fastopt
from fastopt import schedules
from fastopt.followers.base import Follower

Options = dict[str, Any]

CASES: list[Options] = [
    {"ema": 0.9},
    {"ema": 0.9, "ema_bias_correction": True},
    {"ema": schedules.linear(0.1, end=0.9, steps=5), "ema_bias_correction": True},
    {"swa_start": 2, "swa_every": 2},
    {"swa_start": 4},
    {"lookahead_steps": 2, "lookahead_alpha": 0.3},
    {"lookahead_steps": 3, "ema": 0.5},
]


def followers(opt: fastopt.Optimizer) -> list[Follower]:
    slow, averages, _ = opt._core.bound.followers
    return [each for each in (averages, slow) if each is not None]


@pytest.mark.parametrize("options", CASES, ids=lambda options: "-".join(options))
def test_another_goes_on_with_the_same_bits(options: Options, backend: str) -> None:
    p = model(np.float32)
    opt = fastopt.SGD(p, lr=0.1, backend=backend, **options)
    for seed in range(3):
        opt.step(gradients(np.float32, seed))
    q = {k: v.copy(order="K") for k, v in p.items()}
    twin = fastopt.SGD(q, lr=0.1, backend=backend, **options)
    twin._core.bound.progress.steps = opt.step_count
    for ours, theirs in zip(followers(opt), followers(twin), strict=True):
        restored = theirs.restored(json.loads(json.dumps(ours.state())))
        vars(theirs).update(vars(restored))
        assert theirs.state() == ours.state()
        for a, b in zip(ours.arrays, theirs.arrays, strict=True):
            b[...] = a
        theirs.fresh = ours.fresh
    for seed in range(3, 9):
        for x in (opt, twin):
            x.step(gradients(np.float32, seed))
    assert_same(q, p, "the parameter")
    for ours, theirs in zip(followers(opt), followers(twin), strict=True):
        found, wanted = (dict(zip(p, each.arrays, strict=True)) for each in (theirs, ours))
        assert_same(found, wanted, "what follows")


def test_scalars() -> None:
    opt = fastopt.SGD(np.ones(2), ema=0.5, lookahead_steps=2)
    for _ in range(3):
        opt.step(np.ones(2))
    assert [each.state() for each in followers(opt)] == [{"remains": 0.125}, {}]
    assert [each.state() for each in followers(fastopt.SGD(np.ones(2), swa_start=2))] == [{}]


@pytest.mark.parametrize(
    ("options", "scalars", "error", "words"),
    [
        ({"ema": 0.5}, {}, ValueError, r"a dict of 'remains'; this has nothing: take it from"),
        ({"ema": 0.5}, {"remains": 1.5}, ValueError, "remains is 1.5; .* >= 0 and <= 1"),
        ({"ema": 0.5}, {"remains": float("nan")}, ValueError, "remains is nan"),
        ({"ema": 0.5}, {"remains": "1"}, TypeError, "remains is '1'"),
        ({"ema": 0.5}, {"remains": 0.5, "t": 3}, ValueError, "this has 'remains', 't'"),
        ({"ema": 0.5}, None, TypeError, "gives is a dict; this is None"),
        ({"swa_start": 2}, {"remains": 0.5}, ValueError, r"a dict of nothing; this has 'remains'"),
        ({"lookahead_steps": 2}, [], TypeError, "gives is a dict; this is"),
    ],
)
def test_wrong_scalars(options: Options, scalars: Any, error: type[Exception], words: str) -> None:
    opt = fastopt.SGD(np.ones(2), **options)
    opt.step(np.ones(2))
    (follower,) = followers(opt)
    before = follower.state()
    with pytest.raises(error, match=words):
        follower.restored(scalars)
    assert follower.state() == before
    opt.step(np.ones(2))
