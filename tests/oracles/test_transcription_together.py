"""Algorithms whose scalars follow from all parameters against transcriptions into plain float64 NumPy.

Written from the papers, over all arrays of a step and with no thought of speed; they call nothing of
the package. Gradients are missing in some steps, and their size goes over six decades.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.variants import TOGETHER

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

Options = dict[str, Any]
State = defaultdict[Any, Any]  # arrays by their name and that of the parameter; scalars
Formula = Callable[[dict[str, Any], dict[str, Any], State, Options, float], None]

STEPS = 60

# A few roundings a step, of which some are of estimates that grow by what they were; the largest
# measured is 2.5e-14.
TOLERANCE = 3e-13
# Its estimate is made of how far p is from where it began, by a millionth at first: digits cancel.
CANCELS = {"prodigy": 1e-9}


def total(x: dict[str, Any]) -> float:
    """Add up all elements of all arrays."""
    return float(sum(float(np.sum(a)) for a in x.values()))


def squared(x: dict[str, Any]) -> float:
    return total({n: a**2 for n, a in x.items()})


def begun(p: dict[str, Any], g: dict[str, Any], s: State, h: Options, decoupled: bool = False) -> Any:
    """Count the steps of each parameter, keep where it began, and return gradients and their decay."""
    decoupled = h.get("decoupled_weight_decay", decoupled)
    h["shrink"] = h.get("weight_decay", 0.0) if decoupled else 0.0
    coupled = 0.0 if decoupled else h.get("weight_decay", 0.0)
    turn = -1.0 if h.get("maximize", False) else 1.0
    for n in g:
        s["t", n] += 1
        s["p0", n] = p[n].copy() if s["t", n] == 1 else s["p0", n]
    return {n: turn * g[n] + coupled * p[n] for n in g}


def dog(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "reps_rel": 1e-6, "eps": 1e-8, "init_eta": None, **h}
    g = begun(p, g, s, h)
    first = s["G"] == 0.0
    s["G"] = (h["eps"] if first else s["G"]) + squared(g)
    if first:
        s["r"] = 0.0 if h["init_eta"] else h["reps_rel"] * (1.0 + squared({n: p[n] for n in g}) ** 0.5)
    else:
        s["r"] = max(s["r"], squared({n: p[n] - s["p0", n] for n in g}) ** 0.5)
    eta = h["init_eta"] if first and h["init_eta"] else s["r"] / s["G"] ** 0.5
    for n in g:
        p[n] = p[n] - h["lr"] * eta * (g[n] + h["shrink"] * p[n])


def dowg(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "eps": 1e-4, "init_estim_sq_dist": None, **h}
    g = begun(p, g, s, h)
    r = s["r"] or h["init_estim_sq_dist"] or h["eps"]
    s["r"] = max(r, squared({n: p[n] - s["p0", n] for n in g}))
    s["v"] += s["r"] * squared(g)
    for n in g:
        step = h["lr"] * s["r"] / (s["v"] ** 0.5 + h["eps"])
        p[n] = p[n] - step * (g[n] + h["shrink"] * p[n])


def polyaksgd(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "f_min": 0.0, "max_step_size": 1.0, "eps": 0.0, "variant": "sps", **h}
    g = begun(p, g, s, h)
    gap = (-f if h.get("maximize", False) else f) - h["f_min"]
    gap = max(gap, 0.0) if h["variant"] == "sps+" else gap
    step = h["lr"] * min(gap / (squared(g) + h["eps"]), h["max_step_size"] or np.inf)
    for n in g:
        s["b", n] = h.get("momentum", 0.0) * s["b", n] - step * g[n]
        p[n] = p[n] - step * (g[n] + h["shrink"] * p[n]) + h.get("momentum", 0.0) * s["b", n]


def alig(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    polyaksgd(p, g, s, {"max_step_size": None, "eps": 1e-5, **h}, f)


def momo(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "beta": 0.9, "lower_bound": 0.0, **h}
    kept = h["beta"] if s["k"] or h.get("bias_correction") else 0.0
    modelled(p, begun(p, g, s, h, True), s, h, f, kept, bool(h.get("bias_correction")), None)


def momoadam(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1e-2, "betas": (0.9, 0.999), "eps": 1e-8, "lower_bound": 0.0, **h}
    h["beta"], beta2 = h["betas"]
    g, roots = begun(p, g, s, h, True), {}
    for n in g:
        s["v", n] = beta2 * s["v", n] + (1.0 - beta2) * g[n] ** 2
        roots[n] = np.sqrt(s["v", n] / (1.0 - beta2 ** s["t", n])) + h["eps"]
    modelled(p, g, s, h, f, h["beta"], True, roots)


def modelled(
    p: Any, g: Any, s: State, h: Options, f: float, kept: float, corrected: bool, roots: Any
) -> None:
    """Step to where the model of the loss has its lower bound; as Algorithms 1 to 3 of the paper."""
    s["k"] += 1
    f = -f if h.get("maximize", False) else f
    rho = 1.0 - h["beta"] ** s["k"] if corrected else 1.0
    s["f"] = kept * s["f"] + (1.0 - kept) * f
    s["gamma"] = kept * s["gamma"] + (1.0 - kept) * total({n: g[n] * p[n] for n in g})
    for n in g:
        s["d", n] = kept * s["d", n] + (1.0 - kept) * g[n]
    d = {n: s["d", n] / (roots[n] if roots else 1.0) for n in g}
    inner = total({n: s["d", n] * p[n] for n in g})
    length = total({n: s["d", n] * d[n] for n in g})
    a, adapts = 1.0 + h["lr"] * h["shrink"], h.get("adapt_lower_bound", False)
    bound = s["bound"] if adapts and s["k"] > 1 else h["lower_bound"]
    cap = a * (s["f"] - s["gamma"]) + inner
    if adapts and cap < a * rho * bound:
        bound = max(cap / (2.0 * a * rho), h["lower_bound"])
    tau = min(h["lr"] / rho, max(a * (s["f"] - rho * bound - s["gamma"]) + inner, 0.0) / length)
    s["bound"] = max((s["f"] + inner - s["gamma"] - 0.5 * tau * length) / rho, h["lower_bound"])
    for n in g:
        if h.get("divide", True):
            p[n] = (p[n] - tau * d[n]) / a
        else:
            p[n] = p[n] * (2.0 - a) - tau * d[n]


def estimated(s: State, h: Options, found: Callable[[], float], size: float) -> None:
    """Let the estimate grow, where there has been a gradient."""
    if size:
        s["d"] = max(s["d"], min(found(), s["d"] * (h.get("growth_rate") or np.inf)))


def corrected_rate(s: State, h: Options, n: str) -> float:
    """Return the learning rate of a parameter."""
    (beta1, beta2), t = h["betas"], s["t", n]
    bias = np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t) if h.get("use_bias_correction") else 1.0
    return float(s["d"] * h["lr"] * bias)


def prodigy(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "betas": (0.9, 0.999), "eps": 1e-8, "d0": 1e-6, "d_coef": 1.0, **h}
    g, (beta1, beta2) = begun(p, g, s, h, True), h["betas"]
    beta3 = h.get("beta3") or np.sqrt(beta2)
    old = s["d"] = s["d"] or h["d0"]
    rate = {n: corrected_rate(s, h, n) for n in g}
    back = total({n: old / h["d0"] * rate[n] * g[n] * (s["p0", n] - p[n]) for n in g})
    s["r"] = beta3 * s["r"] + back
    for n in g:
        s["m", n] = beta1 * s["m", n] + (1.0 - beta1) * old * g[n]
        s["v", n] = beta2 * s["v", n] + (1.0 - beta2) * old**2 * g[n] ** 2
        weight = old if h.get("safeguard_warmup") else rate[n]
        s["s", n] = beta3 * s["s", n] + old / h["d0"] * weight * g[n]
    found = h["d_coef"] * s["r"] / total({n: np.abs(s["s", n]) for n in g})
    d = max(old, found) if old == h["d0"] else old
    s["most"] = max(s["most"] or h["d0"], found)
    s["d"] = min(s["most"], d * (h.get("growth_rate") or np.inf))
    for n in g:
        step = s["m", n] / (np.sqrt(s["v", n]) + s["d"] * h["eps"])
        p[n] = p[n] - rate[n] * (h["shrink"] * p[n] + step)


def dadaptadam(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "betas": (0.9, 0.999), "eps": 1e-8, "d0": 1e-6, **h}
    g, (beta1, beta2) = begun(p, g, s, h), h["betas"]
    q, s["d"] = np.sqrt(beta2), s["d"] or h["d0"]
    rate = {n: corrected_rate(s, h, n) for n in g}
    along = {n: rate[n] * g[n] * s["s", n] / (np.sqrt(s["v", n]) + h["eps"]) for n in g}
    s["r"] = q * s["r"] + (1.0 - q) * total(along)
    for n in g:
        s["m", n] = beta1 * s["m", n] + (1.0 - beta1) * rate[n] * g[n]
        s["v", n] = beta2 * s["v", n] + (1.0 - beta2) * g[n] ** 2
        s["s", n] = q * s["s", n] + (1.0 - q) * rate[n] * g[n]
        step = s["m", n] / (np.sqrt(s["v", n]) + h["eps"])
        p[n] = p[n] - rate[n] * h["shrink"] * p[n] - step
    size = total({n: np.abs(s["s", n]) for n in g})
    estimated(s, h, lambda: s["r"] / ((1.0 - q) * size), size)


def dadaptsgd(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "momentum": 0.0, "d0": 1e-6, **h}
    g, mu = begun(p, g, s, h), h["momentum"]
    s["d"] = s["d"] or h["d0"]
    s["g0"] = s["g0"] or squared(g) ** 0.5
    rate = s["d"] * h["lr"] / s["g0"]
    s["r"] += rate * total({n: g[n] * s["s", n] for n in g})
    for n in g:
        s["s", n] = s["s", n] + rate * g[n]
        old = p[n] - rate * h["shrink"] * p[n]
        p[n] = mu * old + (1.0 - mu) * (s["p0", n] - s["s", n])
    size = squared({n: s["s", n] for n in g}) ** 0.5
    estimated(s, h, lambda: 2.0 * s["r"] / size, size)


def dadaptadagrad(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "momentum": 0.0, "eps": 1e-6, "d0": 1e-6, **h}
    g, mu, q = begun(p, g, s, h), h["momentum"], {}
    s["d"] = s["d"] or h["d0"]
    rate = s["d"] * h["lr"]
    for n in g:
        s["a", n] = (s["a", n] if s["t", n] > 1 else h.get("initial_accumulator_value", 1e-6)) + g[
            n
        ] ** 2
        s["s", n] = s["s", n] + rate * g[n]
        q[n] = np.sqrt(s["a", n]) + h["eps"]
        old = p[n] - rate * h["shrink"] * p[n]
        p[n] = mu * old + (1.0 - mu) * (s["p0", n] - s["s", n] / q[n])
    s["r"] += rate**2 * total({n: g[n] ** 2 / q[n] for n in g})
    size = total({n: np.abs(s["s", n]) for n in g})
    estimated(s, h, lambda: (total({n: s["s", n] ** 2 / q[n] for n in g}) - s["r"]) / size, size)


def dadaptlion(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "betas": (0.9, 0.99), "d0": 1e-6, **h}
    g, (beta1, beta2) = begun(p, g, s, h, True), h["betas"]
    q, s["d"] = np.sqrt(beta2), s["d"] or h["d0"]
    rate, u = s["d"] * h["lr"], {n: np.sign(beta1 * s["m", n] + (1.0 - beta1) * g[n]) for n in g}
    s["r"] = q * s["r"] + (1.0 - q) * rate * total({n: u[n] * s["s", n] for n in g})
    for n in g:
        s["m", n] = beta2 * s["m", n] + (1.0 - beta2) * rate * g[n]
        s["s", n] = q * s["s", n] + (1.0 - q) * rate * u[n]
        p[n] = p[n] - rate * (h["shrink"] * p[n] + u[n])
    size = total({n: np.abs(s["s", n]) for n in g})
    estimated(s, h, lambda: s["r"] / ((1.0 - q) * size), size)


def dadaptadan(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"lr": 1.0, "betas": (0.98, 0.92), "beta3": 0.99, "eps": 1e-8, "d0": 1e-6, **h}
    h = {"weight_decay": 0.02, **h}
    g, (beta1, beta2), beta3, q = begun(p, g, s, h, True), h["betas"], h["beta3"], {}
    s["d"] = s["d"] or h["d0"]
    rate = s["d"] * h["lr"]
    for n in g:
        change = g[n] - s["g", n] if s["t", n] > 1 else 0.0 * g[n]
        s["m", n] = beta1 * s["m", n] + (1.0 - beta1) * rate * g[n]
        s["v", n] = beta2 * s["v", n] + (1.0 - beta2) * rate * change
        s["n", n] = beta3 * s["n", n] + (1.0 - beta3) * (g[n] + beta2 * change) ** 2
        s["s", n] = beta3 * s["s", n] + (1.0 - beta3) * rate * g[n]
        s["g", n], q[n] = g[n], np.sqrt(s["n", n]) + h["eps"]
        p[n] = (p[n] - (s["m", n] + beta2 * s["v", n]) / q[n]) / (1.0 + rate * h["shrink"])
    gained = rate**2 * total({n: g[n] ** 2 / q[n] for n in g})
    s["r"] = beta3 * s["r"] + (1.0 - beta3) * gained
    size = total({n: np.abs(s["s", n]) for n in g})
    squares = total({n: s["s", n] ** 2 / q[n] for n in g})
    estimated(s, h, lambda: (squares / (1.0 - beta3) - s["r"]) / size, size)


def ldog(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    for n in g:
        own = s["own", n] = s["own", n] or defaultdict(float)
        dog(p, {n: g[n]}, own, dict(h), f)


def mechanic(
    p: Any, g: Any, s: State, h: Options, decoupled: bool, step: Callable[[str, Any], Any]
) -> None:
    """Scale the sum of the steps of another algorithm; as Algorithm 1, with clipped gains."""
    h = {"lr": 1.0, "s_decay": 1e-2, "s_init": 1e-6, "s_eps": 1e-8, **h}
    g, old, gain = begun(p, g, s, h, decoupled), s["s"], 0.0
    lengths = squared(g) ** 0.5, squared({n: p[n] for n in g}) ** 0.5 + h["s_eps"]
    way = {n: (s["p0", n] - p[n]) / (old + h["s_eps"]) for n in g}
    pulled = {n: g[n] + h["s_decay"] * old * lengths[0] / lengths[1] * p[n] for n in g}
    gain = total({n: pulled[n] * way[n] for n in g})
    beta = 1.0 - 0.1 ** np.arange(1, 7)
    m = s["sizes"] + np.zeros(6)
    s["rewards"] = beta * s["rewards"] + np.clip(gain, -m, m) * s["scales"]
    s["sizes"] = np.maximum(beta * m, abs(gain) + h["s_eps"])
    s["squares"] = beta**2 * s["squares"] + gain**2
    wealth = h["s_init"] / 6.0 * s["sizes"] + np.maximum(s["rewards"], 0.0)
    s["scales"] = wealth / (np.sqrt(s["squares"]) + h["s_eps"])
    s["s"] = float(s["scales"].sum())
    for n in g:
        u = h["lr"] * (step(n, g[n]) + h["shrink"] * p[n])
        p[n] = s["p0", n] - s["s"] * (way[n] + u)


def mechanicsgd(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    def step(n: str, g: Any) -> Any:
        mu = h.get("momentum", 0.0)
        s["b", n] = mu * s["b", n] + g
        return g + mu * s["b", n] if h.get("nesterov") else s["b", n]

    mechanic(p, g, s, h, False, step)


def mechanicadamw(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    h = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2, **h}

    def step(n: str, g: Any) -> Any:
        (beta1, beta2), t = h["betas"], s["t", n]
        s["m", n] = beta1 * s["m", n] + (1.0 - beta1) * g
        s["v", n] = beta2 * s["v", n] + (1.0 - beta2) * g**2
        return s["m", n] / (1.0 - beta1**t) / (np.sqrt(s["v", n] / (1.0 - beta2**t)) + h["eps"])

    mechanic(p, g, s, h, True, step)


def mechaniclion(p: Any, g: Any, s: State, h: Options, f: float) -> None:
    beta1, beta2 = h.get("betas", (0.9, 0.99))

    def step(n: str, g: Any) -> Any:
        u = np.sign(beta1 * s["m", n] + (1.0 - beta1) * g)
        s["m", n] = beta2 * s["m", n] + (1.0 - beta2) * g
        return u

    mechanic(p, g, s, h, True, step)


COUPLED = {"weight_decay": 0.1, "decoupled_weight_decay": False, "lr": 0.5}
DECOUPLED = {"weight_decay": 0.01, "decoupled_weight_decay": True, "lr": 0.7, "maximize": True}
SCALED = {"s_decay": 0.1, "s_init": 1e-2, "s_eps": 1e-6}
MOMENTS = {"betas": (0.8, 0.95), "d0": 1e-3, "growth_rate": 1.5}

# Each with its defaults, with either decay, and with these.
FORMULAS: dict[str, tuple[Formula, list[Options]]] = {
    "dog": (dog, [{"reps_rel": 1e-2, "eps": 0.1}, {"init_eta": 1e-3}]),
    "ldog": (ldog, [{"reps_rel": 1e-2, "eps": 0.1}, {"init_eta": 1e-3}]),
    "dowg": (dowg, [{"eps": 1e-2}, {"init_estim_sq_dist": 0.1}]),
    "polyaksgd": (
        polyaksgd,
        [{"f_min": 1.2, "max_step_size": 0.1, "eps": 0.1}, {"f_min": 1.2, "variant": "sps+"}],
    ),
    "alig": (alig, [{"momentum": 0.8, "max_step_size": 0.01, "f_min": -1.0}]),
    "momo": (
        momo,
        [
            {"beta": 0.8, "bias_correction": True, "lower_bound": 0.5},
            {"adapt_lower_bound": True, "lower_bound": -9.0, "weight_decay": 0.1},
        ],
    ),
    "momoadam": (
        momoadam,
        [
            {"betas": (0.8, 0.95), "eps": 1e-2, "adapt_lower_bound": True, "lower_bound": -9.0},
            {"divide": False, "weight_decay": 0.1},
        ],
    ),
    "prodigy": (
        prodigy,
        [
            {**MOMENTS, "eps": 1e-2, "beta3": 0.9, "d_coef": 0.7, "use_bias_correction": True},
            {"safeguard_warmup": True, "lr": 0.5},
        ],
    ),
    "dadaptadam": (dadaptadam, [{**MOMENTS, "eps": 1e-2, "use_bias_correction": True}]),
    "dadaptsgd": (dadaptsgd, [{"momentum": 0.8, "d0": 1e-3, "growth_rate": 1.2, "weight_decay": 0.1}]),
    "dadaptadagrad": (
        dadaptadagrad,
        [
            {
                "momentum": 0.8,
                "d0": 1e-3,
                "eps": 1e-2,
                "initial_accumulator_value": 0.1,
                "growth_rate": 1.1,
            }
        ],
    ),
    "dadaptlion": (dadaptlion, [MOMENTS]),
    "dadaptadan": (dadaptadan, [{**MOMENTS, "beta3": 0.9, "eps": 1e-2}]),
    "mechanicsgd": (
        mechanicsgd,
        [{**SCALED, "momentum": 0.8}, {**SCALED, "momentum": 0.8, "nesterov": True}],
    ),
    "mechanicadamw": (mechanicadamw, [{**SCALED, "betas": (0.8, 0.95), "eps": 1e-2}]),
    "mechaniclion": (mechaniclion, [{**SCALED, "betas": (0.8, 0.95)}]),
}


def test_every_class_has_a_formula() -> None:
    assert set(FORMULAS) == {*TOGETHER, "ldog"}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        pytest.param(name, case, id=f"{name}-{i}")
        for name, (_, cases) in FORMULAS.items()
        for i, case in enumerate([{}, COUPLED, DECOUPLED, *cases])
    ],
)
def test_float64(name: str, given: Options, problem: "ProblemMaker", difference: "Difference") -> None:
    some = problem(STEPS)
    ours, exact = some.parameters(), some.parameters()
    opt = fastopt.get(name, ours, **given)
    state: State = defaultdict(float)
    for k, grads in enumerate(some.grads):
        loss = 1.0 + 0.5 * np.sin(k)
        # Most of them point the same way, so that estimates grow.
        there = {key: np.abs(g) if k % 3 else g for key, g in grads.items() if g is not None}
        opt.step({key: there.get(key) for key in ours}, loss=loss if opt.needs_loss else None)
        FORMULAS[name][0](exact, there, state, dict(given), loss)
        for key, p in exact.items():
            assert difference(ours[key], p) <= CANCELS.get(name, TOLERANCE), (k, key)
