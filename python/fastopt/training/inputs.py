"""The arguments of `fit`, checked before the first step."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from fastopt.arrays import Structure
from fastopt.optimizer import Optimizer
from fastopt.runtime import describe
from fastopt.training.batches import Batches


def check(loss_and_grad: Any, params: Any, opt: Any, validation: Any) -> None:
    """Raise unless there are functions, and an optimizer of these parameters."""
    if not isinstance(opt, Optimizer):
        raise TypeError(
            f"opt is {describe(opt)}; it must be an optimizer, such as fastopt.Adam(params)"
        )
    if not callable(loss_and_grad):
        raise TypeError(f"loss_and_grad is {describe(loss_and_grad)}; it must be a function")
    if not (validation is None or callable(validation)):
        raise TypeError(
            f"validation is {describe(validation)}; it must be a function of the parameters, such as "
            "lambda params: loss_and_grad(params, x, y)[0], or None"
        )
    if params is opt.params:
        return
    there = set(map(id, Structure(params).leaves(params, "params", "pass opt.params")))
    for name, p in opt.named_parameters().items():
        if id(p) not in there:
            raise ValueError(
                f"opt updates a parameter {name!r} that is not in params: gradients would be taken at "
                "one array, and the steps with another. Pass opt.params, or make the optimizer with "
                "these params"
            )


def batches_of(data: Any, epochs: int) -> Any:
    """Make batches of the caller's data."""
    holds_arrays = isinstance(data, tuple) and (
        not data or any(isinstance(part, np.ndarray) for part in data)
    )
    if holds_arrays or isinstance(data, (np.ndarray, dict)):
        return Batches(data, None)
    if not isinstance(data, Iterable):
        raise TypeError(
            f"data is {describe(data)}; it must be fastopt.Batches((x, y), 32) or another iterable of "
            "batches, or arrays: (x, y)"
        )
    if epochs > 1 and iter(data) is data:
        raise ValueError(
            f"data is {describe(data)}, an iterator, which is used up after one epoch, and epochs is "
            f"{epochs}: use what makes a new one each time, such as fastopt.Batches or a list"
        )
    return data


def arguments_of(batch: Any) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return what `loss_and_grad` is called with behind the parameters."""
    if isinstance(batch, (tuple, list)):
        return tuple(batch), {}
    return ((), batch) if isinstance(batch, Mapping) else ((batch,), {})


def check_call(function: Callable[..., Any], params: Any, batch: Any, data: Any) -> None:
    """Raise TypeError if `loss_and_grad` cannot be called with a batch of the data."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of compiled functions
        return
    arguments, named = arguments_of(batch)
    try:
        signature.bind(params, *arguments, **named)
    except TypeError as error:
        given = ", ".join(["params", *map(_shortly, arguments), *(f"{name}=..." for name in named)])
        remedy = (
            "A batch that is a tuple is passed as several arguments, a dict by name, all else as one"
        )
        if isinstance(data, list) and all(isinstance(each, np.ndarray) for each in data):
            remedy = (
                "In a list each array is a batch by itself; arrays of one batch are a tuple, (x, y)"
            )
        raise TypeError(
            f"loss_and_grad({', '.join(signature.parameters)}) cannot be called with the first batch "
            f"of data, as loss_and_grad({given}): {error}. {remedy}"
        ) from None


def _shortly(value: Any) -> str:
    return f"array of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
