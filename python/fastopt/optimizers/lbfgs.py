"""L-BFGS."""

from functools import partial
from types import EllipsisType, MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Scheduled,
    Values,
    choice,
    measurement,
    number,
    shipped,
    transforms_of,
    whole_number,
)
from fastopt.closure import take_step
from fastopt.optimizer import Optimizer
from fastopt.step import AccumulateCoefficients, accumulate

_PENALTY = ", and add the penalty to the loss and to the gradients in the function"
_SHORTER = "; line_search_fn='strong_wolfe' or a smaller lr keeps steps short"
_REMEDIES = {
    **{"weight_decay": _PENALTY, "l1": _PENALTY, "clipnorm": _SHORTER, "clipvalue": _SHORTER},
    "cautious": "",
}


@shipped
class LBFGS(Optimizer):
    """L-BFGS: steps by the curvature that the last steps have met, from a function it can call.

    ::

        s = the step before, y = what it has changed of the gradient     kept if y.s > 1e-10
        d = -H g          of the last history_size pairs, by the two-loop recursion
        t = lr            min(1, 1 / sum(abs(g))) * lr the first time; or of the line search
        p = p + t * d     up to max_iter times in one call of step

    As `torch.optim.LBFGS`: a call of `step` is several iterations over all parameters as one vector,
    and ends earlier when `max_eval`, `tolerance_grad` or `tolerance_change` say so. The function is
    called with the parameters at the points that are tried, and returns loss and gradients there::

        def loss_and_grad():
            ...
            return loss, grads

        while ...: opt.step(loss_and_grad)

    It is for exact gradients of all the data. All parameters have the same hyperparameters, `lr` alone
    can be a schedule. Sums are in float64, and have the same bits on every backend. Where the function
    raises, or returns what does not fit, parameters, states and counts are those of before the call.
    None for a gradient counts as zeros; frozen parameters are no part of the vector, and the history
    begins anew where others take part than at the step before.

    Where a loss or a gradient is not finite at a trial of the line search, the search goes back from
    there. Elsewhere `nonfinite` decides: "raise" and "skip" leave the whole call out; with "propagate",
    as in torch, parameters become what follows.

    Liu and Nocedal, *On the limited memory BFGS method for large scale optimization* (Mathematical
    Programming 45, 1989).

    Parameters
    ----------
    lr : float >= 0
        The length of a step, in directions; what the line search tries first.
    max_iter : int >= 1
        Iterations in a call.
    max_eval : int >= 1, optional
        Evaluations in a call, about; ``max_iter * 5 // 4`` if nothing is said.
    tolerance_grad : float >= 0
        The call ends where no element of the gradient is larger.
    tolerance_change : float >= 0
        The call ends where no element has moved by more, or the loss has changed by less.
    history_size : int >= 1
        The number of pairs that are kept: the states take twice as many times the memory of the
        parameters. It cannot change.
    line_search_fn : "strong_wolfe", optional
        Search along each direction for the strong Wolfe conditions; without it each step is `lr`.
    **options
        Those of every `Optimizer` that make sense with it: maximize, nonfinite, groups with frozen
        parameters, tied, backend. Penalties belong into the function.

    States
    ------
    s : the last steps, history_size of them
    y : what each has changed of the gradient
    step : the last step
    grad : the gradient before it

    Raises
    ------
    TypeError, ValueError
        For options that do not go with it, such as clipnorm, weight_decay, ema, or another algorithm
        for a group.

    Examples
    --------
    >>> w = np.array([-1.2, 1.0])
    >>> def rosenbrock():
    ...     a, b = 1.0 - w[0], w[1] - w[0] ** 2
    ...     return a**2 + 100.0 * b**2, np.array([-2.0 * a - 400.0 * b * w[0], 200.0 * b])
    >>> opt = fastopt.LBFGS(w, line_search_fn="strong_wolfe", max_iter=100, tolerance_change=0)
    >>> opt.step(rosenbrock)
    True
    >>> w.round(6)
    array([1., 1.])
    >>> opt.evaluations < 60
    True
    """

    facts = Facts(
        paper="Liu and Nocedal (Mathematical Programming 45, 1989)",
        kind="quasi-newton",
        good_for="exact gradients of all the data, few parameters",
        states={
            "s": "the last steps, history_size of them",
            "y": "what each has changed of the gradient",
            "step": "the last step",
            "grad": "the gradient before it",
        },
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    max_iter: int = whole_number(default=20, at_least=1)
    max_eval: int | None = whole_number(default=None, at_least=1, optional=True)
    tolerance_grad: float = number(default=1e-7, at_least=0.0)
    tolerance_change: float = number(default=1e-9, at_least=0.0)
    history_size: int = whole_number(default=100, at_least=1)
    line_search_fn: str | None = choice("strong_wolfe", default=None, optional=True)

    rule = staticmethod(accumulate)
    measures_all = True
    takes_function = True
    carried: ClassVar = MappingProxyType(
        {
            **{name: measurement() for name in ("iterations", "evaluations", "pairs", "members")},
            "loss": measurement(default=np.nan, at_least=-np.inf),
        }
    )

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> AccumulateCoefficients:
        return AccumulateCoefficients(h.lr)

    @classmethod
    def shapes(cls, h: Values, p: NDArray[Any]) -> dict[str, tuple[int, ...]]:
        history = (h.history_size, *p.shape)
        return {"s": history, "y": history, "step": p.shape, "grad": p.shape}

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        for name in (*[each for each in _REMEDIES if vars(h).get(each)], *transforms_of(h)):
            raise ValueError(
                f"{name} is {vars(h)[name]}, and {cls.__name__} compares losses and gradients as "
                f"the function returns them: leave it out{_REMEDIES.get(name, '')}"
            )

    def step(self, loss_and_grad: Any = None, surplus: EllipsisType = ..., *, loss: Any = None) -> bool:
        """Take one step: several iterations, with a function that is called at each point.

        Parameters
        ----------
        loss_and_grad : function without arguments
            Returns the loss, a number, and the gradients, in the structure of the parameters, with
            their shapes and dtypes, both at the parameters as they are when it is called. It changes
            nothing of them, and calls nothing of this optimizer.

        Returns
        -------
        bool
            Whether the step was taken; ``nonfinite="skip"`` leaves some out.

        Raises
        ------
        TypeError, ValueError
            For what is no such function, or for what it returns or changes; and what it raises itself.
            Nothing has changed then, and parameters are what they were before the call.
        FloatingPointError
            With ``nonfinite="raise"``, for a loss or gradients that are not finite. Nothing has
            changed then.
        RuntimeError
            As `Optimizer.step`, and from calls of this optimizer within the function.
        """
        if surplus is not ... or loss is not None:
            raise TypeError(
                "step is given a function alone, opt.step(loss_and_grad): the parameters are those of "
                "the optimizer, and the loss is what the function returns"
            )
        return self._stepped(partial(take_step, function=loss_and_grad))

    @property
    def loss(self) -> float:
        """The loss at the beginning of the last step; NaN before the first."""
        return float(self._core.bound.groups[0].carried.loss)

    @property
    def evaluations(self) -> int:
        """The number of calls of functions in all steps."""
        return int(self._core.bound.groups[0].carried.evaluations)
