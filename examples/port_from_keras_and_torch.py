"""A model of Keras and one of PyTorch, trained on in NumPy: how far apart the same steps end.

``python examples/port_from_keras_and_torch.py``, with the extra `peers`. Sums are rounded in another
order there. After some steps in float32 a gap of 1e-7 to 1e-6 is normal, and with RMSprop, which
divides by small roots, one of up to 1e-2 where some gradients are almost 0.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch

import fastopt

STEPS = 100


def data():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((256, 8), dtype=np.float32)
    return x, np.sin(x @ rng.standard_normal((8, 1), dtype=np.float32))


def loss_and_grad(params, x, y):
    """Return the mean squared error of a network with one hidden layer, and its gradients."""
    w1, b1, w2, b2 = params
    hidden = np.tanh(x @ w1 + b1)
    error = hidden @ w2 + b2 - y
    back = 2 * error / error.size
    down = back @ w2.T * (1 - hidden * hidden)
    return (error * error).mean(), [x.T @ down, down.sum(axis=0), hidden.T @ back, back.sum(axis=0)]


def trained(params, opt, x, y):
    for _ in range(STEPS):
        loss, grads = loss_and_grad(params, x, y)
        opt.step(grads)
    return loss


def gap(ours, theirs):
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(ours, theirs, strict=True))


def from_keras(x, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)])
    model.build(x.shape)
    params = [np.array(w) for w in model.get_weights()]  # (inputs, outputs), as NumPy code has it
    model.compile(keras.optimizers.RMSprop(1e-3, rho=0.9, momentum=0.5), loss="mse")
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    opt = fastopt.RMSprop(params, like="keras", learning_rate=1e-3, rho=0.9, momentum=0.5)
    loss = trained(params, opt, x, y)
    print(f"Keras RMSprop, like='keras': loss {loss:.5f}, gap {gap(params, model.get_weights()):.0e}")


def from_torch(x, y):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    theirs = [p.detach().numpy() for p in model.parameters()]
    params = [np.array(p.T, order="C") for p in theirs]  # theirs are (outputs, inputs)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(STEPS):
        opt.zero_grad()
        torch.nn.functional.mse_loss(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        opt.step()
    loss = trained(params, fastopt.AdamW(params, lr=1e-2, weight_decay=0.1), x, y)
    print(f"PyTorch AdamW:               loss {loss:.5f}, gap {gap(params, [p.T for p in theirs]):.0e}")


def main():
    x, y = data()
    from_keras(x, y)
    from_torch(x, y)


if __name__ == "__main__":
    main()
