"""Optimizers in plain NumPy, written as people write them: what fastopt replaces."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial

import numpy as np

from fastopt.bench.arrays import Array


def sgd(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Descend."""
    p -= 1e-3 * g


def momentum(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Go on in the direction of earlier steps."""
    state["b"] = 0.9 * state["b"] + g
    p -= 1e-3 * state["b"]


def nesterov(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Look ahead, as torch does."""
    state["b"] = 0.9 * state["b"] + g
    p -= 1e-3 * (g + 0.9 * state["b"])


def adagrad(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Divide by the root of the sum of squares."""
    state["a"] += g * g
    p -= 1e-3 * g / (np.sqrt(state["a"]) + 1e-10)


def rmsprop(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Divide by the root of the mean of squares."""
    state["v"] = 0.99 * state["v"] + 0.01 * g**2
    p -= 1e-3 * g / (np.sqrt(state["v"]) + 1e-8)


def adadelta(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Divide by one mean of squares, multiply by another."""
    state["v"] = 0.9 * state["v"] + 0.1 * g**2
    d = np.sqrt(state["u"] + 1e-6) / np.sqrt(state["v"] + 1e-6) * g
    state["u"] = 0.9 * state["u"] + 0.1 * d**2
    p -= d


def adam(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Divide the mean by the root of the mean of squares, both corrected."""
    state["m"] = 0.9 * state["m"] + 0.1 * g
    state["v"] = 0.999 * state["v"] + 0.001 * g**2
    m_hat = state["m"] / (1 - 0.9**t)
    v_hat = state["v"] / (1 - 0.999**t)
    p -= 1e-3 * m_hat / (np.sqrt(v_hat) + 1e-8)


def amsgrad(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Adam, with the largest mean of squares so far."""
    state["m"] = 0.9 * state["m"] + 0.1 * g
    state["v"] = 0.999 * state["v"] + 0.001 * g**2
    state["x"] = np.maximum(state["x"], state["v"])
    m_hat = state["m"] / (1 - 0.9**t)
    v_hat = state["x"] / (1 - 0.999**t)
    p -= 1e-3 * m_hat / (np.sqrt(v_hat) + 1e-8)


def adamw(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Adam, with weight decay beside it."""
    p -= 1e-3 * 1e-2 * p
    adam(p, g, state, t)


def adamax(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Divide the mean by the decaying largest gradient."""
    state["m"] = 0.9 * state["m"] + 0.1 * g
    state["u"] = np.maximum(0.999 * state["u"], np.abs(g) + 1e-8)
    p -= 2e-3 / (1 - 0.9**t) * state["m"] / state["u"]


def nadam(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Adam, looking ahead."""
    state["m"] = 0.9 * state["m"] + 0.1 * g
    state["v"] = 0.999 * state["v"] + 0.001 * g**2
    m_hat = 0.9 * state["m"] / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
    v_hat = state["v"] / (1 - 0.999**t)
    p -= 2e-3 * m_hat / (np.sqrt(v_hat) + 1e-8)


def sgdschedulefree(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Keep an average in place of a schedule."""
    z = p.copy() if t == 1 else state["z"]
    p += (z - p) / t - (1 - 0.9 * (1 - 1 / t)) * g
    state["z"] = z - g


def adamwschedulefree(p: Array, g: Array, state: dict[str, Array], t: int) -> None:
    """Divide by the root of the mean of squares, and keep an average."""
    z = p.copy() if t == 1 else state["z"]
    state["v"] = 0.999 * state["v"] + 0.001 * g**2
    d = g / (np.sqrt(state["v"] / (1 - 0.999**t)) + 1e-8)
    p += (z - p) / t - 2.5e-3 * (1 - 0.9 * (1 - 1 / t)) * d
    state["z"] = z - 2.5e-3 * d


_FUNCTIONS = (
    *(sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, amsgrad, adamw, adamax, nadam),
    *(sgdschedulefree, adamwschedulefree),
)
BY_NAME = {function.__name__: function for function in _FUNCTIONS}


def stepper(name: str, params: list[Array], grads: list[Array]) -> Callable[[], None]:
    """Make a step over some arrays."""
    function, t = BY_NAME[name], 0
    # Each state is made, of zeros, when it is first read.
    states: list[dict[str, Array]] = [defaultdict(partial(np.zeros_like, p)) for p in params]

    def step() -> None:
        nonlocal t
        t += 1
        for p, g, state in zip(params, grads, states, strict=True):
            function(p, g, state, t)

    return step
