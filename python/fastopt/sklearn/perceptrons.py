"""The estimators: scikit-learn's, but for the optimizer."""

import inspect
from typing import Any

from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from fastopt.sklearn.steps import Steps, chosen

_OWN = ("optimizer", "optimizer_options")


class _Perceptron:
    """Parameters that both have besides theirs, and `_optimizer`, where theirs becomes ours."""

    optimizer: Any
    optimizer_options: Any

    @property
    def _optimizer(self) -> Any:
        if "_optimizer" not in vars(self):
            raise AttributeError("there is no _optimizer before the first fit")
        return vars(self)["_optimizer"]

    @_optimizer.setter
    def _optimizer(self, theirs: Any) -> None:
        estimator: Any = self
        kind, options = chosen(estimator)
        if self.optimizer is not None:  # whose learning rate falls as that of their SGD, if it is to
            theirs = SGDOptimizer(
                [],
                estimator.learning_rate_init,
                estimator.learning_rate,
                power_t=estimator.power_t,
            )
        vars(self)["_optimizer"] = Steps(theirs, kind, options)

    def _backprop(self, *args: Any) -> Any:
        found = super()._backprop(*args)  # type: ignore[misc]
        if "_optimizer" in vars(self):
            self._optimizer.loss = float(found[0])
        return found


def _init(theirs: Any) -> Any:
    """Make the constructor: that of scikit-learn, whose signature names all parameters, and ours."""
    there = inspect.signature(theirs)

    def __init__(  # noqa: N807 - its name in a traceback
        self: Any, *args: Any, optimizer: Any = None, optimizer_options: Any = None, **more: Any
    ) -> None:
        theirs.__init__(self, *args, **more)
        self.optimizer, self.optimizer_options = optimizer, optimizer_options

    own = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in _OWN]
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    made: Any = __init__
    made.__signature__ = inspect.Signature([first, *there.parameters.values(), *own])
    return made


_CONSTRAINTS = {"optimizer": [str, type, None], "optimizer_options": [dict, None]}


class MLPClassifier(_Perceptron, TheirClassifier):  # type: ignore[misc]
    """`sklearn.neural_network.MLPClassifier`, trained by any optimizer.

    It has all parameters and attributes of theirs, and two more. With the default of these it is
    theirs, in less time where layers are wide.

    Parameters
    ----------
    optimizer : str or class, optional
        A name as of `fastopt.get`, or a subclass of `fastopt.Optimizer`, in place of `solver`. Its
        learning rate is `learning_rate_init`, and goes down as `learning_rate` says, which holds for
        every optimizer. None is the solver "adam" or "sgd", with its parameters, computed by ours.
    optimizer_options : dict, optional
        Options of the optimizer by their names: ``{"lr": fastopt.schedules.cosine(0.01, 1000),
        "weight_decay": 0.01, "global_clipnorm": 1.0}``. Parameters are called ``coefs_.0`` and
        ``intercepts_.0`` in ``groups``. The penalty of `alpha` is a part of their loss and stays;
        ``alpha=0`` leaves weight decay alone.
    **others
        All of scikit-learn's.

    Raises
    ------
    TypeError, ValueError
        From `fit`, for an optimizer or an option that does not exist, or does not go with the others.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> options = {"lr": 0.01, "weight_decay": 0.1}
    >>> model = MLPClassifier(30, optimizer="adamw", optimizer_options=options, random_state=0)
    >>> model.fit(x, y).score(x, y) > 0.95
    True
    """

    _parameter_constraints = {**TheirClassifier._parameter_constraints, **_CONSTRAINTS}  # noqa: RUF012
    __init__ = _init(TheirClassifier)


class MLPRegressor(_Perceptron, TheirRegressor):  # type: ignore[misc]
    """`sklearn.neural_network.MLPRegressor`, trained by any optimizer; see `MLPClassifier`."""

    _parameter_constraints = {**TheirRegressor._parameter_constraints, **_CONSTRAINTS}  # noqa: RUF012
    __init__ = _init(TheirRegressor)
