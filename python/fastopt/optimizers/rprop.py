"""Rprop."""

from collections import namedtuple
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Scheduled,
    Values,
    clip,
    number,
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
        d = d * (eta_plus if s > 0, eta_minus if s < 0, else 1)                    d begins as lr
        d = clip(d, min_step_size, max_step_size)
        g = 0 where s < 0
        p = p - sign(g) * d
        g_prev = g

    Riedmiller and Braun, *A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm* (ICNN 1993); this is iRprop- of Igel and Hüsken (NC 2000). It looks at signs alone, and
    needs gradients of all data: those of mini-batches make it fail. Differs from PyTorch: a product of
    two small gradients that rounds to zero still has a sign.

    Parameters
    ----------
    lr : float >= 0
        What the lengths begin with. After the first step it is what weight decay is multiplied by,
        alone.
    eta_minus : float >= 0 and < 1
        What a length is multiplied by where signs change.
    eta_plus : float > 1
        What it is multiplied by where they do not.
    min_step_size : float >= 0
        The shortest length.
    max_step_size : float > 0
        The longest length, not below the shortest.
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
    eta_minus: Scheduled = number(default=0.5, at_least=0.0, below=1.0)
    eta_plus: Scheduled = number(default=1.2, above=1.0)
    min_step_size: Scheduled = number(default=1e-6, at_least=0.0)
    max_step_size: Scheduled = number(default=50.0, above=0.0)

    rule = staticmethod(rprop)

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return lr for d, which begins so in the first step of a parameter."""
        return h.lr if name == "d" else super().state_of_new_rows(h, name, p)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.min_step_size > h.max_step_size:
            raise ValueError(
                f"min_step_size is {h.min_step_size!r} and max_step_size {h.max_step_size!r}; the "
                "first must be <= the second: give min_step_size=1e-6, max_step_size=50.0"
            )

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        keep, start = (0.0, h.lr) if t == 1 else (1.0, 0.0)
        limits = (h.min_step_size, h.max_step_size)
        return RpropCoefficients(keep, start, h.eta_minus, h.eta_plus, *limits, 0.0, 1.0)
