"""Functions of loss and gradients, for optimizers that are given one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Params = dict[str, NDArray[Any]]
Function = Callable[[], tuple[float, Params]]


def rosenbrock(x: NDArray[Any]) -> Callable[[], tuple[float, NDArray[Any]]]:
    """The chained function of Rosenbrock, which is 0 where all elements are 1."""

    def loss_and_grad() -> tuple[float, NDArray[Any]]:
        flat = x.ravel()
        a, b = 1.0 - flat[:-1], flat[1:] - flat[:-1] ** 2
        g = np.zeros_like(flat)
        g[:-1] = -2.0 * a - 400.0 * b * flat[:-1]
        g[1:] += 200.0 * b
        return float((a * a + 100.0 * b * b).sum()), g.reshape(x.shape)

    return loss_and_grad


def model(dtype: Any = np.float64) -> Params:
    """Parameters of several shapes: none, an empty one, and one in Fortran's order among them."""
    rng = np.random.default_rng(5)
    w = np.asfortranarray(rng.standard_normal((7, 3)).astype(dtype))
    return {
        "w": w,
        "b": np.zeros(3, dtype),
        "scale": np.ones((), dtype),
        "none": np.zeros((0, 2), dtype),
    }


def softmax(params: Params, batch: int = 0) -> Function:
    """Multinomial logistic regression with a scale and a penalty, in the dtype of the parameters."""
    rng = np.random.default_rng(batch)
    dtype = params["w"].dtype.type
    x, labels = rng.standard_normal((30, 7)).astype(dtype), rng.integers(0, 3, 30)
    wanted = np.eye(3, dtype=dtype)[labels]

    def loss_and_grad() -> tuple[float, Params]:
        z = x @ np.ascontiguousarray(params["w"])
        scores = params["scale"] * z + params["b"]
        scores = scores - scores.max(axis=1, keepdims=True)
        total = np.exp(scores).sum(axis=1, keepdims=True)
        d = (np.exp(scores) / total - wanted) / dtype(len(x))
        loss = (np.log(total[:, 0]) - (scores * wanted).sum(axis=1)).mean()
        grads = {
            "w": params["scale"] * (x.T @ d),
            "b": d.sum(axis=0),
            "scale": np.asarray((z * d).sum()),
        }
        for name, g in grads.items():
            loss = loss + dtype(0.05) * (params[name] ** 2).sum()
            grads[name] = np.asarray(g + dtype(0.1) * params[name])
        return float(loss), {**grads, "none": np.zeros((0, 2), dtype)}

    return loss_and_grad
