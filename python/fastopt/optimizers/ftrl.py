"""FTRL-proximal."""

from collections import namedtuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, Values, bounded, number, select, shipped
from fastopt.optimizer import Optimizer


@shipped
def ftrl(p: Any, g: Any, n: Any, z: Any, c: Any) -> Any:
    """Set p to what minimizes a model of all steps so far; leave it where that is flat."""
    before = np.sqrt(n)
    n = n + g * g
    now = np.sqrt(n)
    z = z + (g + c.shrinkage * p - (now - before) / c.lr * p)
    divisor = now + c.stiffness
    p = select(divisor == c.zero, p, c.lr * (bounded(z, c.l1) - z) / divisor)
    return p, n, z


FtrlCoefficients = namedtuple("FtrlCoefficients", "lr l1 stiffness shrinkage zero")


@shipped
class FTRL(Optimizer):
    """FTRL-proximal, as ``keras.optimizers.Ftrl``: weights that are of no use become exactly zero.

    ::

        sigma = (sqrt(n + g * g) - sqrt(n)) / lr
        n = n + g * g
        z = z + g + 2 * l2_shrinkage_regularization_strength * p - sigma * p
        p = (clip(z, -l1, l1) - z) / ((beta + sqrt(n)) / lr + 2 * l2)

    l1 and l2 are ``l1_regularization_strength`` and ``l2_regularization_strength``. McMahan et al., *Ad
    click prediction: a view from the trenches* (KDD 2013). p is found anew from z in each step: what it
    was at first is forgotten, and where all gradients have been small (``|z| <= l1``) it is 0. Begin
    with zeros, and use these strengths; `weight_decay` and `l1`, which every optimizer has, act on p or
    g around this rule. Differs from Keras: the power of n is the root, and p stays where there is
    nothing to divide by.

    Parameters
    ----------
    lr : float > 0
        Learning rate.
    initial_accumulator_value : float >= 0
        What n begins with.
    l1_regularization_strength : float >= 0
        How large z must be for p not to be 0.
    l2_regularization_strength : float >= 0
        How much p is pulled to 0.
    l2_shrinkage_regularization_strength : float >= 0
        How much p is pulled to 0 as part of the gradient, which n does not see.
    beta : float >= 0
        Added to the root, for shorter first steps.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    n : sum of squared gradients
    z : slope of the model of all steps at 0

    Examples
    --------
    >>> w = np.zeros(2)
    >>> opt = fastopt.FTRL([w], lr=0.1, initial_accumulator_value=0.0, l1_regularization_strength=1.0)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.  , 0.05])
    """

    facts = Facts(
        paper="McMahan et al. (KDD 2013)",
        kind="adaptive",
        good_for="linear models of many rare features, most of whose weights are to be zero",
        states={"n": "sum of squared gradients", "z": "slope of the model of all steps at 0"},
    )

    lr: Scheduled = number(default=1e-3, above=0.0)
    initial_accumulator_value: Scheduled = number(default=0.1, at_least=0.0, initial=True)
    l1_regularization_strength: Scheduled = number(default=0.0, at_least=0.0)
    l2_regularization_strength: Scheduled = number(default=0.0, at_least=0.0)
    l2_shrinkage_regularization_strength: Scheduled = number(default=0.0, at_least=0.0)
    beta: Scheduled = number(default=0.0, at_least=0.0)

    rule = staticmethod(ftrl)

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        return h.initial_accumulator_value if name == "n" else 0.0

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        stiffness = h.beta + 2.0 * h.l2_regularization_strength * h.lr
        shrinkage = 2.0 * h.l2_shrinkage_regularization_strength
        return FtrlCoefficients(h.lr, h.l1_regularization_strength, stiffness, shrinkage, 0.0)
