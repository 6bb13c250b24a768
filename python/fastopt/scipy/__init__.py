"""The optimizers as methods of `scipy.optimize.minimize`, for those who import this page.

::

    import fastopt.scipy

    minimize(fun, x0, jac=True, method=fastopt.scipy.adam, options={"lr": 0.1, "maxiter": 2000})

Every optimizer is here under its name in lower case; `minimizer` makes a method of a class of your own.
"""

from typing import Any

from fastopt.registry import names
from fastopt.runtime import alike
from fastopt.scipy.method import Method, minimizer

__all__ = ["minimizer"]


def __getattr__(name: str) -> Method:
    if name.startswith("_") or name not in names():
        raise AttributeError(f"fastopt.scipy has no {name!r}: {alike(name, names())}")
    found = globals()[name] = minimizer(name)
    return found


def __dir__() -> list[Any]:
    return sorted([*__all__, *names()])
