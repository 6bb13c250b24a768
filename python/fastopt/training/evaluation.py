"""Results of the caller's functions, checked: a loss with its gradients, and metrics."""

from collections.abc import Callable, Mapping
from typing import Any

from fastopt.runtime import describe, measured
from fastopt.training.inputs import arguments_of


def loss_and_gradients(function: Callable[..., Any], params: Any, batch: Any) -> tuple[float, Any]:
    """Call ``loss_and_grad`` with a batch; return the loss as a float, and the gradients."""
    arguments, named = arguments_of(batch)
    found = function(params, *arguments, **named)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise TypeError(
            f"loss_and_grad returned {describe(found)}; it must return the loss and the gradients: "
            "return loss, grads"
        )
    loss, gradients = found
    return measured(loss, "the loss", "losses.mean()"), gradients


def metrics(function: Callable[[Any], Any] | None, params: Any) -> dict[str, float]:
    """Call ``validation``; return its metrics by name, a single number as "validation"."""
    if function is None:
        return {}
    found = function(params)
    if not isinstance(found, Mapping):
        found = {"validation": found}
    return {
        metric_name(name, "a key of the validation's result"): measured(
            value, f"the metric {name!r}", "losses.mean()"
        )
        for name, value in found.items()
    }


def metric_name(value: Any, where: str) -> str:
    """Return what can be the name of a metric; raise TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(
            f"{where} is {describe(value)}; it must be the name of a metric, such as 'loss'"
        )
    return value
