"""Algorithms that change arrays as a whole, such as Muon and SOAP, in all that an optimizer does.

Their values are compared with other libraries in oracles/test_field_matrix.py.
"""

import copy
import pickle
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model.test_interrupts import interrupted
from numpy.typing import NDArray
from support.hashing import digest
from support.variants import own_options

import fastopt
from fastopt import schedules
from fastopt.numerics import COEFFICIENTS, orthogonalized
from fastopt.optimizers import CLASSES
from fastopt.optimizers.as_whole import OfWholeMatrices
from fastopt.optimizers.muon import OfMatrices
from fastopt.runtime.extension import native
from fastopt.training import Batches, EarlyStopping

Arrays = dict[str, NDArray[Any]]
SHAPES = {"wide": (3, 7), "tall": (9, 4), "kernel": (4, 3, 2, 2), "empty": (0, 3), "row": (1, 5)}
MATRICES = {name: cls for name, cls in CLASSES.items() if cls.facts.kind == "matrix"}
EACH = pytest.mark.parametrize("cls", MATRICES.values(), ids=MATRICES)
ORTHOGONAL = [cls for cls in MATRICES.values() if issubclass(cls, OfMatrices)]
EACH_ORTHOGONAL = pytest.mark.parametrize("cls", ORTHOGONAL)
OF_MATRICES = [*ORTHOGONAL, *(cls for cls in MATRICES.values() if issubclass(cls, OfWholeMatrices))]
EACH_OF_MATRICES = pytest.mark.parametrize("cls", OF_MATRICES)
CASES = [(cls, options) for cls in MATRICES.values() for options in own_options(cls)]
EPS = float(np.finfo(np.float32).eps)
LEVELS = native.runnable_levels() if native else []
AROUND: dict[str, dict[str, Any]] = {
    "clipnorm": {"clipnorm": 0.5, "weight_decay": 0.1, "decoupled_weight_decay": False},
    "global": {"global_clipnorm": 1.0, "maximize": True, "l1": 0.01},
    "ema": {"ema": 0.9, "ema_bias_correction": True, "lookahead_steps": 2},
    "scheduled": {"lr": schedules.linear(0.1, 8, 0.01)},
    "more": {
        **{"cautious_weight_decay": True, "weight_decay": 0.1, "decoupled_weight_decay": True},
        **{"nonfinite": "skip", "stats": True},
    },
}


def arrays(seed: int, dtype: Any = np.float32, order: Any = "C") -> Arrays:
    rng = np.random.default_rng(seed)
    return {k: np.array(rng.standard_normal(s), dtype, order=order) for k, s in SHAPES.items()}


def trained(
    cls: type[fastopt.Optimizer], backend: str | None, dtype: Any = np.float32, **options: Any
) -> tuple[Arrays, fastopt.Optimizer]:
    params = arrays(0, dtype)
    opt = cls(params, backend=backend, **options)
    for k in range(1, 6):
        opt.step(arrays(k, dtype))
    return params, opt


@cache
def of_numpy(case: int, dtype: Any) -> str:
    """Hash what a case ends with on the NumPy backend."""
    cls, options = CASES[case]
    params, opt = trained(cls, "numpy", dtype, **options)
    return digest(params, opt.state)


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda case: CASES[case][0].__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_are_those_of_numpy(case: int, dtype: Any, backend: str) -> None:
    cls, options = CASES[case]
    params, opt = trained(cls, backend, dtype, **options)
    assert digest(params, opt.state) == of_numpy(case, dtype)
    assert any((p != q).any() for p, q in zip(params.values(), arrays(0, dtype).values(), strict=True))


def rising(t: int) -> float:
    return 0.8 + 0.01 * t


@cache
def around(name: str, words: str, backend: str) -> tuple[str, str]:
    """Hash the parameters, and all, after steps with so much around them."""
    cls = MATRICES[name]
    kept = {"momentum": rising} if "momentum" in cls.hyperparameters else {"betas": (rising, 0.9)}
    options = AROUND.get(words, {}) | (kept if words == "scheduled" else {})
    params, opt = trained(cls, backend, **options)
    return digest(params), digest(params, opt.state_dict())


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("words", AROUND)
def test_all_around_it_on_each_backend(name: str, words: str, backend: str) -> None:
    found = around(name, words, backend)
    assert found == around(name, words, "numpy")
    assert found[0] != around(name, "nothing", "numpy")[0]


@EACH
@pytest.mark.parametrize("name", LEVELS)
def test_each_instruction_set_and_number_of_threads(
    cls: type[fastopt.Optimizer], name: str, level: Callable[[str], None]
) -> None:
    wanted = trained(cls, "numpy")
    level(name)
    before = fastopt.get_num_threads()
    try:
        for threads in (1, 2):
            fastopt.set_num_threads(threads)
            found = trained(cls, "native")
            assert digest(found[0], found[1].state) == digest(wanted[0], wanted[1].state)
    finally:
        fastopt.set_num_threads(before)


@EACH
def test_any_layout_of_parameters_and_gradients(cls: type[fastopt.Optimizer], backend: str) -> None:
    wanted, _ = trained(cls, backend)
    params = arrays(0, order="F")
    opt = cls(params, backend=backend)
    for k in range(1, 6):
        wide = {key: np.repeat(g, 2, axis=-1) for key, g in arrays(k).items()}
        opt.step({key: g[..., ::2] for key, g in wide.items()})
    for key, p in params.items():
        assert p.flags.f_contiguous
        # The BLAS sums a transposed matrix in another order: 200 roundings of values below 4.
        np.testing.assert_allclose(p, wanted[key], rtol=0, atol=200 * 4 * EPS)


@EACH_OF_MATRICES
def test_a_kernel_is_a_matrix_of_its_first_axis(cls: type[fastopt.Optimizer], backend: str) -> None:
    kernel, matrix = np.ones((4, 3, 2), np.float32), np.ones((4, 6), np.float32)
    both = [cls([p], backend=backend) for p in (kernel, matrix)]
    for k in range(4):
        g = np.random.default_rng(k).standard_normal((4, 6)).astype(np.float32)
        both[0].step([g.reshape(4, 3, 2)])
        both[1].step([g])
    assert kernel.tobytes() == matrix.tobytes()


@EACH
def test_zeros_move_nothing(cls: type[fastopt.Optimizer]) -> None:
    params = arrays(0)
    cls(params, weight_decay=0.0).step({k: 0 * p for k, p in params.items()})
    assert digest(params) == digest(arrays(0))


@EACH_ORTHOGONAL
@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_gradients_whose_squares_are_out_of_range(cls: type[fastopt.Optimizer], scale: float) -> None:
    found: Any = np.zeros((2, 3), np.float32)
    wanted: Any = np.zeros((2, 3), np.float32)
    g = np.array([[1, -2, 3], [2, 0.5, -1]], np.float32)
    for p, by in ((found, scale), (wanted, 1.0)):
        cls([p], lr=0.1, eps=1e-38).step([g * np.float32(by)])
    # The norm is rounded otherwise, and the iteration is of some 60 operations on values below 1.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=60 * EPS)
    assert np.abs(wanted).max() > 0.01


@EACH
def test_nan_stays_in_its_matrix(cls: type[fastopt.Optimizer]) -> None:
    params, grads, good = arrays(0), arrays(1), arrays(0)
    cls(good).step(grads)
    grads["wide"] = np.full_like(grads["wide"], np.nan)
    cls(params).step(grads)
    assert np.isnan(params.pop("wide")).all()
    del good["wide"]
    assert digest(params) == digest(good)


@EACH
@pytest.mark.parametrize("what", ["skip", "raise"])
def test_what_is_not_finite(cls: type[fastopt.Optimizer], what: str) -> None:
    params, opt = trained(cls, None, nonfinite=what)
    bad = {**arrays(9), "tall": np.full(SHAPES["tall"], np.inf, np.float32)}
    before = digest(params, opt.state)
    if what == "skip":
        assert not opt.step(bad)
        assert opt.skipped == 1
    else:
        with pytest.raises(FloatingPointError, match="tall"):
            opt.step(bad)
    assert digest(params, opt.state) == before
    opt.step(arrays(6))
    straight = trained(cls, None)
    straight[1].step(arrays(6))
    assert digest(params, opt.state) == digest(straight[0], straight[1].state)


@EACH
def test_accumulated_gradients_are_their_mean(cls: type[fastopt.Optimizer]) -> None:
    params, wanted = arrays(0), arrays(0)
    opt = cls(params, gradient_accumulation_steps=2)
    straight = cls(wanted)
    for k in range(1, 4):
        g = arrays(k)
        opt.accumulate(g)
        opt.accumulate({key: 3 * each for key, each in g.items()})
        straight.step({key: 2 * each for key, each in g.items()})
    assert digest(params, opt.state) == digest(wanted, straight.state)


@EACH
def test_vectors_by_adamw(cls: type[fastopt.Optimizer]) -> None:
    params, alone = arrays(0), arrays(0)
    vectors: Arrays = {"b": np.ones(3, np.float32), "s": np.ones(())}
    with_them = {**params, **{k: v.copy() for k, v in vectors.items()}}
    opt = cls(with_them, groups=fastopt.vectors_by_adamw)
    each: list[Any] = [
        cls(alone),
        fastopt.AdamW(vectors, lr=3e-4, weight_decay=opt.groups[1]["weight_decay"]),
    ]
    for k in range(1, 4):
        more = {name: np.full_like(v, k) for name, v in vectors.items()}
        opt.step({**arrays(k), **more})
        each[0].step(arrays(k))
        each[1].step(more)
    assert digest(with_them) == digest({**alone, **vectors})


@pytest.mark.parametrize("shape", [(3,), ()])
@EACH_OF_MATRICES
def test_vectors_are_refused_with_what_mends_it(
    cls: type[fastopt.Optimizer], shape: tuple[int, ...]
) -> None:
    params = {"w": np.ones((2, 2)), "b": np.ones(shape)}
    line = f"fastopt.{cls.__name__}(params, groups=fastopt.vectors_by_adamw)"
    with pytest.raises(ValueError, match=r"'b' has shape ") as caught:
        cls(params)
    assert line in str(caught.value)
    opt = eval(line, {"fastopt": fastopt, "params": params})
    assert opt.step({"w": np.ones((2, 2)), "b": np.ones(shape)})


def test_the_number_of_iterations_is_whole() -> None:
    opt: Any = fastopt.Muon([np.ones((2, 2))], ns_steps=3)
    for wrong in (2.5, 0):
        with pytest.raises(ValueError, match=r"ns_steps is .*; it must be a whole number >= 1"):
            opt.ns_steps = wrong
    assert opt.ns_steps == 3


def test_a_state_of_another_shape_after_a_step(backend: str) -> None:
    g = arrays(1, np.float64)["tall"]
    opt = fastopt.NorMuon([np.ones((9, 4))], momentum=0.0, nesterov=False, beta2=0.75, backend=backend)
    opt.step([g])
    o = orthogonalized(g, 5, COEFFICIENTS["jordan"], 1e-7)
    assert opt.state["0"]["v"].tobytes() == (0.25 * (o * o).mean(axis=1)).tobytes()


# States: of another shape for NorMuon, and changed by NumPy.

WAYS: dict[str, Callable[[Any, Any, Path], Any]] = {
    "load": lambda opt, new, path: (opt.save(path), new.load(path)),
    "not strict": lambda opt, new, path: (opt.save(path), new.load(path, strict=False)),
    "load_state_dict": lambda opt, new, path: new.load_state_dict(opt.state_dict()),
}


@EACH
@pytest.mark.parametrize("way", WAYS)
def test_each_of_six_steps_resumes(cls: type[fastopt.Optimizer], way: str, tmp_path: Path) -> None:
    params, options = arrays(0), own_options(cls)[0]
    opt = cls(params, **options)
    moments = []
    for k in range(6):
        here = arrays(50)
        new = cls(here, **options)
        for name, p in params.items():
            here[name][...] = p
        WAYS[way](opt, new, tmp_path / "s.npz")
        moments.append((here, new))
        for each in (opt, *(new for _, new in moments)):
            each.step(arrays(k + 1))
    for here, new in moments:
        assert digest(here, new.state) == digest(params, opt.state)
    assert new.step_count == opt.step_count == 6


@EACH
def test_copies_go_on(cls: type[fastopt.Optimizer]) -> None:
    params, opt = trained(cls, None)
    copies = [copy.deepcopy((params, opt)), pickle.loads(pickle.dumps((params, opt)))]
    for _, each in ((params, opt), *copies):
        each.step(arrays(7))
    for p, each in copies:
        for name in SHAPES:  # not `digest`, for a pickled array without elements has other strides
            assert p[name].tobytes() == params[name].tobytes()
            for key, array in each.state[name].items():
                assert array.tobytes() == opt.state[name][key].tobytes()


@EACH
def test_early_stopping_puts_the_best_back(cls: type[fastopt.Optimizer]) -> None:
    params = {"w": np.ones((2, 3))}
    opt = cls(params)
    seen = []

    def validation(params: Any) -> dict[str, float]:
        seen.append(digest(params, opt.state))
        return {"score": [3.0, 1.0, 2.0][len(seen) - 1]}

    def loss_and_grad(params: Any, x: Any) -> Any:
        return 0.0, {"w": x[0].reshape(2, 3)}

    stop = EarlyStopping("score", patience=5, restore_best=True)
    data = Batches(np.random.default_rng(0).standard_normal((4, 6)), 2)
    fastopt.fit(loss_and_grad, params, opt, data, 3, [stop], validation=validation, progress=False)
    assert digest(params, opt.state) == seen[1] != seen[2]


def test_a_state_of_another_shape_is_refused_by_name() -> None:
    params, opt = trained(fastopt.NorMuon, "numpy")
    state = opt.state_dict()
    state["parameters"]["tall"]["arrays"]["v"] = np.ones(4, np.float32)
    before = digest(params, opt.state)
    with pytest.raises(ValueError, match=r"v of 'tall' is float32 of shape \(4,\)") as caught:
        opt.load_state_dict(state)
    assert "shape (9,)" in str(caught.value)
    assert "skip='tall'" in str(caught.value)
    assert digest(params, opt.state) == before
    opt.load_state_dict(state, skip="tall")
    found = opt.load_state_dict(state, strict=False)
    assert [name.partition(" ")[0] for name in found.missing] == ["tall"]


# Parameters that come, go and begin anew.


@EACH
def test_reset_is_a_new_beginning(cls: type[fastopt.Optimizer]) -> None:
    params, opt = trained(cls, None)
    opt.reset("tall")
    fresh = {"tall": params["tall"].copy()}
    new = cls(fresh)
    opt.step(arrays(7))
    new.step({"tall": arrays(7)["tall"]})
    assert digest(params["tall"], opt.state["tall"]) == digest(fresh["tall"], new.state["tall"])


def test_rows_of_a_state_of_another_shape_are_refused() -> None:
    params, opt = trained(fastopt.NorMuon, "numpy")
    before = digest(params, opt.state)
    with pytest.raises(ValueError, match=r"state 'v' of 'tall' has shape \(9,\).*opt.reset\('tall'\)"):
        opt.reset("tall", rows=[0])
    with pytest.raises(ValueError, match=r"remove_params and opt.add_params"):
        opt.replace("tall", params["tall"][:2].copy(), rows=[0, 1])
    assert digest(params, opt.state) == before
    opt.reset("tall")


@pytest.mark.parametrize("cls", [fastopt.Muon, fastopt.AdaMuon])
def test_rows_of_states_in_the_shape_of_the_parameter(cls: type[fastopt.Optimizer]) -> None:
    _, opt = trained(cls, None)
    states = {key: array.copy() for key, array in opt.state["tall"].items()}
    opt.reset("tall", rows=[1])
    for key, array in opt.state["tall"].items():
        states[key][1] = 0.0
        assert array.tobytes() == states[key].tobytes()


@EACH
def test_parameters_that_come_and_go_and_are_frozen(cls: type[fastopt.Optimizer]) -> None:
    params = arrays(0)
    opt = cls({k: p for k, p in params.items() if k != "wide"})
    opt.add_params({"wide": params["wide"]})
    opt.step(arrays(1))
    straight = arrays(0)
    other = cls(straight)
    other.step(arrays(1))
    assert digest(params) == digest(straight)
    opt.freeze("tall")
    opt.step(arrays(2))
    other.step({**arrays(2), "tall": None})
    assert digest(params) == digest(straight)
    opt.remove_params("kernel")
    rest = {k: g for k, g in arrays(3).items() if k != "kernel"}
    opt.unfreeze("tall")
    opt.step(rest)
    other.step({**rest, "kernel": None})
    assert digest(params) == digest(straight)


# One without states of other shapes, two with some, and one whose scalars depend on the shape.
@pytest.mark.parametrize("cls", [fastopt.Muon, fastopt.NorMuon, fastopt.AdaMuon, fastopt.SPlus])
def test_wherever_a_handler_raises_the_step_is_whole(cls: type[fastopt.Optimizer]) -> None:
    if native is None:
        pytest.skip("the sweep of the other backends is Python, and can be interrupted")

    def begun() -> tuple[Arrays, fastopt.Optimizer]:
        params = {"w": arrays(0)["tall"]}
        opt = cls(params, backend="native")
        for k in (1, 2):
            opt.step({"w": arrays(k)["tall"]})
        return params, opt

    grads = {"w": arrays(3)["tall"]}
    params, opt = begun()
    before = digest(params, opt.state_dict())
    opt.step(grads)
    after = digest(params, opt.state_dict())
    outcomes = set()
    for place in count(1):
        params, opt = begun()
        if not interrupted(partial(opt.step, grads), place):
            break
        found = digest(params, opt.state_dict())
        outcomes.add(found)
        if found == before:
            opt.step(grads)
            found = digest(params, opt.state_dict())
        assert found == after, place
    assert outcomes == {before, after}
