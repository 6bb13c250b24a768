"""Every algorithm against a transcription of its formula into plain float64 NumPy, over 200 steps.

The transcriptions are written from the papers and from torch's documentation, one array and one
step at a time, with no thought of speed, and call nothing of the package. The float64 optimizer
must agree with them up to rounding; what the float32 optimizer loses is measured in units of
float32's epsilon. Unlike the other oracles they also have decoupled weight decay for every
algorithm.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.variants import ANY_SHAPE, BY_NORM, FACTORED, OWN_DECAY, TOGETHER, WITH_ALL, in_turn

import fastopt
from fastopt.registry import optimizer_class

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

Options = dict[str, Any]
State = dict[str, Any]

STEPS = 200
EVERY = 20  # steps from one comparison to the next

# The formulas as written and the rules with their factors drawn together differ by a few
# roundings a step; where an array ends much smaller than it began, they weigh more. The largest
# measured is 1.5e-13, where a step of PAdam's ends near zero, 8.0e-14 in a buffer of AggMo that
# crosses zero, and 2.1e-14 elsewhere.
TOLERANCE = 3e-13
# Their scalar ends at a thousandth of where it began, and its roundings are those of what it was.
NEAR_ZERO = {"lion": 1e-12, "padam": 1e-11}
REWARD = 1e-12  # COCOB's, made of how far p is from where it was: digits cancel
READS_P = {"asgd", "cocob", "ftrl", "madgrad"}  # whose update is another for another p

# The bounds in float32, in units of its epsilon (1.2e-7) times the largest entry that the array
# has had, for cases without and with decoupled weight decay. Beside them the largest that was
# measured over all cases, arrays and steps. The bits of a float32 step are the same on every
# machine, so the measured values are too; the bounds are half as much again, so that a new case
# need not change them.
#
# Decoupled decay loses more, because it errs in one direction: 1 - lr * weight_decay as a float32
# is wrong by up to 1/4 of a unit, at every step, and the product with a parameter that hardly
# moves is always rounded the same way. 200 steps of it are 22 units for the 0.999 of the cases
# here, and 23 for AdamW's default.
BOUNDS = {
    "sgd": (7.0, 29.0),  # measured 4.6, 19.1
    "adagrad": (17.0, 33.0),  # measured 10.9, 21.6
    "adadelta": (14.0, 32.0),  # measured 9.3, 21.1
    "rmsprop": (14.0, 30.0),  # measured 8.9, 19.7
    "adam": (14.0, 36.0),  # measured 8.9, 23.8
    "adamw": (7.0, 62.0),  # measured 4.6, 41.0
    "adamax": (11.0, 43.0),  # measured 7.3, 28.7
    "nadam": (10.0, 30.0),  # measured 6.3, 20.0
    "adamaxw": (6.0, 86.0),  # measured 4.0, 56.9
    "nadamw": (12.0, 58.0),  # measured 7.7, 38.6
    "radam": (9.0, 39.0),  # measured 5.9, 25.5
    "adabelief": (7.0, 41.0),  # measured 4.1, 27.1
    "yogi": (14.0, 38.0),  # measured 9.3, 24.9
    "adan": (11.0, 72.0),  # measured 7.3, 47.8
    "adopt": (10.0, 39.0),  # measured 6.4, 25.6
    "laprop": (9.0, 35.0),  # measured 5.8, 22.8
    "adabound": (7.0, 23.0),  # measured 4.6, 15.0
    "adamod": (12.0, 38.0),  # measured 8.0, 24.8
    "padam": (10.0, 31.0),  # measured 6.1, 20.1
    "lion": (8.0, 86.0),  # measured 5.2, 56.8
    "signsgd": (6.0, 29.0),  # measured 3.9, 18.7
    "signum": (5.0, 40.0),  # measured 2.8, 26.2
    "tiger": (7.0, 84.0),  # measured 4.6, 55.6
    "sgdschedulefree": (11.0, 9.0),  # measured 7.2, 5.8
    "adamwschedulefree": (8.0, 13.0),  # measured 4.8, 8.3
    "lamb": (9.0, 38.0),  # measured 5.7, 25.1
    "lars": (9.0, 39.0),  # measured 5.6, 25.6
    "novograd": (8.0, 34.0),  # measured 5.2, 22.1
    "fromage": (10.0, 32.0),  # measured 6.7, 20.7
    "mars": (5.0, 39.0),  # measured 3.2, 26.0
    "stableadamw": (8.0, 25.0),  # measured 5.3, 16.4
    "radamschedulefree": (9.0, 8.0),  # measured 5.7, 5.3
    "ademamix": (28.0, 31.0),  # measured 18.4, 20.5
    "simplifiedademamix": (50.0, 41.0),  # measured 32.8, 27.3
    "qhm": (8.0, 24.0),  # measured 5.3, 15.8
    "qhadam": (11.0, 33.0),  # measured 7.1, 21.7
    "rprop": (26.0, 32.0),  # measured 17.2, 21.2
    "asgd": (41.0, 22.0),  # measured 27.0, 14.2
    "aggmo": (13.0, 37.0),  # measured 8.1, 24.1
    "ftrl": (7.0, 7.0),  # measured 4.5, 4.3
    "optimisticsgd": (10.0, 26.0),  # measured 6.6, 16.7
    "optimisticadam": (14.0, 39.0),  # measured 8.9, 25.7
    "acprop": (32.0, 34.0),  # measured 21.1, 22.2
    "smorms3": (10.0, 38.0),  # measured 6.1, 25.1
    "madgrad": (8.0, 8.0),  # measured 5.2, 4.9
    "diffgrad": (8.0, 34.0),  # measured 4.7, 22.5
    "adamatan2": (29.0, 32.0),  # measured 19.3, 21.3
    "cocob": (8.0, 15.0),  # measured 4.9, 9.6
}


def defaults(given: Options, **values: Any) -> Options:
    """Complete the hyperparameters that are given."""
    return {**values, **given}


def decay(p: Any, g: Any, h: Options) -> tuple[Any, Any]:
    """Turn the gradient round and let the parameter decay, as all algorithms do."""
    if h.get("maximize", False):
        g = -g
    weight_decay = h.get("weight_decay", 0.0)
    if h.get("decoupled_weight_decay", False):
        return p - h["lr"] * weight_decay * p, g
    return p, g + weight_decay * p


def sgd(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, momentum=0.0, dampening=0.0, nesterov=False)
    p, g = decay(p, g, h)
    mu = h["momentum"]
    if mu == 0.0:
        return p - h["lr"] * g
    s["b"] = g if t == 1 else mu * s["b"] + (1.0 - h["dampening"]) * g
    return p - h["lr"] * (g + mu * s["b"] if h["nesterov"] else s["b"])


def adagrad(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-2, lr_decay=0.0, initial_accumulator_value=0.0, eps=1e-10)
    p, g = decay(p, g, h)
    s["a"] = s.get("a", h["initial_accumulator_value"]) + g**2
    return p - h["lr"] / (1.0 + (t - 1) * h["lr_decay"]) * g / (np.sqrt(s["a"]) + h["eps"])


def adadelta(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1.0, rho=0.9, eps=1e-6)
    p, g = decay(p, g, h)
    rho, eps = h["rho"], h["eps"]
    s["v"] = rho * s.get("v", 0.0) + (1.0 - rho) * g**2
    u = s.get("u", 0.0)
    delta = np.sqrt(u + eps) / np.sqrt(s["v"] + eps) * g
    s["u"] = rho * u + (1.0 - rho) * delta**2
    return p - h["lr"] * delta


def rmsprop(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.0, centered=False)
    p, g = decay(p, g, h)
    alpha = h["alpha"]
    variance = s["v"] = alpha * s.get("v", 0.0) + (1.0 - alpha) * g**2
    if h["centered"]:
        s["g_mean"] = alpha * s.get("g_mean", 0.0) + (1.0 - alpha) * g
        variance = s["v"] - s["g_mean"] ** 2
    update = g / (np.sqrt(variance) + h["eps"])
    if h["momentum"] > 0.0:
        update = s["b"] = h["momentum"] * s.get("b", 0.0) + update
    return p - h["lr"] * update


def adam(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, amsgrad=False)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    v = s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    if h["amsgrad"]:
        v = s["v_max"] = np.maximum(s.get("v_max", 0.0), v)
    m_hat, v_hat = s["m"] / (1.0 - beta1**t), v / (1.0 - beta2**t)
    return p - h["lr"] * m_hat / (np.sqrt(v_hat) + h["eps"])


def adamw(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    return adam(p, g, s, t, defaults(h, lr=1e-3, weight_decay=1e-2, decoupled_weight_decay=True))


def adamax(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=2e-3, betas=(0.9, 0.999), eps=1e-8)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["u"] = np.maximum(beta2 * s.get("u", 0.0), np.abs(g) + h["eps"])
    return p - h["lr"] / (1.0 - beta1**t) * s["m"] / s["u"]


def adamaxw(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    return adamax(p, g, s, t, defaults(h, weight_decay=1e-4, decoupled_weight_decay=True))


def nadam(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, momentum_decay=4e-3)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    mu = [beta1 * (1.0 - 0.5 * 0.96 ** (i * h["momentum_decay"])) for i in range(1, t + 2)]
    m_hat = mu[t] * s["m"] / (1.0 - np.prod(mu)) + (1.0 - mu[t - 1]) * g / (1.0 - np.prod(mu[:t]))
    v_hat = s["v"] / (1.0 - beta2**t)
    return p - h["lr"] * m_hat / (np.sqrt(v_hat) + h["eps"])


def nadamw(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2)
    p, g = decay(p, g, defaults(h, decoupled_weight_decay=True))
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    m_hat = (beta1 * s["m"] + (1.0 - beta1) * g) / (1.0 - beta1**t)
    return p - h["lr"] * m_hat / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h["eps"])


def radam(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, eps_placement="hat", eps_root=0.0)
    h = defaults(h, threshold=5.0, nesterov=False)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    step = h["lr"] * _corrected(s["m"], g, t, beta1, h["nesterov"])
    factor = _rectification(beta2, t, h["threshold"])
    if factor is None:
        return p - step
    left = 1.0 - beta2**t
    if h["eps_placement"] == "hat":
        return p - factor * step * np.sqrt(left) / (np.sqrt(s["v"] + h["eps_root"]) + h["eps"])
    return p - factor * step / (np.sqrt(s["v"] / left + h["eps_root"]) + h["eps"])


def _corrected(m: Any, g: Any, t: int, beta: float, nesterov: bool) -> Any:
    """Correct the first moment for its zeros, or that of the next step as far as it is known."""
    if not nesterov:
        return m / (1.0 - beta**t)
    return beta * m / (1.0 - beta ** (t + 1)) + (1.0 - beta) * g / (1.0 - beta**t)


def _rectification(beta: float, t: int, threshold: float) -> float | None:
    r_inf = 2.0 / (1.0 - beta) - 1.0
    r = r_inf - 2.0 * t * beta**t / (1.0 - beta**t)
    if r <= threshold:
        return None
    return float(np.sqrt((r - 4) / (r_inf - 4) * (r - 2) / (r_inf - 2) * r_inf / r))


def adabelief(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), eps=1e-16, eps_root=1e-16, amsgrad=False)
    h = defaults(h, rectify=False, nesterov=False, decoupled_weight_decay=True)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["s"] = beta2 * s.get("s", 0.0) + (1.0 - beta2) * (g - s["m"]) ** 2 + h["eps_root"]
    moment, left = s["s"], 1.0 - beta2**t
    if h["amsgrad"]:
        moment = s["s_max"] = np.maximum(s.get("s_max", 0.0), moment)
    step = h["lr"] * _corrected(s["m"], g, t, beta1, h["nesterov"])
    if not h["rectify"]:
        return p - step / (np.sqrt(moment / left) + h["eps"])
    factor = _rectification(beta2, t, 5.0)
    if factor is None:
        return p - step
    return p - factor * np.sqrt(left) * step / (np.sqrt(moment) + h["eps"])


def yogi(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-2, betas=(0.9, 0.999), eps=1e-3, initial_accumulator_value=1e-6)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", h["initial_accumulator_value"]) + (1.0 - beta1) * g
    v = s.get("v", h["initial_accumulator_value"])
    s["v"] = v - (1.0 - beta2) * np.sign(v - g**2) * g**2
    return p - h["lr"] * s["m"] / (1.0 - beta1**t) / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h["eps"])


def adan(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.98, 0.92), beta3=0.99, eps=1e-8, weight_decay=0.0)
    kind = h.get("decoupled_weight_decay", "proximal")
    if kind != "proximal":
        p, g = decay(p, g, h)
    elif h.get("maximize", False):
        g = -g
    (beta1, beta2), beta3 = h["betas"], h["beta3"]
    d = g - s.get("g_prev", g)
    s["g_prev"] = g
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * d
    s["n"] = beta3 * s.get("n", 0.0) + (1.0 - beta3) * (g + beta2 * d) ** 2
    ahead = s["m"] / (1.0 - beta1**t) + beta2 * s["v"] / (1.0 - beta2**t)
    p = p - h["lr"] * ahead / (np.sqrt(s["n"] / (1.0 - beta3**t)) + h["eps"])
    return p / (1.0 + h["lr"] * h["weight_decay"]) if kind == "proximal" else p


def adopt(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.9999), eps=1e-6, clip_exp=0.25, nesterov=False)
    p, g = decay(p, g, defaults(h, decoupled_weight_decay=True))
    beta1, beta2 = h["betas"]
    if t == 1:
        s["m"], s["v"] = np.zeros_like(g), g**2
        return p
    limit = (t - 1.0) ** h["clip_exp"]
    u = np.clip(g / np.maximum(np.sqrt(s["v"]), h["eps"]), -limit, limit)
    s["m"] = beta1 * s["m"] + (1.0 - beta1) * u
    s["v"] = beta2 * s["v"] + (1.0 - beta2) * g**2
    return p - h["lr"] * (beta1 * s["m"] + (1.0 - beta1) * u if h["nesterov"] else s["m"])


def laprop(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=4e-4, betas=(0.9, 0.999), eps=1e-15, weight_decay=0.0)
    kind = h.get("decoupled_weight_decay", "after")
    if kind != "after":
        p, g = decay(p, g, h)
    elif h.get("maximize", False):
        g = -g
    beta1, beta2 = h["betas"]
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    u = h["lr"] * g / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h["eps"])
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * u
    p = p - s["m"] / (1.0 - beta1**t)  # the mean of learning rates that are all the same
    return p - h["lr"] * h["weight_decay"] * p if kind == "after" else p


def adabound(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), final_lr=0.1, gamma=1e-3, eps=1e-8, amsbound=False)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    v = s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    if h["amsbound"]:
        v = s["v_max"] = np.maximum(s.get("v_max", 0.0), v)
    rate = h["lr"] * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t) / (np.sqrt(v) + h["eps"])
    end = h["final_lr"] * h["lr"] / h.get("base_lr", h["lr"])
    low, high = end * (1.0 - 1.0 / (h["gamma"] * t + 1.0)), end * (1.0 + 1.0 / (h["gamma"] * t))
    return p - np.clip(rate, low, high) * s["m"]


def adamod(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.99), beta3=0.9999, eps=1e-8)
    p, g = decay(p, g, defaults(h, decoupled_weight_decay=True))
    (beta1, beta2), beta3 = h["betas"], h["beta3"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    rate = h["lr"] * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t) / (np.sqrt(s["v"]) + h["eps"])
    s["e"] = beta3 * s.get("e", 0.0) + (1.0 - beta3) * rate
    return p - np.minimum(rate, s["e"]) * s["m"]


def padam(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=0.1, betas=(0.9, 0.999), eps=1e-8, partial="1/4")
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    step = h["lr"] * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    power = {"1/2": 1.0, "1/4": 0.5, "1/8": 0.25}[h["partial"]]
    return p - step * s["m"] / (np.sqrt(s["v"]) + h["eps"]) ** power


def lion(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-4, betas=(0.9, 0.99), decoupled_weight_decay=True)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    m = s.get("m", 0.0)
    s["m"] = beta2 * m + (1.0 - beta2) * g
    return p - h["lr"] * np.sign(beta1 * m + (1.0 - beta1) * g)


def signsgd(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, decoupled_weight_decay=True)
    p, g = decay(p, g, h)
    return p - h["lr"] * np.sign(g)


def signum(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, beta=0.9, decoupled_weight_decay=True)
    p, g = decay(p, g, h)
    s["m"] = h["beta"] * s.get("m", 0.0) + (1.0 - h["beta"]) * g
    return p - h["lr"] * np.sign(s["m"])


def tiger(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    return signum(p, g, s, t, defaults(h, beta=0.965, weight_decay=1e-2))


def schedule_free(p: Any, d: Any, s: State, t: int, h: Options, beta: float) -> Any:
    """Step along d; x, y and z as in the paper, where y = p, and x is what y is made of besides z."""
    h = defaults(h, warmup_steps=0.0, r=0.0, weight_lr_power=2.0)
    rising = [min(1.0, i / h["warmup_steps"]) if h["warmup_steps"] else 1.0 for i in range(1, t + 1)]
    rates = [h["lr"] * share for share in rising]
    weights = [i ** h["r"] * lr ** h["weight_lr_power"] for i, lr in enumerate(rates, 1)]
    c = weights[-1] / sum(weights)
    z = s.get("z", p)
    x = (p - (1.0 - beta) * z) / beta
    s["z"] = z - rates[-1] * d
    x = (1.0 - c) * x + c * s["z"]
    return (1.0 - beta) * s["z"] + beta * x


def sgdschedulefree(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1.0, momentum=0.9)
    _, g = decay(p, g, {**h, "decoupled_weight_decay": False})
    return schedule_free(p, g, s, t, h, h["momentum"])


def adamwschedulefree(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=2.5e-3, betas=(0.9, 0.999), eps=1e-8, decoupled_weight_decay=True)
    _, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    d = g / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h["eps"])
    if h["decoupled_weight_decay"]:
        d = d + h.get("weight_decay", 0.0) * p
    return schedule_free(p, d, s, t, h, beta1)


def radamschedulefree(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=2.5e-3, betas=(0.9, 0.999), eps=1e-8, decoupled_weight_decay=True)
    h = defaults(h, silent_sgd_phase=True, r=0.0, weight_lr_power=2.0)
    _, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    most = 2.0 / (1.0 - beta2) - 1.0
    rates = []
    for i in range(1, t + 1):
        rho = most - 2.0 * i * beta2**i / (1.0 - beta2**i)
        factor = 0.0 if h["silent_sgd_phase"] else 1.0
        if rho > 4.0:
            factor = np.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
        rates.append(h["lr"] * factor)
    d = g / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h["eps"]) if rho > 4.0 else g
    if h["decoupled_weight_decay"]:
        d = d + h.get("weight_decay", 0.0) * p
    largest = np.maximum.accumulate(rates)
    weights = np.arange(1, t + 1) ** h["r"] * largest ** h["weight_lr_power"]
    c = weights[-1] / weights.sum() if weights.sum() else 0.0
    z = s.get("z", p)
    x = (p - (1.0 - beta1) * z) / beta1
    s["z"] = z - rates[-1] * d
    x = (1.0 - c) * x + c * s["z"]
    return (1.0 - beta1) * s["z"] + beta1 * x


def ademamix(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), beta3=0.9999, alpha=5.0, t_alpha=None, t_beta3=None)
    h = defaults(h, eps=1e-8, eps_root=0.0, decoupled_weight_decay=True)
    p, g = decay(p, g, h)
    (beta1, beta2), beta3 = h["betas"], h["beta3"]
    alpha = h["alpha"] * min(1.0, t / h["t_alpha"]) if h["t_alpha"] else h["alpha"]
    if h["t_beta3"] and t < h["t_beta3"]:
        first, last = (np.log(0.5) / np.log(beta + 1e-8) - 1.0 for beta in (beta1, beta3))
        beta3 = 0.5 ** (1.0 / ((1.0 - t / h["t_beta3"]) * first + t / h["t_beta3"] * last + 1.0))
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["n"] = beta3 * s.get("n", 0.0) + (1.0 - beta3) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    v_hat = s["v"] / (1.0 - beta2**t)
    m_hat = s["m"] / (1.0 - beta1**t)
    return p - h["lr"] * (m_hat + alpha * s["n"]) / (np.sqrt(v_hat + h["eps_root"]) + h["eps"])


def simplifiedademamix(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-4, betas=(0.99, 0.95), alpha=0.0, eps=1e-8, eps_root=0.0)
    p, g = decay(p, g, defaults(h, decoupled_weight_decay=True))
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    v_hat = s["v"] / (1.0 - beta2**t)
    return p - h["lr"] * (h["alpha"] * g + s["m"]) / (np.sqrt(v_hat + h["eps_root"]) + h["eps"])


def qhm(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, beta=0.999, nu=0.7)
    p, g = decay(p, g, h)
    s["b"] = h["beta"] * s.get("b", 0.0) + (1.0 - h["beta"]) * g
    return p - h["lr"] * ((1.0 - h["nu"]) * g + h["nu"] * s["b"])


def qhadam(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.995, 0.999), nus=(0.7, 1.0), eps=1e-8)
    p, g = decay(p, g, h)
    (beta1, beta2), (nu1, nu2) = h["betas"], h["nus"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    m_hat, v_hat = s["m"] / (1.0 - beta1**t), s["v"] / (1.0 - beta2**t)
    divisor = np.sqrt((1.0 - nu2) * g**2 + nu2 * v_hat) + h["eps"]
    return p - h["lr"] * ((1.0 - nu1) * g + nu1 * m_hat) / divisor


def rprop(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0))
    p, g = decay(p, g, h)
    same = np.sign(g) * np.sign(s["g_prev"] if t > 1 else 0.0)
    factor = np.where(same > 0.0, h["etas"][1], np.where(same < 0.0, h["etas"][0], 1.0))
    s["d"] = np.clip(s.get("d", h["lr"]) * factor, *h["step_sizes"])
    s["g_prev"] = np.where(same < 0.0, 0.0, g)
    return p - np.sign(s["g_prev"]) * s["d"]


def asgd(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6)
    p, g = decay(p, g, h)
    lr, mu = h["lr"], 1.0
    if t > 1:  # what was computed at the end of the step before
        lr = h["lr"] / (1.0 + h["lambd"] * h["lr"] * (t - 1)) ** h["alpha"]
        mu = 1.0 / max(1.0, t - 1 - h["t0"])
    p = p * (1.0 - h["lambd"] * lr) - lr * g
    average = s.get("average", 0.0)
    s["average"] = p if mu == 1.0 else average + mu * (p - average)
    return p


def aggmo(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.0, 0.9, 0.99))
    p, g = decay(p, g, h)
    for i, beta in enumerate(h["betas"], 1):
        s[f"b{i}"] = beta * s.get(f"b{i}", 0.0) + g
    return p - h["lr"] * np.mean(list(s.values()), axis=0)


def ftrl(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, initial_accumulator_value=0.1, l1_regularization_strength=0.0, beta=0.0)
    h = defaults(h, l2_regularization_strength=0.0, l2_shrinkage_regularization_strength=0.0)
    p, g = decay(p, g, h)
    n = s["n"] if t > 1 else h["initial_accumulator_value"]
    l1 = h["l1_regularization_strength"]
    s["n"] = n + g**2
    sigma = (np.sqrt(s["n"]) - np.sqrt(n)) / h["lr"]
    s["z"] = s.get("z", 0.0) + g + 2.0 * h["l2_shrinkage_regularization_strength"] * p - sigma * p
    curvature = (h["beta"] + np.sqrt(s["n"])) / h["lr"] + 2.0 * h["l2_regularization_strength"]
    return np.where(np.abs(s["z"]) <= l1, 0.0, (np.sign(s["z"]) * l1 - s["z"]) / curvature)


def optimisticsgd(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, alpha=1.0, beta=1.0)
    p, g = decay(p, g, h)
    previous, s["g_prev"] = s.get("g_prev", g), g
    return p - h["lr"] * ((h["alpha"] + h["beta"]) * g - h["beta"] * previous)


def optimisticadam(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, alpha=1.0, beta=1.0, betas=(0.9, 0.999), eps=1e-8, eps_root=0.0)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    m_hat, v_hat = s["m"] / (1.0 - beta1**t), s["v"] / (1.0 - beta2**t)
    if h.get("nesterov", True):
        m_hat = beta1 * s["m"] / (1.0 - beta1 ** (t + 1)) + (1.0 - beta1) * g / (1.0 - beta1**t)
    d = m_hat / (np.sqrt(v_hat + h["eps_root"]) + h["eps"])
    previous, s["d_prev"] = s.get("d_prev", d), d
    return p - h["lr"] * ((h["alpha"] + h["beta"]) * d - h["beta"] * previous)


def acprop(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), eps=1e-16, eps_root=1e-16)
    p, g = decay(p, g, defaults(h, decoupled_weight_decay=True))
    beta1, beta2 = h["betas"]
    variance = 1.0 if t == 1 else s["s"] / (1.0 - beta2 ** (t - 1))
    m = s.get("m", 0.0)
    s["s"] = beta2 * s.get("s", 0.0) + (1.0 - beta2) * (g - m) ** 2 + h["eps_root"]
    s["m"] = beta1 * m + (1.0 - beta1) * g
    return p - h["lr"] * g / (np.sqrt(variance) + h["eps"])


def smorms3(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, eps=1e-16)
    p, g = decay(p, g, h)
    memory = s.get("memory", 1.0)
    r = 1.0 / (memory + 1.0)
    s["m"] = (1.0 - r) * s.get("m", 0.0) + r * g
    s["v"] = (1.0 - r) * s.get("v", 0.0) + r * g**2
    x = s["m"] ** 2 / (s["v"] + h["eps"])
    s["memory"] = 1.0 + memory * (1.0 - x)
    return p - g * np.minimum(h["lr"], x) / (np.sqrt(s["v"]) + h["eps"])


def cocob(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1.0, alpha=100.0, eps=1e-8)
    p, g = decay(p, g, h)
    start = s["start"] = s.get("start", p)
    largest = s["largest"] = np.maximum(s["largest"] if t > 1 else h["eps"], np.abs(g))
    s["total"] = s.get("total", 0.0) + np.abs(g)
    s["reward"] = np.maximum(s.get("reward", 0.0) - g * (p - start), 0.0)
    s["slope"] = s.get("slope", 0.0) - g
    share = s["slope"] / (largest * np.maximum(s["total"] + largest, h["alpha"] * largest))
    return p + h["lr"] * (start + share * (largest + s["reward"]) - p)


def madgrad(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-2, momentum=0.9, eps=1e-6)
    p, g = decay(p, g, h)
    weight = (h["lr"] + h["eps"]) * np.sqrt(t)
    start = s["start"] = s.get("start", p)
    s["s"] = s.get("s", 0.0) + weight * g
    s["v"] = s.get("v", 0.0) + weight * g**2
    z = start - s["s"] / (np.cbrt(s["v"]) + h["eps"])
    return h["momentum"] * p + (1.0 - h["momentum"]) * z


def diffgrad(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    p, g = decay(p, g, h)
    beta1, beta2 = h["betas"]
    friction = 1.0 / (1.0 + np.exp(-np.abs(s.get("g_prev", 0.0) - g)))
    s["g_prev"] = g
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    step = h["lr"] * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    return p - step * s["m"] * friction / (np.sqrt(s["v"]) + h["eps"])


def adamatan2(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-4, betas=(0.9, 0.99), a=1.27, b=1.0)
    p, g = decay(p, g, defaults(h, decoupled_weight_decay=True))
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    m_hat, v_hat = s["m"] / (1.0 - beta1**t), s["v"] / (1.0 - beta2**t)
    return p - h["lr"] * h["a"] * np.arctan2(m_hat, h["b"] * np.sqrt(v_hat))


def regularized(name: str, p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    """Take the step of a formula with the options of `REGULARIZED` around it, as papers have them."""
    plain = {key: value for key, value in h.items() if key not in OPTIONS}
    lr, l1, wd = h["lr"], h.get("l1", 0.0), h["weight_decay"]
    soft, cautious = h.get("soft_threshold", False), h.get("cautious_weight_decay", False)
    convention = h["decoupled_weight_decay"]
    if not soft:
        g = g + (-1.0 if h.get("maximize", False) else 1.0) * l1 * np.sign(p)
    coupled = {"weight_decay": 0.0 if convention else wd, "decoupled_weight_decay": False}
    share = {True: lr * wd, "fixed": wd, "corrected": lr**2 / h.get("max_lr", 1.0) * wd}.get(convention)
    if share is not None and name in READS_P and not cautious:
        p, share = p - share * p, None
    new = FORMULAS[name](p, g, s, t, {**plain, **coupled})
    mask = (p - new) * p >= 0.0 if cautious else True
    if share is not None:
        new = new - np.where(mask, share * p, 0.0)
    if soft:
        new = np.sign(new) * np.maximum(np.abs(new) - lr * l1, 0.0)
    if convention == "after":
        return np.where(mask, new - lr * wd * new, new)
    return np.where(mask, new / (1.0 + lr * wd), new) if convention == "proximal" else new


def own_decay(p: Any, g: Any, h: Options) -> tuple[Any, Any, float]:
    """Turn the gradient round and let the parameter decay; give what the rule itself adds of it."""
    g = -g if h.get("maximize", False) else g
    weight_decay = h.get("weight_decay", 0.0)
    if h.get("decoupled_weight_decay", False):
        return p - h["lr"] * weight_decay * p, g, 0.0
    return p, g, weight_decay


def norm(x: Any) -> float:
    return float(np.sqrt((np.asarray(x) ** 2).sum()))


def lamb(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, eps_root=0.0)
    p, g, wd = own_decay(p, g, h)
    beta1, beta2 = h["betas"]
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1 if h.get("grad_averaging", True) else 1.0) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g**2
    corrections = (1.0 - beta1**t, 1.0 - beta2**t) if h.get("bias_correction", True) else (1.0, 1.0)
    m_hat, v_hat = s["m"] / corrections[0], s["v"] / corrections[1]
    u = m_hat / (np.sqrt(v_hat + h["eps_root"]) + h["eps"]) + wd * p
    ratio = norm(p) / norm(u) if norm(p) > 0.0 and norm(u) > 0.0 else 1.0
    if h.get("trust_clip", False):
        ratio = min(ratio, 1.0)
    if not h.get("always_adapt", True) and h.get("weight_decay", 0.0) == 0.0:
        ratio = 1.0
    return p - h["lr"] * ratio * u


def lars(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1.0, momentum=0.9, dampening=0.0, trust_coefficient=1e-3, eps=1e-8)
    p, g, wd = own_decay(p, g, h)
    ratio = 1.0
    if norm(p) > 0.0 and norm(g) > 0.0:
        ratio = h["trust_coefficient"] * norm(p) / (norm(g) + wd * norm(p) + h["eps"])
        if h.get("trust_clip", False):
            ratio = min(ratio / h["lr"], 1.0)
    if not h.get("always_adapt", True) and h.get("weight_decay", 0.0) == 0.0:
        ratio = 1.0
    return sgd_of_lars((g + wd * p) * ratio, p, s, t, h)


def sgd_of_lars(u: Any, p: Any, s: State, t: int, h: Options) -> Any:
    mu = h["momentum"]
    if mu == 0.0:
        return p - h["lr"] * u
    s["b"] = u if t == 1 else mu * s["b"] + (1.0 - h["dampening"]) * u
    return p - h["lr"] * (u + mu * s["b"] if h.get("nesterov", False) else s["b"])


def novograd(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.95, 0.98), eps=1e-8)
    p, g, wd = own_decay(p, g, h)
    beta1, beta2 = h["betas"]
    square = norm(g) ** 2
    v = s["_v"] = square if t == 1 else beta2 * s["_v"] + (1.0 - beta2) * square
    s["_largest"] = max(s.get("_largest", 0.0), v)
    v = s["_largest"] if h.get("amsgrad", False) else v
    u = g / (np.sqrt(v) + h["eps"]) + wd * p
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1 if h.get("grad_averaging", False) else 1.0) * u
    return p - h["lr"] * s["m"]


def fromage(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-2, min_norm=1e-6)
    p, g = decay(p, g, h)
    ratio = max(norm(p), h["min_norm"]) / max(norm(g), h["min_norm"])
    return (p - h["lr"] * ratio * g) / np.sqrt(1.0 + h["lr"] ** 2)


def stableadamw(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=1e-3, betas=(0.9, 0.99), eps=1e-6, weight_decay=1e-2)
    g = -g if h.get("maximize", False) else g
    decoupled = h.get("decoupled_weight_decay", True)
    g = g if decoupled else g + h["weight_decay"] * p
    b1, b2 = (beta * (1.0 - beta ** (t - 1)) / (1.0 - beta**t) for beta in h["betas"])
    s["m"] = b1 * s.get("m", 0.0) + (1.0 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1.0 - b2) * g**2
    excess = np.sqrt(np.mean(g**2 / np.maximum(s["v"], h["eps"] ** 2)))
    lr = h["lr"] / max(1.0, float(excess))
    decayed = lr * h["weight_decay"] * p if decoupled else 0.0
    return p - decayed - lr * s["m"] / (np.sqrt(s["v"]) + h["eps"])


def mars(p: Any, g: Any, s: State, t: int, h: Options) -> Any:
    h = defaults(h, lr=3e-3, betas=(0.95, 0.99), eps=1e-8, gamma=0.025, mars_type="adamw")
    p, g = decay(p, g, defaults(h, decoupled_weight_decay=True))
    beta1, beta2 = h["betas"]
    x = g + h["gamma"] * beta1 / (1.0 - beta1) * (g - s.get("g_prev", 0.0))
    x = x / max(1.0, norm(x))
    s["g_prev"] = g
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * x
    if h["mars_type"] == "lion":
        return p - h["lr"] * np.sign(s["m"])
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * x**2
    return p - h["lr"] * s["m"] / (1.0 - beta1**t) / (np.sqrt(s["v"] / (1.0 - beta2**t)) + h["eps"])


FORMULAS: dict[str, Callable[[Any, Any, State, int, Options], Any]] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "adamax": adamax,
    "adamaxw": adamaxw,
    "nadam": nadam,
    "nadamw": nadamw,
    "radam": radam,
    "adabelief": adabelief,
    "yogi": yogi,
    "adan": adan,
    "adopt": adopt,
    "laprop": laprop,
    "adabound": adabound,
    "adamod": adamod,
    "padam": padam,
    "lion": lion,
    "signsgd": signsgd,
    "signum": signum,
    "tiger": tiger,
    "sgdschedulefree": sgdschedulefree,
    "adamwschedulefree": adamwschedulefree,
    "lamb": lamb,
    "lars": lars,
    "novograd": novograd,
    "fromage": fromage,
    "stableadamw": stableadamw,
    "mars": mars,
    "radamschedulefree": radamschedulefree,
    "ademamix": ademamix,
    "simplifiedademamix": simplifiedademamix,
    "qhm": qhm,
    "qhadam": qhadam,
    "rprop": rprop,
    "asgd": asgd,
    "aggmo": aggmo,
    "ftrl": ftrl,
    "optimisticsgd": optimisticsgd,
    "optimisticadam": optimisticadam,
    "acprop": acprop,
    "smorms3": smorms3,
    "cocob": cocob,
    "madgrad": madgrad,
    "diffgrad": diffgrad,
    "adamatan2": adamatan2,
}

COUPLED = {"lr": 0.01, "weight_decay": 0.1}
DECOUPLED = {**COUPLED, "decoupled_weight_decay": True, "maximize": True}
ADDED = {**COUPLED, "decoupled_weight_decay": False}  # where that is not the default

# For each algorithm also the defaults alone, coupled decay, and decoupled decay with ascent. eps
# is that of the algorithm or so large that it matters.
CASES: dict[str, list[Options]] = {
    "sgd": [
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3, **COUPLED},
        {"momentum": 0.9, "nesterov": True, "maximize": True},
        {"momentum": 0.8, "nesterov": True, **DECOUPLED},
    ],
    "adagrad": [
        {"lr_decay": 0.01, "initial_accumulator_value": 0.1, "eps": 1e-2, "maximize": True},
        {"lr_decay": 0.01, **DECOUPLED},
    ],
    "adadelta": [{"lr": 0.5, "rho": 0.95, "eps": 1e-3, "maximize": True}],
    # Random signs keep the variance of a centered RMSprop away from zero, where the formula as it
    # stands takes the root of rounding errors.
    "rmsprop": [
        {"momentum": 0.9},
        {"centered": True, "alpha": 0.9, "eps": 1e-3, **COUPLED},
        {"centered": True, "alpha": 0.9, "momentum": 0.8, "maximize": True},
        {"centered": True, "momentum": 0.8, **DECOUPLED},
    ],
    "adam": [
        {"amsgrad": True},
        {"betas": (0.8, 0.95), "eps": 1e-2, "amsgrad": True, **COUPLED},
        {"amsgrad": True, **DECOUPLED},
    ],
    "adamw": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "amsgrad": True, **DECOUPLED},
        ADDED,
    ],
    "adamax": [{"betas": (0.8, 0.95), "eps": 1e-2, "maximize": True}],
    "adamaxw": [{"betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1, "maximize": True}, ADDED],
    "nadam": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "momentum_decay": 0.1, **COUPLED},
        {"momentum_decay": 0.0, **DECOUPLED},
    ],
    "nadamw": [{"betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1, "maximize": True}, ADDED],
    "radam": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "eps_root": 1e-3, "threshold": 10.0, **COUPLED},
        {"eps": 1e-2, "eps_placement": "outside", "eps_root": 1e-3, "nesterov": True, **DECOUPLED},
    ],
    "adabelief": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "eps_root": 1e-3, "nesterov": True, **ADDED},
        {"betas": (0.8, 0.95), "eps_root": 1e-3, "amsgrad": True, **DECOUPLED},
        {"betas": (0.8, 0.95), "eps": 1e-2, "rectify": True, **DECOUPLED},
    ],
    "yogi": [{"betas": (0.8, 0.95), "eps": 1e-2, "initial_accumulator_value": 0.1, "maximize": True}],
    "adan": [
        {"betas": (0.8, 0.7), "beta3": 0.95, "eps": 1e-2, "weight_decay": 0.1, "maximize": True},
        ADDED,
    ],
    "adopt": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "clip_exp": 0.5, "nesterov": True, **ADDED},
        {"clip_exp": 0.0, **DECOUPLED},
    ],
    "laprop": [{"betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1, "maximize": True}, ADDED],
    "adabound": [
        {
            "betas": (0.8, 0.95),
            "eps": 1e-2,
            "final_lr": 0.01,
            "gamma": 0.1,
            "amsbound": True,
            **COUPLED,
        },
        {"base_lr": 0.1, "gamma": 0.1, **DECOUPLED},
    ],
    "adamod": [{"betas": (0.8, 0.95), "beta3": 0.9, "eps": 1e-2, "maximize": True, **ADDED}],
    "padam": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "partial": "1/8", **COUPLED},
        {"partial": "1/2", **DECOUPLED},
    ],
    "lion": [{"betas": (0.8, 0.95), "maximize": True, **ADDED}],
    "signsgd": [{"maximize": True, **ADDED}],
    "signum": [{"beta": 0.8, "maximize": True, **ADDED}],
    "tiger": [{"beta": 0.8, "weight_decay": 0.1, "maximize": True}, ADDED],
    "sgdschedulefree": [
        {"lr": 0.1, "momentum": 0.7, "warmup_steps": 30.0, "r": 0.5, "weight_lr_power": 1.5},
        {"momentum": 0.95, "warmup_steps": 10.0, "r": 2.0, **COUPLED, "maximize": True},
    ],
    "adamwschedulefree": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "warmup_steps": 30.0, "r": 0.5, "weight_lr_power": 1.5},
        {"betas": (0.95, 0.9), "warmup_steps": 10.0, "r": 2.0, **DECOUPLED},
        ADDED,
    ],
    "lamb": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "eps_root": 1e-3, "trust_clip": True, **COUPLED},
        {"grad_averaging": False, "bias_correction": False, **DECOUPLED},
        {"always_adapt": False, "lr": 0.01},
    ],
    "lars": [
        {"momentum": 0.0, "trust_coefficient": 0.02, "eps": 1e-2, **COUPLED},
        {"momentum": 0.8, "nesterov": True, "trust_clip": True, "trust_coefficient": 0.02, **DECOUPLED},
        {"dampening": 0.3, "always_adapt": False, "lr": 0.01},
    ],
    "novograd": [
        {"betas": (0.9, 0.8), "eps": 1e-2, "grad_averaging": True, **COUPLED},
        {"amsgrad": True, **DECOUPLED},
    ],
    "fromage": [{"min_norm": 20.0, **COUPLED}],
    "mars": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "gamma": 0.3, **ADDED},
        {"mars_type": "lion", "betas": (0.8, 0.95), "gamma": 0.3, **DECOUPLED},
    ],
    "stableadamw": [
        {"betas": (0.8, 0.95), "eps": 1e-2, **DECOUPLED},
        {**COUPLED, "decoupled_weight_decay": False},
    ],
    "radamschedulefree": [
        {"betas": (0.8, 0.95), "eps": 1e-2, "r": 0.5, "weight_lr_power": 1.5},
        {"betas": (0.95, 0.5), "silent_sgd_phase": False, **DECOUPLED},
    ],
    "ademamix": [
        {
            "betas": (0.8, 0.95),
            "beta3": 0.99,
            "alpha": 2.0,
            "t_alpha": 70.0,
            "t_beta3": 90.0,
            "eps": 1e-2,
        },
        {"betas": (0.0, 0.95), "beta3": 0.9, "t_beta3": 30.0, "eps_root": 1e-2, **DECOUPLED},
    ],
    "simplifiedademamix": [
        {"betas": (0.8, 0.9), "alpha": 2.0, "eps": 1e-2, "eps_root": 1e-2, "maximize": True},
    ],
    "qhm": [{"beta": 0.8, "nu": 1.5, "maximize": True}],
    "qhadam": [{"betas": (0.8, 0.95), "nus": (0.4, 0.6), "eps": 1e-2, "maximize": True}],
    "rprop": [
        {"lr": 0.1, "etas": (0.6, 1.5), "maximize": True},
        {"lr": 0.1, "step_sizes": (0.05, 0.3)},
    ],
    "asgd": [{"lr": 0.1, "lambd": 0.01, "alpha": 0.6, "t0": 20.0, "maximize": True}],
    "aggmo": [
        {"betas": (0.3, 0.9), "maximize": True},
        {"betas": (0.0, 0.5, 0.9, 0.99), **DECOUPLED},
        {"betas": (0.0, 0.3, 0.5, 0.9, 0.99)},
    ],
    "ftrl": [
        {
            "lr": 0.1,
            "initial_accumulator_value": 0.5,
            "l1_regularization_strength": 0.3,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.1,
            "beta": 0.4,
        },
    ],
    "optimisticsgd": [{"alpha": 0.5, "beta": 0.3, "maximize": True}],
    "optimisticadam": [
        {"betas": (0.8, 0.95), "alpha": 0.5, "beta": 0.3, "eps": 1e-2, "eps_root": 1e-2},
        {"nesterov": False, **DECOUPLED},
    ],
    "acprop": [{"betas": (0.8, 0.95), "eps": 1e-2, "eps_root": 1e-3, "maximize": True}],
    "smorms3": [{"lr": 0.1, "eps": 1e-2, "maximize": True}],
    "madgrad": [{"lr": 0.1, "momentum": 0.5, "eps": 1e-3, "maximize": True}],
    "diffgrad": [{"betas": (0.8, 0.95), "eps": 1e-2, "maximize": True}],
    "adamatan2": [{"betas": (0.8, 0.95), "a": 1.0, "b": 0.5, "maximize": True}],
    "cocob": [{"lr": 0.5, "alpha": 10.0, "eps": 1e-3, "maximize": True}],
}

# Weight decay in the other conventions, cautious weight decay and the L1 penalty, for every algorithm.
OPTIONS = (
    "weight_decay", "decoupled_weight_decay", "max_lr", "cautious_weight_decay", "l1", "soft_threshold"
)  # fmt: skip
_CAUTIOUS = {**DECOUPLED, "cautious_weight_decay": True}
REGULARIZED: list[Options] = [
    {**DECOUPLED, "decoupled_weight_decay": "fixed", "weight_decay": 1e-3},
    {**DECOUPLED, "decoupled_weight_decay": "after"},
    {**DECOUPLED, "decoupled_weight_decay": "proximal"},
    {**DECOUPLED, "decoupled_weight_decay": "corrected", "max_lr": 0.03},
    _CAUTIOUS,
    {**_CAUTIOUS, "decoupled_weight_decay": "after"},
    {**_CAUTIOUS, "decoupled_weight_decay": "proximal", "maximize": False},
    {**COUPLED, "decoupled_weight_decay": False, "l1": 0.02},
    {**COUPLED, "decoupled_weight_decay": False, "l1": 0.02, "soft_threshold": True},
    {**DECOUPLED, "l1": 0.02},
    {**DECOUPLED, "decoupled_weight_decay": "proximal", "l1": 0.02, "soft_threshold": True},
    {**_CAUTIOUS, "decoupled_weight_decay": "corrected", "max_lr": 0.03, "l1": 0.02},
    {**_CAUTIOUS, "decoupled_weight_decay": "proximal", "l1": 0.02, "soft_threshold": True},
]


def named(name: str, case: Options) -> Any:
    words = ",".join(f"{key}={value}" for key, value in case.items()) or "defaults"
    return pytest.param(name, case, id=f"{name}-{words}")


def listed() -> list[Any]:
    return [named(name, case) for name in FORMULAS for case in [{}, COUPLED, DECOUPLED, *CASES[name]]]


def some_of(name: str) -> list[Options]:
    return [in_turn(name, REGULARIZED, k) for k in (0, 4, 8)]


# Around whose rules decay and penalty can be done by hand.
STAGED = [name for name in FORMULAS if name not in OWN_DECAY | BY_NORM]


def train(name: str, given: Options, problem: "ProblemMaker", dtype: type[np.floating[Any]]) -> Any:
    """Train, and yield every few steps: our parameters and states, and those by the formula."""
    some = problem(STEPS, rounded=True)
    ours = some.parameters(dtype)
    opt = fastopt.get(name, ours, **given)
    exact = some.parameters()
    states: dict[str, State] = {key: {} for key in exact}
    taken = dict.fromkeys(exact, 0)
    for k, grads in enumerate(some.grads):
        opt.step({n: None if g is None else g.astype(dtype) for n, g in grads.items()})
        for key, g in grads.items():
            if g is not None:
                taken[key] += 1
                formula = partial(regularized, name) if given in REGULARIZED else FORMULAS[name]
                exact[key] = formula(exact[key], g, states[key], taken[key], given)
        if (k + 1) % EVERY == 0 or k < 3:
            arrays = {  # without scalars of the formula
                name: {k: v for k, v in state.items() if not k.startswith("_")}
                for name, state in states.items()
            }
            yield ours, opt.state, exact, arrays


def test_every_class_has_a_formula_and_cases() -> None:
    assert set(FORMULAS) == set(CASES) == set(BOUNDS)
    # Those of test_transcription_together, of test_factored and of test_field_curvature.
    estimating = {name for name, cls in ANY_SHAPE.items() if cls.takes_estimate}
    missing = set(ANY_SHAPE) - set(FORMULAS) - TOGETHER - estimating - {"ldog", *FACTORED}
    assert not missing, f"transcribe the paper's formula here, by hand, for {missing}"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *listed(),
        # All with a few; of the others each with three, as the stages are the same for all rules.
        *(named(n, case) for n in STAGED for case in (REGULARIZED if n in WITH_ALL else some_of(n))),
    ],
)
def test_float64(name: str, given: Options, problem: "ProblemMaker", difference: "Difference") -> None:
    for ours, state, exact, states in train(name, given, problem, np.float64):
        for key, p in exact.items():
            assert difference(ours[key], p) <= NEAR_ZERO.get(name, TOLERANCE), key
            for part, value in states[key].items():
                tolerance = REWARD if part == "reward" else TOLERANCE
                assert difference(state[key][part], value) <= tolerance, (key, part)
            if states[key] or not state[key]:
                assert set(states[key]) == set(state[key])


def decays_decoupled(name: str) -> bool:
    """Return whether weight decay is decoupled where nothing is said."""
    return bool(optimizer_class(name).hyperparameters["decoupled_weight_decay"].default)


@pytest.mark.parametrize(("name", "given"), listed())
def test_float32(name: str, given: Options, problem: "ProblemMaker") -> None:
    unit = float(np.finfo(np.float32).eps)
    bound = BOUNDS[name][bool(given.get("decoupled_weight_decay", decays_decoupled(name)))]
    largest = {key: _largest(p) for key, p in problem(STEPS, rounded=True).start.items()}
    for ours, _, exact, _ in train(name, given, problem, np.float32):
        for key, p in exact.items():
            assert ours[key].dtype == np.float32
            largest[key] = max(largest[key], _largest(p))
            off = _largest(ours[key] - p) / largest[key] / unit
            assert off <= bound, f"{key}: {off:.1f} units"


def _largest(x: Any) -> float:
    return float(np.max(np.abs(x)))
