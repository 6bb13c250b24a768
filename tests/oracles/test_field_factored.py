"""Algorithms with numbers for rows and columns, against torch, optax and their formulas, in float64."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt

Array = NDArray[Any]
SHAPES = ((5, 4), (4, 7), (3, 2, 3, 4), (6,), (1, 5), (40, 1))
STEPS = 60
# Of the way that is moved; a few roundings a step.
TOLERANCE = 1e-12


def start() -> list[Array]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in SHAPES]


def gradients(step: int) -> list[Array]:
    rng = np.random.default_rng(1 + step)
    return [10.0 ** (step % 5 - 3) * rng.standard_normal(shape) for shape in SHAPES]


def trained(name: str, options: dict[str, Any]) -> list[Array]:
    params = start()
    opt = fastopt.get(name, params, **options)
    for step in range(STEPS):
        opt.step(gradients(step))
    return params


def check(found: list[Array], wanted: list[Array]) -> None:
    for p, q, begin in zip(found, wanted, start(), strict=True):
        assert np.abs(p - q).max() <= TOLERANCE * np.abs(q - begin).max()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        (
            {"lr": 0.3, "weight_decay": 0.3, "beta2_decay": -0.6, "d": 1.5, "eps1": 0.01, "eps2": 0.1},
            {"lr": 0.3, "weight_decay": 0.3, "beta2_decay": -0.6, "d": 1.5, "eps": (0.01, 0.1)},
        ),
        ({"maximize": True, "eps2": 10.0}, {"maximize": True, "eps": (None, 10.0)}),
    ],
    ids=["defaults", "all", "maximize"],
)
def test_adafactor_of_torch(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    params = [torch.tensor(p, requires_grad=True) for p in start()]
    opt = torch.optim.Adafactor(params, **theirs)
    for step in range(STEPS):
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = torch.tensor(g)
        opt.step()
    check(trained("adafactor", ours), [p.detach().numpy() for p in params])


@pytest.mark.parametrize(("momentum", "b2"), [(0.9, 1.0), (0.5, 0.8)])
def test_sm3_of_optax(momentum: float, b2: float) -> None:
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        transform = optax.chain(optax.scale_by_sm3(momentum, b2, eps=1e-3), optax.scale(-0.1))
        params = [jax.numpy.asarray(p) for p in start()]
        state = transform.init(params)
        for step in range(STEPS):
            updates, state = transform.update([jax.numpy.asarray(g) for g in gradients(step)], state)
            params = optax.apply_updates(params, updates)
        wanted = [np.asarray(p) for p in params]
    found = trained("sm3", {"lr": 0.1, "momentum": momentum, "beta2": b2, "eps": 1e-3})
    check(found, wanted)


def factored(x: Array, r: Array, c: Array, keep: float) -> Array:
    """Mix squares into numbers for rows and columns; return their product."""
    r[...] = keep * r + (1 - keep) * x.mean(-1, keepdims=True)
    c[...] = keep * c + (1 - keep) * x.mean(-2, keepdims=True)
    product: Array = r * c / r.mean(-2, keepdims=True)
    return product


def numbers(p: Array) -> tuple[Array, Array]:
    if p.ndim < 2:  # which has none
        return np.zeros(1), np.zeros(1)
    return np.zeros((*p.shape[:-1], 1)), np.zeros((*p.shape[:-2], 1, p.shape[-1]))


def came(p: Array, steps: list[Array]) -> None:
    m, one = np.zeros_like(p), p.ndim < 2
    v, (r, c), (r2, c2) = np.zeros_like(p), numbers(p), numbers(p)
    for g in steps:
        x = g * g + 1e-20
        v = 0.8 * v + 0.2 * x
        u = g / np.sqrt(v if one else factored(x, r, c, 0.8))
        u /= max(1.0, float(np.sqrt((u * u).mean())) / 0.7)
        m = 0.5 * m + 0.5 * u
        far = 1.0 if one else np.sqrt(factored((u - m) ** 2 + 1e-5, r2, c2, 0.9))
        p[...] = p * (1 - 0.01 * 0.3) - 0.01 * m / far


def adafactor_of_t5(p: Array, steps: list[Array]) -> None:
    """As in Transformers: relative steps, momentum that holds the learning rate."""
    v, m = np.zeros_like(p), np.zeros_like(p)
    r, c = numbers(p)
    for t, g in enumerate(steps, start=1):
        keep = 1 - t**-0.8
        x = g * g + 1e-30
        v = keep * v + (1 - keep) * x
        u = g / np.sqrt(v if p.ndim < 2 else factored(x, r, c, keep))
        u /= max(1.0, float(np.sqrt((u * u).mean())))
        rho = min(1e-2, t**-0.5) * max(1e-3, float(np.sqrt((p * p).mean())))
        m = 0.9 * m + 0.1 * rho * u
        p -= m


def adam_mini(p: Array, steps: list[Array]) -> None:
    m, v = np.zeros_like(p), 0.0
    for t, g in enumerate(steps, start=1):
        m = 0.8 * m + 0.2 * g
        v = 0.9 * v + 0.1 * (g * g).mean(axis=tuple(range(1, g.ndim)), keepdims=True)
        p[...] = p * (1 - 0.01 * 0.3)
        p -= 0.01 / (1 - 0.8**t) * m / (np.sqrt(v) / np.sqrt(1 - 0.9**t) + 1e-3)


def rowwise_adagrad(p: Array, steps: list[Array]) -> None:
    v = 0.0
    for g in steps:
        v = v + (g * g).mean(axis=tuple(range(1, g.ndim)), keepdims=True)
        p -= 0.1 * g / (np.sqrt(v) + 1e-3)


def projected(p: Array, g: Array, u: Array, delta: float, eps: float) -> tuple[Array, str]:
    """Leave out of a step what lies along the parameter, where the gradient is perpendicular enough."""
    if p.ndim < 2:
        return u, ""
    for of, shape in (("rows", (len(p), -1)), ("whole", (1, -1))):
        x, y, z = (a.reshape(shape) for a in (p, g, u))
        lengths = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
        cosine = np.abs((x * y).sum(1)) / np.maximum(lengths[0], eps) / np.maximum(lengths[1], eps)
        if cosine.max() < delta / np.sqrt(x.shape[1]):
            unit = x / (lengths[0] + eps)[:, None]
            return (z - unit * (unit * z).sum(1, keepdims=True)).reshape(p.shape), of
    return u, ""


def adamp(p: Array, steps: list[Array], nesterov: bool = False, delta: float = 2.0) -> None:
    """As in timm."""
    m, v, eps = np.zeros_like(p), np.zeros_like(p), 1e-3
    for t, g in enumerate(steps, start=1):
        m = 0.8 * m + 0.2 * g
        v = 0.9 * v + 0.1 * g * g
        u = (0.8 * m + 0.2 * g if nesterov else m) / (np.sqrt(v) / np.sqrt(1 - 0.9**t) + eps)
        u, fits = projected(p, g, u, delta, eps)
        p *= 1 - 0.01 * 0.3 * (0.4 if fits else 1.0)
        p -= 0.01 / (1 - 0.8**t) * u


def sgdp(p: Array, steps: list[Array], nesterov: bool = False) -> None:
    """As in timm."""
    b = np.zeros_like(p)
    for g in steps:
        b = 0.7 * b + 0.8 * g
        u, fits = projected(p, g, g + 0.7 * b if nesterov else b, 2.0, 1e-3)
        p *= 1 - 0.01 * 0.3 * (0.4 if fits else 1.0) / (1 - 0.7)
        p -= 0.01 * u


def ahead(formula: Any, **options: Any) -> Any:
    return partial(formula, nesterov=True, **options)


PROJECTED = {"lr": 0.01, "eps": 1e-3, "weight_decay": 0.3, "delta": 2.0, "wd_ratio": 0.4}
ADAMP, SGDP = {**PROJECTED, "betas": (0.8, 0.9)}, {**PROJECTED, "momentum": 0.7, "dampening": 0.2}
FORMULAS: list[tuple[str, dict[str, Any], Callable[[Array, list[Array]], None]]] = [
    (
        "came",
        {"lr": 0.01, "betas": (0.5, 0.8, 0.9), "eps1": 1e-20, "eps2": 1e-5, "clip_threshold": 0.7}
        | {"weight_decay": 0.3},
        came,
    ),
    ("adafactor", {"eps0": 1e-30, "eps1": 0.0, "beta1": 0.9}, adafactor_of_t5),
    ("adammini", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}, adam_mini),
    ("rowwiseadagrad", {"lr": 0.1, "eps": 1e-3}, rowwise_adagrad),
    ("adamp", ADAMP, adamp),
    ("adamp", {**ADAMP, "nesterov": True, "delta": 0.7}, ahead(adamp, delta=0.7)),
    ("sgdp", SGDP, sgdp),
    ("sgdp", {**SGDP, "nesterov": True}, ahead(sgdp)),
]


@pytest.mark.parametrize(("name", "options", "formula"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_the_formula(
    name: str, options: dict[str, Any], formula: Callable[[Array, list[Array]], None]
) -> None:
    wanted = start()
    for i, p in enumerate(wanted):
        formula(p, [gradients(step)[i] for step in range(STEPS)])
    check(trained(name, options), wanted)


def test_projections_are_tried() -> None:
    """Of rows, of the array as a whole, and none, with what is compared above."""
    steps = [pair for step in range(STEPS) for pair in zip(start(), gradients(step), strict=True)]
    assert {projected(p, g, g, 2.0, 1e-3)[1] for p, g in steps} == {"rows", "whole", ""}
