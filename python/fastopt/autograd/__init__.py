"""The optimizers of `autograd.misc.optimizers`, and every other of ours, as functions like those.

::

    from fastopt.autograd import adam  # in place of autograd.misc.optimizers

    params = adam(grad(loss), params, callback, num_iters=1000, step_size=0.01)

`sgd`, `rmsprop` and `adam` have autograd's arguments and defaults. Every other optimizer is here under
its name in lower case, with its own options; `minimizer` makes such a function of a class of your own.
autograd itself is not needed: gradients can come from elsewhere.
"""

from collections.abc import Callable
from typing import Any

from fastopt.autograd.loop import Callback, Gradient, minimize, minimizer
from fastopt.registry import names
from fastopt.runtime import alike

__all__ = ["adam", "minimizer", "rmsprop", "sgd"]


def sgd(
    grad: Gradient,
    x0: Any,
    callback: Callback | None = None,
    num_iters: int = 200,
    step_size: Any = 0.1,
    mass: float = 0.9,
) -> Any:
    """Minimize by gradient descent with momentum, as `autograd.misc.optimizers.sgd`; see `minimizer`.

    >>> np.allclose(sgd(lambda x, i: 2.0 * x, np.array([1.0, -2.0]), num_iters=500), 0.0)
    True
    """
    options = {"lr": step_size, "momentum": mass, "dampening": mass, "dampen_first": True}
    return minimize("sgd", grad, x0, callback, num_iters, options)


def rmsprop(
    grad: Gradient,
    x0: Any,
    callback: Callback | None = None,
    num_iters: int = 100,
    step_size: Any = 0.1,
    gamma: float = 0.9,
    eps: float = 1e-8,
) -> Any:
    """Minimize by RMSprop, as `autograd.misc.optimizers.rmsprop`, whose average begins with 1."""
    options = {"lr": step_size, "alpha": gamma, "eps": eps, "initial_accumulator_value": 1.0}
    return minimize("rmsprop", grad, x0, callback, num_iters, options)


def adam(
    grad: Gradient,
    x0: Any,
    callback: Callback | None = None,
    num_iters: int = 100,
    step_size: Any = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """Minimize by Adam, as `autograd.misc.optimizers.adam`; see `minimizer`."""
    options = {"lr": step_size, "betas": (b1, b2), "eps": eps}
    return minimize("adam", grad, x0, callback, num_iters, options)


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith("_") or name not in names():
        raise AttributeError(f"fastopt.autograd has no {name!r}: {alike(name, names())}")
    return minimizer(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *names()})
