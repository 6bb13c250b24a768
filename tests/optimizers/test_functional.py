"""The functional form: the bits of the class, on arrays and counters that the caller keeps."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import first_estimate, loss_for, take_step
from support.variants import FACTORED, compiled_for, label, variants

import fastopt
from fastopt import functional
from fastopt.registry import optimizer_class

Array = NDArray[Any]

BACKENDS = ("native", "numba", "numpy")


def values(seed: int, dtype: Any = np.float32, shape: tuple[int, ...] = (7, 5)) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def bits(*arrays: Any) -> list[bytes]:
    return [a.tobytes() for a in arrays]


# One call cannot change an array as a whole.
ELEMENTWISE = [variant for variant in variants() if variant[0] not in FACTORED]
# How the function calls Numba is the same for all: the first rule of each algorithm, and all of one.
ON_NUMBA = [next(v for v in ELEMENTWISE if v[0] == name) for name in dict(ELEMENTWISE)]
ON_NUMBA += [variant for variant in ELEMENTWISE if variant[0] == "sgdschedulefree"]


@pytest.mark.parametrize("variant", ELEMENTWISE, ids=label)
def test_same_bits_as_the_class(variant: tuple[str, dict[str, Any]]) -> None:
    algorithm, options = variant
    call = getattr(functional, algorithm)
    hypers = optimizer_class(algorithm).hyperparameters
    given = {k: v for k, v in options.items() if not getattr(hypers.get(k), "initial", False)}
    for dtype, order in ((np.float32, "C"), (np.float64, "F")):
        finals = []
        compiled = variant in ON_NUMBA and dtype is compiled_for(*variant)
        for backend in BACKENDS if compiled else ("native", "numpy"):
            p, q = (np.array(values(0, dtype), order=order) for _ in range(2))  # type: ignore[call-overload]
            opt = fastopt.get(algorithm, p, backend=backend, **options)
            first_estimate(opt, p)
            states = [np.copy(a) for a in opt.state["params"].values()]
            carried: dict[str, float] = {}
            if opt.needs_estimate:
                carried = opt.state_dict()["parameters"]["params"]["carried"]
            loss = {"loss": loss_for(opt)} if opt.needs_loss else {}
            for t in range(1, 5):
                g = values(t, dtype) if t % 2 else values(t, dtype)[::-1]
                take_step(opt, g)
                carried = call(q, g, *states, t=t, backend=backend, **given, **carried, **loss)
            assert bits(p, *opt.state["params"].values()) == bits(q, *states)
            moves = not options.get("silent_sgd_phase", algorithm == "radamschedulefree")
            assert (bits(q) != bits(values(0, dtype))) == moves
            finals.append(bits(q, *states))
        assert all(found == finals[0] for found in finals)


@pytest.mark.parametrize("algorithm", [*FACTORED, "noisysgd"])
def test_what_needs_more_than_elements_is_refused(algorithm: str) -> None:
    p, g = values(0), values(1)
    with pytest.raises(TypeError, match="changes arrays as a whole, which one call cannot"):
        getattr(functional, algorithm)(p, g, *[np.zeros_like(p)] * 6, t=1)
    assert bits(p) == bits(values(0))


def test_what_state_begins_with_is_not_an_option() -> None:
    p, g, a = values(0), values(1), np.abs(values(2))
    with pytest.raises(TypeError, match="here the state is yours"):
        functional.adagrad(p, g, a, t=1, initial_accumulator_value=0.1)


def test_every_algorithm_is_there() -> None:
    assert dir(functional) == fastopt.names()
    for name in fastopt.names():
        call = getattr(functional, name)
        assert call is getattr(functional, name)
        assert call.__name__ == name
        assert optimizer_class(name).__name__ in str(call.__doc__)


@pytest.mark.parametrize(
    ("name", "words"), [("adm", "'adam'"), ("zzz", "fastopt.names() lists all"), ("_adam", "adam")]
)
def test_unknown_function(name: str, words: str) -> None:
    with pytest.raises(AttributeError, match=name) as caught:
        getattr(functional, name)
    assert words in str(caught.value)


@pytest.mark.parametrize("t", [1, 2, 1000, 2**24 + 1, 2**53, np.int32(7), np.int64(2**40), np.array(3)])
def test_t_may_be_any_number_of_a_step(t: Any, backend: str) -> None:
    found = []
    for number in (t, int(t)):
        p, m, v = values(0), values(1), np.abs(values(2))
        functional.adam(p, values(3), m, v, t=number, backend=backend)
        found.append(bits(p, m, v))
    assert found[0] == found[1]
    assert found[0][0] != values(0).tobytes()


# What can be wrong with a call of Adam: changes of its arguments, the error, and its words.


def read_only(a: Array) -> Array:
    a.setflags(write=False)
    return a


Arguments = dict[str, Any]
FAULTS: list[tuple[str, Callable[[Arguments], Any], type[Exception], tuple[str, ...]]] = [
    ("t zero", lambda a: a.update(t=0), ValueError, ("t is 0", ">= 1")),
    ("t negative", lambda a: a.update(t=-1), ValueError, ("t is -1", ">= 1")),
    ("t float", lambda a: a.update(t=1.0), TypeError, ("t is 1.0",)),
    ("t 0-d float", lambda a: a.update(t=np.array(2.5)), TypeError, ("t is", "2.5")),
    ("t array", lambda a: a.update(t=np.array([1, 2])), TypeError, ("t is", "1, 2")),
    ("t bool", lambda a: a.update(t=True), TypeError, ("t is True",)),
    ("t None", lambda a: a.update(t=None), TypeError, ("t is None",)),
    ("t str", lambda a: a.update(t="1"), TypeError, ("t is '1'",)),
    ("no t", lambda a: a.pop("t"), TypeError, ("adam()", "'t'")),
    ("no state", lambda a: a.update(states=()), TypeError, ("adam has 2 states (m, v); 0 were given",)),
    ("one state", lambda a: a.update(states=a["states"][:1]), TypeError, ("2 states (m, v); 1 were",)),
    ("three states", lambda a: a.update(states=a["states"] * 2), TypeError, ("2 states (m, v); 4",)),
    (
        "amsgrad without its state",
        lambda a: a.update(amsgrad=True),
        TypeError,
        ("amsgrad has 3 states (m, v, v_max); 2 were given",),
    ),
    ("p list", lambda a: a.update(p=[1.0]), TypeError, ("p is a list", "np.array(")),
    ("p integer", lambda a: a.update(p=np.arange(3)), TypeError, ("p has dtype int64", "astype(")),
    ("p read-only", lambda a: read_only(a["p"]), ValueError, ("p ", "read-only", "np.array(")),
    ("p strided", lambda a: a.update(p=a["p"][:, ::2]), ValueError, ("p ", "np.ascontiguousarray(")),
    ("g None", lambda a: a.update(g=None), TypeError, ("g is a NoneType",)),
    ("g shape", lambda a: a.update(g=a["g"].T), ValueError, ("g has shape (5, 7)", "(7, 5)")),
    (
        "g dtype",
        lambda a: a.update(g=a["g"].astype(float)),
        TypeError,
        ("g has dtype float64", "astype("),
    ),
    ("g is p", lambda a: a.update(g=a["p"]), ValueError, ("g shares memory with p", "np.array(")),
    (
        "g is a state",
        lambda a: a.update(g=a["states"][1]),
        ValueError,
        ("g shares memory with v", "np.array("),
    ),
    ("m is v", lambda a: a.update(states=a["states"][:1] * 2), ValueError, ("v shares memory with m",)),
    (
        "m is p",
        lambda a: a.update(states=(a["p"], a["states"][1])),
        ValueError,
        ("m", "p", "shares memory"),
    ),
    ("v read-only", lambda a: read_only(a["states"][1]), ValueError, ("v ", "read-only")),
    ("v is None", lambda a: a.update(states=(a["p"], None)), TypeError, ("v is a NoneType",)),
    (
        "v shape",
        lambda a: a.update(states=(a["states"][0], np.zeros((5, 7), np.float32))),
        ValueError,
        ("v ", "(5, 7)", "(7, 5)", "it is transposed: pass np.array(v.T"),
    ),
    (
        "v dtype",
        lambda a: a.update(states=(a["states"][0], np.zeros((7, 5)))),
        ValueError,
        ("v ", "float64", "float32", "np.zeros_like"),
    ),
    (
        "v order",
        lambda a: a.update(states=(a["states"][0], np.asfortranarray(a["states"][1]))),
        ValueError,
        ("v ", "memory order", "np.zeros_like"),
    ),
    ("lr", lambda a: a.update(lr=np.nan), ValueError, ("lr is nan",)),
    ("betas", lambda a: a.update(betas=(0.9, 1.0)), ValueError, ("betas[1] is 1.0", "< 1")),
    ("unknown", lambda a: a.update(epsilon=1), TypeError, ("'epsilon'", "eps")),
    ("carried of another", lambda a: a.update(mu_product=1.0), TypeError, ("'mu_product'",)),
    ("backend", lambda a: a.update(backend="cuda"), ValueError, ("'cuda'", "native, numba, numpy")),
]


@pytest.mark.parametrize("case", FAULTS, ids=[case[0] for case in FAULTS])
def test_faults_change_nothing(
    case: tuple[str, Callable[[Arguments], Any], type[Exception], tuple[str, ...]], backend: str
) -> None:
    _, change, error, words = case
    states = (values(1), np.abs(values(2)))
    arguments: Arguments = {
        "p": values(0), "g": values(3), "states": states, "t": 1, "backend": backend
    }  # fmt: skip
    arrays = [arguments["p"], arguments["g"], *states]
    before = bits(*arrays)
    change(arguments)
    with pytest.raises(error) as caught:
        functional.adam(arguments.pop("p"), arguments.pop("g"), *arguments.pop("states"), **arguments)
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value}"
    assert bits(*arrays) == before


def test_rules_without_state_say_so() -> None:
    with pytest.raises(TypeError, match=r"sgd has 0 states \(none\); 1 were given"):
        functional.sgd(values(0), values(1), values(2), t=1)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0)])
def test_small_arrays(shape: tuple[int, ...], backend: str) -> None:
    p, g, m, v = (values(k, shape=shape) for k in (0, 1, 2, 2))
    functional.adam(p, g, m, v, t=1, backend=backend)
    assert p.shape == shape
    assert (p.tobytes() == values(0, shape=shape).tobytes()) == (p.size == 0)


# NAdam's product, which goes from one step to the next.


def test_scalars_that_are_carried() -> None:
    p, q, r = (values(0) for _ in range(3))
    opt = fastopt.get("nadam", p)
    carried = {"mu_product": 1.0}
    states, others = ((np.zeros_like(p), np.zeros_like(p)) for _ in range(2))
    products = []
    for t in (1, 2, 3):
        opt.step(values(t))
        carried = functional.nadam(q, values(t), *states, t=t, **carried)
        functional.nadam(r, values(t), *others, t=t)  # forgets it
        assert list(carried) == ["mu_product"]
        products.append(carried["mu_product"])
        assert (bits(r) == bits(p)) == (t == 1)
    assert bits(q) == bits(p)
    mu = [0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in (1, 2, 3)]
    np.testing.assert_allclose(products, np.cumprod(mu), rtol=1e-14)
    assert functional.adam(values(0), values(1), *others, t=1) == {}


@pytest.mark.parametrize(
    ("product", "error"),
    [
        (np.nan, ValueError), (np.inf, ValueError), (-0.5, ValueError), (1.5, ValueError),
        (1 / (0.9 * (1 - 0.5 * 0.96**4e-3)), ValueError), (None, TypeError), ("1", TypeError),
        (True, TypeError), ([1.0], TypeError),
    ],
)  # fmt: skip
def test_bad_carried_scalar(product: Any, error: type[Exception]) -> None:
    p, m, v = values(0), values(1), np.abs(values(2))
    before = bits(p, m, v)
    with pytest.raises(error, match="mu_product is"):
        functional.nadam(p, values(3), m, v, t=1, mu_product=product)
    assert bits(p, m, v) == before


@pytest.mark.parametrize("setting", [{"global_clipnorm": 1.0}, {"ema": 0.9}, {"zero_grads": True}])
def test_settings_of_an_optimizer_are_refused(setting: dict[str, Any]) -> None:
    p, g = np.ones(2), np.full(2, 8.0)
    with pytest.raises(TypeError, match="is a setting of an optimizer") as caught:
        fastopt.functional.sgd(p, g, t=1, **setting)
    assert p.tolist() == [1.0, 1.0]
    line = re.search(r"fastopt\.SGD\(.*?\)", str(caught.value))
    assert line is not None
    value = repr(next(iter(setting.values())))
    assert eval(line.group().replace("...", value), {"fastopt": fastopt, "p": p}).step([g])
