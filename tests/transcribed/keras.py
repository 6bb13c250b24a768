"""Keras 3, keras.optimizers: clip array by array, decay the parameter, then step."""

from typing import Any

import numpy as np

from transcribed import Given, Options, Rule, State

_ALL = {"weight_decay": 0.0, "clipnorm": None, "eps": 1e-7}
_SGD = {"weight_decay": 0.0, "clipnorm": None}
_BETAS = {**_ALL, "lr": 1e-3, "betas": (0.9, 0.999)}

DEFAULTS: dict[str, Options] = {
    "sgd": {**_SGD, "lr": 1e-2, "momentum": 0.0, "nesterov": False},
    "adagrad": {**_ALL, "lr": 1e-3, "initial_accumulator_value": 0.1},
    "adadelta": {**_ALL, "lr": 1e-3, "rho": 0.95},
    "rmsprop": {**_ALL, "lr": 1e-3, "alpha": 0.9, "momentum": 0.0, "centered": False},
    "adam": {**_BETAS, "amsgrad": False},
    "adamw": {**_BETAS, "amsgrad": False, "weight_decay": 4e-3},
    "adamax": _BETAS,
    "nadam": _BETAS,
    "ftrl": {
        **_SGD,
        "lr": 1e-3,
        "initial_accumulator_value": 0.1,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0,
        "beta": 0.0,
    },
    "lamb": _BETAS,
    "lion": {**_SGD, "lr": 1e-3, "betas": (0.9, 0.99)},
}

_BOTH = {"lr": 0.02, "weight_decay": 0.1, "clipnorm": 0.5}

CASES: dict[str, list[Options]] = {
    "sgd": [
        {"momentum": 0.9},
        {**_BOTH, "momentum": 0.9},
        {**_BOTH, "momentum": 0.8, "nesterov": True},
        {**_BOTH},
    ],
    "adagrad": [{**_BOTH, "initial_accumulator_value": 0.3, "eps": 1e-2}],
    "adadelta": [{**_BOTH, "lr": 0.3, "rho": 0.9, "eps": 1e-3}],
    "rmsprop": [
        {"momentum": 0.9},
        {**_BOTH, "alpha": 0.95, "eps": 1e-2, "momentum": 0.8},
        {"alpha": 0.95, "eps": 1e-2, "centered": True},
        {"momentum": 0.8, "centered": True, "weight_decay": 0.1},
    ],
    "adam": [{"amsgrad": True}, {**_BOTH, "betas": (0.8, 0.95), "eps": 1e-2, "amsgrad": True}, _BOTH],
    "adamw": [{**_BOTH, "betas": (0.8, 0.95), "eps": 1e-2}, {"amsgrad": True}],
    "adamax": [{**_BOTH, "betas": (0.8, 0.95), "eps": 1e-2}],
    "nadam": [{**_BOTH, "betas": (0.8, 0.95), "eps": 1e-2}],
    "ftrl": [
        {
            **_BOTH,
            "initial_accumulator_value": 0.3,
            "l1_regularization_strength": 0.2,
            "l2_regularization_strength": 0.3,
            "l2_shrinkage_regularization_strength": 0.05,
            "beta": 0.4,
        }
    ],
    "lamb": [{**_BOTH, "betas": (0.8, 0.95), "eps": 1e-2}],
    "lion": [{**_BOTH, "betas": (0.8, 0.95)}],
}


def prepared(p: Any, g: Any, h: Given) -> Any:
    if h.clipnorm is not None:
        g = g * h.clipnorm / max(np.sqrt(np.sum(g**2)), h.clipnorm)
    return p - p * h.weight_decay * h.lr, g


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    if h.momentum == 0.0:
        return p - g * h.lr
    s["m"] = s.get("m", 0.0) * h.momentum - g * h.lr
    return p + (s["m"] * h.momentum - g * h.lr if h.nesterov else s["m"])


def adagrad(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    s["a"] = s.get("a", h.initial_accumulator_value) + g**2
    return p - h.lr * g / np.sqrt(s["a"] + h.eps)


def adadelta(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    s["v"] = h.rho * s.get("v", 0.0) + (1.0 - h.rho) * g**2
    u = s.get("u", 0.0)
    delta = -np.sqrt(u + h.eps) * g / np.sqrt(s["v"] + h.eps)
    s["u"] = h.rho * u + (1.0 - h.rho) * delta**2
    return p + h.lr * delta


def rmsprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    under = s["v"] = h.alpha * s.get("v", 0.0) + (1.0 - h.alpha) * g**2
    if h.centered:
        s["mean"] = h.alpha * s.get("mean", 0.0) + (1.0 - h.alpha) * g
        under = s["v"] - s["mean"] ** 2
    step = h.lr * g / np.sqrt(under + h.eps)
    if h.momentum > 0.0:
        step = s["b"] = h.momentum * s.get("b", 0.0) + step
    return p - step


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    beta1, beta2 = h.betas
    alpha = h.lr * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    s["m"] = s.get("m", 0.0) + (g - s.get("m", 0.0)) * (1.0 - beta1)
    v = s["v"] = s.get("v", 0.0) + (g**2 - s.get("v", 0.0)) * (1.0 - beta2)
    if h.amsgrad:
        v = s["v_max"] = np.maximum(s.get("v_max", 0.0), v)
    return p - s["m"] * alpha / (np.sqrt(v) + h.eps)


def adamax(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    beta1, beta2 = h.betas
    s["m"] = s.get("m", 0.0) + (g - s.get("m", 0.0)) * (1.0 - beta1)
    s["u"] = np.maximum(beta2 * s.get("u", 0.0), np.abs(g))
    return p - h.lr * s["m"] / ((1.0 - beta1**t) * (s["u"] + h.eps))


def nadam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    beta1, beta2 = h.betas
    mu, mu_next = beta1 * (1.0 - 0.5 * 0.96**t), beta1 * (1.0 - 0.5 * 0.96 ** (t + 1))
    s["product"] = s.get("product", 1.0) * mu
    s["m"] = s.get("m", 0.0) + (g - s.get("m", 0.0)) * (1.0 - beta1)
    s["v"] = s.get("v", 0.0) + (g**2 - s.get("v", 0.0)) * (1.0 - beta2)
    m_hat = mu_next * s["m"] / (1.0 - s["product"] * mu_next) + (1.0 - mu) * g / (1.0 - s["product"])
    return p - m_hat * h.lr / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h.eps)


def ftrl(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    before = s.get("accumulator", h.initial_accumulator_value)
    s["accumulator"] = before + g**2
    pull = (np.sqrt(s["accumulator"]) - np.sqrt(before)) / h.lr * p
    s["linear"] = s.get("linear", 0.0) + g + 2.0 * h.l2_shrinkage_regularization_strength * p - pull
    l1, l2 = h.l1_regularization_strength, h.l2_regularization_strength + h.beta / (2.0 * h.lr)
    quadratic = np.sqrt(s["accumulator"]) / h.lr + 2.0 * l2
    return (np.clip(s["linear"], -l1, l1) - s["linear"]) / quadratic


def lamb(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    beta1, beta2 = h.betas
    s["m"] = s.get("m", 0.0) + (g - s.get("m", 0.0)) * (1.0 - beta1)
    s["v"] = s.get("v", 0.0) + (g**2 - s.get("v", 0.0)) * (1.0 - beta2)
    update = s["m"] / (1.0 - beta1**t) / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h.eps)
    weight, length = (np.sqrt(np.sum(x**2)) for x in (p, update))
    return p - (weight / length if weight > 0.0 and length > 0.0 else 1.0) * h.lr * update


def lion(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = prepared(p, g, h)
    beta1, beta2 = h.betas
    m = s.get("m", 0.0)
    s["m"] = m * beta2 + g * (1.0 - beta2)
    return p - h.lr * np.sign(m * beta1 + g * (1.0 - beta1))


RULES: dict[str, Rule] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adam,
    "adamax": adamax,
    "nadam": nadam,
    "ftrl": ftrl,
    "lamb": lamb,
    "lion": lion,
}
