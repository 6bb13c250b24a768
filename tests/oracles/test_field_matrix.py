"""Algorithms for matrices in float64: torch's, and the authors' formulas transcribed by hand."""

from hashlib import blake2b
from math import sqrt
from typing import Any

import numpy as np
import pytest

import fastopt

SHAPES = ((5, 4), (4, 7), (3, 3))
STEPS = 30
# Products are summed in another order; the largest measured share of the way is 2.3e-11.
TOLERANCE = 1e-9
JORDAN = (3.4445, -4.7750, 2.0315)


def gradients(step: int) -> list[Any]:
    rng = np.random.default_rng([5, step])
    return [rng.standard_normal(shape) for shape in SHAPES]


def far(ours: list[Any], theirs: list[Any]) -> float:
    """Return the largest difference, as a share of the largest way from the beginning."""
    each = zip(ours, theirs, gradients(0), strict=True)
    return max(float(np.abs(p - q).max() / np.abs(q - p0).max()) for p, q, p0 in each)


def newton_schulz(g: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """Iterate in the dtype of g, NumPy's or torch's; torch itself takes bfloat16."""
    a, b, c = coefficients
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / max(float((x * x).sum()) ** 0.5, eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if g.shape[0] > g.shape[1] else x


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.3, "momentum": 0.8, "nesterov": False},
        {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3, "eps": 1e-3},
    ],
    ids=str,
)
def test_torch(options: dict[str, Any], backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("torch.optim._muon")
    monkeypatch.setattr(module, "_zeropower_via_newtonschulz", newton_schulz)
    ours = gradients(0)
    tensors = [torch.tensor(p, requires_grad=True) for p in gradients(0)]
    opt, oracle = fastopt.Muon(ours, backend=backend, **options), torch.optim.Muon(tensors, **options)
    for k in range(1, STEPS + 1):
        for p, g in zip(tensors, gradients(k), strict=True):
            p.grad = torch.tensor(g)
        opt.step(gradients(k))
        oracle.step()
    assert far(ours, [p.detach().numpy() for p in tensors]) <= TOLERANCE


def normuon(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    s["m"] = h["momentum"] * s["m"] + (1 - h["momentum"]) * g
    o = newton_schulz((1 - h["momentum"]) * g + h["momentum"] * s["m"], JORDAN, h["ns_steps"], h["eps"])
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * np.mean(o * o, axis=1, keepdims=True)
    scaled = o / (np.sqrt(s["v"]) + 1e-10)
    scaled = scaled * np.linalg.norm(o) / np.linalg.norm(scaled) * sqrt(max(1, p.shape[0] / p.shape[1]))
    return p - h["lr"] * h["weight_decay"] * p - h["lr"] * scaled


def adamuon(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    s["m"] = h["momentum"] * s["m"] + (1 - h["momentum"]) * g
    ahead = (1 - h["momentum"]) * g + h["momentum"] * s["m"]
    o = newton_schulz(np.sign(ahead) if h["sign"] else ahead, JORDAN, h["ns_steps"], h["eps"])
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * o * o
    u = o / (np.sqrt(s["v"]) + h["eps"])
    u = 0.2 * sqrt(p.size) * u / (np.linalg.norm(u) + h["eps"])
    return p - h["lr"] * h["weight_decay"] * p - h["lr"] * u


OPTIONS = {"lr": 0.03, "momentum": 0.8, "beta2": 0.7, "eps": 1e-5, "weight_decay": 0.2, "ns_steps": 4}


@pytest.mark.parametrize(
    ("cls", "formula", "more"),
    [
        (fastopt.NorMuon, normuon, {}),
        (fastopt.AdaMuon, adamuon, {"sign": True}),
        (fastopt.AdaMuon, adamuon, {"sign": False}),
    ],
)
def test_formulas(cls: Any, formula: Any, more: dict[str, Any], backend: str) -> None:
    ours, exact = gradients(0), gradients(0)
    options = {**OPTIONS, **more}
    opt = cls(ours, backend=backend, **options)
    states: list[dict[str, Any]] = [{"m": 0.0, "v": 0.0} for _ in SHAPES]
    for k in range(1, STEPS + 1):
        opt.step(gradients(k))
        each = zip(exact, gradients(k), states, strict=True)
        exact = [formula(p, g, s, options) for p, g, s in each]
    assert far(ours, exact) <= TOLERANCE


# Those that keep matrices for the axes of an array. First gradients have full rank along each axis that
# has a basis: where they have not, eigenvectors are whatever LAPACK makes of roundings.

KERNELS = ((4, 4), (3, 3), (2, 3, 2), (2, 2, 2, 3), (5,), ())
MORE_STEPS = 50


def drawn(shapes: Any, step: int) -> list[Any]:
    rng = np.random.default_rng([6, step])
    return [np.array(rng.standard_normal(shape)) for shape in shapes]


def rotated(x: Any, bases: Any, side: int) -> Any:
    """Multiply each axis in turn by its basis, or the transposed one, and put it last."""
    for q in bases:
        x = np.moveaxis(x, 0, -1) if q is None else np.tensordot(x, q, ([0], [side]))
    return x


def products(g: Any, axis: int) -> Any:
    others = [k for k in range(g.ndim) if k != axis]
    return np.tensordot(g, g, (others, others))


def soap(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    (b1, b2), rate = h["betas"], h["lr"]
    sb = h["shampoo_beta"] or b2
    least = 1 if h["precondition_1d"] else 2
    axes = [k for k, n in enumerate(g.shape) if g.ndim >= least and n <= h["max_precond_dim"]]
    left = s.setdefault("l", dict.fromkeys(axes, 0.0))
    after = 1 - rate * h["weight_decay"]
    if "q" not in s:
        s.update(k=0, m=0.0, v=0.0, q=[None] * g.ndim)
        for k in axes:
            left[k] = (1 - sb) * products(g, k)
            s["q"][k] = np.linalg.eigh(left[k] + 1e-30 * np.eye(g.shape[k]))[1][:, ::-1]
        return p * after  # the authors' file leaves the decay out here
    s["k"] += 1
    x = rotated(g, s["q"], 0)
    s["m"] = b1 * s["m"] + (1 - b1) * x
    s["v"] = b2 * s["v"] + (1 - b2) * x**2
    u = rotated(s["m"] / (np.sqrt(s["v"]) + h["eps"]), s["q"], 1)
    if h["normalize_grads"]:
        u = u / (1e-30 + np.mean(u**2) ** 0.5)
    if h["correct_bias"]:
        rate *= np.sqrt(1 - b2 ** s["k"]) / (1 - b1 ** s["k"])
    m = rotated(s["m"], s["q"], 1)
    for k in axes:
        left[k] = sb * left[k] + (1 - sb) * products(g, k)
        if s["k"] % h["precondition_frequency"] == 0:
            order = np.argsort(-np.diag(s["q"][k].T @ left[k] @ s["q"][k]))
            s["v"] = np.take(s["v"], order, k)
            s["q"][k] = np.linalg.qr(left[k] @ s["q"][k][:, order])[0]
    s["m"] = rotated(m, s["q"], 0)
    return (p - rate * u) * after


def shampoo(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    t, mu, shape = s.setdefault("t", 0), h["momentum"], g.shape
    b = s.get("b", g)
    x = ((1 - mu) * g + mu * b + h["weight_decay"] * p).reshape(shape or 1)
    for k, n in enumerate(x.shape):
        moved = np.swapaxes(x, 0, k)
        matrix = moved.reshape(n, -1)
        s[f"p{k}"] = s.get(f"p{k}", h["eps"] * np.eye(n)) + matrix @ matrix.T
        if t % h["update_freq"] == 0:
            left, values, right = np.linalg.svd(s[f"p{k}"])
            s[f"r{k}"] = left @ np.diag(values ** (-1 / x.ndim)) @ right
        x = np.swapaxes((s[f"r{k}"] @ matrix).reshape(moved.shape), 0, k)
    s["t"], s["b"] = t + 1, x.reshape(shape)
    return p - h["lr"] * s["b"]


def splus(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    b1, b2 = h["betas"]
    t = s["t"] = s.get("t", 0) + 1
    sides = [k for k, n in enumerate(g.shape) if g.ndim == 2 and n <= h["max_dim"]]
    q = s.setdefault("q", [np.eye(n) if k in sides else None for k, n in enumerate(g.shape)])
    m = s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    u = rotated(np.sign(rotated(m, q, 0)), q, 1)
    k = h["lr"] * (2 / sum(g.shape) if len(sides) == 2 else h["nonstandard_constant"])
    for side in sides:
        s[f"s{side}"] = b2 * s.get(f"s{side}", 0.0) + (1 - b2) * (g @ g.T if side == 0 else g.T @ g)
        if t == 1 or t % h["inverse_every"] == 0:
            q[side] = np.linalg.eigh(s[f"s{side}"] + h["eps"] * np.eye(g.shape[side]))[1]
    p = p - k * u
    s["e"] = h["ema_rate"] * s.get("e", 0.0) + (1 - h["ema_rate"]) * p
    s["average"] = s["e"] / (1 - h["ema_rate"] ** t)
    return p * (1 - k * h["weight_decay"])


def scion(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    s["m"] = h["momentum"] * s.get("m", 0.0) + (1 - h["momentum"]) * g
    x = s["m"].T if h["transpose"] else s["m"]
    norm, normalized = h["norm"], h["normalized"]
    if x.ndim < 2:
        x = x / (np.sqrt(np.mean(x**2)) + 1e-8)
    elif norm == "spectral":
        o = newton_schulz_added(x.reshape(len(x), -1), h["ns_steps"]).reshape(x.shape)
        factor = sqrt(len(x) if normalized is False else len(x) / x.shape[1])
        x = o * (max(1.0, factor) if h["at_least_one"] else factor) / np.prod(x.shape[2:])
    else:
        matrix = x.reshape(len(x), -1)
        rows, columns = matrix.shape
        if norm == "sign":
            matrix = np.sign(matrix) / (1 if normalized is False else columns)
        elif norm == "colnorm":
            size = np.linalg.norm(matrix, axis=0, keepdims=True) / sqrt(rows)
            matrix = matrix / (size * (columns if normalized else 1) + 1e-8)
        else:
            size = np.linalg.norm(matrix, axis=1, keepdims=True)
            matrix = matrix / (size * (1 if normalized is False else sqrt(columns)) + 1e-8)
        x = matrix.reshape(x.shape)
    x = x.T if h["transpose"] else x
    return p * (1 - h["lr"] * h["weight_decay"]) - h["lr"] * h["scale"] * x


def dion(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    x = g.reshape(len(g), -1)
    rows, columns = x.shape
    rank = min(h["rank"], rows, columns)
    q = s.get("q", np.random.default_rng(0).standard_normal((columns, rank)))
    m = s.get("m", 0.0) + x
    left = np.linalg.qr(m @ q)[0]
    right = m.T @ left
    s["m"] = m - (1 - h["momentum"]) * left @ right.T
    s["q"] = q = right / (np.linalg.norm(right, axis=0, keepdims=True) + 1e-8)
    u = (left @ q.T).reshape(p.shape)
    return p * (1 - h["lr"] * h["weight_decay"]) - h["lr"] * sqrt(rows / columns) * u


def adam_of(r: Any, s: dict[str, Any], h: dict[str, Any], m: Any = None) -> Any:
    b1, b2 = h["betas"]
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * r
    s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * r**2
    return (s["m"] if m is None else m) / (np.sqrt(s["v"]) + h["eps"])


def adam_step(p: Any, u: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    (b1, b2), t = h["betas"], s["t"]
    p = p - h["lr"] * sqrt(1 - b2**t) / (1 - b1**t) * u.reshape(p.shape)
    return p * (1 - h["lr"] * h["weight_decay"])


def galore(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    x, t = g.reshape(len(g), -1), s.get("t", 0)
    if t % h["update_proj_gap"] == 0:
        u, _, v = np.linalg.svd(x, full_matrices=False)
        s["p"] = v[: h["rank"]] if len(x) >= x.shape[1] else u[:, : h["rank"]]
    s["t"] = t + 1
    if len(x) >= x.shape[1]:
        u = adam_of(x @ s["p"].T, s, h) @ s["p"]
    else:
        u = s["p"] @ adam_of(s["p"].T @ x, s, h)
    return adam_step(p, h["scale"] * u, s, h)


def conda(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    x, t, b1 = g.reshape(len(g), -1), s.get("t", 0), h["betas"][0]
    m = s["full"] = b1 * s.get("full", 0.0) + (1 - b1) * x
    if t % h["update_proj_gap"] == 0:
        u, _, v = np.linalg.svd(m, full_matrices=False)
        s["p"] = v if len(x) >= x.shape[1] else u
    s["t"] = t + 1
    if len(x) >= x.shape[1]:
        u = adam_of(x @ s["p"].T, s, h, m @ s["p"].T) @ s["p"]
    else:
        u = s["p"] @ adam_of(s["p"].T @ x, s, h, s["p"].T @ m)
    return adam_step(p, h["scale"] * u, s, h)


def apollo(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    x, t = g.reshape(len(g), -1), s.get("t", 0)
    tall = len(x) >= x.shape[1]
    if t % h["update_proj_gap"] == 0:
        shape = (h["rank"], x.shape[1] if tall else len(x))
        drawn = np.random.default_rng([h["seed"], t + 1]).standard_normal(shape)
        s["p"] = drawn / sqrt(h["rank"])
    s["t"] = t + 1
    r = x @ s["p"].T if tall else s["p"] @ x
    u = adam_of(r, s, h)
    if h["scale_type"] == "tensor":
        k = np.linalg.norm(u) / (np.linalg.norm(r) + 1e-8)
    elif tall:
        k = np.linalg.norm(u, axis=1)[:, None] / (np.linalg.norm(r, axis=1)[:, None] + 1e-8)
    else:
        k = np.linalg.norm(u, axis=0) / (np.linalg.norm(r, axis=0) + 1e-8)
    x = x * k
    if "n" in s and not h["disable_nl"]:
        x = x / (max(np.linalg.norm(x) / (s["n"] + 1e-8), 1.01) / 1.01)
    s["n"] = np.linalg.norm(x)
    return adam_step(p, sqrt(h["scale"]) * x, s, h)


def kron(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    shape, n = g.shape or (1,), max(1, g.ndim)
    t = s["t"] = s.get("t", 0) + 1
    g = g.reshape(shape)
    longest = max(range(n), key=lambda k: (shape[k], k))
    saves = h["memory_save_mode"] == "one_diag" or (
        h["memory_save_mode"] == "smart_one_diag" and shape.count(max(shape)) == 1
    )
    triangular = [
        n > 1 and 1 < shape[k] <= h["max_size_triangular"] and not (saves and k == longest)
        for k in range(n)
    ]
    q = s.setdefault("q", [h["precond_init_scale"] ** (1 / n) * np.eye(length) for length in shape])
    m = s["m"] = h["momentum"] * s.get("m", 0.0) + (1 - h["momentum"]) * g
    m = m / (1 - h["momentum"] ** t)
    s["n"] = s.get("n", 0) + 1
    if s["n"] >= 1 / (h["preconditioner_update_probability"] or 1):
        s["n"] = 0
        key = blake2b(f"{h['seed']} {t} {s['name']}".encode(), digest_size=16).digest()
        draws = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
        if draws.random() < 0.01 and n > 1:
            sizes = [np.abs(each).max() for each in q]
            q = [each * np.prod(sizes) ** (1 / n) / size for each, size in zip(q, sizes, strict=True)]
        a = rotated(m if h["momentum_into_precond_update"] else g, [each.T for each in q], 0)
        b = rotated(draws.standard_normal(shape), [np.linalg.inv(each) for each in q], 0)
        s["q"] = []
        for k, each in enumerate(q):
            ours, theirs = products(a, k), products(b, k)
            if not triangular[k]:
                ours, theirs = np.diag(np.diag(ours)), np.diag(np.diag(theirs))
            both = ours + theirs
            row = both[np.argmax(np.linalg.norm(both, axis=1))]
            bound = np.linalg.norm(both @ (both @ row)) / np.linalg.norm(both @ row)
            bound = bound if triangular[k] else both.max()
            s["q"].append(each - h["precond_lr"] * np.triu(ours - theirs) @ each / bound)
        q = s["q"]
    u = rotated(m, [each.T @ each for each in q], 0)
    u = u * min(1, 1.1 / (np.sqrt(np.mean(u**2)) + 1e-8))
    return p * (1 - h["lr"] * h["weight_decay"]) - h["lr"] * u.reshape(p.shape)


def newton_schulz_added(g: Any, steps: int) -> Any:
    a, b, c = JORDAN
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if g.shape[0] > g.shape[1] else x


SOAP = {
    **{"lr": 0.02, "betas": (0.8, 0.9), "shampoo_beta": 0.7, "eps": 1e-5, "weight_decay": 0.3},
    **{"precondition_frequency": 4, "max_precond_dim": 4, "precondition_1d": False},
    **{"normalize_grads": False, "correct_bias": True},
}
SHAMPOO = {"lr": 0.05, "momentum": 0.6, "eps": 0.5, "update_freq": 3, "weight_decay": 0.1}
SPLUS = {
    **{"lr": 0.3, "betas": (0.8, 0.9), "eps": 1e-12, "inverse_every": 7, "ema_rate": 0.9, "max_dim": 4},
    **{"nonstandard_constant": 0.02, "weight_decay": 0.3},
}
SCION = {
    **{"lr": 0.03, "momentum": 0.7, "scale": 2.0, "norm": "spectral", "normalized": None},
    **{"at_least_one": False, "transpose": False, "ns_steps": 4, "weight_decay": 0.4},
}
DION = {"lr": 0.05, "momentum": 0.8, "rank": 3, "weight_decay": 0.2}
GALORE = {
    **{"lr": 0.03, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 0.2, "rank": 2},
    **{"update_proj_gap": 7, "scale": 0.4},
}
CONDA = {key: value for key, value in GALORE.items() if key != "rank"}
KRON = {
    **{"lr": 0.1, "momentum": 0.8, "precond_lr": 0.3, "precond_init_scale": 0.5, "seed": 3},
    **{"preconditioner_update_probability": 0.4, "momentum_into_precond_update": True},
    **{"memory_save_mode": "none", "max_size_triangular": 4, "weight_decay": 0.2},
}
APOLLO = {**GALORE, "scale": 1.7, "scale_type": "channel", "disable_nl": False, "seed": 3}
CASES: list[tuple[Any, Any, Any, dict[str, Any]]] = [
    (fastopt.SOAP, soap, (*KERNELS, (4, 7)), SOAP),
    (
        *(fastopt.SOAP, soap, KERNELS[:-2]),
        {**SOAP, "shampoo_beta": None, "precondition_1d": True, "normalize_grads": True},
    ),
    (fastopt.SOAP, soap, KERNELS, {**SOAP, "correct_bias": False, "max_precond_dim": 3}),
    (fastopt.Shampoo, shampoo, (*SHAPES, *KERNELS), SHAMPOO),
    (fastopt.Shampoo, shampoo, KERNELS, {**SHAMPOO, "momentum": 0.0, "update_freq": 1}),
    (fastopt.SPlus, splus, (*KERNELS, (4, 7)), SPLUS),
    (fastopt.Scion, scion, (*SHAPES, *KERNELS), SCION),
    (fastopt.Scion, scion, SHAPES, {**SCION, "normalized": False, "at_least_one": True}),
    (fastopt.Scion, scion, (*SHAPES, *KERNELS), {**SCION, "transpose": True, "momentum": 0.0}),
    (fastopt.Kron, kron, (*SHAPES, *KERNELS), KRON),
    *(
        (fastopt.Kron, kron, KERNELS, {**KRON, "memory_save_mode": mode, **more})
        for mode, more in (
            ("one_diag", {"preconditioner_update_probability": None, "max_size_triangular": 9}),
            ("smart_one_diag", {"momentum_into_precond_update": False, "momentum": 0.0}),
        )
    ),
    (fastopt.Dion, dion, (*SHAPES, *KERNELS[:-2]), DION),
    (fastopt.GaLoreAdamW, galore, (*SHAPES, *KERNELS[:-2]), GALORE),
    (fastopt.Conda, conda, (*SHAPES, *KERNELS[:-2]), CONDA),
    (fastopt.APOLLO, apollo, (*SHAPES, *KERNELS[:-2]), APOLLO),
    (
        *(fastopt.APOLLO, apollo, SHAPES),
        {**APOLLO, "rank": 1, "scale": 128.0, "scale_type": "tensor", "disable_nl": True},
    ),
    *(
        (fastopt.Scion, scion, SHAPES, {**SCION, "norm": norm, "normalized": normalized})
        for norm in ("sign", "colnorm", "rownorm")
        for normalized in (None, True, False)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__}{CASES.index(case)}")
def test_authors_formulas(case: tuple[Any, Any, Any, dict[str, Any]], backend: str) -> None:
    cls, formula, shapes, options = case
    ours, exact, begun = (drawn(shapes, 0) for _ in range(3))
    opt = cls(ours, backend=backend, **options)
    states: list[dict[str, Any]] = [{"name": name} for name in opt.names]
    for k in range(1, MORE_STEPS + 1):
        opt.step(drawn(shapes, k))
        each = zip(exact, drawn(shapes, k), states, strict=True)
        exact = [formula(p, g, s, options) for p, g, s in each]
    for p, q, p0 in zip(ours, exact, begun, strict=True):
        assert np.abs(p - q).max() <= TOLERANCE * np.abs(q - p0).max()
    if cls is fastopt.SPlus:
        with opt.averaged():
            for p, s, p0 in zip(ours, states, begun, strict=True):
                assert np.abs(p - s["average"]).max() <= TOLERANCE * np.abs(s["average"] - p0).max()


def test_soap_of_gradients_that_leave_the_first_basis_open(backend: str) -> None:
    shapes = ((5,), (4, 7), (6, 2))
    options: dict[str, Any] = {**SOAP, "precondition_1d": True, "max_precond_dim": 7}
    ours, exact, begun = (drawn(shapes, 0) for _ in range(3))
    opt = fastopt.SOAP(ours, backend=backend, **options)
    states: list[dict[str, Any]] = [{} for _ in shapes]
    for k in range(1, MORE_STEPS + 1):
        opt.step(drawn(shapes, k))
        each = zip(exact, drawn(shapes, k), states, strict=True)
        exact = [soap(p, g, s, options) for p, g, s in each]
        for name, s in zip(opt.state, states, strict=True) if k == 1 else ():
            for axis in range(len(s["q"])):
                q, square = opt.state[name][f"Q{axis}"].copy(), opt.state[name][f"L{axis}"]
                s["q"][axis], diagonal = q, q.T @ square @ q
                # Of matrices of norm 10, by some 10 operations on each element.
                np.testing.assert_allclose(q.T @ q, np.eye(len(q)), rtol=0, atol=1e-14)
                np.testing.assert_allclose(diagonal, np.diag(np.diag(diagonal)), rtol=0, atol=1e-13)
                assert (np.diff(np.diag(diagonal)) <= 1e-13).all()
    for p, q, p0 in zip(ours, exact, begun, strict=True):
        assert np.abs(p - q).max() <= TOLERANCE * np.abs(q - p0).max()
