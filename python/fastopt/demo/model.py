"""A fully connected network in plain NumPy: weights, output, and gradients by backpropagation."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from fastopt.demo.data import Array
from fastopt.demo.loss import Loss

Params = dict[str, Array]


class Activation(NamedTuple):
    """A function f of the layer's sum z, and its slope there, given z and a = f(z)."""

    function: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]


LEAK = 0.01  # the slope of the leaky ReLU below zero

relu = Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype))
tanh = Activation(np.tanh, lambda z, a: 1 - a * a)
leaky_relu = Activation(
    lambda z: np.where(z > 0, z, LEAK * z),
    lambda z, a: np.where(z > 0, z.dtype.type(1), z.dtype.type(LEAK)),
)


class Network:
    """Layers a = f(x @ w + b), the last one without f: it computes logits, the loss the rest.

    `sizes` are the numbers of inputs, of units in each hidden layer, and of outputs; each hidden
    layer has one of `activations`. `loss`, of the output and the targets, returns its value and its
    gradient by the output.

    Initial weights are normal, such that they keep the signal's variance, and biases zero; or, if
    `uniform`, all are drawn evenly from +-1 / sqrt(inputs of the layer), which begins with a weaker
    signal.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activations: Sequence[Activation],
        loss: Loss,
        *,
        uniform: bool = False,
    ) -> None:
        if len(activations) != len(sizes) - 2:
            raise ValueError(f"{len(sizes) - 2} hidden layers have {len(activations)} activations")
        self.sizes = tuple(sizes)
        self.activations = tuple(activations)
        self.loss = loss
        self.uniform = uniform

    def initialize(self, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Params:
        """Draw weights ``w1``, ``w2``, ... and biases ``b1``, ``b2``, ..."""
        params: Params = {}
        for i, (fan_in, fan_out) in enumerate(pairwise(self.sizes), start=1):
            if self.uniform:
                w, b = (rng.uniform(-1, 1, shape) for shape in ((fan_in, fan_out), fan_out))
            else:
                w, b = rng.standard_normal((fan_in, fan_out)), np.zeros(fan_out)
            params[f"w{i}"] = (w / np.sqrt(fan_in)).astype(dtype)
            params[f"b{i}"] = (b / np.sqrt(fan_in)).astype(dtype)
        return params

    def output(self, params: Params, x: Array) -> Array:
        """Compute the logits."""
        for i, activation in enumerate(self.activations, start=1):
            x = activation.function(x @ params[f"w{i}"] + params[f"b{i}"])
        last = len(self.sizes) - 1
        return x @ params[f"w{last}"] + params[f"b{last}"]

    def loss_and_gradients(self, params: Params, x: Array, y: Array) -> tuple[float, Params]:
        """Compute the loss of a batch, and its gradient by each parameter, under the same name."""
        inputs, slopes = [x], []
        for i, activation in enumerate(self.activations, start=1):
            z = inputs[-1] @ params[f"w{i}"] + params[f"b{i}"]
            inputs.append(activation.function(z))
            slopes.append(activation.slope(z, inputs[-1]))
        last = len(inputs)
        loss, delta = self.loss(inputs[-1] @ params[f"w{last}"] + params[f"b{last}"], y)

        grads: Params = {}
        for i in range(last, 0, -1):
            grads[f"w{i}"] = inputs[i - 1].T @ delta
            grads[f"b{i}"] = delta.sum(axis=0)
            if i > 1:
                delta = (delta @ params[f"w{i}"].T) * slopes[i - 2]
        return loss, grads
