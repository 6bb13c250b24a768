"""Data sets, split into training and test data, and the mini-batches drawn from them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Dataset(NamedTuple):
    """Features, one row for each sample, and the target of each sample."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def breast_cancer(seed: int) -> Dataset:
    """Load scikit-learn's breast-cancer data: 30 standardized features, and 1 for a benign tumour.

    One sample in five is for the test; both parts have the same share of benign ones.
    """
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y.reshape(-1, 1), test_size=0.2, stratify=y, random_state=seed
    )
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)  # those of the test are not ours to know
    parts = ((x_train - mean) / std, y_train, (x_test - mean) / std, y_test)
    return Dataset(*(part.astype(np.float32) for part in parts))


def minibatches(
    x: Array, y: Array, batch: int, rng: np.random.Generator
) -> Iterator[tuple[Array, Array]]:
    """Draw batches without end, in a new order each epoch; what is left of an epoch is dropped."""
    if not 1 <= batch <= len(x):
        raise ValueError(f"a batch of {batch} cannot be drawn from {len(x)} training samples")
    while True:
        order = rng.permutation(len(x))
        for begin in range(0, len(x) - batch + 1, batch):
            chosen = order[begin : begin + batch]
            yield x[chosen], y[chosen]
