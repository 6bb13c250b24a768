"""The numerics contract with every stage on: one outcome for all backends, levels and thread counts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numerics.test_bits import CHUNK_BYTES, LEVELS, finite, raw_bits
from support.by_hand import Array, bfloat16, same
from support.own_momentum import Own
from support.steps import take_step
from support.variants import ANY_SHAPE, FOUNDING, WITH_ALL, compiled_for, known, paired

import fastopt
from fastopt.registry import optimizer_class

Options = dict[str, Any]
Maker = Callable[..., fastopt.Optimizer]
STEPS = 3

WITH_SUMS: Options = {
    "global_clipnorm": 3.0,
    "clipvalue": 0.4,
    "loss_scale": 3.0,
    "nonfinite": "skip",
    "stats": True,
    "ema": 0.9,
    "lookahead_steps": 2,
    "lookahead_alpha": 0.3,
    "weight_decay": 0.05,
    "maximize": True,
}
EACH_ITS_NORM: Options = {
    "clipnorm": 0.7,
    "clipvalue": 0.1,
    "loss_scale": "dynamic",
    "ema": lambda step: step / (step + 3),
    "ema_bias_correction": True,
    "weight_decay": 0.05,
    "decoupled_weight_decay": "after",
    "cautious": True,
}
TAKES_ALL: Options = {
    "clipvalue": 0.4,
    "loss_scale": 3.0,
    "stats": True,
    "ema": 0.9,
    "weight_decay": 0.05,
    "decoupled_weight_decay": True,
}
CAUTIOUS: Options = {
    **EACH_ITS_NORM,
    "decoupled_weight_decay": "proximal",
    "cautious_weight_decay": True,
    "l1": 0.02,
    "soft_threshold": True,
}
EQUAL_AVERAGE: Options = {
    "swa_start": 1,
    "swa_every": 2,
    "lookahead_steps": 1,
    "lookahead_alpha": 0.7,
    "weight_decay": 0.05,
    "cautious": "grams",
}
VARIANTS = {
    "with sums": WITH_SUMS,
    "each its norm": EACH_ITS_NORM,
    "l1": {**WITH_SUMS, "l1": 0.02},
    "cautious": CAUTIOUS,
    "equal average": EQUAL_AVERAGE,
}
COPIES = (bfloat16, np.float16, np.uint16)


def gradient(i: int, step: int, values: Array) -> Any:
    """Of every third array in another dtype, of every fourth in another layout; None for some."""
    if (i + step) % 7 == 5:
        return None
    if i % 3 == 1:
        with np.errstate(all="ignore"):
            kind: Any = (np.float64, np.float16, bfloat16)[step % 3]
            values = (np.clip(values, -6e4, 6e4) if kind is np.float16 else values).astype(kind)
    if i % 4 == 2:
        wide = np.zeros(3 * values.size, values.dtype)
        wide[::3] = values
        values = wide[::3]
    return values


def train(
    make_optimizer: Maker,
    sizes: list[int],
    dtype: Any,
    backend: str,
    options: Options,
    make: Any = finite,
) -> list[Any]:
    """Give all arrays after some steps with every stage on, and what the optimizer says of them."""
    rng = np.random.default_rng(7)

    def arrays() -> list[Array]:
        return [piece.copy() for piece in np.split(make(rng, sum(sizes), dtype), np.cumsum(sizes)[:-1])]

    params = arrays()
    copies = [np.zeros(p.size, COPIES[i % 3]) for i, p in enumerate(params)]
    opt = make_optimizer(
        params, backend=backend, zero_grads=True, cast_grads=True, cast_to=copies, **options
    )
    said: list[Any] = []
    for step in range(STEPS):
        grads = [gradient(i, step, g) for i, g in enumerate(arrays())]
        if step == 0 and opt.nonfinite == "skip":
            assert not take_step(opt, [np.full(n, np.inf) for n in sizes])
        assert take_step(opt, grads)
        said += [opt.grad_norm, opt.skipped, opt.loss_scale, opt.stats and opt.report()]
        assert not any(g.any() for g in grads if g is not None)
    states = [a for state in opt.state.values() for a in state.values()]
    averages = opt.swa_state if opt.ema is None else opt.ema_state
    slow = [] if opt.lookahead_steps is None else opt.slow_state
    ended = [np.concatenate(kind) for kind in (params, states, averages, slow) if kind]
    bits = [np.concatenate([c.view(np.uint16) for c in copies[k::3]]) for k in range(3)]
    halves = [a.view(np.float16 if k == 1 else bfloat16) for k, a in enumerate(bits)]
    return [*ended, *halves, repr(said)]


def check(found: list[Any], expected: list[Any], where: Any) -> None:
    *arrays, said = found
    for a, b in zip(arrays, expected, strict=False):
        assert same(a, b), where
    assert said == expected[-1], where


@pytest.mark.parametrize(("name", "stages"), paired(ANY_SHAPE, [*VARIANTS]))
def test_every_algorithm_at_every_level(name: str, stages: str, level: Callable[[str], None]) -> None:
    """Every size with those that stand for all, with the others every tail of a vector.

    What Numba compiles is the loop alone, which numerics/test_bits.py has for each rule: a few here.
    """
    sizes = [*range(1, 258, 1 if name in WITH_ALL else 5), 0]
    cls = optimizer_class(name)
    options = known(cls, VARIANTS[stages])
    dtype = compiled_for(name, options)
    expected = train(cls, sizes, dtype, "numpy", options)
    if name in FOUNDING:
        check(train(cls, sizes, dtype, "numba", options), expected, "numba")
    for name_of_level in LEVELS:
        level(name_of_level)
        check(train(cls, sizes, dtype, "native", options), expected, name_of_level)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_bits(dtype: Any, level: Callable[[str], None]) -> None:
    sizes = [*range(1, 258), 0]
    expected = train(fastopt.Adam, sizes, dtype, "numpy", TAKES_ALL, raw_bits)
    check(train(fastopt.Adam, sizes, dtype, "numba", TAKES_ALL, raw_bits), expected, "numba")
    for name in LEVELS:
        level(name)
        check(train(fastopt.Adam, sizes, dtype, "native", TAKES_ALL, raw_bits), expected, name)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("default_settings")
def test_chunk_edges_and_threads(dtype: Any, options: Options, level: Callable[[str], None]) -> None:
    """Of Adam's four streams; blocks of sums are 4,096 elements, and pieces that are finished 2,048."""
    chunk = CHUNK_BYTES // (np.dtype(dtype).itemsize * 4) // 4096 * 4096
    sizes = [1, chunk - 1, chunk, chunk + 1, 3 * chunk - 1, 5, 7 * chunk + 1, 4097, 2049, 12 * chunk]
    expected = train(fastopt.AdamW, sizes, dtype, "numpy", options)
    for k, threads in enumerate((1, 2, 3, 7), len(options) + (dtype is np.float64)):
        fastopt.set_num_threads(threads)
        for name in LEVELS[k % max(len(LEVELS), 1) :][:1]:  # each with each, over all cases
            level(name)
            check(train(fastopt.AdamW, sizes, dtype, "native", options), expected, (threads, name))
    check(train(fastopt.AdamW, sizes, dtype, "numba", options), expected, "numba")


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("default_settings")
def test_a_rule_of_the_user_s(dtype: Any, options: Options) -> None:
    for sizes in (list(range(1, 258)), [1, 100_003, 5, 250_000]):
        expected = train(Own, sizes, dtype, "numpy", options)
        for threads in (1, 2, 3, 7):
            fastopt.set_num_threads(threads)
            check(train(Own, sizes, dtype, "numba", options), expected, threads)


@pytest.mark.usefixtures("default_settings")
def test_strided_gradients_in_many_chunks(backend: str) -> None:
    """Each part of a large array is read, pulled, averaged, copied and zeroed by who updates it."""
    shape = (211, 1029)
    finals = []
    layouts: list[Any] = [np.ascontiguousarray, np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2]]
    for lay in layouts:
        for threads in (1, 3):
            fastopt.set_num_threads(threads)
            for stats in (False, True):
                rng = np.random.default_rng(3)
                p, copy = rng.standard_normal(shape).astype(np.float32), np.zeros(shape, np.float16)
                options: Options = {
                    "ema": 0.9,
                    "lookahead_steps": 1,
                    "zero_grads": True,
                    "clipnorm": 9.0,
                }
                opt = fastopt.AdamW(p, backend=backend, cast_to=copy, stats=stats, **options)
                for _ in range(2):
                    g: Array = lay(rng.standard_normal(shape).astype(np.float32))
                    opt.step(g)
                    assert not g.any()
                arrays = (p, copy, opt.ema_state, opt.slow_state, *opt.state["params"].values())
                finals.append((opt.grad_norm, *(a.tobytes() for a in arrays)))
    assert len(set(finals)) == 1
