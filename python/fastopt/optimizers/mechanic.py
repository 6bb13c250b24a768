"""The base of Mechanic: a learned scale of all that another algorithm has stepped."""

from math import inf, sqrt
from typing import Any, ClassVar

from numpy.typing import NDArray

from fastopt.algorithm import Measured, Scheduled, Values, flag, measurement, number
from fastopt.optimizer import Optimizer

BETAS = tuple([1.0 - 0.1**i for i in range(1, 7)])


class Mechanic(Optimizer):
    """Steps of another algorithm, summed, and a factor of the sum that is learned as they are taken."""

    lr: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    s_decay: Scheduled = number(default=1e-2, at_least=0.0)
    s_init: Scheduled = number(default=1e-6, above=0.0)
    s_eps: Scheduled = number(default=1e-8, above=0.0)

    carried: ClassVar = {
        "s": measurement(),
        **{
            f"{name}{i}": measurement(at_least=-inf if name == "r" else 0.0)
            for i in range(len(BETAS))
            for name in "mvrs"
        },
    }
    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    sums: ClassVar = {"p": "values", "pull": "values", "grad": "squares", "weight": "squares"}

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p if name == "start" else super().state_of_new_rows(h, name, p)

    @classmethod
    def around(cls, h: Values, t: int, carried: Values, step: Any) -> tuple[Any, Any, Any, Any]:
        """Return what every rule has in front: whether it is the first step, and factors of the rest.

        Those are of the way from the start, of p for weight decay, and of the new step, without the new
        scale, which is yet to be learned.
        """
        fade = h.lr * h.weight_decay if h.decoupled_weight_decay else 0.0
        return 1.0 if t == 1 else 0.0, 1.0 / (carried.s + h.s_eps), fade, step

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        pulled = h.s_decay * carried.s * sqrt(measured.sums["grad"]) / (measured.weight + h.s_eps)
        gain = c.way * (measured.sums["p"] + pulled * measured.sums["pull"])
        carried.s = 0.0
        for i, beta in enumerate(BETAS):
            m, v, r, s = [getattr(carried, f"{name}{i}") for name in "mvrs"]
            r = beta * r + s * max(-m, min(gain, m))
            m = max(beta * m, abs(gain) + h.s_eps)
            v = beta * beta * v + gain * gain
            s = (h.s_init / len(BETAS) * m + max(r, 0.0)) / (sqrt(v) + h.s_eps)
            for name, value in zip("mvrs", (m, v, r, s), strict=True):
                setattr(carried, f"{name}{i}", value)
            carried.s += s

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        s = carried[0].s
        return c._replace(way=s * c.way, fade=s * c.fade, scale=s * c.scale)
