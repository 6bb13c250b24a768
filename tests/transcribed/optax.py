"""Optax 0.2.8. A transformation gives an update u, and the parameter becomes p + u.

Decoupled weight decay is added to the update before the learning rate is multiplied in, as adamw,
adamaxw and nadamw do; adadelta adds its own to the gradient, lamb and novograd theirs to what they
measure or keep.
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
    "acprop": {**_BETAS, "eps": 1e-16, "eps_root": 1e-16},
    "adopt": {**_BETAS, "betas": (0.9, 0.9999), "eps": 1e-6, "nesterov": False},
    "ademamix": {**_BETAS, "beta3": 0.9999, "alpha": 5.0, "eps_root": 0.0},
    "adabelief": {**_BETAS, "eps": 1e-16, "eps_root": 1e-16, "nesterov": False},
    "adamaxw": {**_BETAS, "weight_decay": 1e-4},
    "fromage": {"lr": REQUIRED, "min_norm": 1e-6},
    "lamb": {**_BETAS, "eps": 1e-6, "eps_root": 0.0},
    "lion": {**_ALL, "betas": (0.9, 0.99), "weight_decay": 1e-3},
    "nadamw": {**_BETAS, "eps_root": 0.0, "weight_decay": 1e-4},
    "novograd": {**_BETAS, "betas": (0.9, 0.25), "eps": 1e-6},
    "optimisticadam": {**_BETAS, "alpha": 1.0, "beta": 1.0, "eps_root": 0.0, "nesterov": True},
    "optimisticsgd": {**_ALL, "alpha": 1.0, "beta": 1.0},
    "radam": {**_BETAS, "eps_root": 0.0, "threshold": 5.0, "nesterov": False},
    "signsgd": _ALL,
    "signum": {**_ALL, "beta": 0.9},
    "simplifiedademamix": {**_BETAS, "betas": (0.99, 0.95), "alpha": 0.0, "eps_root": 0.0},
    "sophia": {
        **_BETAS,
        "betas": (0.965, 0.99),
        "weight_decay": 1e-4,
        "rho": 0.01,
        "clip_threshold": 1.0,
    },
    "yogi": {**_BETAS, "eps": 1e-3},
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
    "acprop": [{**_OTHER, "eps_root": 1e-3}],
    "adopt": [{**_OTHER, "nesterov": True}],
    "ademamix": [{**_OTHER, "beta3": 0.99, "alpha": 3.0, "eps_root": 1e-3}],
    "adabelief": [{**_OTHER, "eps_root": 1e-3, "nesterov": True}],
    "adamaxw": [_OTHER],
    "fromage": [{"lr": 0.02, "min_norm": 0.7}],
    "lamb": [{**_OTHER, "eps_root": 1e-3}],
    "lion": [{**_DECAY, "betas": (0.8, 0.95)}],
    "nadamw": [{**_OTHER, "eps_root": 1e-3}],
    "novograd": [_OTHER],
    "optimisticadam": [
        {**_OTHER, "alpha": 0.7, "beta": 0.4, "eps_root": 1e-3},
        {"lr": 0.02, "nesterov": False},
    ],
    "optimisticsgd": [{**_DECAY, "alpha": 0.7, "beta": 0.4}],
    "radam": [{**_OTHER, "eps_root": 1e-3, "threshold": 8.5, "nesterov": True}],
    "signsgd": [_DECAY],
    "signum": [{**_DECAY, "beta": 0.7}],
    "simplifiedademamix": [{**_OTHER, "alpha": 2.0, "eps_root": 1e-3}],
    "sophia": [{**_OTHER, "rho": 0.7, "clip_threshold": 0.6}],
    "yogi": [_OTHER],
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


def moments(g: Any, s: State, h: Given) -> None:
    beta1, beta2 = h.betas
    s["mu"] = (1.0 - beta1) * g + beta1 * s.get("mu", 0.0)
    s["nu"] = (1.0 - beta2) * g**2 + beta2 * s.get("nu", 0.0)


def ahead(g: Any, s: State, t: int, h: Given) -> Any:
    beta1 = h.betas[0]
    if not h.nesterov:
        return s["mu"] / (1.0 - beta1**t)
    return beta1 * s["mu"] / (1.0 - beta1 ** (t + 1)) + (1.0 - beta1) * g / (1.0 - beta1**t)


def acprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    mu, nu = s.get("mu", 0.0), s.get("nu", 0.0)
    s["nu"] = (1.0 - beta2) * (g - mu) ** 2 + beta2 * nu + h.eps_root
    s["mu"] = (1.0 - beta1) * g + beta1 * mu
    nu_hat = 1.0 if t == 1 else nu / (1.0 - beta2 ** (t - 1))
    return stepped(p, g / (np.sqrt(nu_hat) + h.eps), h)


def adopt(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    if t == 1:
        s["mu"], s["nu"] = np.zeros_like(g), g**2
        return stepped(p, s["mu"], h)
    limit = (t - 1) ** 0.25
    update = np.clip(g / np.maximum(np.sqrt(s["nu"]), h.eps), -limit, limit)
    s["nu"] = (1.0 - beta2) * g**2 + beta2 * s["nu"]
    s["mu"] = (1.0 - beta1) * update + beta1 * s["mu"]
    return stepped(p, (1.0 - beta1) * update + beta1 * s["mu"] if h.nesterov else s["mu"], h)


def ademamix(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    moments(g, s, h)
    s["m2"] = (1.0 - h.beta3) * g + h.beta3 * s.get("m2", 0.0)
    root = np.sqrt(s["nu"] / (1.0 - beta2**t) + h.eps_root) + h.eps
    return stepped(p, (s["mu"] / (1.0 - beta1**t) + h.alpha * s["m2"]) / root, h)


def adabelief(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["mu"] = (1.0 - beta1) * g + beta1 * s.get("mu", 0.0)
    s["nu"] = (1.0 - beta2) * (g - s["mu"]) ** 2 + beta2 * s.get("nu", 0.0) + h.eps_root
    return stepped(p, ahead(g, s, t, h) / (np.sqrt(s["nu"] / (1.0 - beta2**t)) + h.eps), h)


def trusted(p: Any, update: Any, min_norm: float = 0.0) -> Any:
    weight, length = (max(np.sqrt(np.sum(x**2)), min_norm) for x in (p, update))
    return update * (weight / length if weight and length else 1.0)


def fromage(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    return (p - h.lr * trusted(p, g, h.min_norm)) / np.sqrt(1.0 + h.lr**2)


def lamb(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    moments(g, s, h)
    root = np.sqrt(s["nu"] / (1.0 - beta2**t) + h.eps_root) + h.eps
    return p - h.lr * trusted(p, s["mu"] / (1.0 - beta1**t) / root + h.weight_decay * p)


def lion(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    mu = s.get("mu", 0.0)
    s["mu"] = (1.0 - beta2) * g + beta2 * mu
    return stepped(p, np.sign((1.0 - beta1) * g + beta1 * mu), h)


def novograd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    square = np.sum(g**2)
    s["nu"] = square if t == 1 else (1.0 - beta2) * square + beta2 * s["nu"]
    added = g / (np.sqrt(s["nu"]) + h.eps) + h.weight_decay * p
    s["mu"] = added if t == 1 else beta1 * s["mu"] + added
    return p - h.lr * s["mu"]


def optimistic(update: Any, s: State, h: Given) -> Any:
    before, s["before"] = s.get("before", update), update
    return (h.alpha + h.beta) * update - h.beta * before


def optimistic_sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    return stepped(p, optimistic(g, s, h), h)


def optimistic_adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    moments(g, s, h)
    root = np.sqrt(s["nu"] / (1.0 - h.betas[1] ** t) + h.eps_root) + h.eps
    return stepped(p, optimistic(ahead(g, s, t, h) / root, s, h), h)


def radam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta2 = h.betas[1]
    moments(g, s, h)
    inf, left2 = 2.0 / (1.0 - beta2) - 1.0, 1.0 - beta2**t
    ro = inf - 2.0 * t * beta2**t / left2
    update = ahead(g, s, t, h)
    if ro >= h.threshold:
        r = np.sqrt((ro - 4.0) * (ro - 2.0) * inf / ((inf - 4.0) * (inf - 2.0) * ro))
        update = r * update / (np.sqrt(s["nu"] / left2 + h.eps_root) + h.eps)
    return stepped(p, update, h)


def sign_sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    return stepped(p, np.sign(g), h)


def signum(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["ema"] = (1.0 - h.beta) * g + h.beta * s.get("ema", 0.0)
    return stepped(p, np.sign(s["ema"]), h)


def simplified_ademamix(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["m"] = g + beta1 * s.get("m", 0.0)
    s["n"] = (1.0 - beta2) * g**2 + beta2 * s.get("n", 0.0)
    root = np.sqrt(s["n"] / (1.0 - beta2**t) + h.eps_root) + h.eps
    return stepped(p, (s["m"] + h.alpha * g) / root, h)


def sophia(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    """With the gradient for an estimate of the Hessian's diagonal, at each step."""
    beta1, beta2 = h.betas
    s["mu"] = (1.0 - beta1) * g + beta1 * s.get("mu", 0.0)
    nu = s.get("nu", 0.0)
    update = s["mu"] / (1.0 - beta1**t) / np.maximum(h.rho * nu, h.eps)
    s["nu"] = (1.0 - beta2) * g + beta2 * nu
    return stepped(p, np.clip(update, -h.clip_threshold, h.clip_threshold), h)


def yogi(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    nu = s.get("nu", 1e-6)
    s["mu"] = (1.0 - beta1) * g + beta1 * s.get("mu", 1e-6)
    s["nu"] = nu - (1.0 - beta2) * np.sign(nu - g**2) * g**2
    return stepped(p, s["mu"] / (1.0 - beta1**t) / (np.sqrt(s["nu"] / (1.0 - beta2**t)) + h.eps), h)


RULES: dict[str, Rule] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adam,
    "adamax": adamax,
    "nadam": nadam,
    "acprop": acprop,
    "adopt": adopt,
    "ademamix": ademamix,
    "adabelief": adabelief,
    "adamaxw": adamax,
    "fromage": fromage,
    "lamb": lamb,
    "lion": lion,
    "nadamw": nadam,
    "novograd": novograd,
    "optimisticadam": optimistic_adam,
    "optimisticsgd": optimistic_sgd,
    "radam": radam,
    "signsgd": sign_sgd,
    "signum": signum,
    "simplifiedademamix": simplified_ademamix,
    "sophia": sophia,
    "yogi": yogi,
}
