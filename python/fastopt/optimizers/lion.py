"""Lion."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    number,
    pair,
    shipped,
    sign,
)
from fastopt.optimizer import Optimizer


@shipped
def lion(p: Any, g: Any, m: Any, c: Any) -> Any:
    """Step by the sign of a mix of gradient and momentum, and mix less of the gradient into that."""
    p = p - c.lr * sign(c.beta1 * m + c.one_minus_beta1 * g)
    m = c.beta2 * m + c.one_minus_beta2 * g
    return p, m


LionCoefficients = namedtuple("LionCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 lr")


@shipped
class Lion(Optimizer):
    """Lion, as in timm and optax: every element moves by the learning rate, up or down.

    ::

        p = p - lr * sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g

    Chen et al., *Symbolic discovery of optimization algorithms* (arXiv:2302.06675). Differs from optax:
    lr is 1e-4 by default, which is for a step that is never short; and from DeepSpeed's CPULion: an
    element stays where the mix is 0.

    Parameters
    ----------
    lr : float >= 0
        Learning rate: how far each element moves. The authors recommend a third to a tenth of AdamW's.
    betas : two floats, >= 0 and < 1
        How much of the momentum goes into the step, and how much of it is kept.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`. The authors recommend 3 to 10 times AdamW's decay.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Lion([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:2302.06675",
        kind="momentum",
        good_for="large batches, and where half the state of Adam is to be enough",
        states={"m": "running mean of gradients"},
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=1e-4, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.99), below=1.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    rule = staticmethod(lion)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        return LionCoefficients(beta1, 1.0 - beta1, beta2, 1.0 - beta2, h.lr)
