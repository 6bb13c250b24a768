"""The loop of autograd's optimizers, around steps in place."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from fastopt.algorithm import check_need
from fastopt.moves import keeps_averages
from fastopt.optimizer import Optimizer
from fastopt.registry import find
from fastopt.runtime import whole

Gradient = Callable[[Any, int], Any]
Callback = Callable[[Any, int, Any], object]


def minimize(
    algorithm: str | type[Optimizer],
    grad: Gradient,
    x0: Any,
    callback: Callback | None,
    num_iters: int,
    options: Mapping[str, Any],
) -> Any:
    """Return where steps from x0 end; see `minimizer`."""
    kind, preset = (algorithm, {}) if isinstance(algorithm, type) else find(algorithm)
    loop = f"write the loop, opt = fastopt.{kind.__name__}(params) and"
    check_need(
        kind,
        {
            "loss": f"{loop} opt.step(grads, loss=loss)",
            "function": f"{loop} opt.step(loss_and_grad)",
            "estimate": f"{loop} opt.estimate(h) before opt.step(grads)",
        },
    )
    x = _arrays(x0)
    opt = kind(x, **{**preset, **options})
    for i in range(whole(num_iters, "num_iters", 0)):
        here = _arrays(x)  # which may be kept, or be returned as its own gradient
        g = grad(here, i)
        if callback is not None:
            callback(here, i, g)
        opt.step(_arrays(g, copy=None))
    if keeps_averages(opt):
        with opt.averaged():
            return _arrays(x)
    return x


def _arrays(tree: Any, copy: bool | None = True) -> Any:
    """Copy nested dicts, lists and tuples with arrays of their numbers, in float64 if of no float."""
    if tree is None:  # a gradient that is not there
        return None
    if isinstance(tree, Mapping):
        return {key: _arrays(value, copy) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_arrays(value, copy) for value in tree)
    array = np.asarray(tree)
    return np.array(array, array.dtype if array.dtype.kind == "f" else np.float64, copy=copy)


def minimizer(algorithm: str | type[Optimizer]) -> Callable[..., Any]:
    """Make a function like those of `autograd.misc.optimizers` of a name, or a class of your own.

    ::

        params = minimizer("adamw")(grad, x0, callback=None, num_iters=100, lr=0.01, ...)

    Each of its iterations i calls ``g = grad(x, i)`` and ``callback(x, i, g)``, and takes a step. What
    they are given is a copy, which they may keep; `x0` stays as it is.

    Parameters
    ----------
    algorithm : str or class
        A name as of `fastopt.get`, or a subclass of `Optimizer`.

    Returns
    -------
    function of ``grad, x0, callback=None, num_iters=100, **options``
        `x0` is an array, a number, or a dict, list or tuple of such, nested as you like; what it
        returns is built alike: the last x, or its average with Schedule-Free algorithms, ``ema=`` and
        ``swa_start=``. Options are those of the optimizer. TypeError for an algorithm that takes
        more than gradients.

    Examples
    --------
    >>> adamw = minimizer("adamw")
    >>> x = adamw(lambda x, i: {"w": 2.0 * x["w"]}, {"w": np.ones(2)}, num_iters=500, lr=0.1)
    >>> np.allclose(x["w"], 0.0)
    True
    """
    return partial(_minimized, algorithm)


def _minimized(
    algorithm: str | type[Optimizer],
    grad: Gradient,
    x0: Any,
    callback: Callback | None = None,
    num_iters: int = 100,
    **options: Any,
) -> Any:
    return minimize(algorithm, grad, x0, callback, num_iters, options)
