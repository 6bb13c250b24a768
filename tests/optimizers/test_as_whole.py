"""SOAP, Shampoo, Scion and others: updates that are made of whole arrays, with states beside."""

from typing import Any

import numpy as np
import pytest
from support.hashing import digest
from support.variants import own_options

import fastopt
from fastopt.numerics import (
    eigen,
    inverse_root,
    multiplied_along,
    singular_vectors,
    squared_along,
)
from fastopt.optimizers import CLASSES
from fastopt.optimizers.as_whole import AsWhole, OfWholeMatrices

SHAPES = {"matrix": (3, 5), "kernel": (2, 3, 2), "vector": (4,), "none": (), "one": (1,), "empty": (0,)}
ANY = {
    name: cls
    for name, cls in CLASSES.items()
    if issubclass(cls, AsWhole) and not (issubclass(cls, OfWholeMatrices) or cls is fastopt.NoisySGD)
}
EACH = pytest.mark.parametrize("cls", ANY.values(), ids=ANY)


def test_which_these_are() -> None:
    assert {"Kron", "SOAP", "Shampoo", "SPlus", "Scion"} <= set(ANY)


def drawn(seed: int, dtype: Any = np.float32, order: Any = "C") -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {k: np.array(rng.standard_normal(s), dtype, order=order) for k, s in SHAPES.items()}


def trained(cls: Any, steps: int = 5, order: Any = "C", **options: Any) -> tuple[Any, Any]:
    params = drawn(0, order=order)
    opt = cls(params, **options)
    for k in range(1, steps + 1):
        opt.step(drawn(k, order=order))
    return params, opt


CASES = [(cls, options) for cls in ANY.values() for options in own_options(cls)]


@pytest.mark.parametrize(("cls", "options"), CASES)
def test_the_bits_are_those_of_numpy(cls: Any, options: dict[str, Any], backend: str) -> None:
    found, wanted = (trained(cls, backend=name, **options)[1] for name in (backend, "numpy"))
    assert digest(found.params, found.state_dict()) == digest(wanted.params, wanted.state_dict())


@pytest.mark.parametrize(("cls", "options"), CASES)
def test_the_layout_of_arrays_changes_no_bit(cls: Any, options: dict[str, Any]) -> None:
    found, wanted = (trained(cls, order=order, **options)[0] for order in "FC")
    assert found["kernel"].flags.f_contiguous
    for name, p in wanted.items():
        assert found[name].tobytes() == p.tobytes()


@pytest.mark.parametrize(("cls", "options"), CASES)
@pytest.mark.parametrize("before", [0, 2])
def test_zeros_are_no_trouble(cls: Any, options: dict[str, Any], before: int) -> None:
    params, opt = trained(cls, before, weight_decay=0.0, **options)
    was = {name: p.copy() for name, p in params.items()}
    for _ in range(3):
        opt.step({name: 0 * p for name, p in params.items()})
    if not before:
        assert digest(params) == digest(was)
    for k in (9, 10, 11):
        opt.step(drawn(k))
    assert all(np.isfinite(p).all() for p in params.values())
    assert all((p != was[name]).any() for name, p in params.items() if p.size > 1)


@EACH
def test_an_array_without_axes_is_a_vector_of_one_element(cls: Any) -> None:
    found, wanted = np.array(2.0), np.array([2.0])
    both = [cls([p], **own_options(cls)[0]) for p in (found, wanted)]
    for k in range(1, 6):
        both[0].step([np.array(float(k))])
        both[1].step([np.array([float(k)])])
    assert found.tobytes() == wanted.tobytes()
    assert found != 2.0


@EACH
def test_nan_is_no_error_and_stays_in_its_array(cls: Any) -> None:
    params, opt = trained(cls, 2, **own_options(cls)[0])
    straight, other = trained(cls, 2, **own_options(cls)[0])
    for k in (3, 4, 5):
        opt.step({**drawn(k), "kernel": np.full(SHAPES["kernel"], np.nan, np.float32)})
        other.step(drawn(k))
    assert np.isnan(params.pop("kernel")).all()
    del straight["kernel"]
    assert digest(params) == digest(straight)


@EACH
def test_rows_that_are_mixed_are_refused(cls: Any) -> None:
    params = {"w": np.eye(3)}
    opt = cls(params)
    opt.step({"w": np.ones((3, 3))})
    if cls.keeps_rows:
        opt.reset("w", rows=[0])
        return
    before = digest(params, opt.state_dict())
    with pytest.raises(ValueError, match=rf"{cls.__name__} mixes the rows of 'w'.*opt.reset\('w'\)"):
        opt.reset("w", rows=[0])
    with pytest.raises(ValueError, match=r"mixes the rows.*remove_params and opt.add_params"):
        opt.replace("w", np.eye(3)[:2].copy(), rows=[0, 1])
    assert digest(params, opt.state_dict()) == before
    opt.reset("w")


@pytest.mark.parametrize(
    ("cls", "option"), [(fastopt.SOAP, "max_precond_dim"), (fastopt.SPlus, "max_dim")]
)
def test_axes_that_are_too_long_have_no_basis(cls: Any, option: str) -> None:
    params, opt = trained(cls, 3, **{option: 3})
    assert {name for name in opt.state["matrix"] if name[1:].isdigit()} == {"L0", "Q0"}
    setattr(opt, option, 5)
    opt.step(drawn(7))
    assert (opt.state["matrix"]["Q1"] == np.eye(5)).all()
    assert np.abs(opt.state["matrix"]["L1"]).max() > 0.0
    assert all(np.isfinite(p).all() for p in params.values())


OF_MATRICES = [fastopt.APOLLO, fastopt.Conda, fastopt.Dion, fastopt.GaLoreAdamW]


@pytest.mark.parametrize("cls", OF_MATRICES)
@pytest.mark.parametrize("before", [0, 2])
def test_matrices_go_on_after_zeros(cls: Any, before: int) -> None:
    w = drawn(0)["matrix"]
    opt = cls([w], lr=0.1)
    for k in range(1, before + 1):
        opt.step([drawn(k)["matrix"]])
    for _ in range(3):
        opt.step([np.zeros_like(w)])
    was = w.copy()
    for k in (4, 5):
        opt.step([drawn(k)["matrix"]])
    assert np.isfinite(w).all()
    assert np.abs(w - was).max() > 0.01


@pytest.mark.parametrize("cls", [fastopt.APOLLO, fastopt.Dion, fastopt.GaLoreAdamW])
def test_another_rank_begins_anew(cls: Any) -> None:
    w = drawn(0)["matrix"]
    opt = cls([w], rank=2, lr=0.1)
    for k in (1, 2):
        opt.step([drawn(k)["matrix"]])
    opt.rank, was = 3, w.copy()
    opt.step([drawn(3)["matrix"]])
    projection = opt.state["0"]["Q" if cls is fastopt.Dion else "P"]
    assert 3 in projection.shape
    assert 2 not in projection.shape
    assert np.isfinite(w).all()
    assert np.abs(w - was).max() > 0.001


def test_the_average_of_splus_is_that_of_ema(backend: str) -> None:
    options: dict[str, Any] = {"weight_decay": 0.0, "ema": 0.75, "ema_bias_correction": True, "lr": 0.5}
    params, opt = trained(fastopt.SPlus, ema_rate=0.75, backend=backend, **options)
    before = digest(params)
    opt.eval()
    found = {name: p.copy() for name, p in params.items()}
    opt.train()
    assert digest(params) == before
    for name, average in found.items():
        # The same mean by other operations: of values below 4, three roundings in each of 5 steps.
        np.testing.assert_allclose(average, opt.ema_state[name], rtol=0, atol=15 * 4 * 6e-8)


def test_splus_is_evaluated_where_it_leads_before_the_decay() -> None:
    w = np.array([3.0])
    opt = fastopt.SPlus([w], lr=1000.0, weight_decay=0.5, nonstandard_constant=0.001)
    opt.step([np.array([2.0])])
    assert w[0] == 1.0
    with opt.averaged():
        assert w[0] == 2.0


def test_scion_of_weights_that_lie_the_other_way_round() -> None:
    rng = np.random.default_rng(0)
    for norm in ("spectral", "sign", "colnorm", "rownorm"):
        for shape in ((3, 5), (2, 3, 4)):
            p, g = rng.standard_normal(shape), rng.standard_normal(shape)
            turned = p.T.copy()
            fastopt.Scion([p], norm=norm).step([g])
            fastopt.Scion([turned], norm=norm, transpose=True).step([g.T])
            assert p.T.tobytes() == turned.tobytes()


def test_along_an_axis() -> None:
    rng = np.random.default_rng(0)
    x, m = rng.standard_normal((2, 3, 4)), rng.standard_normal((5, 3))
    # Sums of 3 and of 8 products, of values below 4.
    np.testing.assert_allclose(
        multiplied_along(x, 1, m), np.einsum("iaj,ba->ibj", x, m), rtol=0, atol=1e-14
    )
    np.testing.assert_allclose(squared_along(x, 1), np.einsum("iaj,ibj->ab", x, x), rtol=0, atol=1e-14)


def test_roots_of_matrices_that_roundings_make_indefinite() -> None:
    a = np.diag([4.0, -1e-9]).astype(np.float32)
    root = inverse_root(a, 2, 0.25)
    assert root.dtype == np.float32
    assert root.tolist() == [[0.5, 0.0], [0.0, 2.0]]
    bad = np.full((2, 2), np.inf, np.float32)
    assert all(np.isnan(each).all() and each.dtype == np.float32 for each in eigen(bad))
    assert np.isnan(inverse_root(bad, 2, 0.25)).all()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (3, 3)])
def test_singular_vectors_are_those_of_the_longer_vectors(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    found = singular_vectors(x)
    square = found @ (x.T @ x if shape[0] >= shape[1] else x @ x.T) @ found.T
    assert found.shape == (3, 3)
    # Products of matrices of norm 5, in some 10 operations.
    np.testing.assert_allclose(square, np.diag(np.diag(square)), rtol=0, atol=1e-13)
    assert (np.diff(np.diag(square)) < 0.0).all()
    assert singular_vectors(np.full(shape, np.nan)).shape == (3, 3)
