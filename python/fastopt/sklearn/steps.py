"""A stand-in for scikit-learn's optimizers: same methods, steps by one of ours."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from fastopt import frameworks
from fastopt.algorithm import check_need
from fastopt.optimizer import Optimizer
from fastopt.registry import find
from fastopt.runtime import describe

Arrays = Sequence[NDArray[Any]]


class Steps:
    """An optimizer as estimators call it: `update_params` for a batch, others after all batches.

    `schedule` is the optimizer that scikit-learn has made, whose learning rate is taken at each step.
    """

    loss: Any = None  # of the batch

    def __init__(self, schedule: Any, kind: type[Optimizer], options: Mapping[str, Any]) -> None:
        self._schedule, self._kind, self._options = schedule, kind, dict(options)
        self._rate = self.learning_rate
        self._params: list[NDArray[Any]] = []
        self._opt: Optimizer | None = None
        self._state: dict[str, Any] | None = None  # of a copy, until its first step

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step, or what scikit-learn has there."""
        return float(self._schedule.learning_rate)

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, after the first step."""
        return self._opt

    def update_params(self, params: Arrays, grads: Arrays) -> None:
        """Take a step; where the arrays are others than before, go on with these."""
        if not _same(params, self._params):
            self._bind(params)
        opt: Any = self._opt
        if self._rate != self.learning_rate:
            for group in opt.groups:  # but for those with a rate of their own
                if group["lr"] == self._rate:
                    group["lr"] = self.learning_rate
            self._rate = self.learning_rate
        opt.step(_named(grads), loss=self.loss if opt.takes_loss else None)

    def iteration_ends(self, time_step: int) -> None:
        """Change the learning rate, where scikit-learn does."""
        self._schedule.iteration_ends(time_step)

    def trigger_stopping(self, msg: str, verbose: Any) -> bool:
        """Return whether to stop, or lower the learning rate and go on, as scikit-learn does."""
        return bool(self._schedule.trigger_stopping(msg, verbose))

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the arrays, which are the estimator's: a copy of it has its own."""
        state = self._state if self._opt is None else self._opt.state_dict()
        return {**vars(self), "_params": [], "_opt": None, "_state": state}

    def _bind(self, params: Arrays) -> None:
        given = {"cast_grads": True, "lr": self._rate, **self._options}
        opt = self._kind(_named(params), **given)
        state = self._state if self._opt is None else self._opt.state_dict(copy=False)
        if state is not None:
            opt.load_state_dict(state)
        self._params, self._opt, self._state = list(params), opt, None


def _same(some: Arrays, others: Arrays) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _named(arrays: Arrays) -> dict[str, list[NDArray[Any]]]:
    """Name each array by the attribute that it is in: ``coefs_.0``."""
    layers = len(arrays) // 2
    return {"coefs_": list(arrays[:layers]), "intercepts_": list(arrays[layers:])}


def chosen(estimator: Any) -> tuple[type[Optimizer], dict[str, Any]]:
    """Return class and options of the optimizer that an estimator's parameters ask for."""
    name, options = estimator.optimizer, dict(estimator.optimizer_options or {})
    if name is None:
        kind, _ = find(estimator.solver)
        return kind, {**_as_there(kind, estimator), **options}
    kind, preset = (name, {}) if isinstance(name, type) else find(name)
    if not issubclass(kind, Optimizer):
        raise TypeError(
            f"optimizer is {describe(name)}; it must be a name, such as 'adamw', or a class"
        )
    check_need(
        kind,
        {
            "function": "leave optimizer out, and take solver='lbfgs'",
            "estimate": "take another, such as optimizer='adamw'",
        },
    )
    if estimator.learning_rate != "constant" and "lr" in options:
        raise ValueError(
            f"learning_rate is {estimator.learning_rate!r}, and lr stands in optimizer_options: "
            "leave one of them out, learning_rate='constant' or learning_rate_init=..."
        )
    return kind, {**preset, **options}


def _as_there(kind: type[Optimizer], estimator: Any) -> dict[str, Any]:
    """Return the options of scikit-learn's solver of the same name, as they stand in an estimator."""
    called: list[str] = []
    for ours, theirs in frameworks.names("sklearn", kind).items():
        if ours in kind.hyperparameters and ours != "lr":
            called += [theirs] if isinstance(theirs, str) else theirs
    values = {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if name in called or name in kind.hyperparameters
    }
    if not values.get("momentum", 1.0):
        del values["nesterovs_momentum"]
        values["nesterov"] = False  # no different, and ours refuses it
    return {"like": "sklearn", **values}
