"""Arrays to which nothing refers but an optimizer: a model has others by now, and learns nothing."""

import sys
from typing import Any

from fastopt.runtime import warn
from fastopt.step.bound import Core, core_of

SHOWN = 3  # names in a message


class UnseenArrayWarning(UserWarning):
    """A parameter, or a gradient bound with ``grads=``, to which nothing but the optimizer refers."""


class Watch:
    """A hook after steps that looks once, after the second one, and is gone then."""

    def __init__(self, hooks: list[Any]) -> None:
        self._hooks = hooks
        self._left = 2

    def __call__(self, opt: Any) -> None:
        """Count a step; after the second one warn of arrays that are unseen."""
        self._left -= 1
        if self._left > 0:
            return
        self._hooks[:] = [hook for hook in self._hooks if hook is not self]
        message = complaint(core_of(opt))
        if message:
            warn(message, UnseenArrayWarning)


def watch(hooks: list[Any]) -> None:
    """Add the hook of a new optimizer, or of one with new parameters, where references are counted."""
    if sys.implementation.name == "cpython":
        hooks.append(Watch(hooks))


def of_the_caller(hooks: list[Any]) -> list[Any]:
    """List the hooks that are not ours."""
    return [hook for hook in hooks if not isinstance(hook, Watch)]


def complaint(core: Core) -> str:
    """Describe the arrays of an optimizer that are unseen; return nothing where all are seen."""
    from fastopt.step.references import unseen

    said = []
    if params := unseen(core):
        said.append(
            f"nothing refers to {_listed('parameter', params)} but this optimizer, which trains what "
            "no model has: an expression such as layer.W = layer.W - x puts a new array in place of "
            "the one that was given. Write into that, layer.W[...] = layer.W - x, or keep what the "
            "optimizer is given, or read opt.params"
        )
    if grads := unseen(core, gradients=True):
        said.append(
            f"nothing refers to {_listed('the gradient', grads, ' of')} bound with grads= but this "
            "optimizer, so that every step reads the same old numbers: write into the array, "
            "layer.dW[...] = g, or pass the gradients to step(grads)"
        )
    if not said:
        return ""
    off = "warnings.filterwarnings('ignore', category=fastopt.UnseenArrayWarning) switches this off"
    return "; ".join([*said, off])


def _listed(what: str, names: list[str], of: str = "") -> str:
    shown = ", ".join(map(repr, names[:SHOWN]))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what}{'s' * (len(names) > 1)}{of} {shown}{more}"
