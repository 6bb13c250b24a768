"""The exponential moving average of a signal: all at once, or value by value."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastopt import backends
from fastopt.algorithm import flag, number
from fastopt.numerics import is_supported
from fastopt.runtime import describe, whole

_BETA = number(default=0.9, at_least=0.0, below=1.0)
_CORRECTED = flag(default=True)


def ema(
    signal: ArrayLike,
    beta: float,
    bias_correction: bool = True,
    axis: int = 0,
    *,
    backend: str | None = None,
) -> NDArray[Any]:
    """Smooth a signal by its exponential moving average.

    ::

        s = beta * s + (1 - beta) * x                  from s = 0
        y = s / (1 - beta^t)                           bias_correction

    Parameters
    ----------
    signal : array of floats, of any shape
        float16 is computed in float32 and rounded once.
    beta : float, >= 0 and < 1
        How much of the mean is kept: it reaches back over about ``1 / (1 - beta)`` values.
    bias_correction : bool
        Divide by the weight of the values so far, as the mean begins at 0.
    axis : int
        Along which the signal runs.
    backend : {"native", "numba", "numpy"}, optional
        As of `Optimizer`; the bits are the same.

    Returns
    -------
    array
        A new one, in the shape and dtype of the signal.

    Raises
    ------
    TypeError, ValueError
        For a signal that is not of floats or has no axis of that number, a beta out of range.
    """
    x = _floats(signal, "signal")
    if x.ndim == 0:
        raise ValueError("signal has no axis to run along; for value after value there is fastopt.EMA")
    axis = whole(axis, "axis", -x.ndim, x.ndim - 1) % x.ndim
    stream = EMA(beta, bias_correction, backend=backend)
    shape = x.shape
    outer, inner = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    return stream._smooth(x.reshape(outer, shape[axis], inner)).reshape(shape)


class EMA:
    """The exponential moving average of values that come one after the other; see `ema`.

    ::

        mean = fastopt.EMA(0.99)
        for x in values:
            smooth = mean.update(x)

    Parameters
    ----------
    beta, bias_correction, backend
        As of `ema`.
    """

    def __init__(
        self, beta: float, bias_correction: bool = True, *, backend: str | None = None
    ) -> None:
        self.beta: float = _BETA.check(beta, "beta")
        self.bias_correction: bool = _CORRECTED.check(bias_correction, "bias_correction")
        self.backend = backends.choose(backend, [])
        self.count = 0
        self._remains = 1.0  # beta to the power of count
        self._state: NDArray[Any] | None = None
        self._like: tuple[tuple[int, ...], Any] | None = None

    def update(self, x: ArrayLike) -> NDArray[Any]:
        """Add the next value, a float or an array of floats; return the mean with it, as an array.

        Raises ValueError for a value whose shape or dtype is not that of the first.
        """
        value = _floats(x, "x")
        like = (value.shape, value.dtype)
        if self._like is not None and like != self._like:
            shape, dtype = self._like
            raise ValueError(
                f"x has shape {value.shape} and dtype {value.dtype}; the values so far have {shape} "
                f"and {dtype}: make another EMA(...) for it"
            )
        self._like = like
        return self._smooth(value.reshape(1, 1, -1)).reshape(value.shape)

    def _smooth(self, x: NDArray[Any]) -> NDArray[Any]:
        """Go along the second of three axes."""
        outer, length, inner = x.shape
        dtype = np.dtype(np.float32) if x.dtype == np.float16 else x.dtype
        state = np.zeros((outer, inner), dtype) if self._state is None else self._state
        corrections = None
        if length and self.bias_correction:
            powers = np.full(length, self.beta)
            powers[0] *= self._remains
            np.multiply.accumulate(powers, out=powers)
            corrections = (1.0 - powers).astype(dtype)
            self._remains = float(powers[-1])
        out = np.empty(x.shape, dtype)
        # No kernel has longdouble; NumPy does.
        module = backends.backend(self.backend if is_supported(dtype) else "numpy")
        module.smooth(np.ascontiguousarray(x, dtype), out, state, self.beta, corrections)
        self._state = state
        self.count += length
        return out if x.dtype == dtype else out.astype(x.dtype)


def _floats(x: ArrayLike, name: str) -> NDArray[Any]:
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; give {name}.filled(...)")
    found = np.asarray(x)
    if not np.issubdtype(found.dtype, np.floating):
        hint = f"np.asarray({name}, float)" if found.dtype.kind in "iub" else "an array of floats"
        raise TypeError(
            f"{name} has dtype {found.dtype} ({describe(x)}), and a mean is of floats: give {hint}"
        )
    return found.astype(found.dtype.newbyteorder("="), copy=False)
