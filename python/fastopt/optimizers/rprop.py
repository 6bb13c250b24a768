"""Rprop."""

from collections import namedtuple
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    clip,
    number,
    pair,
    select,
    shipped,
    sign,
)
from fastopt.optimizer import Optimizer


@shipped
def rprop(p: Any, g: Any, g_prev: Any, d: Any, c: Any) -> Any:
    """Step by d against the gradient; d grows while signs stay, and shrinks where they change."""
    direction = sign(g)
    same = direction * g_prev  # of the product of both the sign can be lost
    factor = select(same > c.zero, c.longer, c.one) * select(same < c.zero, c.shorter, c.one)
    d = clip(factor * (c.keep * d + c.start), c.shortest, c.longest)
    g_prev = select(same < c.zero, c.zero, g)
    p = p - select(same < c.zero, c.zero, direction) * d
    return p, g_prev, d


# keep and start make d the learning rate in the first step
RpropCoefficients = namedtuple(
    "RpropCoefficients", "keep start shorter longer shortest longest zero one"
)


@shipped
class Rprop(Optimizer):
    """Resilient propagation, as ``torch.optim.Rprop``: steps of a length that each element finds.

    ::

        s = g * g_prev
        d = d * (etas[1] if s > 0, etas[0] if s < 0, else 1)                    d begins as lr
        d = clip(d, *step_sizes)
        g = 0 where s < 0
        p = p - sign(g) * d
        g_prev = g

    Riedmiller and Braun, *A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm* (ICNN 1993); this is iRprop- of Igel and Hüsken (NC 2000). It looks at signs alone, and
    needs gradients of all data: those of mini-batches make it fail. Differs from PyTorch: a product of
    two small gradients that rounds to zero still has a sign, and a gradient that is NaN is not zero.

    Parameters
    ----------
    lr : float >= 0
        What the lengths begin with. After the first step it is what weight decay is multiplied by,
        alone.
    etas : two floats, the first > 0 and < 1, the second > 1
        What a length is multiplied by where signs change, and where they do not.
    step_sizes : two floats >= 0, the first <= the second
        The shortest and the longest length.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    g_prev : gradient of the step before; 0 after a change of sign
    d : length of the step

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Rprop([w], lr=0.1)
    >>> for _ in range(2):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.78, 1.22])
    """

    facts = Facts(
        paper="Riedmiller and Braun (ICNN 1993); Igel and Hüsken (NC 2000)",
        kind="adaptive",
        good_for="small networks and fits, with gradients of all data at once",
        states={
            "g_prev": "gradient of the step before; 0 after a change of sign",
            "d": "length of the step",
        },
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    etas: ScheduledPair = pair(default=(0.5, 1.2))
    step_sizes: ScheduledPair = pair(default=(1e-6, 50.0))

    rule = staticmethod(rprop)

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return lr for d, which begins so in the first step of a parameter."""
        return h.lr if name == "d" else super().state_of_new_rows(h, name, p)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if not 0.0 < h.etas[0] < 1.0 < h.etas[1]:
            raise ValueError(
                f"etas is {h.etas!r}; the first must be > 0 and < 1, and the second > 1: give "
                "etas=(0.5, 1.2)"
            )
        if h.step_sizes[0] > h.step_sizes[1]:
            raise ValueError(
                f"step_sizes is {h.step_sizes!r}; the first must be <= the second: give "
                "step_sizes=(1e-6, 50.0)"
            )

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        keep, start = (0.0, h.lr) if t == 1 else (1.0, 0.0)
        (shorter, longer), (shortest, longest) = h.etas, h.step_sizes
        return RpropCoefficients(keep, start, shorter, longer, shortest, longest, 0.0, 1.0)
