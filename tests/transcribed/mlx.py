"""MLX 0.32, mlx.optimizers."""

from typing import Any

import numpy as np

from transcribed import REQUIRED, Given, Options, Rule, State

_ADAM = {"lr": REQUIRED, "betas": (0.9, 0.999), "eps": 1e-8, "bias_correction": False}

DEFAULTS: dict[str, Options] = {
    "sgd": {
        "lr": REQUIRED,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "dampening": 0.0,
        "nesterov": False,
    },
    "adagrad": {"lr": REQUIRED, "eps": 1e-8},
    "adadelta": {"lr": REQUIRED, "rho": 0.9, "eps": 1e-6},
    "rmsprop": {"lr": REQUIRED, "alpha": 0.99, "eps": 1e-8},
    "adam": _ADAM,
    "adamw": {**_ADAM, "weight_decay": 0.01},
    "adamax": {"lr": REQUIRED, "betas": (0.9, 0.999), "eps": 1e-8},
}

_OTHER = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2}

CASES: dict[str, list[Options]] = {
    "sgd": [
        {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.02, "momentum": 0.8, "nesterov": True},
        {"lr": 0.02, "weight_decay": 0.1},
    ],
    "adagrad": [{"lr": 0.02, "eps": 1e-2}],
    "adadelta": [{"lr": 0.02, "rho": 0.95, "eps": 1e-3}],
    "rmsprop": [{"lr": 0.02, "alpha": 0.9, "eps": 1e-2}],
    "adam": [_OTHER, {**_OTHER, "bias_correction": True}],
    "adamw": [{**_OTHER, "weight_decay": 0.1}, {"lr": 0.02, "bias_correction": True}],
    "adamax": [_OTHER],
}


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    g = g + h.weight_decay * p
    if h.momentum <= 0.0:
        return p - h.lr * g
    s["v"] = h.momentum * s.get("v", 0.0) + (1.0 - h.dampening) * g
    return p - h.lr * (g + h.momentum * s["v"] if h.nesterov else s["v"])


def adagrad(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["v"] = s.get("v", 0.0) + g**2
    return p - h.lr * g / (np.sqrt(s["v"]) + h.eps)


def adadelta(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["v"] = h.rho * s.get("v", 0.0) + (1.0 - h.rho) * g**2
    u = s.get("u", 0.0)
    d = np.sqrt(u + h.eps) / np.sqrt(s["v"] + h.eps) * g
    s["u"] = h.rho * u + (1.0 - h.rho) * d**2
    return p - h.lr * d


def rmsprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["v"] = h.alpha * s.get("v", 0.0) + (1.0 - h.alpha) * g**2
    return p - h.lr * g / (np.sqrt(s["v"]) + h.eps)


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    if h.bias_correction:
        c1, c2 = h.lr / (1.0 - beta1**t), 1.0 / np.sqrt(1.0 - beta2**t)
        return p - c1 * s["m"] / (np.sqrt(s["v"]) * c2 + h.eps)
    return p - h.lr * s["m"] / (np.sqrt(s["v"]) + h.eps)


def adamw(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    return adam(p * (1.0 - h.lr * h.weight_decay), g, s, t, h)


def adamax(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = np.maximum(beta2 * s.get("v", 0.0), np.abs(g))
    return p - h.lr * s["m"] / (s["v"] + h.eps)


RULES: dict[str, Rule] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "adamax": adamax,
}
