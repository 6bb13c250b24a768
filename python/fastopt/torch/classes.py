"""The classes: torch's own with another step, and one of the same manners for all other algorithms."""

import inspect
from typing import Any

import torch

from fastopt.algorithm import Algorithm, need_of
from fastopt.optimizer import Optimizer
from fastopt.torch.fused import Fused
from fastopt.torch.names import theirs_of
from fastopt.torch.options import OF_ALL, OF_GROUPS, check_still


class Own(Fused):
    """An optimizer whose algorithm torch does not have: hyperparameters are by keyword."""

    def __init__(self, params: Any, **hyperparameters: Any) -> None:
        kind = self.algorithm
        together = {name: hyperparameters.pop(name) for name in OF_ALL if name in hyperparameters}
        given = kind.check_keywords((), dict(hyperparameters))
        for name, value in hyperparameters.items():
            if name not in given:
                raise TypeError(
                    f"{name} is an option of fastopt.{kind.__name__}, and no hyperparameter: do it in "
                    "the training loop"
                )
            check_still(name, value)
        defaults = {name: option.default for name, option in kind.hyperparameters.items()}
        super().__init__(params, {**defaults, **given}, **together)


class Averaging(Own):
    """An optimizer whose model is used at averages that the algorithm keeps, as of Schedule-Free."""

    def eval(self) -> None:
        """Move the parameters to their averages, until `train`; a second call does nothing."""
        self._followed().move(True)

    def train(self) -> None:
        """Move them back; else do nothing."""
        if self._inner is not None and self._inner.is_moved:
            self._inner.move(False)


class Estimating(Own):
    """An optimizer that is given estimates of the Hessian's diagonal."""

    def estimate(self, estimates: Any) -> None:
        """Mix estimates into their means: a tensor or None for each parameter, in their order.

        The class of this name in fastopt says what is estimated, and when an estimate is due.
        """
        self._followed().estimate(self.param_groups, self.state, list(estimates))


def class_of(kind: type[Optimizer]) -> type[Fused]:
    """Make the class of an algorithm."""
    name, theirs = kind.__name__, theirs_of(kind)
    members: dict[str, Any] = {
        "algorithm": kind,
        "there": theirs,
        "__module__": "fastopt.torch",
        "__qualname__": name,
        "__doc__": (theirs or kind).__doc__,
    }
    there = inspect.signature((theirs or torch.optim.Optimizer).__init__).parameters
    known = list(there.values())[1:] if theirs else [there["params"]]
    options = {**(OF_GROUPS if theirs else kind.hyperparameters), **OF_ALL}
    members["__signature__"] = inspect.Signature(
        [
            *known,
            *[
                inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=option.default)
                for key, option in options.items()
            ],
        ]
    )
    if theirs is not None:
        return type(name, (Fused, theirs), members)
    averages: Any = kind.average
    keeps_averages = averages.__func__ is not vars(Algorithm)["average"].__func__
    base = Averaging if keeps_averages else Estimating if need_of(kind) == "estimate" else Own
    return type(name, (base,), members)
