"""Losses: each gives its value, a mean over the batch, and its gradient by the network's output."""

import numpy as np

from fastopt.demo.data import Array


def binary_cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """Compare sigmoid(logits) with targets from 0 to 1.

    Written without a difference of large numbers, so that it neither overflows nor loses its digits
    where the network is sure: -log sigmoid(z) is log(1 + exp(-z)).
    """
    miss_one = np.logaddexp(0, -logits)  # -log of the probability given to class 1
    miss_zero = np.logaddexp(0, logits)
    loss = targets * miss_one + (1 - targets) * miss_zero
    gradient = (1 - targets) * np.exp(-miss_one) - targets * np.exp(-miss_zero)
    return float(loss.mean()), gradient / loss.size
