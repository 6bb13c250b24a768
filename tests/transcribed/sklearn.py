"""scikit-learn 1.9, sklearn.neural_network: the solvers of MLPClassifier and MLPRegressor."""

from typing import Any

import numpy as np

from transcribed import Given, Options, Rule, State

DEFAULTS: dict[str, Options] = {
    "sgd": {"lr": 1e-3, "momentum": 0.9, "nesterov": True},
    "adam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8},
}

CASES: dict[str, list[Options]] = {
    "sgd": [{"lr": 0.1, "momentum": 0.7}, {"lr": 0.1, "nesterov": False}],
    "adam": [{"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2}],
}


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    update = s["velocity"] = h.momentum * s.get("velocity", 0.0) - h.lr * g
    if h.nesterov:
        update = h.momentum * s["velocity"] - h.lr * g
    return p + update


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    rate = h.lr * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    return p - rate * s["m"] / (np.sqrt(s["v"]) + h.eps)


RULES: dict[str, Rule] = {"sgd": sgd, "adam": adam}
