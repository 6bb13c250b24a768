"""The classes: torch's own with another step, and one of the same manners for all other algorithms."""

import inspect
from typing import Any

from fastopt.algorithm import Algorithm, is_scheduled
from fastopt.optimizer import Optimizer
from fastopt.torch.fused import Fused
from fastopt.torch.names import theirs_of


class Own(Fused):
    """An optimizer whose algorithm torch does not have: hyperparameters are by keyword."""

    def __init__(self, params: Any, **hyperparameters: Any) -> None:
        kind = self.algorithm
        given = kind.check_keywords((), dict(hyperparameters))
        for name, value in hyperparameters.items():
            if name not in given:
                raise TypeError(
                    f"{name} is an option of fastopt.{kind.__name__}, and no hyperparameter: do it in "
                    "the training loop"
                )
            if is_scheduled(value):
                raise TypeError(
                    f"{name} is a function of the step: give its value here, and a scheduler of torch "
                    "changes it"
                )
        defaults = {name: option.default for name, option in kind.hyperparameters.items()}
        super().__init__(params, {**defaults, **given})


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
        "__module__": "fastopt.torch",
        "__qualname__": name,
        "__doc__": (theirs or kind).__doc__,
    }
    if theirs is not None:
        return type(name, (Fused, theirs), members)
    parameters = [
        inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        *[
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=option.default)
            for key, option in kind.hyperparameters.items()
        ],
    ]
    members["__signature__"] = inspect.Signature(parameters[1:])
    averages: Any = kind.average
    keeps_averages = averages.__func__ is not vars(Algorithm)["average"].__func__
    base = Averaging if keeps_averages else Estimating if kind.takes_estimate else Own
    return type(name, (base,), members)
