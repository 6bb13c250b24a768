"""The gradient of some rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class RowGradient:
    """The gradient of some rows of a parameter; that of all others is 0.

    What backpropagation gives for a lookup ``E[indices]``: `opt.step` takes it in place of an array as
    large as E, and touches no other rows than it must::

        opt = fastopt.Adam({"E": E}, sparse="lazy")
        opt.step({"E": fastopt.RowGradient(indices, values)})

    What becomes of rows without a gradient says the option ``sparse`` of the optimizer or the group,
    which algorithms need that move such rows, too, by momentum or decay; see `Optimizer`. The parameter
    has the shape ``(rows, ...)`` and lies in C order. Objects of other libraries that have arrays
    ``indices`` and ``values`` are taken as well, such as ``tf.IndexedSlices``.

    Nothing is copied when it is made, and nothing checked before the step.

    Parameters
    ----------
    indices : array of k integers
        Numbers of rows, 0 <= index < rows, in any order. Values of a row that stands there several
        times are added up in that order, from +0: the bits are those of ``np.add.at`` on zeros.
    values : array of shape (k, ...)
        A row for each index, in the dtype of the parameter (``cast_grads=True`` takes other float
        dtypes, each element rounded once).

    Raises
    ------
    TypeError, ValueError
        From the step, when nothing has changed: for indices that are no integers or no rows, values of
        another shape or dtype, a parameter without rows in C order; for an algorithm that needs whole
        gradients, or an option that does: averages, slow weights, copies, masks, transforms of
        gradients, ``cautious=True``, ``stats`` and ``zero_grads``; and from all methods but `step`. See
        `dense`.

    Examples
    --------
    >>> E = np.zeros((4, 2))
    >>> g = fastopt.RowGradient(np.array([2, 0, 2]), np.ones((3, 2)))
    >>> fastopt.SGD([E], lr=0.5).step([g])
    True
    >>> E
    array([[-0.5, -0.5],
           [ 0. ,  0. ],
           [-1. , -1. ],
           [ 0. ,  0. ]])
    >>> g.dense(4)[2]
    array([2., 2.])
    """

    __slots__ = ("indices", "values")

    def __init__(self, indices: Any, values: Any) -> None:
        self.indices = indices
        self.values = values

    def __repr__(self) -> str:
        shape = getattr(self.values, "shape", None)
        return f"RowGradient(values of shape {shape}, {getattr(self.values, 'dtype', None)})"

    def dense(self, rows: int) -> NDArray[Any]:
        """Make the gradient of a parameter with so many rows, of which all others are 0."""
        found = np.zeros((rows, *self.values.shape[1:]), self.values.dtype)
        np.add.at(found, self.indices, self.values)
        return found
