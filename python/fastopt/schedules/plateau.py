"""ReduceOnPlateau: the one schedule that depends on how training goes."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from fastopt.algorithm import choice, number
from fastopt.runtime import describe, measured, whole
from fastopt.schedules.arguments import BelowOne, Count, NotNegative, Value
from fastopt.schedules.base import Schedule


@dataclass
class _State:
    """The part that changes; the names are those of `state_dict`."""

    value: float
    best: float
    bad_observations: int = 0  # since the best
    cooldown_left: int = 0


@dataclass(frozen=True, eq=False)
class ReduceOnPlateau(Schedule, name="reduce_on_plateau"):
    """Multiply a value by a factor when a metric has stopped improving: torch's ``ReduceLROnPlateau``.

    ::

        lr = schedules.reduce_on_plateau(0.1, patience=3)
        lr.observe(validation_loss)                     after each epoch
        lr(step)                                        the value now, whatever the step

    A metric is better if it is less than ``best * (1 - threshold)`` ("rel") or ``best - threshold``
    ("abs"); with `mode` "max", if it is more than ``best * (1 + threshold)`` or ``best + threshold``.
    Others are bad, NaN among them, as in torch. After more than `patience` bad ones in a row the value
    becomes ``max(factor * value, min_value)``, and `cooldown` observations are not counted.

    It keeps a state, so no other schedule can be made of it, its configuration is how it began, and to
    resume needs `state_dict` besides. Two of them are equal only if they are the same object.

    Parameters
    ----------
    value : float
        The value at first.
    factor : float >= 0 and < 1
        What it is multiplied by.
    patience : int >= 0
        How many bad observations in a row are borne.
    threshold : float >= 0
        By how much a better metric has to be better.
    threshold_mode : {"rel", "abs"}
        Whether that is a part of the best, or a difference from it.
    mode : {"min", "max"}
        Whether less is better, or more.
    cooldown : int >= 0
        How many observations after a reduction are not counted as bad.
    min_value : float
        The least value.
    eps : float >= 0
        A reduction that changes the value by no more than this is left out.
    """

    value: Value
    factor: BelowOne = 0.1
    patience: Count = 10
    threshold: NotNegative = 1e-4
    threshold_mode: Annotated[Literal["rel", "abs"], choice("rel", "abs", default="rel").check] = "rel"
    mode: Annotated[Literal["min", "max"], choice("min", "max", default="min").check] = "min"
    cooldown: Count = 0
    min_value: Value = 0.0
    eps: NotNegative = 1e-8
    _state: _State = field(init=False, repr=False)

    stateful = True
    observed: ClassVar[bool] = False  # whether it has been shown a metric here; no part of its state

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold >= 1.0 and (self.mode, self.threshold_mode) == ("min", "rel"):
            raise ValueError(
                f"threshold of {self.name} is {self.threshold!r}, a part of the best metric, and must "
                "be below 1; threshold_mode='abs' makes it a difference"
            )
        worst = math.inf if self.mode == "min" else -math.inf
        object.__setattr__(self, "_state", _State(self.value, worst))

    def observe(self, metric: Any) -> bool:
        """Observe the next metric, a number; return whether the value has been reduced.

        NaN and infinity are taken as torch takes them: NaN is never better. TypeError for no number.
        """
        found = measured(metric, "the metric", "float(loss)")
        object.__setattr__(self, "observed", True)
        state = self._state
        if self._better(found, state.best):
            state.best, state.bad_observations = found, 0
        else:
            state.bad_observations += 1
        if state.cooldown_left:
            state.cooldown_left -= 1
            state.bad_observations = 0
        if state.bad_observations <= self.patience:
            return False
        state.cooldown_left, state.bad_observations = self.cooldown, 0
        reduced = max(state.value * self.factor, self.min_value)
        if not state.value - reduced > self.eps:
            return False
        state.value = reduced
        return True

    def _better(self, metric: float, best: float) -> bool:
        threshold = self.threshold if self.mode == "max" else -self.threshold
        bound = best * (1.0 + threshold) if self.threshold_mode == "rel" else best + threshold
        return metric > bound if self.mode == "max" else metric < bound

    def _at(self, step: int) -> float:
        return self._state.value

    def state_dict(self) -> dict[str, Any]:
        """Return the state as JSON can hold it; an infinite best, as at first, is a string."""
        best = self._state.best
        return asdict(self._state) | {"best": best if math.isfinite(best) else str(best)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave. TypeError or ValueError, and nothing changed, for else."""
        known = set(asdict(self._state))
        if not isinstance(state, Mapping) or set(state) != known:
            raise TypeError(
                f"the state of {self.name} is what state_dict() gives, with {', '.join(sorted(known))}"
                f"; this is {describe(state)}"
            )
        best = state["best"]
        if best not in ("inf", "-inf"):
            best = number(default=0.0).check(best, "best")
        loaded = _State(
            number(default=0.0).check(state["value"], "value"),
            float(best),
            whole(state["bad_observations"], "bad_observations", 0, self.patience),
            whole(state["cooldown_left"], "cooldown_left", 0, self.cooldown),
        )
        object.__setattr__(self, "_state", loaded)


# Made like the others, whose classes are in lower case; what has a state is named like a class.
reduce_on_plateau = ReduceOnPlateau
