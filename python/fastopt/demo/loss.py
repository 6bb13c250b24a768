"""Losses: each returns its value, a mean over the batch, and its gradient by the network's output.

They are written without a difference of large numbers, so that they neither overflow nor lose their
digits where the network is sure.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastopt.demo.data import Array


@dataclass(frozen=True)
class Loss:
    """A function of (output, targets); `right`, if there is one, says which answers are right."""

    function: Callable[[Array, Array], tuple[float, Array]]
    right: Callable[[Array, Array], Array] | None = None

    def __call__(self, output: Array, targets: Array) -> tuple[float, Array]:
        """Compute the loss and its gradient by the output."""
        return self.function(output, targets)

    def accuracy(self, output: Array, targets: Array) -> float:
        """Count the right answers, from 0 to 1; NaN for a loss that knows no right ones."""
        return float("nan") if self.right is None else float(self.right(output, targets).mean())


def _cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """Compare sigmoid(logits) with targets from 0 to 1: -log sigmoid(z) is log(1 + exp(-z))."""
    miss_one = np.logaddexp(0, -logits)  # -log of the probability given to class 1
    miss_zero = np.logaddexp(0, logits)
    loss = targets * miss_one + (1 - targets) * miss_zero
    gradient = (1 - targets) * np.exp(-miss_one) - targets * np.exp(-miss_zero)
    return float(loss.mean()), gradient / loss.size


def log_softmax(logits: Array) -> Array:
    """Compute the logarithm of the softmax of each row, safely: its largest logit is subtracted."""
    below = logits - logits.max(axis=1, keepdims=True)
    log_p: Array = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return log_p


def _log_likelihood(logits: Array, classes: Array) -> tuple[float, Array]:
    """Compute -log softmax(logits) of the right class of each row, an index."""
    rows, log_p = np.arange(len(logits)), log_softmax(logits)
    gradient = np.exp(log_p)
    gradient[rows, classes] = np.expm1(log_p[rows, classes])  # p - 1, where p is almost 1
    return float(-log_p[rows, classes].mean()), gradient / len(logits)


def _squared_error(output: Array, targets: Array) -> tuple[float, Array]:
    miss = output - targets
    return float((miss * miss).mean()), 2 * miss / miss.size


def _same_side(logits: Array, targets: Array) -> Array:
    right: Array = np.isfinite(logits) & ((logits > 0) == (targets > 0))
    return right


def _likeliest(logits: Array, classes: Array) -> Array:
    right: Array = np.isfinite(logits).all(axis=1) & (logits.argmax(axis=1) == classes)
    return right


binary_cross_entropy = Loss(_cross_entropy, _same_side)
negative_log_likelihood = Loss(_log_likelihood, _likeliest)
mean_squared_error = Loss(_squared_error)
