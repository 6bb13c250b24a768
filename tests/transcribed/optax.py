"""Optax 0.2.8. A transformation gives an update u, and the parameter becomes p + u.

Decoupled weight decay is added to the update before the learning rate is multiplied in, as adamw,
adamaxw and nadamw do; adadelta adds its own to the gradient.
"""

from typing import Any

import numpy as np

from transcribed import REQUIRED, Given, Options, Rule, State

_ALL = {"lr": REQUIRED, "weight_decay": 0.0}
_BETAS = {**_ALL, "betas": (0.9, 0.999), "eps": 1e-8}
_ADAM = {**_BETAS, "eps_root": 0.0, "amsgrad": False, "bias_correction": True}

DEFAULTS: dict[str, Options] = {
    "sgd": {**_ALL, "momentum": 0.0, "nesterov": False},
    "adagrad": {**_ALL, "initial_accumulator_value": 0.1, "eps": 1e-7},
    "adadelta": {**_ALL, "rho": 0.9, "eps": 1e-6},
    "rmsprop": {
        **_ALL,
        "alpha": 0.9,
        "eps": 1e-8,
        "eps_placement": "inside",
        "initial_accumulator_value": 0.0,
        "centered": False,
        "momentum": 0.0,
        "nesterov": False,
        "bias_correction": False,
    },
    "adam": _ADAM,
    "adamw": {**_ADAM, "weight_decay": 1e-4},
    "adamax": _BETAS,
    "nadam": {**_BETAS, "eps_root": 0.0},
}

_DECAY = {"lr": 0.02, "weight_decay": 0.1}
_OTHER = {**_DECAY, "betas": (0.8, 0.95), "eps": 1e-2}
_NESTEROV = {"momentum": 0.8, "nesterov": True}
_RMS = {"lr": 0.02, "alpha": 0.95, "eps": 1e-2}

CASES: dict[str, list[Options]] = {
    "sgd": [{**_DECAY, "momentum": 0.9}, {"lr": 0.02, **_NESTEROV}],
    "adagrad": [{**_DECAY, "initial_accumulator_value": 0.3, "eps": 1e-2}],
    "adadelta": [{**_DECAY, "rho": 0.95, "eps": 1e-3}],
    "rmsprop": [
        {"lr": 0.02, "momentum": 0.9},
        {**_RMS, **_NESTEROV, "initial_accumulator_value": 1.0},
        {**_RMS, **_NESTEROV, "bias_correction": True, "weight_decay": 0.1},
        {**_RMS, "momentum": 0.8, "bias_correction": True, "eps_placement": "outside"},
        {**_RMS, "centered": True},
        {**_RMS, **_NESTEROV, "centered": True, "bias_correction": True},
        {**_RMS, "momentum": 0.8, "centered": True, "eps_placement": "outside"},
    ],
    "adam": [
        {"lr": 0.02, "amsgrad": True},
        {**_OTHER, "eps_root": 1e-3},
        {**_OTHER, "eps_root": 1e-3, "amsgrad": True},
        {**_OTHER, "amsgrad": True, "bias_correction": False},
    ],
    "adamw": [{**_OTHER, "eps_root": 1e-3}, {**_OTHER, "amsgrad": True}],
    "adamax": [_OTHER],
    "nadam": [{**_OTHER, "eps_root": 1e-3}],
}


def stepped(p: Any, update: Any, h: Given) -> Any:
    return p - h.lr * (update + h.weight_decay * p)


def traced(update: Any, s: State, h: Given) -> Any:
    s["trace"] = update + h.momentum * s.get("trace", 0.0)
    return update + h.momentum * s["trace"] if h.nesterov else s["trace"]


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    return stepped(p, traced(g, s, h) if h.momentum else g, h)


def adagrad(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["a"] = g**2 + s.get("a", h.initial_accumulator_value)
    return stepped(p, g / np.sqrt(s["a"] + h.eps), h)


def adadelta(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    g = g + h.weight_decay * p
    s["e_g"] = (1.0 - h.rho) * g**2 + h.rho * s.get("e_g", 0.0)
    e_x = s.get("e_x", 0.0)
    update = np.sqrt(e_x + h.eps) / np.sqrt(s["e_g"] + h.eps) * g
    s["e_x"] = (1.0 - h.rho) * update**2 + h.rho * e_x
    return p - h.lr * update


def rmsprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    left = 1.0 - h.alpha**t if h.bias_correction else 1.0
    s["nu"] = (1.0 - h.alpha) * g**2 + h.alpha * s.get("nu", h.initial_accumulator_value)
    under = s["nu"] / left
    if h.centered:
        s["mu"] = (1.0 - h.alpha) * g + h.alpha * s.get("mu", 0.0)
        under = under - (s["mu"] / left) ** 2
    inside = h.eps_placement == "inside"
    update = g / (np.sqrt(under + h.eps) if inside else np.sqrt(under) + h.eps)
    update = -h.lr * update
    decay = h.lr * h.weight_decay * p
    return p - decay + (traced(update, s, h) if h.momentum else update)


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["mu"] = (1.0 - beta1) * g + beta1 * s.get("mu", 0.0)
    s["nu"] = (1.0 - beta2) * g**2 + beta2 * s.get("nu", 0.0)
    left1, left2 = (1.0 - beta1**t, 1.0 - beta2**t) if h.bias_correction else (1.0, 1.0)
    nu = s["nu"] / left2
    if h.amsgrad:
        nu = s["nu_max"] = np.maximum(s.get("nu_max", 0.0), nu)
    return stepped(p, s["mu"] / left1 / (np.sqrt(nu + h.eps_root) + h.eps), h)


def adamax(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["mu"] = (1.0 - beta1) * g + beta1 * s.get("mu", 0.0)
    s["nu"] = np.maximum(np.abs(g) + h.eps, beta2 * s.get("nu", 0.0))
    return stepped(p, s["mu"] / (1.0 - beta1**t) / s["nu"], h)


def nadam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["mu"] = (1.0 - beta1) * g + beta1 * s.get("mu", 0.0)
    s["nu"] = (1.0 - beta2) * g**2 + beta2 * s.get("nu", 0.0)
    mu_hat = beta1 * s["mu"] / (1.0 - beta1 ** (t + 1)) + (1.0 - beta1) * g / (1.0 - beta1**t)
    return stepped(p, mu_hat / (np.sqrt(s["nu"] / (1.0 - beta2**t) + h.eps_root) + h.eps), h)


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
