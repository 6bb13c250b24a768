"""The whole step of SGD with momentum in plain NumPy, written from what each setting promises.

Beside it what the tests of the settings share: a model of all kinds of arrays, and equality of bits.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from fastopt.numerics.sums import BLOCK, LANES

Array = NDArray[Any]
Model = dict[str, Array]
Gradients = dict[str, Any]  # arrays, or None

LR, MOMENTUM = 0.05, 0.9

SHAPES: dict[str, tuple[tuple[int, ...], Literal["C", "F"]]] = {
    "w": ((37, 53), "C"),
    "f": ((20, 31), "F"),
    "b": ((), "C"),
    "none": ((0, 3), "C"),
    "long": ((5003,), "C"),
}


def values(shape: Any, dtype: Any, seed: int) -> Array:
    """Values over four decades."""
    rng = np.random.default_rng(seed)
    found: Array = np.asarray(rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 2, shape))
    return found.astype(dtype)


def model(dtype: Any, seed: int = 0) -> Model:
    """Parameters of both orders, of no dimension and of no element, of one block and of two."""
    return {
        name: np.asarray(values(shape, dtype, seed + k), order=order)
        for k, (name, (shape, order)) in enumerate(SHAPES.items())
    }


def gradients(dtype: Any, seed: int) -> Gradients:
    """Gradients for them, every second in another layout than its parameter."""
    found: Gradients = model(dtype, seed)
    found["f"] = np.ascontiguousarray(found["f"])
    found["long"] = np.repeat(found["long"], 2)[::2]
    return found


def same(a: Any, b: Any) -> bool:
    """Say whether two arrays have the same bits; any NaN equals any other."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    bits = f"u{a.itemsize}"
    # reshape(-1) copies what is not contiguous: a view of other itemsize is not asked for
    equal = a.reshape(-1).view(bits) == b.reshape(-1).view(bits)
    return bool((equal | (np.isnan(a.reshape(-1)) & np.isnan(b.reshape(-1)))).all())


def assert_same(found: Model, wanted: Model, what: str) -> None:
    assert list(found) == list(wanted)
    for name in wanted:
        assert same(found[name], wanted[name]), f"{what} of {name!r}"


def norm(x: Array) -> float:
    """The L2 norm as the numerics contract defines it: blocks, lanes, halves; x in its order."""
    flat, total = x.astype(np.float64).reshape(-1), 0.0
    edges = [*range(0, flat.size, BLOCK), flat.size]
    for begin, end in pairwise(edges):
        piece = flat[begin:end]
        rows = np.zeros((-(-piece.size // LANES), LANES))
        rows.reshape(-1)[: piece.size] = piece
        lanes = np.zeros(LANES)
        for row in rows:
            lanes = lanes + row * row
        while lanes.size > 1:
            lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
        total += float(lanes[0])
    return math.sqrt(total)


def in_order_of(p: Array, x: Array) -> Array:
    """The elements of x as p has them in memory."""
    return x.reshape(-1) if p.flags.c_contiguous else x.T.reshape(-1)


def together(norms: Sequence[float]) -> float:
    total = 0.0
    for n in norms:  # sum() is another sum since Python 3.12
        total += n * n
    return math.sqrt(total)


class ByHand:
    """What the optimizer must do, one line for each setting."""

    def __init__(
        self,
        params: Model,
        *,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        loss_scale: float = 1.0,
        ema: float | Callable[[int], float] | None = None,
        ema_bias_correction: bool = False,
        swa_start: int | None = None,
        swa_every: int = 1,
        lookahead_steps: int | None = None,
        lookahead_alpha: float = 0.5,
        cast_to: Any = None,
        mask: Model | None = None,
        lr_scale: Model | None = None,
        maximize: bool = False,
        **without_effect: Any,
    ) -> None:
        self.p = {k: v.copy(order="K") for k, v in params.items()}
        self.b = {k: np.zeros_like(v) for k, v in params.items()}
        self.e = {k: v.copy(order="K") for k, v in params.items()}
        self.weight_decay, self.decoupled = weight_decay, decoupled_weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.loss_scale, self.maximize = loss_scale, maximize
        self.ema, self.corrected = ema, ema_bias_correction
        self.swa_start, self.swa_every = swa_start, swa_every
        self.lookahead_steps, self.alpha = lookahead_steps, lookahead_alpha
        self.slow = {k: v.copy(order="K") for k, v in params.items()}
        self.halves = cast_to
        self.mask, self.lr_scale = mask or {}, lr_scale or {}
        self.copies = {} if cast_to is None else {k: v.astype(cast_to) for k, v in self.p.items()}
        self.remains = 1.0
        self.t = 0
        self.grad_norm = self.update_norm = 0.0

    def step(self, grads: Gradients, count: int = 1) -> None:
        self.t += 1
        taken = {k: g.astype(self.p[k].dtype) for k, g in grads.items() if g is not None}
        unscale = 1.0 / (self.loss_scale * count)
        norms = {k: norm(in_order_of(self.p[k], g)) for k, g in taken.items()}
        self.grad_norm = together(list(norms.values())) * unscale
        moved = {}
        for name, g in taken.items():
            factor = 1.0
            if self.global_clipnorm is not None and self.grad_norm > self.global_clipnorm:
                factor = self.global_clipnorm / self.grad_norm
            if self.clipnorm is not None and norms[name] * unscale > self.clipnorm:
                factor = self.clipnorm / (norms[name] * unscale)
            old = self.p[name].copy(order="K")
            before = old.astype(float)
            self._update(name, g, unscale * factor)
            self._scale(name, old)
            self._hold(name, old)
            self._pull(name)
            self._hold(name, old)
            self._copy(name)
            moved[name] = norm(in_order_of(before, self.p[name].astype(float) - before))
        self.update_norm = together(list(moved.values()))
        self._average()

    def _update(self, name: str, g: Array, scale: float) -> None:
        p, b = self.p[name], self.b[name]
        number = p.dtype.type
        g = number(-scale if self.maximize else scale) * g
        if self.clipvalue is not None:
            g = np.clip(g, number(-self.clipvalue), number(self.clipvalue))
        if self.decoupled:
            p[...] = number(1.0 - self.weight_decay * LR) * p
        elif self.weight_decay:
            g = g + number(self.weight_decay) * p
        b[...] = number(MOMENTUM) * b + g
        p[...] = p - number(LR) * b

    def _scale(self, name: str, old: Array) -> None:
        if name in self.lr_scale:
            p, s = self.p[name], np.broadcast_to(self.lr_scale[name], old.shape)
            part = (s != 0) & (s != 1)
            p[part] = (old + s * (p - old))[part]

    def _hold(self, name: str, old: Array) -> None:
        for entries in (self.mask.get(name), self.lr_scale.get(name)):
            if entries is not None:
                still = np.broadcast_to(entries == 0, old.shape)
                self.p[name][still] = old[still]

    def _pull(self, name: str) -> None:
        if self.lookahead_steps is None or self.t % self.lookahead_steps != 0:
            return
        p, slow = self.p[name], self.slow[name]
        number = p.dtype.type
        slow[...] = number(1.0 - self.alpha) * slow + number(self.alpha) * p
        p[...] = slow

    def _copy(self, name: str) -> None:
        if self.copies:
            with np.errstate(over="ignore"):
                self.copies[name][...] = self.p[name].astype(self.halves)

    def _average(self) -> None:
        if self.ema is not None:
            beta = self.ema(self.t - 1) if callable(self.ema) else self.ema
            keep, take = beta, 1.0 - beta
            if self.corrected:
                left = 1.0 - self.remains * beta
                keep, take = beta * (1.0 - self.remains) / left, (1.0 - beta) / left
                self.remains *= beta
        elif self.swa_start is not None:
            due = range(self.swa_start, self.t + 1, self.swa_every)
            if due and due[-1] != self.t:
                return
            averaged = max(len(due) - 1, 0)
            keep, take = averaged / (averaged + 1), 1.0 / (averaged + 1)
        else:
            return
        for name, e in self.e.items():
            number = e.dtype.type
            e[...] = number(keep) * e + number(take) * self.p[name]


def copies_for(params: Model, dtype: Any) -> Model:
    """Arrays for cast_to, full of something else."""
    return {k: np.full_like(p, 7, dtype=dtype) for k, p in params.items()}


def portions_for(params: Model, kind: str | None, setting: str) -> Model | None:
    """Arrays for mask or lr_scale, of the parameters' shapes or of one entry for each row."""
    if kind is None:
        return None
    rng = np.random.default_rng(len(setting))
    found = {}
    for name, p in params.items():
        shape = p.shape if kind == "full" else p.shape[:1] + (1,) * (p.ndim - 1)
        order: Any = "C" if p.flags.c_contiguous else "F"
        dtype = bool if setting == "mask" else p.dtype
        values = rng.integers(0, 2, shape) if setting == "mask" else rng.integers(0, 7, shape) / 4
        found[name] = np.array(values, dtype, order=order)
    return found


bfloat16 = ml_dtypes.bfloat16
