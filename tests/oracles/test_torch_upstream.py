"""The rows of options and errors that PyTorch tests its own optimizers with, for fastopt.torch."""

import copy
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which PyTorch's rows need

from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db  # noqa: E402

from fastopt import torch as fused  # noqa: E402

LEFT_OUT = {"LBFGS", "SparseAdam"}  # a closure alone, and sparse gradients alone
OURS = [row for row in optim_db if row.optim_cls.__name__ not in LEFT_OUT]
# Muon multiplies matrices in bfloat16 there, and in the dtype of the parameter here.
MUON = 2e-2
STEPS = 5


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def name_of(row: Any) -> str:
    return str(row.optim_cls.__name__)


def test_every_class_is_there() -> None:
    assert {name_of(row) for row in OURS} <= set(fused.__all__)


@pytest.mark.parametrize("row", OURS, ids=name_of)
def test_rows_of_options(row: Any) -> None:
    ours = getattr(fused, name_of(row))
    for given in row.optim_inputs_func("cpu", torch.float64):
        if (
            "ns_coefficients" in given.kwargs
        ):  # of Muon: some triples have a name here, and no other a form
            continue
        switched = {"capturable", "fused", "differentiable"} & given.kwargs.keys()
        kwargs = {key: value for key, value in given.kwargs.items() if key not in switched}
        generator = torch.Generator().manual_seed(0)
        params = [torch.nn.Parameter(torch.randn(5, 4, generator=generator)) for _ in range(2)]
        others = copy.deepcopy(params)
        mine, theirs = ours(params, **copy.deepcopy(kwargs)), row.optim_cls(others, **kwargs)
        for _ in range(STEPS):
            for p, q in zip(params, others, strict=True):
                p.grad = torch.randn(p.shape, generator=generator)
                q.grad = p.grad.clone()
            mine.step()
            theirs.step()
        within = MUON if name_of(row) == "Muon" else 1e-12
        for p, q in zip(params, others, strict=True):
            torch.testing.assert_close(p, q, rtol=within, atol=within, msg=given.desc)


@pytest.mark.parametrize("row", OURS, ids=name_of)
def test_rows_of_errors(row: Any) -> None:
    ours, seen = getattr(fused, name_of(row)), 0
    for each in row.optim_error_inputs_func("cpu", torch.float64):
        given = each.optimizer_error_input
        params = given.params
        if params is None:
            params = [torch.nn.Parameter(torch.randn(2, 3))]
        if each.error_on != OptimizerErrorEnum.CONSTRUCTION_ERROR:
            optimizer = ours(params, **given.kwargs)
            with pytest.raises((TypeError, ValueError, RuntimeError)):
                optimizer.step()
        elif issubclass(each.error_type, Warning):
            with pytest.warns(each.error_type, match=each.error_regex):
                ours(params, **given.kwargs)
        else:
            with pytest.raises(each.error_type, match=each.error_regex):
                ours(params, **given.kwargs)
        seen += 1
    assert seen >= 7


def test_signatures_begin_as_torchs() -> None:
    for row in OURS:
        ours = getattr(fused, name_of(row))
        assert issubclass(ours, row.optim_cls)
        theirs = list(inspect.signature(row.optim_cls).parameters.values())
        assert list(inspect.signature(ours).parameters.values())[: len(theirs)] == theirs
