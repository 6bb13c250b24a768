"""The papers, as printed, where one paper gives the name its meaning.

SGD: Sutskever, Martens, Dahl and Hinton (ICML 2013), equations 1 to 4. With nesterov=True the parameter
is the point where the gradient is taken, theta + mu * v. Adagrad: Duchi, Hazan and Singer (JMLR 2011),
the diagonal form. Adadelta: arXiv:1212.5701. RMSprop: arXiv:1308.0850, equations 38 to 45. Adam and
Adamax: arXiv:1412.6980. AdamW: arXiv:1711.05101, algorithm 2. NAdam: Dozat, *Incorporating Nesterov
momentum into Adam* (report, 2015).
"""

from typing import Any

import numpy as np

from transcribed import REQUIRED, Given, Options, Rule, State

_ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}

DEFAULTS: dict[str, Options] = {
    "sgd": {"lr": REQUIRED, "momentum": 0.0, "nesterov": False},
    "adagrad": {"lr": REQUIRED, "eps": 1e-10},
    "adadelta": {"rho": 0.95, "eps": 1e-6, "lr": 1.0},
    "rmsprop": {"lr": 1e-4, "alpha": 0.95, "momentum": 0.9, "eps": 1e-4},
    "adam": _ADAM,
    "adamw": {**_ADAM, "weight_decay": REQUIRED},
    "adamax": {"lr": 2e-3, "betas": (0.9, 0.999)},
    "nadam": {"lr": 2e-3, "betas": (0.99, 0.999), "eps": 1e-8, "momentum_decay": 1.0 / 250.0},
}

CASES: dict[str, list[Options]] = {
    "sgd": [{"lr": 0.02, "momentum": 0.9}, {"lr": 0.02, "momentum": 0.9, "nesterov": True}],
    "adagrad": [{"lr": 0.02, "eps": 1e-2}],
    "adadelta": [{"rho": 0.9, "eps": 1e-3}],
    "rmsprop": [{"lr": 0.02, "alpha": 0.9, "momentum": 0.8, "eps": 1e-2}],
    "adam": [{"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2}],
    "adamw": [{"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.003}],
    "adamax": [{"lr": 0.02, "betas": (0.8, 0.95)}],
    "nadam": [{"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2, "momentum_decay": 0.1}],
}


def sgd(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    v = s.get("v", 0.0)
    s["v"] = h.momentum * v - h.lr * g
    if h.nesterov:  # from theta + mu * v to the next theta, and to the point ahead of that
        theta = p - h.momentum * v + s["v"]
        return theta + h.momentum * s["v"]
    return p + s["v"]


def adagrad(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["a"] = s.get("a", 0.0) + g**2
    return p - h.lr * g / (h.eps + np.sqrt(s["a"]))


def adadelta(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["g2"] = h.rho * s.get("g2", 0.0) + (1.0 - h.rho) * g**2
    x2 = s.get("x2", 0.0)
    delta = -np.sqrt(x2 + h.eps) / np.sqrt(s["g2"] + h.eps) * g
    s["x2"] = h.rho * x2 + (1.0 - h.rho) * delta**2
    return p + h.lr * delta


def rmsprop(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    s["n"] = h.alpha * s.get("n", 0.0) + (1.0 - h.alpha) * g**2
    s["g"] = h.alpha * s.get("g", 0.0) + (1.0 - h.alpha) * g
    step = h.lr * g / np.sqrt(s["n"] - s["g"] ** 2 + h.eps)
    s["delta"] = h.momentum * s.get("delta", 0.0) - step
    return p + s["delta"]


def adam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    return p - h.lr * (s["m"] / (1.0 - beta1**t)) / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h.eps)


def adamw(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    return adam(p, g, s, t, h) - h.weight_decay * p


def adamax(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    beta1, beta2 = h.betas
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["u"] = np.maximum(beta2 * s.get("u", 0.0), np.abs(g))
    return p - h.lr / (1.0 - beta1**t) * s["m"] / s["u"]


def nadam(p: Any, g: Any, s: State, t: int, h: Given) -> Any:
    mu, nu = h.betas
    mus = [mu * (1.0 - 0.5 * 0.96 ** (i * h.momentum_decay)) for i in range(1, t + 2)]
    g_hat = g / (1.0 - np.prod(mus[:t]))
    s["m"] = mu * s.get("m", 0.0) + (1.0 - mu) * g
    m_hat = s["m"] / (1.0 - np.prod(mus))
    s["n"] = nu * s.get("n", 0.0) + (1.0 - nu) * g**2
    m_bar = (1.0 - mus[t - 1]) * g_hat + mus[t] * m_hat
    return p - h.lr * m_bar / (np.sqrt(s["n"] / (1.0 - nu**t)) + h.eps)


RULES: dict[str, Rule] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "adamax": adamax,
    "nadam": nadam,
}
