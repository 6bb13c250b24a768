"""Arrays whose first axis counts the samples: check them, and select samples."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.runtime import describe


class Samples:
    """An array, or a tuple or dict of arrays; samples of them have the same form."""

    def __init__(self, data: Any) -> None:
        if isinstance(data, np.ndarray):
            named = {"data": data}
        elif isinstance(data, tuple):
            named = {f"data[{i}]": array for i, array in enumerate(data)}
        elif isinstance(data, dict):
            named = {f"data[{key!r}]": array for key, array in data.items()}
        else:
            raise TypeError(
                f"data is {describe(data)}; it must be an array, or a tuple or dict of arrays such as "
                "(x, y)"
            )
        self._data = data
        self.count = _counted(named)

    def view(self, part: slice) -> Any:
        """Return views of consecutive samples."""
        return self._each(lambda array: array[part])

    def take(self, chosen: NDArray[np.intp]) -> Any:
        """Return copies of the samples with these numbers."""
        return self._each(lambda array: array.take(chosen, axis=0))

    def _each(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
        data = self._data
        if isinstance(data, tuple):
            return tuple(map(function, data))
        if isinstance(data, dict):
            return {key: function(array) for key, array in data.items()}
        return function(data)


def _counted(named: dict[str, Any]) -> int:
    """Return how many samples there are; raise unless all arrays have as many."""
    if not named:
        raise ValueError("data has no arrays: use one, or a tuple or dict of them such as (x, y)")
    for what, array in named.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{what} is {describe(array)}; it must be an array: np.asarray(...)")
        if array.ndim == 0:
            raise ValueError(
                f"{what} has shape (), and no first axis that counts the samples: np.atleast_1d(...)"
            )
    first, *others = named
    count = len(named[first])
    for other in others:
        if len(named[other]) != count:
            raise ValueError(
                f"{first} has {count} samples and {other} {len(named[other])}; the first axis of each "
                "counts the samples, and must be as long in all of them"
            )
    if count == 0:
        raise ValueError(f"{first} has shape {named[first].shape}: there are no samples")
    return count
