"""What fastopt.torch refuses: with an error that says what to do, before any write."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fastopt import torch as fused  # noqa: E402 - which imports torch


class Sub(torch.Tensor):  # type: ignore[misc, name-defined]
    """A subclass, whose memory could mean anything."""


def fake(*shape: int) -> Any:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        return torch.zeros(shape)


def freed() -> Any:
    t = torch.zeros(3)
    t.untyped_storage().resize_(0)
    return t


def stepped(p: Any, g: Any = None) -> None:
    optimizer = fused.AdamW([p])
    p.grad = torch.ones(p.shape, dtype=p.dtype, device=p.device) if g is None else g
    optimizer.step()


PARAMETERS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "meta": (lambda: torch.zeros(3, device="meta"), ValueError, "to_empty"),
    "8 bits": (lambda: torch.zeros(3, dtype=torch.float8_e5m2), TypeError, r"p\.float\(\)"),
    "whole": (lambda: torch.zeros(3, dtype=torch.int64), TypeError, r"p\.float\(\)"),
    "bool": (lambda: torch.zeros(3, dtype=torch.bool), TypeError, r"p\.float\(\)"),
    "subclass": (lambda: torch.zeros(3).as_subclass(Sub), TypeError, "as_subclass"),
    "fake": (lambda: fake(3), TypeError, "as_subclass"),
    "expanded": (lambda: torch.zeros(1).expand(3), ValueError, "contiguous"),
    "freed": (freed, TypeError, "freed"),
}


@pytest.mark.parametrize("which", PARAMETERS)
def test_parameters(which: str) -> None:
    make, error, words = PARAMETERS[which]
    good = torch.nn.Parameter(torch.ones(2))
    good.grad = torch.ones(2)
    p = make()
    optimizer = fused.AdamW([{"params": [("good", good)]}, {"params": [("bad", p)]}])
    with pytest.raises(error, match=words) as caught:
        optimizer.step()
    assert "parameter bad" in str(caught.value)
    assert torch.equal(good.detach(), torch.ones(2))
    assert not optimizer.state


def test_a_parameter_without_a_shape() -> None:
    lazy = torch.nn.LazyLinear(2)
    with pytest.raises(ValueError, match="forward once"):
        fused.AdamW(lazy.parameters()).step()


GRADIENTS: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "dtype": (lambda p: torch.ones(3, dtype=torch.float64), TypeError, r"to\(p\.dtype\)"),
    "shape": (lambda p: torch.ones(1, 3), ValueError, "shape"),
    "sparse": (lambda p: torch.ones(3).to_sparse(), TypeError, "to_dense"),
    "subclass": (lambda p: torch.ones(3).as_subclass(Sub), TypeError, "as_subclass"),
    "fake": (lambda p: fake(3), TypeError, "as_subclass"),
    "negative": (lambda p: torch._neg_view(torch.ones(3)), ValueError, "resolve_neg"),
    "16 bits": (lambda p: torch.ones(3, dtype=torch.bfloat16), TypeError, r"to\(p\.dtype\)"),
    "the parameter itself": (lambda p: p.detach(), ValueError, "shares memory"),
}


@pytest.mark.parametrize("which", GRADIENTS)
@pytest.mark.parametrize("warm", [False, True])
def test_gradients(which: str, warm: bool) -> None:
    make, error, words = GRADIENTS[which]
    p, good = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2))
    optimizer = fused.AdamW([good, p])
    p.grad, good.grad = torch.ones(3), torch.ones(2)
    if warm:
        optimizer.step()
    before = good.detach().clone(), p.detach().clone()
    put(p, make(p))
    with pytest.raises(error, match=words):
        optimizer.step()
    assert torch.equal(good.detach(), before[0])
    assert torch.equal(p.detach(), before[1])
    p.grad = torch.ones(3)
    optimizer.step()  # and all is well again
    assert optimizer.state[p]["step"] == 1 + warm


def put(p: Any, g: Any) -> None:
    """Make g the gradient, behind the back of torch where it forbids to assign one."""
    try:
        p.grad = g
    except RuntimeError:
        p.grad = torch.ones_like(p)
        p.grad.data = g


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", -1.0),
        ("lr", float("nan")),
        ("betas", (0.9, 1.5)),
        ("lr", torch.ones(2)),
        ("eps", "small"),
    ],
)
def test_hyperparameters_that_a_scheduler_writes(name: str, value: Any) -> None:
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    optimizer = fused.AdamW([p])
    optimizer.step()
    before = p.detach().clone()
    kept = optimizer.param_groups[0][name]
    optimizer.param_groups[0][name] = value
    with pytest.raises((TypeError, ValueError), match=name):
        optimizer.step()
    assert torch.equal(p.detach(), before)
    optimizer.param_groups[0][name] = kept
    optimizer.step()


def test_what_flows_through_a_step() -> None:
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = fused.AdamW([p], differentiable=True)
    p.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="differentiable=False"):
        optimizer.step()


def test_tied_parameters() -> None:
    p = torch.nn.Parameter(torch.ones(3))
    tied = torch.nn.Parameter(p.data)
    p.grad, tied.grad = torch.ones(3), torch.ones(3)
    with pytest.raises(ValueError, match="shares memory"):
        fused.AdamW([p, tied]).step()


def test_a_state_of_another_shape() -> None:
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    optimizer = fused.AdamW([p])
    optimizer.step()
    optimizer.state[p]["exp_avg"] = torch.zeros(4)
    before = p.detach().clone()
    with pytest.raises(ValueError, match="shape"):
        optimizer.step()
    assert torch.equal(p.detach(), before)


def test_options_of_own_classes() -> None:
    p = [torch.nn.Parameter(torch.ones(3))]
    with pytest.raises(TypeError, match="no hyperparameter 'betta'"):
        fused.Lion(p, betta=1)
    with pytest.raises(ValueError, match="lr"):
        fused.Lion(p, lr=-1.0)
    with pytest.raises(TypeError, match="training loop"):
        fused.Lion(p, zero_grads=True)
    with pytest.raises(TypeError, match="scheduler"):
        fused.Lion(p, lr=lambda step: 0.1)
    with pytest.raises(AttributeError, match="AdamW"):
        _ = fused.AdamWW
