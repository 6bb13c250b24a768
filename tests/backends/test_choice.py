"""Which backend runs: the choice, rules of one's own, and what happens where a backend is missing."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastopt
from fastopt.algorithm.elementwise import sign
from fastopt.algorithm.hyperparameters import Values, number

pytestmark = pytest.mark.usefixtures("default_settings")

Run = Callable[..., str]


def ones(count: int = 3) -> Any:
    return np.ones(count, np.float32)


def chosen(**options: Any) -> str:
    name: str = fastopt.get("adam", ones(), **options).backend
    return name


def make(cls: Any, *args: Any, **options: Any) -> Any:
    return cls(*args, **options)


# The choice.


def test_native_is_first() -> None:
    assert chosen() == "native"
    assert fastopt.build_info()["backend"] == "native"


def test_by_keyword(backend: str) -> None:
    assert chosen(backend=backend) == backend
    assert backend in repr(fastopt.get("adam", ones(), backend=backend))


def test_by_environment(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTOPT_BACKEND", backend)
    assert chosen() == backend
    assert fastopt.build_info()["backend"] == backend
    p, g, m, v = (ones() for _ in range(4))
    fastopt.functional.adam(p, g, m, v, t=1)
    assert p.tobytes() != ones().tobytes()


def test_use_backend_as_a_call(backend: str) -> None:
    fastopt.use_backend(backend)
    assert chosen() == backend
    fastopt.use_backend("auto")
    assert chosen() == "native"


def test_use_backend_as_a_context_manager() -> None:
    fastopt.use_backend("numba")
    with fastopt.use_backend("numpy"):
        assert chosen() == "numpy"
        opt = fastopt.get("adam", ones())
        with fastopt.use_backend("native"):
            assert chosen() == "native"
        assert chosen() == "numpy"
        with fastopt.use_backend("auto"):
            assert chosen() == "native"
    assert chosen() == "numba"
    assert opt.backend == "numpy"
    opt.step(ones())  # on the backend that it was made with


def test_context_manager_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), fastopt.use_backend("numpy"):
        _ = 1 / 0
    assert chosen() == "native"


def test_order_of_the_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyword goes before use_backend, and that before the environment."""
    monkeypatch.setenv("FASTOPT_BACKEND", "numba")
    fastopt.use_backend("numpy")
    assert chosen() == "numpy"
    assert chosen(backend="native") == "native"
    fastopt.use_backend("auto")
    assert chosen() == "numba"
    monkeypatch.setenv("FASTOPT_BACKEND", "auto")
    assert chosen() == "native"
    monkeypatch.setenv("FASTOPT_BACKEND", "")
    assert chosen() == "native"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("numbra", "'numba'"), ("Native", "'native'"), ("cuda", "native, numba, numpy")],
)
def test_unknown_names(name: str, suggestion: str) -> None:
    with pytest.raises(ValueError, match="there is no backend") as by_keyword:
        chosen(backend=name)
    with pytest.raises(ValueError, match="there is no backend") as by_call:
        fastopt.use_backend(name)
    assert chosen() == "native"
    for caught in (by_keyword, by_call):
        assert repr(name) in str(caught.value)
        assert suggestion in str(caught.value)


@pytest.mark.parametrize("name", [3, [], {}, b"native", True])
def test_no_names(name: Any) -> None:
    for call in (lambda: chosen(backend=name), lambda: fastopt.use_backend(name)):
        with pytest.raises(
            TypeError, match=r"the backend is .*; it must be native, numba, numpy or auto"
        ):
            call()
    assert chosen() == "native"


def test_unknown_name_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTOPT_BACKEND", "nativ")
    with pytest.raises(ValueError, match="FASTOPT_BACKEND") as caught:
        chosen()
    for word in ("'nativ'", "'native'"):
        assert word in str(caught.value)
    assert chosen(backend="numpy") == "numpy"


# Rules of one's own.


def own_sign(p: Any, g: Any, m: Any, c: Any) -> Any:
    m = c.beta * m + c.one_minus_beta * g
    return p - c.lr * sign(m), m


class OwnSignCoefficients(NamedTuple):
    beta: float
    one_minus_beta: float
    lr: float


class OwnSign(fastopt.Optimizer):
    """The sign of the momentum."""

    momentum: float = number(default=0.9, at_least=0.0, below=1.0)
    rule = staticmethod(own_sign)

    @staticmethod
    def coefficients(h: Values, t: int) -> NamedTuple:
        return OwnSignCoefficients(h.momentum, 1.0 - h.momentum, h.lr)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decoupled", [False, True])
def test_own_rule_runs_on_numba_and_numpy(decoupled: bool, dtype: Any) -> None:
    found = []
    for backend in ("numba", "numpy", None):
        rng = np.random.default_rng(0)
        params = [rng.standard_normal(shape).astype(dtype) for shape in ((40, 9), (), (0,), (20000,))]
        options = {"weight_decay": 0.1, "decoupled_weight_decay": decoupled, "backend": backend}
        opt = make(OwnSign, params, lr=0.01, momentum=0.5, **options)
        for _ in range(3):
            grads = [np.asarray(rng.standard_normal(p.shape), dtype) for p in params]
            grads[0][::2] = [[0.0], [-0.0], [np.nan], [np.inf]] * 5
            opt.step(grads)
        found.append([a.tobytes() for a in [*params, *(s["m"] for s in opt.state.values())]])
    assert found[0] == found[1] == found[2]
    assert opt.backend == "numba"  # the fastest that has the rule
    assert list(opt.state["0"]) == ["m"]


def test_own_rule_by_hand() -> None:
    p = np.array([1.0, 1.0, 1.0, 1.0])
    opt = make(OwnSign, p, lr=0.25, momentum=0.0, backend="numpy")
    opt.step(np.array([3.0, -1e-300, 0.0, np.nan]))
    np.testing.assert_array_equal(p, [0.75, 1.25, 1.0, np.nan])


def test_own_rule_is_refused_by_native(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'own_sign'") as by_keyword:
        make(OwnSign, ones(), backend="native")
    with fastopt.use_backend("native"), pytest.raises(ValueError, match="'own_sign'") as by_call:
        make(OwnSign, ones())
    monkeypatch.setenv("FASTOPT_BACKEND", "native")
    with pytest.raises(ValueError, match="'own_sign'") as by_environment:
        make(OwnSign, ones())
    for caught in (by_keyword, by_call, by_environment):
        for word in ("'native'", "your own", "backend='numba'", "backend='numpy'"):
            assert word in str(caught.value)


def test_own_class_has_all_that_ours_have() -> None:
    opt = make(OwnSign, [{"params": ones()}, {"params": ones(), "momentum": 0.5}], lr=0.1)
    assert [group["momentum"] for group in opt.groups] == [0.9, 0.5]
    with pytest.raises(ValueError, match=r"momentum is 1\.0; it must be a finite number >= 0 and < 1"):
        opt.momentum = 1.0
    with pytest.raises(TypeError, match="did you mean 'momentum'"):
        make(OwnSign, ones(), momentom=0.5)
    with pytest.raises(ValueError, match="the gradient of '1' has shape"):
        opt.step([ones(), ones(4)])
    assert "OwnSign" in repr(opt)
    assert next(iter(OwnSign.hyperparameters)) == "lr"
    assert "ownsign" not in fastopt.names()


def test_namesake_of_our_rule_is_not_taken_for_it() -> None:
    def sgd(p: Any, g: Any, c: Any) -> Any:
        return p + c.lr * g

    class Ascent(fastopt.Optimizer):
        rule = staticmethod(sgd)
        coefficients = staticmethod(OwnSign.coefficients)
        momentum: float = number(default=0.0)

    p = ones()
    opt = make(Ascent, p, lr=1.0, backend="numpy")
    opt.step(ones())
    np.testing.assert_array_equal(p, [2, 2, 2])
    assert make(Ascent, ones()).backend != "native"
    with pytest.raises(ValueError, match="which is your own"):
        make(Ascent, ones(), backend="native")


def test_subclass_of_ours_keeps_its_kernel() -> None:
    class Slow(fastopt.get("adam", ones()).__class__):  # type: ignore[misc]
        lr: float = number(default=1e-6, at_least=0.0)

    opt = make(Slow, ones())
    assert opt.backend == "native"
    assert opt.lr == 1e-6
    opt.step(ones())


def no_such_scalar(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.missing * g, m


def nothing_for_the_state(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.lr * g


def too_little(p: Any, g: Any, m: Any, c: Any) -> Any:
    return (p - c.lr * g,)


def too_much(p: Any, g: Any, m: Any, c: Any) -> Any:
    return p - c.lr * g, m, m


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        (no_such_scalar, "missing"),
        (nothing_for_the_state, "nothing_for_the_state"),
        (too_little, "too_little"),
        (too_much, "too_much"),
    ],
)
@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_own_rule_that_fails_changes_nothing(rule: Any, word: str, backend: str) -> None:
    class Wrong(OwnSign):
        @classmethod
        def select_rule(cls, h: Values) -> Any:
            return own_sign if h.momentum > 0.5 else rule

    params = [ones(), ones()]  # the first one's rule is good
    opt = make(Wrong, [{"params": p} for p in params], backend=backend)
    before = [p.tobytes() for p in params]
    opt.groups[1]["momentum"] = 0.25
    with pytest.raises(Exception, match=word):
        opt.step([ones(), ones()])
    assert [p.tobytes() for p in params] == before
    assert not any(a.any() for states in opt.state.values() for a in states.values())
    assert opt.step_count == 0


def wrong_order(g: Any, p: Any, c: Any) -> Any:
    return p


@pytest.mark.parametrize("rule", [wrong_order, lambda p, g: p, lambda: 0, lambda p, g, m: p])
def test_rule_with_another_signature(rule: Any) -> None:
    class Odd(OwnSign):
        pass

    setattr(Odd, "rule", staticmethod(rule))  # noqa: B010 - of another type than the others
    with pytest.raises(TypeError, match=r"a rule is a function of \(p, g, <states>, c\)"):
        make(Odd, ones())


def test_class_without_a_rule_or_coefficients() -> None:
    class Nothing(fastopt.Optimizer):
        pass

    class NoCoefficients(fastopt.Optimizer):
        rule = staticmethod(own_sign)

    for cls, word in ((Nothing, "rule"), (NoCoefficients, "coefficients")):
        with pytest.raises(TypeError, match=word) as caught:
            make(cls, ones())
        assert cls.__name__ in str(caught.value)


# Missing backends. Each script runs in a process of its own, where any warning would be an error.

HIDE_NATIVE = """
import sys
sys.modules["fastopt._native"] = None
"""
HIDE_NUMBA = """
import sys
sys.modules["numba"] = None
"""
# Found, but fails to load: what happens to a build for another machine.
BREAK = """
import importlib.abc, importlib.machinery, sys

class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise {error}("libodd.so.1: cannot open")
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Broken())
"""
TRAIN = """
import warnings
import numpy as np
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fastopt
    for _ in range(2):
        p, q = np.linspace(-1, 1, 1000, dtype=np.float32), np.ones(())
        opt = fastopt.get("adam", [p, q], lr=0.1)
        for t in range(3):
            opt.step([p * t, np.ones(())])
    fastopt.functional.sgd(np.ones(3), np.ones(3), t=1)
    info = fastopt.build_info()
print(opt.backend, info["backend"])
print(p.tobytes().hex())
print(info["unavailable"])
print(*[f"{w.category.__name__}: {w.message}" for w in caught], sep="\\n")
"""


def test_with_all_backends_there_is_no_warning(run_python: Run) -> None:
    names, _, unavailable, *told = run_python(TRAIN).splitlines()
    assert names == "native native"
    assert unavailable == "{}"
    assert not told


NO_EXTENSION = "this installation was made without the compiled extension"


@pytest.mark.parametrize(
    ("script", "backend", "causes", "warning"),
    [
        pytest.param(HIDE_NATIVE, "numba", [NO_EXTENSION], [], id="no extension"),
        pytest.param(
            BREAK.format(name="fastopt._native", error="ImportError"),
            "numba",
            ["libodd.so.1: cannot open"],
            ["'numba'", "native: ", "does not load: libodd.so.1: cannot open"],
            id="broken extension",
        ),
        pytest.param(HIDE_NUMBA, "native", ["numba is not installed"], [], id="no numba"),
        pytest.param(
            HIDE_NATIVE + HIDE_NUMBA,
            "numpy",
            [NO_EXTENSION, "numba is not installed", "pip install"],
            ["'numpy'", "several times slower", NO_EXTENSION, "numba is not installed", "pip install"],
            id="neither",
        ),
        pytest.param(
            HIDE_NATIVE + BREAK.format(name="numba", error="ImportError"),
            "numpy",
            ["numba does not load: libodd.so.1"],
            ["'numpy'", NO_EXTENSION, "numba does not load: libodd.so.1"],
            id="broken numba",
        ),
        pytest.param(
            HIDE_NATIVE + BREAK.format(name="numba", error="OSError"),
            "numpy",
            ["numba does not load: libodd.so.1"],
            ["'numpy'", NO_EXTENSION, "numba does not load: libodd.so.1"],
            id="numba without LLVM",
        ),
    ],
)
def test_missing_backends(
    script: str, backend: str, causes: list[str], warning: list[str], run_python: Run
) -> None:
    """The next backend runs with the same bits; one warning, where it matters, says why."""
    names, bits, unavailable, *told = run_python(script + TRAIN).splitlines()
    assert names == f"{backend} {backend}"
    p = np.linspace(-1, 1, 1000, dtype=np.float32)
    opt = fastopt.get("adam", p, lr=0.1)
    for t in range(3):
        opt.step(p * t)
    assert bits == p.tobytes().hex()
    for word in causes:
        assert word in unavailable
    assert len(told) == bool(warning)
    for word in ["RuntimeWarning", *warning] if warning else []:
        assert word in told[0]


@pytest.mark.parametrize(
    ("script", "name", "cause"),
    [
        (HIDE_NATIVE, "native", NO_EXTENSION),
        (HIDE_NUMBA, "numba", "numba is not installed"),
        (BREAK.format(name="fastopt._native", error="ImportError"), "native", "does not load: libodd"),
    ],
)
def test_missing_backend_that_was_asked_for(
    script: str, name: str, cause: str, run_python: Run
) -> None:
    told = run_python(
        script
        + f"""
import os
import numpy as np
import fastopt

def ways():
    yield lambda: fastopt.get("adam", np.ones(3), backend={name!r})
    yield lambda: fastopt.use_backend({name!r})
    os.environ["FASTOPT_BACKEND"] = {name!r}
    yield lambda: fastopt.get("adam", np.ones(3))

for way in ways():
    try:
        way()
    except ImportError as error:
        print(error)
"""
    ).splitlines()
    assert len(told) == 3
    for line in told:
        assert f"the backend {name!r} cannot be used" in line
        assert cause in line


@pytest.mark.parametrize(
    "call",
    [
        "fastopt.SGD(np.ones(3))",
        "fastopt.get('sgd', np.ones(3))",
        "fastopt.functional.sgd(np.ones(3), np.ones(3), t=1)",
    ],
)
def test_warning_points_at_the_line_of_the_user(call: str, run_python: Run) -> None:
    script = f"""
import warnings
import numpy as np
import fastopt
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    {call}
print(*[w.filename for w in caught])
"""
    assert run_python(HIDE_NATIVE + HIDE_NUMBA + script) == "<string>"


HEAVY = ("numba", "llvmlite", "torch", "sklearn", "scipy", "matplotlib", "pandas", "tqdm", "jax")


def test_import_is_light(run_python: Run) -> None:
    script = f"""
        import sys
        import numpy as np
        import fastopt
        p = np.ones(3, np.float32)
        fastopt.get("adam", p).step(p.copy())
        print(*[name for name in {HEAVY} if name in sys.modules])
    """
    assert run_python(script) == ""


def test_numba_is_imported_when_it_is_used(run_python: Run) -> None:
    script = """
        import sys
        import numpy as np
        import fastopt
        before = "numba" in sys.modules
        fastopt.get("sgd", np.ones(3), backend="numba").step(np.ones(3))
        print(before, "numba" in sys.modules)
    """
    assert run_python(script) == "False True"
