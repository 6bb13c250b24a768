"""PyTorch 2.13, torch.optim: the for-loop implementations."""

from typing import Any

import numpy as np

from transcribed import Given, Options, Rule, State

_ALL = {"weight_decay": 0.0, "maximize": False}
_BETAS = {"betas": (0.9, 0.999), "eps": 1e-8}

DEFAULTS: dict[str, Options] = {
    "sgd": {**_ALL, "lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "nesterov": False},
    "adagrad": {
        **_ALL,
        "lr": 1e-2,
        "lr_decay": 0.0,
        "initial_accumulator_value": 0.0,
        "eps": 1e-10,
    },
    "adadelta": {**_ALL, "lr": 1.0, "rho": 0.9, "eps": 1e-6},
    "rmsprop": {**_ALL, "lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": False},
    "adam": {**_ALL, **_BETAS, "lr": 1e-3, "amsgrad": False, "decoupled_weight_decay": False},
    "adamw": {**_ALL, **_BETAS, "lr": 1e-3, "amsgrad": False, "weight_decay": 1e-2},
    "adamax": {**_ALL, **_BETAS, "lr": 2e-3},
    "nadam": {
        **_ALL,
        **_BETAS,
        "lr": 2e-3,
        "momentum_decay": 4e-3,
        "decoupled_weight_decay": False,
    },
    "radam": {**_ALL, **_BETAS, "lr": 1e-3, "decoupled_weight_decay": False},
    "rprop": {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0), "maximize": False},
    "asgd": {**_ALL, "lr": 1e-2, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6},
}

_DECAY = {"lr": 0.01, "weight_decay": 0.1}

CASES: dict[str, list[Options]] = {
    "sgd": [
        {**_DECAY, "momentum": 0.9, "dampening": 0.3},
        {**_DECAY, "momentum": 0.8, "nesterov": True, "maximize": True},
    ],
    "adagrad": [{**_DECAY, "lr_decay": 0.01, "initial_accumulator_value": 0.3, "eps": 1e-2}],
    "adadelta": [{**_DECAY, "lr": 0.3, "rho": 0.97, "eps": 1e-3}],
    "rmsprop": [
        {**_DECAY, "alpha": 0.9, "eps": 1e-2, "momentum": 0.9},
        {"alpha": 0.9, "eps": 1e-2, "momentum": 0.9, "centered": True, "maximize": True},
    ],
    "adam": [
        {**_DECAY, "betas": (0.8, 0.95), "eps": 1e-2, "amsgrad": True},
        {**_DECAY, "decoupled_weight_decay": True},
    ],
    "adamw": [{**_DECAY, "betas": (0.8, 0.95), "eps": 1e-2, "amsgrad": True}],
    "adamax": [{**_DECAY, "betas": (0.8, 0.95), "eps": 1e-2}],
    "nadam": [
        {**_DECAY, "betas": (0.8, 0.95), "eps": 1e-2, "momentum_decay": 0.1},
        {**_DECAY, "decoupled_weight_decay": True},
    ],
    "radam": [
        {**_DECAY, "betas": (0.8, 0.95), "eps": 1e-2},
        {**_DECAY, "decoupled_weight_decay": True, "maximize": True},
    ],
    "rprop": [{"lr": 0.1, "etas": (0.6, 1.5), "step_sizes": (1e-3, 0.5), "maximize": True}],
    "asgd": [{**_DECAY, "lambd": 0.1, "alpha": 0.6, "t0": 20.0, "maximize": True}],
}


def decayed(p: Any, g: Any, h: Given) -> Any:
    g = -g if h.maximize else g
    if getattr(h, "decoupled_weight_decay", False):
        return p * (1.0 - h.lr * h.weight_decay), g
    return p, g + h.weight_decay * p


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    _, g = decayed(p, g, h)
    if h.momentum == 0.0:
        return p - h.lr * g
    s["b"] = g if t == 1 else h.momentum * s["b"] + (1.0 - h.dampening) * g
    return p - h.lr * (g + h.momentum * s["b"] if h.nesterov else s["b"])


def adagrad(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    _, g = decayed(p, g, h)
    s["a"] = s.get("a", h.initial_accumulator_value) + g**2
    return p - h.lr / (1.0 + (t - 1) * h.lr_decay) * g / (np.sqrt(s["a"]) + h.eps)


def adadelta(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    _, g = decayed(p, g, h)
    s["v"] = h.rho * s.get("v", 0.0) + (1.0 - h.rho) * g**2
    u = s.get("u", 0.0)
    delta = np.sqrt(u + h.eps) / np.sqrt(s["v"] + h.eps) * g
    s["u"] = h.rho * u + (1.0 - h.rho) * delta**2
    return p - h.lr * delta


def rmsprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    _, g = decayed(p, g, h)
    variance = s["v"] = h.alpha * s.get("v", 0.0) + (1.0 - h.alpha) * g**2
    if h.centered:
        s["mean"] = h.alpha * s.get("mean", 0.0) + (1.0 - h.alpha) * g
        variance = s["v"] - s["mean"] ** 2
    divided = g / (np.sqrt(variance) + h.eps)
    if h.momentum > 0.0:
        divided = s["b"] = h.momentum * s.get("b", 0.0) + divided
    return p - h.lr * divided


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = decayed(p, g, h)
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    v = s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    if h.amsgrad:
        v = s["v_max"] = np.maximum(s.get("v_max", 0.0), v)
    return p - h.lr / (1.0 - beta1**t) * s["m"] / (np.sqrt(v) / np.sqrt(1.0 - beta2**t) + h.eps)


def adamw(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    h.decoupled_weight_decay = True
    return adam(p, g, s, t, h)


def adamax(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    _, g = decayed(p, g, h)
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["u"] = np.maximum(beta2 * s.get("u", 0.0), np.abs(g) + h.eps)
    return p - h.lr / (1.0 - beta1**t) * s["m"] / s["u"]


def nadam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = decayed(p, g, h)
    beta1, beta2 = h.betas
    mu, mu_next = (beta1 * (1.0 - 0.5 * 0.96 ** (i * h.momentum_decay)) for i in (t, t + 1))
    s["product"] = s.get("product", 1.0) * mu
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    root = np.sqrt(s["v"] / (1.0 - beta2**t)) + h.eps
    p = p - h.lr * (1.0 - mu) / (1.0 - s["product"]) * g / root
    return p - h.lr * mu_next / (1.0 - s["product"] * mu_next) * s["m"] / root


def radam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    p, g = decayed(p, g, h)
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    m_hat, left2 = s["m"] / (1.0 - beta1**t), 1.0 - beta2**t
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * t * beta2**t / left2
    if length <= 5.0:
        return p - h.lr * m_hat
    of_length = (length - 4.0) * (length - 2.0) / length
    of_longest = (longest - 4.0) * (longest - 2.0) / longest
    factor = np.sqrt(of_length / of_longest)
    return p - h.lr * m_hat * factor * np.sqrt(left2) / (np.sqrt(s["v"]) + h.eps)


def rprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    g = -g if h.maximize else g
    same = g * s.get("prev", 0.0)
    factor = np.where(same > 0.0, h.etas[1], np.where(same < 0.0, h.etas[0], 1.0))
    s["size"] = np.clip(s.get("size", h.lr) * factor, *h.step_sizes)
    s["prev"] = np.where(same < 0.0, 0.0, g)
    return p - np.sign(s["prev"]) * s["size"]


def asgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    """Make the rate of the learning rate as it is; PyTorch does so at the end of the step before."""
    _, g = decayed(p, g, h)
    rate = h.lr / (1.0 + h.lambd * h.lr * (t - 1)) ** h.alpha
    p = p * (1.0 - h.lambd * rate) - rate * g
    share = 1.0 / max(1.0, t - 1 - h.t0)
    s["ax"] = p if share == 1.0 else s["ax"] + share * (p - s["ax"])
    return p


RULES: dict[str, Rule] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "adamax": adamax,
    "nadam": nadam,
    "radam": radam,
    "rprop": rprop,
    "asgd": asgd,
}
