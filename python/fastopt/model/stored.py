"""States in 8 bits, as they are shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import flat, shaped
from fastopt.numerics import STORAGES, FloatingPointEnvironment


class Stored:
    """A state that is stored in 8 bits: codes, and a scale for each block of them.

    ``opt.state[name][state]`` is one where the optimizer was made with ``state_dtype="8bit"``. It shows
    what is stored: what is written into `codes` and `scales` is written into the state.
    ``np.asarray(stored)`` is what `decode` returns.

    Attributes
    ----------
    codes : array of uint8, in the shape and the order of memory of the parameter
        Floats of 8 bits: without a sign, 5 bits of an exponent and 3 of a fraction; with one, 4 and 3.
    scales : array of float32, one-dimensional
        Of each 128 elements that follow each other in memory, what their codes are multiplied by.
    signed : bool
        Whether codes have a sign.

    Examples
    --------
    >>> w = np.ones(5000, np.float32)
    >>> opt = fastopt.Adam({"w": w}, state_dtype="8bit")
    >>> opt.step({"w": np.full(5000, 0.5, np.float32)})
    True
    >>> m = opt.state["w"]["m"]
    >>> m
    Stored('signed8', shape (5000,), 5160 bytes)
    >>> m.codes.dtype, m.scales.shape, m.decode()[:2]
    (dtype('uint8'), (40,), array([0.05, 0.05], dtype=float32))
    """

    def __init__(self, storage: str, codes: NDArray[Any], scales: NDArray[Any]) -> None:
        self.codes, self.scales = codes, scales
        self._storage = storage

    @property
    def signed(self) -> bool:
        """True where codes have a sign."""
        return self._storage == "signed8"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the parameter."""
        return self.codes.shape

    @property
    def nbytes(self) -> int:
        """The bytes of codes and scales."""
        return self.codes.nbytes + self.scales.nbytes

    def decode(self) -> NDArray[np.float32]:
        """Return the state in float32, in an array of its own."""
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            values = STORAGES[self._storage].decoded(flat(self.codes), self.scales)
        return shaped(values, self.codes)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(
                "what is stored in 8 bits is decoded into a new array: leave out copy=False"
            )
        return self.decode().astype(dtype or np.float32, copy=False)

    def __repr__(self) -> str:
        return f"Stored({self._storage!r}, shape {self.shape}, {self.nbytes} bytes)"
