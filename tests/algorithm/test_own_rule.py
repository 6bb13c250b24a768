"""A user's rule: what is wrong with it is said when the optimizer is made."""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import pytest
from support.variants import FOUNDING, FUSED, RARE, STAGES, WHOLE, in_turn, known, own_options

import fastopt
from fastopt.algorithm.elementwise import select
from fastopt.optimizers import CLASSES
from fastopt.runtime.extension import native

BACKENDS = ("numba", "numpy")


class Coefficients(NamedTuple):
    beta: float
    lr: float


def optimizer(rule: Callable[..., Any], backend: str, dtype: Any = np.float32) -> fastopt.Optimizer:
    class Own(fastopt.Optimizer):
        @staticmethod
        def coefficients(h: Any, t: int) -> NamedTuple:
            return Coefficients(0.9, h.lr)

    Own.rule = staticmethod(rule)
    return Own(np.ones(3, dtype), backend=backend)


def good(p: Any, g: Any, m: Any, c: Any) -> Any:
    m = select(g > m, c.beta * m + g, m)
    return p - c.lr * m, m


def writes_g(p: Any, g: Any, m: Any, c: Any) -> Any:
    g *= c.beta
    return p - c.lr * g, m


def writes_p(p: Any, g: Any, m: Any, c: Any) -> Any:
    p -= c.lr * g
    return p, m


def writes_m(p: Any, g: Any, m: Any, c: Any) -> Any:
    m += g
    return p - c.lr * m, m


def too_few(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.lr * g


def too_many(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p, m, g


def a_list(p: Any, g: Any, m: Any, c: Any) -> Any:
    return [p, m]


def mean(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.lr * g / g.mean(), m


def first(p: Any, g: Any, m: Any, c: Any) -> Any:
    return c.lr, m


def misspelt(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.rate * g, m


def double(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - np.float64(0.5) * g, m


WRONG: list[tuple[Callable[..., Any], str]] = [
    (writes_g, r"writes_g of Own writes to its argument g in place, as g \*= x does: write g = g \* x"),
    (writes_p, "writes to its argument p in place"),
    (writes_m, "writes to its argument m in place"),
    (too_few, "returns 1 values; it must return p, m"),
    (too_many, "returns 3 values; it must return p, m"),
    (a_list, "returns a list; it must return the tuple p, m"),
    (mean, "is not elementwise"),
    (first, r"returns p with shape \(\) for arguments of shape \(5,\)"),
    (misspelt, "cannot be run on float32: AttributeError: .* no attribute 'rate'"),
    (double, "returns p as float64 for float32: .* Constants are coefficients"),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("rule", "words"), WRONG, ids=lambda x: getattr(x, "__name__", ""))
def test_wrong_on_every_backend(rule: Callable[..., Any], words: str, backend: str) -> None:
    with pytest.raises(TypeError, match=words):
        optimizer(rule, backend)


def literal(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - 0.5 * g, m


def hidden_literal(p: Any, g: Any, m: Any, c: Any) -> Any:
    return select(g > 0.1, p, -p), m


def out_argument(p: Any, g: Any, m: Any, c: Any) -> Any:
    out = np.empty_like(g)
    np.multiply(g, c.lr, out=out)
    return p - out, m


def where(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.lr * np.where(g > 0, g, m), m


def allocates(p: Any, g: Any, m: Any, c: Any) -> Any:
    ones = np.ones(3, np.float32)
    return p - c.lr * g * ones[1], m


class Thing:
    one = 1


def beyond_numba(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.lr * g * getattr(Thing, "o" + "ne"), m


WRONG_FOR_NUMBA: list[tuple[Callable[..., Any], str]] = [
    (literal, "computes in float64 for float32, .* Constants are coefficients"),
    (hidden_literal, "computes in float64 for float32"),
    (out_argument, "cannot be compiled by Numba"),
    (where, "builds an array for each element, .* fastopt.rules.select"),
    (allocates, "builds an array for each element"),
    (beyond_numba, "cannot be compiled by Numba: "),
]


@pytest.mark.parametrize(("rule", "words"), WRONG_FOR_NUMBA, ids=lambda x: getattr(x, "__name__", ""))
def test_wrong_for_the_compiler(rule: Callable[..., Any], words: str) -> None:
    with pytest.raises(TypeError, match=words + ".*; backend='numpy' runs it as it is"):
        optimizer(rule, "numba")
    optimizer(rule, "numpy").step(np.ones(3, np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_good_rule_has_the_same_bits(dtype: Any) -> None:
    finals = []
    for backend in BACKENDS:
        opt = optimizer(good, backend, dtype)
        for t in range(5):
            opt.step(np.array([-0.3, 0.0, 2.0], dtype) * dtype(t - 2))
        finals.append([opt.params.tobytes(), opt.state["params"]["m"].tobytes()])
    assert finals[0] == finals[1]


def copied(cls: type[fastopt.Optimizer]) -> type[fastopt.Optimizer]:
    """The same algorithm, as if a user had written it: there is no kernel of it."""

    def copy(rule: Any) -> Any:
        twin = FunctionType(rule.__code__, rule.__globals__, rule.__name__)
        twin.__module__ = __name__
        return twin

    copies = cache(copy)

    class Copy(cls):  # type: ignore[valid-type, misc]
        @classmethod
        def select_rule(own, h: Any) -> Any:  # noqa: N804
            return copies(cls.select_rule(h))

    return Copy


@pytest.mark.parametrize("name", [name for name in CLASSES if name.lower() in FOUNDING])
def test_a_copy_of_ours_has_its_bits(name: str) -> None:
    """Every rule, with a few every stage; sizes around vectors and chunks, layouts, absent ones."""
    cls = CLASSES[name]
    twin = copied(cls)
    rng = np.random.default_rng(0)
    shapes = [(n,) for n in range(40)] + [(100_003,), (70, 300)]
    dtypes = (np.float32, np.float64)
    start: list[Any] = [rng.standard_normal(s).astype(t) for t in dtypes for s in shapes]
    steps = [[rng.standard_normal(p.shape).astype(p.dtype) for p in start] for _ in range(4)]
    steps[1][-1] = np.asfortranarray(steps[1][-1])
    steps[2][7] = None
    for k, options in enumerate(own_options(cls)):
        for decay in STAGES if cls in WHOLE and k == 0 else [in_turn(name, [*FUSED, *RARE], k)]:
            finals = []
            for make, backend in ((twin, "numba"), (cls, "numpy")):
                params = [p.copy() for p in start]
                opt = make(params, backend=backend, **options, **known(cls, decay))
                for grads in steps:
                    opt.step(grads)
                state = [a.tobytes() for each in opt.state.values() for a in each.values()]
                finals.append([[p.tobytes() for p in params], state])
            assert finals[0] == finals[1], options


def many(count: int) -> type[fastopt.Optimizer]:
    """A rule with so many coefficients: p depends on the last of them, and m on the first."""
    names = [f"c{k}" for k in range(count)]
    kind: Any = NamedTuple("Many", [(name, float) for name in names])  # type: ignore[misc]
    text = f"def rule(p, g, m, c):\n    return p - c.{names[-1]} * g, c.{names[0]} * m + g\n"
    scope: dict[str, Any] = {"__name__": __name__}
    exec(text, scope)

    class Many(fastopt.Optimizer):
        rule = staticmethod(scope["rule"])

        @staticmethod
        def coefficients(h: Any, t: int) -> NamedTuple:
            found: NamedTuple = kind(*(h.lr * (k + 1) for k in range(count)))
            return found

    return Many


@pytest.mark.skipif(native is None, reason="without the extension there is room for any number")
@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({}, np.float32),
        ({"weight_decay": 0.5}, np.float64),
        ({"l1": 0.5}, np.float32),
        ({**STAGES[3]}, np.float64),
    ],
)
def test_as_many_coefficients_as_fit_and_one_more(options: dict[str, Any], dtype: Any) -> None:
    most = 32
    finals = []
    for backend in BACKENDS:
        p = np.ones(5, dtype)
        opt = many(most)(p, lr=0.01, backend=backend, **options)
        for k in range(4):
            opt.step(np.full(5, k - 1.5, dtype))
        finals.append([p.tobytes(), opt.state["params"]["m"].tobytes()])
    assert finals[0] == finals[1]
    words = (
        rf"rule of Many has {most + 1} coefficients; at most {most} can be compiled: combine some of "
        r"them in coefficients\(\); backend='numpy' runs it as it is"
    )
    with pytest.raises(TypeError, match=words):
        many(most + 1)(p, backend="numba", **options)
    many(most + 1)(p, backend="numpy", **options).step(np.ones(5, dtype))


def test_coefficients_must_be_numbers() -> None:
    class Own(fastopt.Optimizer):
        rule = staticmethod(good)

        @staticmethod
        def coefficients(h: Any, t: int) -> Any:
            return Coefficients(0.9, "lr")  # type: ignore[arg-type]

    with pytest.raises(TypeError, match="coefficients of Own must return a NamedTuple of numbers"):
        Own(np.ones(3), backend="numpy")


def test_a_user_s_class_has_no_dialects() -> None:
    class Own(fastopt.SGD):
        pass

    for like in ("keras", "torch"):
        with pytest.raises(ValueError, match=f"like='{like}' has no Own, but .*; leave like out"):
            Own(np.ones(3), like=like)
