"""TensorFlow 1: tf.train and, for AdamW, AdaMax and Nadam, tf.contrib.opt; the kernels of training_ops.

The decay of tf.contrib.opt, of AdamWOptimizer and of extend_with_decoupled_weight_decay, takes a share
of the parameter that is not multiplied by the learning rate, before the step.
"""

from typing import Any

import numpy as np

from transcribed import REQUIRED, Given, Options, Rule, State

_ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}

DEFAULTS: dict[str, Options] = {
    "sgd": {"lr": REQUIRED, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
    "adagrad": {"lr": REQUIRED, "initial_accumulator_value": 0.1, "weight_decay": 0.0},
    "adadelta": {"lr": 1e-3, "rho": 0.95, "eps": 1e-8, "weight_decay": 0.0},
    "rmsprop": {
        "lr": REQUIRED,
        "alpha": 0.9,
        "momentum": 0.0,
        "eps": 1e-10,
        "centered": False,
        "weight_decay": 0.0,
    },
    "adam": _ADAM,
    "adamw": {**_ADAM, "weight_decay": REQUIRED},
    "adamax": _ADAM,
    "nadam": _ADAM,
}

_DECAY = {"lr": 0.02, "weight_decay": 0.003}
_OTHER = {**_DECAY, "betas": (0.8, 0.95), "eps": 1e-2}

CASES: dict[str, list[Options]] = {
    "sgd": [{**_DECAY, "momentum": 0.9}, {"lr": 0.02, "momentum": 0.8, "nesterov": True}],
    "adagrad": [{**_DECAY, "initial_accumulator_value": 0.3}],
    "adadelta": [{**_DECAY, "lr": 0.3, "rho": 0.9, "eps": 1e-3}],
    "rmsprop": [
        {"lr": 0.02, "momentum": 0.9},
        {**_DECAY, "alpha": 0.95, "momentum": 0.8, "eps": 1e-2},
        {"lr": 0.02, "alpha": 0.95, "eps": 1e-2, "centered": True},
        {"lr": 0.02, "momentum": 0.8, "eps": 1e-2, "centered": True},
    ],
    "adam": [_OTHER],
    "adamw": [_OTHER],
    "adamax": [_OTHER],
    "nadam": [_OTHER],
}


def decayed(p: Any, h: Given) -> Any:
    return p - h.weight_decay * p


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p = decayed(p, h)
    if h.momentum == 0.0:
        return p - g * h.lr
    s["b"] = s.get("b", 0.0) * h.momentum + g
    return p - (g * h.lr + s["b"] * h.momentum * h.lr if h.nesterov else s["b"] * h.lr)


def adagrad(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["a"] = s.get("a", h.initial_accumulator_value) + g**2
    return decayed(p, h) - g * h.lr / np.sqrt(s["a"])


def adadelta(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["v"] = s.get("v", 0.0) * h.rho + g**2 * (1.0 - h.rho)
    u = s.get("u", 0.0)
    update = np.sqrt(u + h.eps) / np.sqrt(s["v"] + h.eps) * g
    s["u"] = u * h.rho + update**2 * (1.0 - h.rho)
    return decayed(p, h) - update * h.lr


def rmsprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s.setdefault("v", 1.0)
    under = s["v"] = s["v"] + (g**2 - s["v"]) * (1.0 - h.alpha)
    if h.centered:
        mean = s.get("mean", 0.0)
        s["mean"] = mean + (g - mean) * (1.0 - h.alpha)
        under = s["v"] - s["mean"] ** 2
    s["b"] = s.get("b", 0.0) * h.momentum + g * h.lr / np.sqrt(under + h.eps)
    return decayed(p, h) - s["b"]


def moments(g: Any, s: State, h: Given) -> None:
    beta1, beta2 = h.betas
    s["m"] = s.get("m", 0.0) + (g - s.get("m", 0.0)) * (1.0 - beta1)
    s["v"] = s.get("v", 0.0) + (g**2 - s.get("v", 0.0)) * (1.0 - beta2)


def alpha(t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    return h.lr * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    moments(g, s, h)
    return decayed(p, h) - s["m"] * alpha(t, h) / (np.sqrt(s["v"]) + h.eps)


def adamax(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["m"] = s.get("m", 0.0) + (g - s.get("m", 0.0)) * (1.0 - beta1)
    s["u"] = np.maximum(beta2 * s.get("u", 0.0), np.abs(g))
    return decayed(p, h) - h.lr / (1.0 - beta1**t) * (s["m"] / (s["u"] + h.eps))


def nadam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, _ = h.betas
    moments(g, s, h)
    ahead = g * (1.0 - beta1) + beta1 * s["m"]
    return decayed(p, h) - ahead * alpha(t, h) / (np.sqrt(s["v"]) + h.eps)


RULES: dict[str, Rule] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adam,
    "adamax": adamax,
    "nadam": nadam,
}
