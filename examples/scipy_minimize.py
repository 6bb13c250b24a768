"""A fit of scipy.optimize.minimize, whose loss is noisy: one line is changed.

``python examples/scipy_minimize.py``, with the extra `scipy`: a decay in counts, of which each
evaluation sees some alone. BFGS gives up where its line search meets noise; Adam arrives.
"""

import numpy as np
from scipy.optimize import minimize

import fastopt
import fastopt.scipy

TRUTH = np.array([3.0, 0.7, 0.5])  # amplitude, rate, background


def model(x, t):
    return x[0] * np.exp(-x[1] * t) + x[2]


class Loss:
    """Half of the mean square on a part of the data, drawn anew at each call, and its gradient."""

    def __init__(self, part):
        self.rng = np.random.default_rng(0)
        self.t = np.linspace(0.0, 6.0, 20_000)
        self.y = model(TRUTH, self.t) + 0.3 * self.rng.standard_normal(self.t.size)
        self.part = part

    def __call__(self, x):
        i = self.rng.integers(0, self.t.size, self.part)
        t, error = self.t[i], model(x, self.t[i]) - self.y[i]
        decay = np.exp(-x[1] * t)
        slopes = np.stack([decay, -x[0] * t * decay, np.ones_like(t)])
        return 0.5 * np.mean(error**2), slopes @ error / t.size


def main():
    x0, bounds = [1.0, 1.0, 0.0], [(0, None)] * 3
    rates = fastopt.schedules.cosine(0.03, 3000)
    methods = {
        "BFGS": {"method": "BFGS"},
        "L-BFGS-B": {"method": "L-BFGS-B", "bounds": bounds},
        "Adam": {
            "method": fastopt.scipy.adam,
            "bounds": bounds,
            "options": {"lr": rates, "maxiter": 3000},
        },
    }
    for name, how in methods.items():
        found = minimize(Loss(part=20), x0, jac=True, **how)
        off = np.abs(found.x - TRUTH).max()
        print(f"{name:9} {found.nit:5} steps, off by {off:.3f}, status {found.status}")


if __name__ == "__main__":
    main()
