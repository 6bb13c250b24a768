"""A damped cosine fitted to noisy data: the gradient is JAX's, or autograd's, and the rest NumPy's.

``python examples/damped_cosine.py [jax|autograd]``. For few parameters and no noise in the gradient,
``scipy.optimize.minimize(method="L-BFGS-B")`` is quicker; this goes on where the data come in batches.
"""

import sys

import numpy as np

import fastopt
from fastopt import schedules

TRUE = {"amplitude": 2.0, "decay": 0.3, "frequency": 3.0, "phase": 0.5}


def model(np, params, t):
    """Return the curve; `np` is NumPy, or what stands in for it to take the gradient."""
    wave = np.cos(params["frequency"] * t + params["phase"])
    return params["amplitude"] * np.exp(-params["decay"] * t) * wave


def with_jax():
    import jax

    jax.config.update("jax_enable_x64", True)  # gradients of float64, as the parameters
    return jax.jit(jax.value_and_grad(lambda p, t, y: ((model(jax.numpy, p, t) - y) ** 2).mean()))


def with_autograd():
    import autograd
    import autograd.numpy

    def loss(params, t, y):
        return ((model(autograd.numpy, params, t) - y) ** 2).mean()

    return autograd.value_and_grad(loss)


def main(library="jax"):
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 6, 600)
    y = model(np, TRUE, t) + 0.1 * rng.standard_normal(len(t))
    params = {"amplitude": 1.0, "decay": 0.1, "frequency": 2.7, "phase": 0.0}
    params = {name: np.array(value) for name, value in params.items()}  # scalars, updated in place
    opt = fastopt.Adam(params, lr=schedules.cosine(0.05, 1500))
    gradient = {"jax": with_jax, "autograd": with_autograd}[library]()
    data = fastopt.Batches((t, y), 40, seed=0)
    history = fastopt.fit(gradient, params, opt, data, epochs=100, progress=False)
    losses = history["loss"]
    print(f"loss {losses[0]:.4f} to {losses[-1]:.4f}, of which noise is 0.01")
    for name, value in params.items():
        print(f"{name:10}{float(value):8.3f}   (true {TRUE[name]})")


if __name__ == "__main__":
    main(*sys.argv[1:])
