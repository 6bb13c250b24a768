"""Schedule-Free SGD, AdamW and RAdam: a running average in place of a schedule of the learning rate."""

from collections import namedtuple
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Move,
    Scheduled,
    ScheduledPair,
    StageScalars,
    Values,
    flag,
    number,
    pair,
    regularization,
    select,
    shipped,
)
from fastopt.numerics import power, real_power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def sgd_schedule_free(p: Any, g: Any, z: Any, c: Any) -> Any:
    """Move p towards z and along the gradient, and z along the gradient; z begins as p."""
    z = z + c.begin * (p - z)
    p = p + c.mix * (z - p) - c.step * g
    z = z - c.lr * g
    return p, z


@shipped
def adamw_schedule_free(p: Any, g: Any, z: Any, v: Any, c: Any) -> Any:
    """Do the same along the gradient over the root of its second moment, and along the decay."""
    z = z + c.begin * (p - z)
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    d = g / (np.sqrt(v) * c.unbias + c.eps) + c.decay * p
    p = p + c.mix * (z - p) - c.step * d
    z = z - c.lr * d
    return p, z, v


@shipped
def radam_schedule_free(p: Any, g: Any, z: Any, v: Any, c: Any) -> Any:
    """Do the same, as long as plain is 1 along the gradient itself."""
    z = z + c.begin * (p - z)
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    d = g / select(c.plain == c.one, c.one, np.sqrt(v) * c.unbias + c.eps) + c.decay * p
    p = p + c.mix * (z - p) - c.step * d
    z = z - c.lr * d
    return p, z, v


@shipped
def schedule_free_average(p: Any, g: Any, c: Any) -> Any:
    """Move p, which lies between x and z, to x; z stands in place of the gradient."""
    return p + c.weight * (g - p)


# mix is the weight of this step in the average
SgdScheduleFreeCoefficients = namedtuple("SgdScheduleFreeCoefficients", "begin mix step lr")


AdamwScheduleFreeCoefficients = namedtuple(
    "AdamwScheduleFreeCoefficients", "beta2 one_minus_beta2 unbias eps decay begin mix step lr"
)


RadamScheduleFreeCoefficients = namedtuple(
    "RadamScheduleFreeCoefficients",
    "beta2 one_minus_beta2 unbias eps decay begin mix step lr plain one",
)


AverageCoefficients = namedtuple("AverageCoefficients", "weight")


def warmed_up(h: Values, t: int) -> float:
    """Compute the learning rate of a step."""
    lr: float = h.lr
    return lr if h.warmup_steps == 0.0 else lr * min(1.0, t / h.warmup_steps)


def averaging(
    h: Values, lr: float, t: int, beta: float, carried: Values
) -> SgdScheduleFreeCoefficients:
    """Compute how a step goes into the average, and count its weight."""
    carried.lr_max = max(lr, carried.lr_max)
    weight = real_power(t, h.r) * real_power(carried.lr_max, h.weight_lr_power)
    carried.weight_sum += weight
    mix = weight / carried.weight_sum if carried.weight_sum > 0.0 else 0.0
    begin = 1.0 if t == 1 else 0.0
    return SgdScheduleFreeCoefficients(begin, mix, lr * (1.0 - beta * (1.0 - mix)), lr)


def to_average(beta: float) -> Move:
    """Return how p = beta * x + (1 - beta) * z is moved to x."""
    return Move("z", schedule_free_average, AverageCoefficients(1.0 - 1.0 / beta))


class ScheduleFree(Optimizer):
    """Options of both algorithms."""

    warmup_steps: Scheduled = number(default=0.0, at_least=0.0)
    r: Scheduled = number(default=0.0, at_least=0.0, at_most=16.0)
    weight_lr_power: Scheduled = number(default=2.0, at_least=0.0, at_most=16.0)

    carried: ClassVar = {
        "weight_sum": number(default=0.0, at_least=0.0),
        "lr_max": number(default=0.0, at_least=0.0),
    }

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for z, which begins so in the first step of a parameter."""
        return p if name == "z" else super().state_of_new_rows(h, name, p)

    @classmethod
    def check_together(cls, h: Values) -> None:
        """Raise ValueError also for what is done to y after the step, and would have to be to z."""
        super().check_together(h)
        for name in ("cautious_weight_decay", "soft_threshold"):
            if getattr(h, name):
                raise ValueError(
                    f"{name}=True changes parameters after the step, which {cls.__name__} averages: "
                    f"set {name}=False"
                )


@shipped
class SGDScheduleFree(ScheduleFree):
    """Schedule-Free SGD, as ``schedulefree.SGDScheduleFree``: needs no schedule, but `eval`.

    ::

        lr_t = lr * min(1, t / warmup_steps)
        weight = t^r * max(lr_1, ..., lr_t)^weight_lr_power
        c = weight / (sum of all weights so far)
        y = y + c * (z - y) - lr_t * (1 - momentum * (1 - c)) * g      y is the parameter
        z = z - lr_t * g                                               z begins at y
        x = y + (1 - 1 / momentum) * (z - y)                           in eval mode

    Gradients are taken at y. The model is used at x, the weighted average of z: between ``opt.eval()``
    and ``opt.train()``, or in ``with opt.averaged():``. Training goes on from y and z.

    Defazio et al., *The road less scheduled* (arXiv:2405.15682). Differs from the package: an optimizer
    begins in training; `train` restores y bit by bit; each parameter counts its own steps.

    Parameters
    ----------
    lr : float >= 0
        Learning rate. The authors recommend 10 to 50 times that of SGD with a schedule.
    momentum : float > 0 and < 1
        How near y is to x.
    weight_decay : float >= 0
        Added to the gradient, as ``weight_decay * y``.
    decoupled_weight_decay : bool
        True is the same here, where nothing divides the gradient.
    warmup_steps : float >= 0
        How many steps the learning rate rises.
    r : float >= 0 and <= 16
        The power of the number of the step in its weight.
    weight_lr_power : float >= 0 and <= 16
        The power of the largest learning rate so far in the weight of a step.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    z : the sequence that is averaged

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.SGDScheduleFree([w], lr=0.1)
    >>> for _ in range(3):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.79, 1.42])
    >>> with opt.averaged():
    ...     print(w)
    [0.8 1.4]
    """

    facts = Facts(
        paper="arXiv:2405.15682",
        kind="schedule-free",
        good_for="training whose length is not known before; no schedule",
        states={"z": "the sequence that is averaged"},
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    momentum: Scheduled = number(default=0.9, above=0.0, below=1.0)
    decoupled_weight_decay: bool = flag(default=False)

    rule = staticmethod(sgd_schedule_free)

    @classmethod
    def stage_scalars(cls, h: Values) -> StageScalars:
        return regularization.scalars(Values(**{**vars(h), "decoupled_weight_decay": False}))

    @classmethod
    def average(cls, h: Values) -> Move:
        return to_average(h.momentum)

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> tuple[float, ...]:
        return averaging(h, warmed_up(h, t), t, h.momentum, carried)


@shipped
class AdamWScheduleFree(ScheduleFree):
    """Schedule-Free AdamW, as ``schedulefree.AdamWScheduleFree``: needs no schedule, but `eval`.

    ::

        v = beta2 * v + (1 - beta2) * g * g
        d = g / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * y

    and then as `SGDScheduleFree`, with d in place of g and beta1 in place of the momentum.

    Defazio et al., *The road less scheduled* (arXiv:2405.15682). Differs from the package as that does.

    Parameters
    ----------
    lr : float >= 0
        Learning rate. The authors recommend 1 to 10 times that of AdamW with a schedule.
    betas : two floats, >= 0 and < 1, the first > 0
        How near y is to x, and how much of the second moment is kept.
    eps : float >= 0
        Added to the root.
    decoupled_weight_decay : bool
        Decay the weights as above; if False, add ``weight_decay * y`` to the gradient.
    warmup_steps, r, weight_lr_power
        As of `SGDScheduleFree`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    z : the sequence that is averaged
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdamWScheduleFree([w], lr=0.1)
    >>> for _ in range(3):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.79, 1.21])
    >>> with opt.averaged():
    ...     print(w)
    [0.8 1.2]
    """

    facts = Facts(
        paper="arXiv:2405.15682",
        kind="schedule-free",
        good_for="training whose length is not known before; no schedule",
        states={"z": "the sequence that is averaged", "v": "running mean of squared gradients"},
        few_bits={"v": "unsigned"},
    )

    lr: Scheduled = number(default=2.5e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=True)

    rule = staticmethod(adamw_schedule_free)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.betas[0] == 0.0:
            raise ValueError(
                "betas[0] is 0.0; it must be > 0 here, or the average could not be found from the "
                "parameters and z: give betas=(0.9, 0.999)"
            )

    @classmethod
    def stage_scalars(cls, h: Values) -> StageScalars:
        decay = 0.0 if h.decoupled_weight_decay else h.weight_decay
        return regularization.scalars(Values(**{**vars(h), "weight_decay": decay}))

    @classmethod
    def average(cls, h: Values) -> Move:
        return to_average(h.betas[0])

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        unbias = 1.0 / sqrt(1.0 - power(beta2, t))
        decay = h.weight_decay if h.decoupled_weight_decay else 0.0
        averages = averaging(h, warmed_up(h, t), t, beta1, carried)
        return AdamwScheduleFreeCoefficients(beta2, 1.0 - beta2, unbias, h.eps, decay, *averages)


@shipped
class RAdamScheduleFree(AdamWScheduleFree):
    """Schedule-Free RAdam, as ``schedulefree.RAdamScheduleFree``: its own warm-up, and no schedule.

    ::

        r_max = 2 / (1 - beta2) - 1
        r = r_max - 2 * t * beta2^t / (1 - beta2^t)
        rect = sqrt((r - 4) * (r - 2) * r_max / ((r_max - 4) * (r_max - 2) * r))      where r > 4
        rect = 0 if silent_sgd_phase else 1, and d = g + weight_decay * y             where r <= 4

    and otherwise as `AdamWScheduleFree`, with ``lr * rect`` in place of lr. With the default beta2, r
    is above 4 from the fifth step on.

    Defazio et al., *The road less scheduled* (arXiv:2405.15682), with the rectification of Liu et al.,
    *On the variance of the adaptive learning rate and beyond* (arXiv:1908.03265). Differs from the
    package as `SGDScheduleFree` does, and can have a warm-up besides.

    Parameters
    ----------
    silent_sgd_phase : bool
        Take no step as long as the second moment is of too few gradients, in place of plain ones.
    decoupled_weight_decay : bool
        Decay the weights as above; if False, add ``weight_decay * y`` to the gradient.
    lr, betas, eps, warmup_steps, r, weight_lr_power
        As of `AdamWScheduleFree`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    z : the sequence that is averaged
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.RAdamScheduleFree([w], lr=0.1, silent_sgd_phase=False)
    >>> for _ in range(3):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.79, 1.42])
    """

    silent_sgd_phase: bool = flag(default=True)

    rule = staticmethod(radam_schedule_free)

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        left2 = 1.0 - power(beta2, t)
        r_max = 2.0 / (1.0 - beta2) - 1.0
        r = r_max - 2.0 * t * power(beta2, t) / left2
        plain = not r > 4.0
        if plain:
            rect = 0.0 if h.silent_sgd_phase else 1.0
        else:
            rect = sqrt((r - 4.0) * (r - 2.0) * r_max / ((r_max - 4.0) * (r_max - 2.0) * r))
        decay = h.weight_decay if h.decoupled_weight_decay else 0.0
        averages = averaging(h, warmed_up(h, t) * rect, t, beta1, carried)
        divided = (1.0 / sqrt(left2), h.eps, decay)
        kind = (1.0 if plain else 0.0, 1.0)
        return RadamScheduleFreeCoefficients(beta2, 1.0 - beta2, *divided, *averages, *kind)
