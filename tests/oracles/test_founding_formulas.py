"""Every row of docs/formulas.md, against the formula in plain float64 NumPy.

The page is read: its python blocks are run, and each row's optimizer is made by evaluating the call
that stands there, with the row's letters (lr, b, eps, ...) set to the row's values and then to others.
The formulas below are written from the documents, one array and one step at a time, and call nothing
of the package.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import ProblemMaker

Array = NDArray[Any]
Letters = dict[str, Any]
State = defaultdict[str, Any]  # begins at 0

PAGE = Path(__file__).parents[2] / "docs" / "formulas.md"
STEPS = 200
# Formula and rule differ by a few roundings a step. The largest measured is 9.4e-15, of smoothing with
# b = 0.999: in its first steps 1 - b^t is a difference of two numbers that are nearly equal. Of the
# optimizers it is 7.3e-16, and 5.9e-15 where both train a network of their own.
TOLERANCE = 1e-13

# The letters' other values: none is the default of anything.
OTHER = {
    "lr": 0.037,
    "b": 0.65,
    "b1": 0.8,
    "b2": 0.93,
    "r": 0.55,
    "mr": 0.4,
    "wd": 0.07,
    "eps": 1e-3,
    "c": 0.5,
}


class Row(NamedTuple):
    """A row of the page."""

    section: str
    call: str  # its code, or "" where a test of its own says what it means
    values: Letters
    test: str


@cache
def rows() -> list[Row]:
    """Read the tables of the page."""
    found = []
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3]
        if line.startswith("|") and not line.startswith(("| | formula", "|---")):
            _, _, call, values, test = (cell.strip() for cell in line.strip("|").split("|"))
            code = re.match(r"`(.*?)`", call)
            letters = {k: float(v) for k, v in re.findall(r"(\w+)=([\d.e-]+)", values)}
            found.append(Row(section, code[1] if code else "", letters, test.strip("`")))
    return found


def row(test: str) -> Row:
    (found,) = (row for row in rows() if row.test == test)
    return found


@cache
def page() -> Letters:
    """Run the page's python blocks and give their names."""
    names: Letters = {"__name__": "formulas"}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    return names


def called(row: Row, letters: Letters, **more: Any) -> Any:
    """Evaluate a row's call."""
    return eval(row.call, {**page(), **letters, **more})


def both_values(row: Row) -> list[Letters]:
    """Give the page's values and others."""
    return [row.values, {letter: OTHER[letter] for letter in row.values}]


class Agreement:
    """Asserts that arrays agree up to TOLERANCE of the largest entry that each has had.

    Had, not has: a parameter of one entry passes through zero, and keeps its rounding errors there.
    """

    def __init__(self) -> None:
        self.largest: defaultdict[Any, float] = defaultdict(float)

    def check(self, name: Any, found: Any, exact: Any) -> None:
        a, b = np.asarray(found), np.asarray(exact)
        assert a.shape == b.shape, name
        self.largest[name] = max(self.largest[name], float(np.max(np.abs(b))))
        off = float(np.max(np.abs(a - b)))
        assert off <= TOLERANCE * self.largest[name], f"{name}: {off / self.largest[name]:.1e}"


def learning_rate(lr: float, t: int) -> float:
    """Change the learning rate every 50 steps."""
    return lr * (1.0, 0.1, 3.0, 0.5)[(t - 1) // 50]


# The formulas of one parameter: its new value, from its gradient, its state, the step and the letters.

Formula = Callable[..., Any]
FORMULAS: dict[str, Formula] = {}


def formula(*names: str) -> Callable[[Formula], Formula]:
    def put(function: Formula) -> Formula:
        FORMULAS.update(dict.fromkeys(names, function))
        return function

    return put


@formula("a_sgd", "c_sgd", "c_iterative", "d_sgd", "e_sgd")
def descent(w: Array, g: Array, s: State, t: int, *, lr: float) -> Any:
    return w - lr * g


@formula("a_momentum")
def a_momentum(w: Array, g: Array, s: State, t: int, *, lr: float, b: float) -> Any:
    s["v"] = b * s["v"] + (1 - b) * g
    return w - lr * s["v"]


@formula("a_rmsprop")
def a_rmsprop(w: Array, g: Array, s: State, t: int, *, lr: float, b2: float, eps: float) -> Any:
    s["s"] = b2 * s["s"] + (1 - b2) * g**2
    return w - lr * g / np.sqrt(s["s"] + eps)


@formula("a_adam")
def a_adam(w: Array, g: Array, s: State, t: int, *, lr: float, b: float, b2: float, eps: float) -> Any:
    s["v"] = b * s["v"] + (1 - b) * g
    s["s"] = b2 * s["s"] + (1 - b2) * g**2
    v_hat, s_hat = s["v"] / (1 - b**t), s["s"] / (1 - b2**t)
    return w - lr * v_hat / (np.sqrt(s_hat) + eps)


@formula("b_sgd")
def b_sgd(w: Array, g: Array, s: State, t: int, *, lr: float) -> Any:
    u = -lr * g
    return w + u


@formula("b_clipnorm")
def b_clipnorm(w: Array, g: Array, s: State, t: int, *, lr: float, c: float) -> Any:
    norm = np.sqrt(np.sum(g**2))
    if norm > c:
        g = g * (c / norm)
    return w - lr * g


@formula("b_momentum")
def b_momentum(w: Array, g: Array, s: State, t: int, *, lr: float, b: float) -> Any:
    s["u"] = b * s["u"] - lr * g
    return w + s["u"]


@formula("b_adam")
def b_adam(w: Array, g: Array, s: State, t: int, *, lr: float, b1: float, b2: float, eps: float) -> Any:
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["v"] = b2 * s["v"] + (1 - b2) * g**2
    lr_t = lr * np.sqrt(1 - b2**t) / (1 - b1**t)
    return w - lr_t * s["m"] / (np.sqrt(s["v"]) + eps)


@formula("c_momentum_term")
def c_momentum_term(w: Array, g: Array, s: State, t: int, *, lr: float, mr: float) -> Any:
    s["dw"] = lr * g + mr * s["dw"]
    return w - s["dw"]


@formula("c_momentum")
def c_momentum(w: Array, g: Array, s: State, t: int, *, lr: float, b: float, wd: float) -> Any:
    s["v"] = b * s["v"] - lr * (g + wd * w)
    return w + s["v"]


@formula("c_adagrad")
def c_adagrad(w: Array, g: Array, s: State, t: int, *, lr: float, eps: float) -> Any:
    s["G"] = s["G"] + g**2
    return w - lr * g / np.sqrt(s["G"] + eps)


@formula("c_rmsprop")
def c_rmsprop(w: Array, g: Array, s: State, t: int, *, lr: float, b: float, eps: float) -> Any:
    s["r"] = b * s["r"] + (1 - b) * g**2
    return w - lr * g / np.sqrt(s["r"] + eps)


@formula("c_adam", "e_adam")
def corrected_adam(
    w: Array, g: Array, s: State, t: int, *, lr: float, b1: float, b2: float, eps: float
) -> Any:
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["v"] = b2 * s["v"] + (1 - b2) * g**2
    m_hat, v_hat = s["m"] / (1 - b1**t), s["v"] / (1 - b2**t)
    return w - lr * m_hat / (np.sqrt(v_hat) + eps)


@formula("c_adamax")
def c_adamax(
    w: Array, g: Array, s: State, t: int, *, lr: float, b1: float, b2: float, eps: float
) -> Any:
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["u"] = np.maximum(b2 * s["u"], np.abs(g))
    return w - lr / (1 - b1**t) * s["m"] / (s["u"] + eps)


@formula("c_adamax_code")
def c_adamax_code(
    w: Array, g: Array, s: State, t: int, *, lr: float, b1: float, b2: float, eps: float
) -> Any:
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["u"] = np.maximum(b2 * s["u"], np.abs(g))
    return w - lr / (1 - b1) * s["m"] / (s["u"] + eps)


@formula("c_adadelta")
def c_adadelta(w: Array, g: Array, s: State, t: int, *, b: float, eps: float) -> Any:
    s["v"] = b * s["v"] + (1 - b) * g**2
    d = np.sqrt((s["s"] + eps) / (s["v"] + eps)) * g
    s["s"] = b * s["s"] + (1 - b) * d**2
    return w - d


@formula("d_momentum")
def d_momentum(w: Array, g: Array, s: State, t: int, *, b: float) -> Any:
    s["v"] = b * s["v"] + (1 - b) * g
    return w - s["v"]


@formula("d_rmsprop")
def d_rmsprop(w: Array, g: Array, s: State, t: int, *, lr: float, b: float, eps: float) -> Any:
    s["r"] = b * s["r"] + (1 - b) * g**2
    return w - lr * g / (np.sqrt(s["r"]) + eps)


@formula("d_adam")
def d_adam(w: Array, g: Array, s: State, t: int, *, lr: float, b1: float, b2: float, eps: float) -> Any:
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["r"] = b2 * s["r"] + (1 - b2) * g**2
    return w - lr * s["m"] / (np.sqrt(s["r"]) + eps)


@formula("e_momentum")
def e_momentum(w: Array, g: Array, s: State, t: int, *, lr: float, r: float) -> Any:
    s["v"] = r * s["v"] + lr * g
    return w - s["v"]


@formula("e_adagrad")
def e_adagrad(w: Array, g: Array, s: State, t: int, *, lr: float, eps: float) -> Any:
    w = w - lr * g / np.sqrt(s["G"] + eps)
    s["G"] = s["G"] + g**2
    return w


@formula("e_rmsprop")
def e_rmsprop(w: Array, g: Array, s: State, t: int, *, lr: float, b: float, eps: float) -> Any:
    w = w - lr * g / np.sqrt(s["r"] + eps)
    s["r"] = b * s["r"] + (1 - b) * g**2
    return w


@formula("e_adamax")
def e_adamax(
    w: Array, g: Array, s: State, t: int, *, lr: float, b1: float, b2: float, eps: float
) -> Any:
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["u"] = np.maximum(b2 * s["u"], np.abs(g))
    m_hat = s["m"] / (1 - b1**t)
    return w - lr * m_hat / (s["u"] + eps)


@formula("e_nadam")
def e_nadam(
    w: Array, g: Array, s: State, t: int, *, lr: float, b1: float, b2: float, eps: float
) -> Any:
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["v"] = b2 * s["v"] + (1 - b2) * g**2
    m_hat, v_hat = s["m"] / (1 - b1**t), s["v"] / (1 - b2**t)
    return w - lr * (b1 * m_hat + (1 - b1) * g / (1 - b1**t)) / (np.sqrt(v_hat) + eps)


# The page.


def test_every_row_names_a_test_and_every_test_has_a_row() -> None:
    named = {row.test for row in rows()}
    tests = {name for name in globals() if re.match(r"test_[a-e]_", name)}
    assert named == tests | {f"test_formula[{name}]" for name in FORMULAS}
    for row in rows():
        assert re.search(rf"(test_|\[){row.section.lower()}_", row.test), row


def test_every_document_has_its_rows() -> None:
    """As many as the documents have, so that none is lost."""
    counts = {section: 0 for section in "ABCDE"}
    for row in rows():
        counts[row.section] += 1
    assert counts == {"A": 8, "B": 10, "C": 11, "D": 4, "E": 8}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str, problem: "ProblemMaker") -> None:
    some = problem(STEPS, absent=False)
    this = row(f"test_formula[{name}]")
    for letters in both_values(this):
        params = some.parameters()
        opt = called(this, letters, params=params)
        exact = some.parameters()
        states = {key: State(float) for key in exact}
        agreement = Agreement()
        now = dict(letters)
        for t, grads in enumerate(some.grads, 1):
            if "lr" in letters and now["lr"] != learning_rate(letters["lr"], t):
                now["lr"] = learning_rate(letters["lr"], t)
                opt.lr = called(this, now, params=some.parameters()).lr
            opt.step(grads)
            for key, g in grads.items():
                exact[key] = FORMULAS[name](exact[key], g, states[key], t, **now)
                agreement.check(key, params[key], exact[key])


# A.


def noisy_cosine() -> Array:
    rng = np.random.default_rng(5)
    noisy: Array = np.cos(np.linspace(0.0, 10.0, 200)) + rng.uniform(-0.5, 0.5, 200)
    return noisy


def smoothed(x: Array, b: float, corrected: bool) -> Array:
    s, found = 0.0, []
    for t, x_t in enumerate(x, 1):
        s = b * s + (1 - b) * x_t
        found.append(s / (1 - b**t) if corrected else s)
    return np.array(found)


@pytest.mark.parametrize("b", [0.1, 0.9, 0.999])
def test_a_ema(b: float) -> None:
    x = noisy_cosine()
    found = called(row("test_a_ema"), {"b": b}, x=x)
    Agreement().check("signal", found, smoothed(x, b, False))


@pytest.mark.parametrize("b", [0.1, 0.9, 0.999])
def test_a_ema_corrected(b: float) -> None:
    x = noisy_cosine()
    found = called(row("test_a_ema_corrected"), {"b": b}, x=x)
    Agreement().check("signal", found, smoothed(x, b, True))


@pytest.mark.parametrize("b", [0.1, 0.9, 0.999])
def test_a_ema_stream(b: float) -> None:
    x = noisy_cosine()
    stream = called(row("test_a_ema_stream"), {"b": b})
    found = [float(stream.update(x_t)) for x_t in x]
    Agreement().check("signal", found, smoothed(x, b, True))


def network_gradients(layers: dict[str, dict[str, Array]], x: Array, y: Array) -> Any:
    """Give the gradients of the mean squared error of a network with one hidden layer of tanh."""
    hidden = np.tanh(layers["layer1"]["W"] @ x + layers["layer1"]["b"])
    error = (layers["layer2"]["W"] @ hidden + layers["layer2"]["b"] - y) / x.shape[1]
    back = layers["layer2"]["W"].T @ error * (1 - hidden**2)
    return {
        "layer1": {"W": back @ x.T, "b": back.sum(axis=1, keepdims=True)},
        "layer2": {"W": error @ hidden.T, "b": error.sum(axis=1, keepdims=True)},
    }


def test_a_layers_in_dictionaries() -> None:
    """A network trained by both, each with the gradients at its own parameters."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((6, 40))
    y = np.tanh(rng.standard_normal((1, 6)) @ x)
    arrays = {
        "W1": rng.standard_normal((5, 6)) / 2,
        "b1": np.zeros((5, 1)),
        "W2": rng.standard_normal((1, 5)) / 2,
        "b2": np.zeros((1, 1)),
    }
    this = row("test_a_layers_in_dictionaries")
    for letters in both_values(this):
        ours = {name: array.copy() for name, array in arrays.items()}
        opt = called(this, letters, **ours)
        exact = {
            layer: {kind: arrays[kind + layer[-1]].copy() for kind in ("W", "b")}
            for layer in ("layer1", "layer2")
        }
        states = {name: State(float) for name in arrays}
        agreement = Agreement()
        for t in range(1, STEPS + 1):
            opt.step(network_gradients(opt.params, x, y))
            grads = network_gradients(exact, x, y)
            for layer, of_layer in exact.items():
                for kind, w in of_layer.items():
                    g, s = grads[layer][kind], states[kind + layer[-1]]
                    of_layer[kind] = corrected_adam(
                        w, g, s, t, lr=letters["lr"], b1=0.9, b2=0.999, eps=1e-8
                    )
                    agreement.check((layer, kind), ours[kind + layer[-1]], of_layer[kind])


# B.


def test_b_minibatches() -> None:
    """Each epoch in another order; nothing twice in it, and less than a batch left over."""
    x, y = np.arange(404.0).reshape(-1, 1), 2.0 * np.arange(404.0).reshape(-1, 1)
    batches = fastopt.Batches((x, y), 32, seed=11, drop_last=True)
    epochs = [np.concatenate([_checked(*batch) for batch in batches]) for _ in range(5)]
    for epoch in epochs:
        assert len(set(epoch)) == len(epoch) == 384
    assert len({tuple(epoch) for epoch in epochs}) == 5
    assert len({frozenset(epoch) for epoch in epochs}) == 5  # and not always the same are left out


def _checked(x: Array, y: Array) -> Any:
    assert x.shape == y.shape == (32, 1)
    np.testing.assert_array_equal(y, 2.0 * x)
    return x.ravel().tolist()


def test_b_dense_and_slots(problem: "ProblemMaker") -> None:
    """The optimizer's state is that of the formula, by parameter and name."""
    some = problem(STEPS, absent=False)
    params = some.parameters()
    momentum = called(row("test_formula[b_momentum]"), {"lr": 1e-3, "b": 0.98}, params=params)
    letters = {"lr": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
    adam = called(row("test_formula[b_adam]"), letters, params=some.parameters())
    for opt in (momentum, adam):
        for key, p in some.start.items():
            for slot in opt.state[key].values():
                assert slot.shape == p.shape
                assert not slot.any()
    states = {key: State(float) for key in params}
    agreement = Agreement()
    for t, grads in enumerate(some.grads, 1):
        momentum.step(grads)
        adam.step(grads)
        for key, g in grads.items():
            b_momentum(some.start[key], g, states[key], t, lr=1e-3, b=0.98)
            b_adam(some.start[key], g, states[key], t, **letters)
            (b,) = momentum.state[key].values()
            agreement.check((key, "u"), -b, states[key]["u"])
            agreement.check((key, "m"), adam.state[key]["m"], states[key]["m"])
            agreement.check((key, "v"), adam.state[key]["v"], states[key]["v"])


def test_b_sparse_rows() -> None:
    """Momentum and Adam on the rows of a table; rows that have no gradient keep every bit."""
    rng = np.random.default_rng(7)
    start = rng.standard_normal((30, 4))
    letters = {"lr": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
    tables = [start.copy(), start.copy()]
    momentum = fastopt.SGD([tables[0]], lr=1e-3, momentum=0.98, lr_in_buffer=True, sparse="lazy")
    adam = fastopt.Adam([tables[1]], lr=1e-3, eps_placement="hat", sparse="lazy")
    exact = [list(start), list(start)]
    states = [State(float) for _ in start]
    agreement = Agreement()
    for t in range(1, STEPS + 1):
        indices = rng.integers(0, 30, 9)
        values = 10.0 ** rng.uniform(-3.0, 3.0) * rng.standard_normal((9, 4))
        found = [*tables, *momentum.state["0"].values(), *adam.state["0"].values()]
        before = [a.copy() for a in found]
        for opt in (momentum, adam):
            opt.step([fastopt.RowGradient(indices, values)])
        for i in set(indices.tolist()):
            g = values[indices == i].sum(axis=0)
            exact[0][i] = b_momentum(exact[0][i], g, states[i], t, lr=1e-3, b=0.98)
            exact[1][i] = b_adam(exact[1][i], g, states[i], t, **letters)
        rest = np.setdiff1d(np.arange(30), indices)
        for was, now in zip(before, found, strict=True):
            np.testing.assert_array_equal(now[rest], was[rest])
        agreement.check("momentum", tables[0], exact[0])
        agreement.check("adam", tables[1], exact[1])


@pytest.mark.parametrize("name", FORMULAS)
def test_b_config(name: str, problem: "ProblemMaker") -> None:
    """An optimizer made from the JSON text of another's config takes the same steps, bit by bit."""
    some = problem(20)
    this = row(f"test_formula[{name}]")
    letters = both_values(this)[1]
    arrays = [some.parameters() for _ in range(3)]
    one = called(this, letters, params=arrays[0])
    config = json.loads(json.dumps(one.get_config()))
    two = type(one).from_config(config, arrays[1])
    ours = type(one).__name__ in fastopt.__all__  # a rule of one's own has no name to be found by
    three = (fastopt if ours else type(one)).from_config(config, arrays[2])
    assert type(two) is type(three) is type(one)
    assert two.get_config() == three.get_config() == one.get_config() == config
    for grads in some.grads:
        for opt in (one, two, three):
            opt.step(grads)
        for key, p in arrays[0].items():
            np.testing.assert_array_equal(p, arrays[1][key])
            np.testing.assert_array_equal(p, arrays[2][key])


def test_b_changing_hyperparameters(problem: "ProblemMaker") -> None:
    """Every number of momentum and of Adam at once, every few steps."""
    some = problem(STEPS, absent=False)
    params = [some.parameters(), some.parameters()]
    opts = [
        called(row("test_formula[b_momentum]"), {"lr": 1e-3, "b": 0.98}, params=params[0]),
        called(row("test_formula[b_adam]"), row("test_formula[b_adam]").values, params=params[1]),
    ]
    exact = [some.parameters(), some.parameters()]
    states = {key: State(float) for key in some.start}
    rng = np.random.default_rng(8)
    agreement = Agreement()
    for t, grads in enumerate(some.grads, 1):
        if t % 10 == 1:
            lr, b, b1, b2, eps = rng.uniform(0.01, 0.99, 5)
            opts[0].lr, opts[0].groups[0]["momentum"] = lr, b
            opts[1].lr, opts[1].eps, opts[1].betas = lr, eps, (b1, b2)
        for key, g in grads.items():
            exact[0][key] = b_momentum(exact[0][key], g, states[key], t, lr=lr, b=b)
            exact[1][key] = b_adam(exact[1][key], g, states[key], t, lr=lr, b1=b1, b2=b2, eps=eps)
        for opt, ours, theirs in zip(opts, params, exact, strict=True):
            opt.step(grads)
            for key, w in theirs.items():
                agreement.check((type(opt), key), ours[key], w)


# C.


def test_c_registry(problem: "ProblemMaker") -> None:
    """The document's names, in any case, each with the document's formula."""
    names = row("test_c_registry")
    assert names.call.startswith("fastopt.get(")
    documents = {"sgd", "momentum", "rmsprop", "adagrad", "adam", "adamax", "adadelta"}
    assert documents <= set(fastopt.names())
    of_section = {row.call for row in rows() if row.section == "C"}
    for name in documents:
        assert any(f'"{name}"' in call for call in of_section), name
        opt = fastopt.get(name.upper(), [np.zeros(3)])
        assert type(opt) is type(fastopt.get(name, [np.zeros(3)]))
    with pytest.warns(DeprecationWarning, match="'iterative' is now called 'sgd'"):
        assert type(fastopt.get("iterative", [np.zeros(3)])) is fastopt.SGD
    with pytest.raises(ValueError, match="did you mean 'adadelta'"):
        fastopt.get("adadelt", [np.zeros(3)])


# E.


@pytest.mark.parametrize("others", [False, True])
def test_e_nesterov(others: bool) -> None:
    """Logistic regression, with the gradient of each at its own w - r v."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((50, 6)) * 10.0 ** rng.uniform(-1.0, 1.0, 6)
    y = (x @ rng.standard_normal(6) + rng.standard_normal(50) > 0).astype(float)

    def gradient(w: Array) -> Array:
        found: Array = x.T @ (1 / (1 + np.exp(-(x @ w))) - y)
        return found

    this = row("test_e_nesterov")
    letters = both_values(this)[others]
    letters = {**letters, "lr": letters["lr"] / 10}
    params = np.zeros(6)
    opt = called(this, letters, params=params)
    agreement = Agreement()
    w, v, r = np.zeros(6), np.zeros(6), letters["r"]
    for t in range(1, STEPS + 1):
        lr = opt.lr = learning_rate(letters["lr"], t)
        before = params.copy()
        with opt.at_nesterov_point():
            agreement.check("w - r v", params, w - r * v)
            g = gradient(params)
        np.testing.assert_array_equal(params, before)
        opt.step(g)
        v = r * v + lr * gradient(w - r * v)
        w = w - v
        agreement.check("w", params, w)
