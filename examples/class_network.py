"""A network as classes, in plain NumPy: trained by an Adam of your own, then by one line.

``python examples/class_network.py [curve.png]``, with the extra `demo`.
"""

import sys
import time

import numpy as np
from sklearn.datasets import load_digits

import fastopt


class Dense:
    def __init__(self, rng, inputs, outputs):
        self.w = rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32)
        self.b = np.zeros(outputs, np.float32)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, back):
        self.dw, self.db = self.x.T @ back, back.sum(axis=0)
        return back @ self.w.T


class Relu:
    def forward(self, x):
        self.on = x > 0
        return x * self.on

    def backward(self, back):
        return back * self.on


class Network:
    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.layers = [Dense(rng, 64, 128), Relu(), Dense(rng, 128, 128), Relu(), Dense(rng, 128, 10)]
        self.dense = [layer for layer in self.layers if isinstance(layer, Dense)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss_and_backward(self, x, y):
        """Return the mean cross-entropy; every layer has its gradients then."""
        scores = self.forward(x)
        scores -= scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        back = np.exp(log_p)
        back[np.arange(len(y)), y] -= 1
        back /= len(y)
        for layer in reversed(self.layers):
            back = layer.backward(back)
        return -log_p[np.arange(len(y)), y].mean()

    def params(self):
        return [(layer.w, layer.b) for layer in self.dense]

    def grads(self):
        return [(layer.dw, layer.db) for layer in self.dense]


class OwnAdam:
    """Adam as in the paper (Kingma and Ba, arXiv:1412.6980), for a list of pairs of arrays."""

    def __init__(self, params, lr=1e-3):
        self.params = [p for pair in params for p in pair]
        self.m = [np.zeros_like(p) for p in self.params]
        self.v = [np.zeros_like(p) for p in self.params]
        self.lr, self.t = lr, 0

    def step(self, grads):
        self.t += 1
        flat = [g for pair in grads for g in pair]
        for p, g, m, v in zip(self.params, flat, self.m, self.v, strict=True):
            m[...] = 0.9 * m + 0.1 * g
            v[...] = 0.999 * v + 0.001 * g * g
            p -= self.lr * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)


def train(make_optimizer, x, y, epochs=10):
    network = Network(seed=0)
    opt = make_optimizer(network.params())
    losses, seconds = [], 0.0
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(x))
        total = 0.0
        for batch in np.array_split(order, len(x) // 64):
            total += network.loss_and_backward(x[batch], y[batch]) * len(batch)
            begun = time.perf_counter()
            opt.step(network.grads())
            seconds += time.perf_counter() - begun
        losses.append(total / len(x))
    return network, losses, seconds


def main(picture=None):
    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target
    train_x, train_y, test_x, test_y = x[:1400], y[:1400], x[1400:], y[1400:]
    runs = {
        "an Adam of one's own": train(OwnAdam, train_x, train_y),
        "fastopt.Adam(params)": train(fastopt.Adam, train_x, train_y),
    }
    print(f"{'optimizer':22}{'loss':>10}{'test accuracy':>16}{'seconds in step':>18}")
    for name, (network, losses, seconds) in runs.items():
        right = (network.forward(test_x).argmax(axis=1) == test_y).mean()
        print(f"{name:22}{losses[-1]:10.5f}{right:16.3f}{seconds:18.3f}")
    (one, *_), (other, *_) = runs.values()
    gap = max(np.abs(a.w - b.w).max() for a, b in zip(one.dense, other.dense, strict=True))
    print(f"largest difference of a weight after {10 * (1400 // 64)} steps: {gap:.1e}, of rounding")
    if picture:
        draw(picture, {name: losses for name, (_, losses, _) in runs.items()})


def draw(path, curves):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    for (name, losses), style in zip(curves.items(), ("-", "--"), strict=True):
        axes.semilogy(range(1, len(losses) + 1), losses, style, label=name)
    axes.set_xticks(range(1, len(losses) + 1))
    axes.set(xlabel="epoch", ylabel="training loss", title="1,400 digits, 64-128-128-10, lr 1e-3")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
