"""An optimizer as thinc calls it, once for each array of a model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.backends import get_array_ops
from thinc.optimizers import Optimizer as TheirOptimizer

from fastopt import optimizer as ours
from fastopt.algorithm import NEEDS, check_need
from fastopt.frameworks import frameworks_of
from fastopt.registry import find
from fastopt.runtime import describe

Array = NDArray[Any]
Schedule = Any  # a number, a list of numbers, a generator, or thinc's own


class Optimizer(TheirOptimizer):  # type: ignore[misc]
    """`thinc.api.Optimizer`, whose steps are those of one of ours for each array.

    Schedules, clipping of each gradient, L2, averages and zeroed gradients are thinc's; moments are
    kept here, and not in ``mom1`` and ``mom2``.

    Parameters
    ----------
    algorithm : str
        A name as of `fastopt.get`. "adam" and "sgd" have thinc's rule and its hyperparameters.
    learn_rate : number, list, generator or schedule
        As thinc has it, as all schedules here.
    options : dict, optional
        Options of the algorithm by our names.
    L2, beta1, beta2, eps, grad_clip, L2_is_weight_decay, use_averages
        As of `thinc.api.Optimizer`. The betas and eps are for "adam" alone; an L2 of 0 leaves the
        weight decay of `options`, or the algorithm's own, alone.

    Raises
    ------
    TypeError, ValueError
        For an algorithm or options that do not exist, for algorithms that take more than gradients,
        and at a call for arrays that are not NumPy's.
    """

    __slots__ = ["_held", "_kind", "_options"]

    def __init__(
        self,
        algorithm: str,
        learn_rate: Schedule,
        *,
        options: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(learn_rate, **more)
        kind, preset = find(algorithm)
        check_need(kind, dict.fromkeys(NEEDS, "use another, such as 'adamw'"))
        self._kind, self._options = kind, {**preset, **(options or {})}
        if "thinc" in frameworks_of(kind):
            self._options = {"like": "thinc", "lr": 0.0, **self._options}
        self._held: dict[Any, tuple[Array, ours.Optimizer]] = {}

    def __call__(
        self, key: tuple[int, str], weights: Array, gradient: Array, *, lr_scale: float = 1.0
    ) -> tuple[Array, Array]:
        """Take the step of one array, and zero its gradient."""
        if len(gradient) < 1:
            return weights, gradient
        if not isinstance(weights, np.ndarray):
            raise TypeError(
                f"the weights of {key} are {describe(weights)}, and fastopt works on NumPy's arrays: "
                "call thinc.api.require_cpu() before the model is made"
            )
        self.nr_update[key] += 1
        values = self._values(key, lr_scale)
        l2 = values.pop("l2")
        if l2 and self.L2_is_weight_decay:
            values |= {"weight_decay": l2, "decoupled_weight_decay": "after"}
        elif l2:
            gradient += l2 * weights  # before it is clipped
        opt = self._bound(key, weights)
        group = opt.groups[0]
        for name, value in values.items():
            if group[name] != value:
                group[name] = value
        opt.step({"weights": gradient})
        if self.averages is not None:
            self._average(key, weights)
        return weights, gradient

    def _values(self, key: tuple[int, str], lr_scale: float) -> dict[str, Any]:
        """Return what the schedules have for this step, by our names."""

        def now(name: str) -> float:
            value = getattr(self, name)  # a schedule, or with thinc 8, which spaCy has, a number
            return float(value(self.step, **self._schedule_args(key)) if callable(value) else value)

        values: dict[str, Any] = {
            "lr": lr_scale * now("learn_rate"),
            "clipnorm": now("grad_clip") or None,
            "l2": now("L2"),
        }
        if self._kind.__name__ == "Adam":
            own = {"betas": (now("b1"), now("b2")), "eps": now("eps")}
            values |= {name: value for name, value in own.items() if name not in self._options}
        return values

    def _bound(self, key: tuple[int, str], weights: Array) -> ours.Optimizer:
        """Return the optimizer of an array; where that has moved, one that goes on from its state."""
        held = self._held.get(key)
        if held is not None and (
            held[0] is weights or held[0].__array_interface__ == weights.__array_interface__
        ):
            return held[1]
        given = {"zero_grads": True, "cast_grads": True, **self._options}
        opt = self._kind({"weights": weights}, **given)
        if held is not None:
            opt.load_state_dict(held[1].state_dict(copy=False))
        self._held[key] = weights, opt
        return opt

    def _average(self, key: tuple[int, str], weights: Array) -> None:
        ops = get_array_ops(weights)
        if key not in self.averages:
            self.averages[key] = ops.alloc(weights.shape, dtype="float32")
        ops.update_averages(self.averages[key], weights, self.nr_update[key])
