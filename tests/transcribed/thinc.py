"""Thinc 9.1, thinc.optimizers: clip array by array, step, then decay what came of it."""

from typing import Any

import numpy as np

from transcribed import REQUIRED, Given, Options, Rule, State

_ALL = {"weight_decay": 0.0, "clipnorm": 1.0}

DEFAULTS: dict[str, Options] = {
    "sgd": {**_ALL, "lr": REQUIRED},
    "adam": {**_ALL, "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8},
}

CASES: dict[str, list[Options]] = {
    "sgd": [{"lr": 0.02, "clipnorm": None, "weight_decay": 0.1}, {"lr": 0.02, "clipnorm": 0.3}],
    "adam": [
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1, "clipnorm": 0.3},
        {"lr": 0.02, "clipnorm": None},
    ],
}


def clipped(g: Any, h: Given) -> Any:
    norm = np.sqrt(np.sum(g**2))
    return g * (h.clipnorm / norm) if h.clipnorm and norm >= h.clipnorm else g


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p = p - h.lr * clipped(g, h)
    return p - h.lr * h.weight_decay * p


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    g = clipped(g, h)
    beta1, beta2 = h.betas
    s["m"] = s.get("m", 0.0) * beta1 + g * (1.0 - beta1)
    s["v"] = s.get("v", 0.0) * beta2 + g * g * (1.0 - beta2)
    rate = h.lr * (1.0 - beta2**t) ** 0.5 / (1.0 - beta1**t)
    p = p - rate * (s["m"] / (np.sqrt(s["v"]) + h.eps))
    return p - h.lr * h.weight_decay * p


RULES: dict[str, Rule] = {"sgd": sgd, "adam": adam}
