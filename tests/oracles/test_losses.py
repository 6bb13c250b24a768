"""Losses and metrics that are 0-d arrays of torch and JAX: `fit` takes their numbers."""

import numpy as np
import pytest

import fastopt


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_losses_of_other_libraries_are_numbers(library: str) -> None:
    made = pytest.importorskip(library).asarray
    losses = [made(1.5), made(np.float32(2.5)), made(-np.inf)]
    if library == "torch":
        losses[1].requires_grad_()  # of which torch's own conversion warns
    left, params = iter(losses), np.zeros(1)
    history = fastopt.fit(
        lambda params: (next(left), np.zeros(1)),
        params,
        fastopt.SGD(params),
        [()] * 3,
        validation=lambda params: {"metric": made(0.25)},
    )
    assert history.losses.tolist() == [1.5, 2.5, -np.inf]
    assert history["metric"] == [0.25]
