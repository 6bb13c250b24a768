"""Checks of tensors, and the line that mends what is wrong."""

from collections.abc import Iterator
from typing import Any

import torch

KNOWN = (torch.Tensor, torch.nn.Parameter)
SHORT = (torch.float16, torch.bfloat16)  # computed in float32
_FLOATS = (torch.float32, torch.float64, torch.complex64, torch.complex128, *SHORT)


def named(groups: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield each parameter of the groups with what messages call it."""
    for i, group in enumerate(groups):
        names = group.get("param_names") or [f"{k} of group {i}" for k in range(len(group["params"]))]
        for name, p in zip(names, group["params"], strict=True):
            yield f"parameter {name}", p


def described(t: Any, what: str) -> str:
    """Describe a tensor, for messages."""
    return f"{what} ({_dtype(t)}, shape {tuple(t.shape)})"


def check_parameter(p: Any, what: str) -> None:
    """Raise unless a step can write a parameter."""
    _check(p, what, "p")
    if p.dtype == torch.bfloat16:
        try:
            import ml_dtypes  # noqa: F401
        except ImportError:
            raise ImportError(
                f"{described(p, what)} needs ml_dtypes, by which NumPy knows its elements: pip install "
                "ml_dtypes"
            ) from None


def check_gradient(g: Any, p: Any, what: str) -> None:
    """Raise unless g can be the gradient of a parameter."""
    _check(g, what, "g")
    if g.dtype != p.dtype and not (p.dtype in SHORT and g.dtype == torch.float32):
        raise TypeError(
            f"{what} has dtype {_dtype(g)}, its parameter {_dtype(p)}: give it g.to(p.dtype)"
        )
    if g.shape != p.shape:
        raise ValueError(
            f"{what} has shape {tuple(g.shape)}; it must have its parameter's, {tuple(p.shape)}: the "
            "gradient was set by hand"
        )
    if g.is_neg() or g.is_conj():
        raise ValueError(
            f"{what} ({_dtype(g)}, shape {tuple(g.shape)}) means the negative or the conjugate of what "
            "lies in its memory: make it plain, p.grad = p.grad.resolve_neg().resolve_conj()"
        )


def _check(t: Any, what: str, t_name: str) -> None:
    if isinstance(t, torch.nn.parameter.UninitializedTensorMixin):
        raise ValueError(f"{what} has no shape yet: run the model forward once before the first step")
    if type(t) not in KNOWN:
        raise TypeError(
            f"{what} is a {type(t).__module__}.{type(t).__name__}, whose memory may mean something "
            f"else than its elements: give {t_name}.as_subclass(torch.Tensor) where it is a plain one, "
            "and leave others to torch.optim"
        )
    found = described(t, what)
    if t.device.type == "meta":
        raise ValueError(f"{found} is on the meta device, without memory: model.to_empty(device='cpu')")
    if t.device.type != "cpu":
        raise TypeError(
            f"{found} is on {t.device}; fastopt.torch works on the CPU: use the optimizer of the same "
            "name of torch.optim there, or model.cpu()"
        )
    if t.layout != torch.strided or t.is_mkldnn or t.is_nested:
        raise TypeError(
            f"{found} has the layout {t.layout}; fastopt takes dense ones: Embedding(sparse=False), or "
            f"{t_name}.to_dense()"
        )
    if t.is_quantized or t.dtype not in _FLOATS:
        raise TypeError(
            f"{found} must be float32, float64, bfloat16 or float16: convert it with {t_name}.float()"
        )
    try:
        missing = t.data_ptr() == 0 and t.numel() > 0
    except RuntimeError:
        missing = True
    if missing:
        raise TypeError(
            f"{found} has no memory that could be read: the step runs eagerly, outside of functional "
            "transforms, and on storage that has not been freed"
        )


def _dtype(t: Any) -> str:
    return str(t.dtype).removeprefix("torch.")
