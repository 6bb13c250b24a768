"""A network of autograd, whose optimizer is imported from another place: one line is changed.

``python examples/autograd_network.py``, with autograd: the same losses by both, the time that each
takes, and an optimizer that autograd does not have.
"""

import time
from itertools import pairwise

import autograd.numpy as np
from autograd import grad
from autograd.misc import optimizers as theirs

from fastopt import autograd as ours
from fastopt import schedules


def network(params, x):
    for weights, biases in params:
        out = np.dot(x, weights) + biases
        x = np.tanh(out)
    return out


def main():
    rng = np.random.RandomState(0)
    x = rng.uniform(-2, 2, (200, 2))
    y = np.sin(2 * x[:, :1]) * x[:, 1:]
    sizes = [2, 60, 60, 1]
    params = [(rng.randn(m, n) / np.sqrt(m), np.zeros(n)) for m, n in pairwise(sizes)]

    def loss(params, i):
        part = slice(20 * (i % 10), 20 * (i % 10) + 20)
        return np.mean((network(params, x[part]) - y[part]) ** 2)

    runs = {
        "autograd's adam": (theirs.adam, {"step_size": 0.003}),
        "fastopt's adam": (ours.adam, {"step_size": 0.003}),
        "adan, by a schedule": (ours.adan, {"lr": schedules.cosine(0.03, 300)}),
    }
    for name, (minimize, options) in runs.items():
        start = time.perf_counter()
        found = minimize(grad(loss), params, num_iters=300, **options)
        took = time.perf_counter() - start
        error = np.mean((network(found, x) - y) ** 2)
        print(f"{name:20} {error:.8f}   {took:.2f} s")


if __name__ == "__main__":
    main()
