"""The one thing that a step of some algorithms is given besides gradients, or in place of them."""

from collections.abc import Mapping

from fastopt.algorithm.base import Algorithm

_SPELLED = {
    "loss": "the loss of each step",
    "function": "a function for loss and gradients",
    "estimate": "estimates of the Hessian",
}
NEEDS = tuple(_SPELLED)


def need_of(kind: type[Algorithm]) -> str:
    """Return which of `NEEDS` an algorithm has; "" where gradients are all."""
    if kind.takes_function:
        return "function"
    if kind.takes_estimate:
        return "estimate"
    return "loss" if kind.takes_loss else ""


def check_need(kind: type[Algorithm], remedies: Mapping[str, str]) -> None:
    """Raise TypeError for an algorithm with a need for which there is a remedy alone."""
    need = need_of(kind)
    if need in remedies:
        raise TypeError(
            f"{kind.__name__} takes more than gradients, {_SPELLED[need]}: {remedies[need]}"
        )
