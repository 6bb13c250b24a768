"""The caller's function of loss and gradients, at points that are written into the parameters."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import guards
from fastopt.closure.flat import Flat
from fastopt.runtime import describe, real
from fastopt.step import Bound, readable

Array = NDArray[Any]


class NotFiniteError(Exception):
    """A loss or a gradient that is not finite, where that is not to be used."""


class Function:
    """Loss and gradient at a point, checked each time; parameters stay at the last point."""

    def __init__(self, bound: Bound, call: Callable[[], Any], members: Sequence[int]) -> None:
        self._bound, self._call, self._members = bound, call, members
        self.sign = -1.0 if bound.groups[0].h.maximize else 1.0
        self._guarded = guards(bound.settings)
        self._errors: Any = np.geterr()  # for the function, whatever is set around it here
        self.flat = Flat([bound.parameters.arrays[i] for i in members])
        self._frozen = {i: p.copy() for i, p in enumerate(bound.parameters.arrays) if i not in members}

    def evaluate(self, x: Array) -> tuple[float, Array]:
        """Compute loss and gradient at a point that is taken."""
        loss, gradients = self._called(x)
        self._check_finite("loss", loss)
        for i, g in zip(self._members, gradients, strict=True):
            if g is not None:
                self._check_finite(f"gradient of {self._bound.parameters.names[i]!r}", g)
        return self.sign * loss, self.sign * self.flat.vector(gradients)

    def attempt(self, x: Array) -> tuple[float, Array]:
        """Compute them at a point that may be given up; the loss is infinite if one is not finite."""
        loss, gradients = self._called(x)
        g = self.sign * self.flat.vector(gradients)
        finite = math.isfinite(loss) and bool(np.isfinite(g).all())
        return self.sign * loss if finite else math.inf, g

    def rounded(self, x: Array) -> Array:
        """Return the point as the parameters can hold it."""
        held = self.flat.vector(self.flat.as_held(x))
        self._check_finite("point that the step leads to", held)
        return held

    def _check_finite(self, what: str, values: Any) -> None:
        if self._guarded and not np.isfinite(values).all():
            raise NotFiniteError(f"the {what} is not finite")

    def _called(self, x: Array) -> tuple[float, list[Any]]:
        """Call the function with the parameters at a point; return what it has, checked."""
        held = self.flat.as_held(x)
        for p, part in zip(self.flat.arrays, held, strict=True):
            p[...] = part
        with np.errstate(**self._errors):
            returned = self._call()
        bound, parameters = self._bound, self._bound.parameters
        bound.check_arrays()
        for i, before in [*zip(self._members, held, strict=True), *self._frozen.items()]:
            if not np.array_equal(parameters.arrays[i], before, equal_nan=True):
                raise ValueError(
                    f"the function has changed parameter {parameters.names[i]!r}, which only the step "
                    "may do: have it work on a copy, p.copy()"
                )
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            raise TypeError(
                f"the function has returned {describe(returned)}; it must be the loss and the "
                "gradients, in the structure of the parameters: return loss, grads"
            )
        loss = real(returned[0])
        if loss is None:
            raise TypeError(
                f"the loss that the function has returned is {describe(returned[0])}; it must be one "
                "number, before the gradients: return float(loss), grads"
            )
        gradients = list(readable(parameters, bound.leaves(returned[1])))
        for i in self._frozen:
            gradients[i] = None
        parameters.explain(gradients, bound.hold)
        return loss, [gradients[i] for i in self._members]


def check_function(given: Any, name: str) -> None:
    """Raise TypeError for what cannot be called without arguments."""
    if not callable(given):
        raise TypeError(
            f"{name} calls a function for loss and gradients as often as it needs, and was given "
            f"{describe(given)}: opt.step(loss_and_grad), where loss_and_grad() returns loss, grads"
        )
    try:
        inspect.signature(given).bind()
    except ValueError:  # some have no signature
        return
    except TypeError as error:
        raise TypeError(
            f"{name} calls its function without arguments, and this one has some ({error}): "
            "opt.step(lambda: loss_and_grad(params))"
        ) from None
