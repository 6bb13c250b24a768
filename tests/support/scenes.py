"""What the tests of properties draw: a model, what trains it, and the gradients of a few steps."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

import fastopt
from support.by_hand import Array, same
from support.steps import take_step
from support.variants import BY_NORM, FACTORED, TOGETHER, Options, Variant, variants

Arrays = list[Array]
Gradients = list[Any]  # arrays, or None


def looks_at_elements(variant: Variant) -> bool:
    """Say whether it looks at each element alone, and at the norm of no array."""
    name, options = variant
    if name in BY_NORM:
        return False
    return fastopt.get(name, np.zeros(1), **options).groups[0]["clipnorm"] is None


VARIANTS = variants()
ELEMENTWISE = [variant for variant in VARIANTS if looks_at_elements(variant)]
OF_TORCH = [(name, options) for name, options in VARIANTS if "like" not in options]
# Those whose parameters do not depend on each other.
APART = [v for v in OF_TORCH if v[0] not in TOGETHER and v[0] not in FACTORED]

WIDTHS = (4, 8, 16, 32, 64)  # elements of a vector register, and of some together
CHUNK_BYTES = 256 * 1024  # csrc/plan/partition.hpp
POOL = 20_011  # values that are drawn; longer arrays repeat them, since drawing takes longest


# Values.


def tame(rng: np.random.Generator, size: int, dtype: Any) -> Array:
    """Values over six decades."""
    values: Array = rng.standard_normal(size) * 10.0 ** rng.uniform(-3, 3, size)
    return values.astype(dtype)


def finite(rng: np.random.Generator, size: int, dtype: Any) -> Array:
    """Values from 1e-40 to 1e38, zeros of both signs, subnormals, the largest and the least."""
    values: Array = rng.choice([-1.0, 1.0], size) * 10.0 ** rng.uniform(-40, 38, size)
    values = values.astype(dtype)
    limits = np.finfo(dtype)
    some = [0.0, 1.0, limits.tiny, limits.tiny / 3, limits.smallest_subnormal, limits.max]
    special = np.array([*some, *(-x for x in some)], dtype)
    chosen = rng.random(size) < 0.3
    values[chosen] = rng.choice(special, int(chosen.sum()))
    return values


def anything(rng: np.random.Generator, size: int, dtype: Any) -> Array:
    """All of these, infinities, NaN, and raw patterns of bits."""
    values = finite(rng, size, dtype)
    raw = rng.integers(0, 256, size * values.itemsize, np.uint8).view(dtype)
    kind = rng.random(size)
    values = np.where(kind < 0.3, raw, values)
    special = np.array([np.inf, -np.inf, np.nan], dtype)
    return np.where(kind > 0.9, rng.choice(special, size), values)


def whole_numbers(rng: np.random.Generator, size: int, dtype: Any) -> Array:
    """Small whole numbers, whose sums and halves are exact."""
    return rng.integers(-64, 65, size).astype(dtype)


Values = Callable[[np.random.Generator, int, Any], Array]


@dataclass(frozen=True)
class Scene:
    """What is drawn; all arrays are made of it anew whenever they are asked for."""

    variant: Variant
    shapes: list[tuple[int, ...]]
    dtypes: list[Any]
    orders: list[Any]
    values: Values
    absent: float  # the share of gradients that are None
    seed: int

    def arrays(self, number: int) -> Arrays:
        """Make an array for each parameter: number 0 is the parameters, 1, 2, ... the gradients."""
        rng = np.random.default_rng([self.seed, number])
        drawn, at = {}, {}
        for dtype in (np.float32, np.float64):
            total = self._total(dtype)
            drawn[dtype] = np.resize(self.values(rng, min(total, POOL), dtype), total)
            at[dtype] = 0
        found = []
        for shape, dtype, order in zip(self.shapes, self.dtypes, self.orders, strict=True):
            size = int(np.prod(shape, dtype=int))
            flat = drawn[dtype][at[dtype] : at[dtype] + size]
            at[dtype] += size
            found.append(flat.reshape(shape, order=order).copy(order="K"))
        return found

    def _total(self, dtype: Any) -> int:
        return sum(
            int(np.prod(shape, dtype=int))
            for shape, own in zip(self.shapes, self.dtypes, strict=True)
            if own is dtype
        )

    def params(self) -> Arrays:
        return self.arrays(0)

    def grads(self, step: int) -> Gradients:
        """Make the gradients of step 1, 2, ...; some may be None."""
        here = np.random.default_rng([self.seed, step, 1]).random(len(self.shapes)) >= self.absent
        return [g if there else None for g, there in zip(self.arrays(step), here, strict=True)]

    def make(self, params: Any, **more: Any) -> fastopt.Optimizer:
        name, options = self.variant
        return fastopt.get(name, params, **{**options, **more})

    def with_options(self, **more: Any) -> "Scene":
        name, options = self.variant
        return replace(self, variant=(name, {**options, **more}))

    def train(self, steps: int = 3, **more: Any) -> Arrays:
        """Take steps; give back all that has been written."""
        params = self.params()
        opt = self.make(params, **more)
        for k in range(1, steps + 1):
            take_step(opt, self.grads(k))
        return written(opt, params)


def written(opt: fastopt.Optimizer, params: Arrays) -> Arrays:
    """List the parameters, then their states."""
    return [*params, *(a for state in opt.state.values() for a in state.values())]


def assert_same(found: Arrays, wanted: Arrays) -> None:
    assert len(found) == len(wanted)
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        assert same(a, b), f"array {k} of {len(wanted)}: {a} is not {b}"


# Strategies.

seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float32, np.float64])

_near_registers = st.builds(
    lambda k, width, by: max(k * width + by, 0),
    st.integers(0, 5),
    st.sampled_from(WIDTHS),
    st.integers(-2, 2),
)
lengths = st.one_of(st.sampled_from([0, 1]), _near_registers)
shapes = st.one_of(
    st.just(()),
    lengths.map(lambda n: (n,)),
    lengths.map(lambda n: (n,)),
    st.tuples(st.integers(0, 5), lengths),
    st.tuples(lengths, st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 17)),
)


def _at_chunk_edge(streams: int, dtype: Any, chunks: int, by: int) -> tuple[int, ...]:
    """Give the shape of an array that ends near the edge of a chunk, of so many streams."""
    elements = CHUNK_BYTES // (streams * np.dtype(dtype).itemsize) // 4096 * 4096
    return (chunks * elements + by,)


@st.composite
def scenes(
    draw: st.DrawFn,
    *,
    values: list[Values] | None = None,
    of: list[Variant] = VARIANTS,
    absent: bool = True,
    most: int = 100,
) -> Scene:
    """Draw a model of 1 to 100 arrays, some as long as a chunk, and any variant of any algorithm."""
    count = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 12, 100]).filter(lambda n: n <= most))
    chosen = draw(st.lists(shapes, min_size=min(count, 12), max_size=min(count, 12)))
    # A hundred of them repeat each other; drawn one by one, they would take longer than all else.
    chosen = (chosen * (count // len(chosen) + 1))[:count]
    kind = draw(dtypes)
    if draw(st.integers(0, 7)) == 0:
        streams, chunks = draw(st.integers(2, 5)), draw(st.integers(1, 2))
        chosen[-1] = _at_chunk_edge(streams, kind, chunks, draw(st.integers(-1, 1)))
    mixed = draw(st.booleans())
    both = [kind, np.float64 if kind is np.float32 else np.float32]
    return Scene(
        draw(st.sampled_from(of)),
        chosen,
        [both[k % 3 % 2] if mixed else kind for k in range(count)],
        ["F" if k % 4 == 3 else "C" for k in range(count)],
        draw(st.sampled_from(values or [finite, anything])),
        draw(st.sampled_from([0.0, 0.0, 0.3])) if absent else 0.0,
        draw(seeds),
    )


def without(options: Options, *names: str) -> Options:
    return {name: value for name, value in options.items() if name not in names}
