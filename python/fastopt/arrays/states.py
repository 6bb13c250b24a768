"""Arrays of a state against the parameter that they are of."""

from typing import Any

from fastopt.arrays.allocation import Form
from fastopt.arrays.shapes import LISTED, misfit
from fastopt.numerics import is_low


def check_fit(array: Any, what: str, p: Any, remedy: str = "", form: Form | None = None) -> None:
    """Raise ValueError for an array that has not the dtype and the shape of its parameter.

    Or another `form`, if that is what it has to have.
    """
    if form is None and is_low(p.dtype):
        form = Form.like(p)
    if form is not None:
        if array.dtype != form.dtype or array.shape != form.shape:
            raise ValueError(
                f"{what} is {array.dtype} of shape {array.shape}; for a parameter of shape {p.shape} "
                f"it is {form.dtype} of shape {form.shape}, and nothing is cast or cut{remedy}"
            )
        return
    if array.dtype != p.dtype or array.shape != p.shape:
        raise ValueError(
            f"{what} is {array.dtype} of shape {array.shape}; its parameter is {p.dtype} of shape "
            f"{p.shape}, and nothing is cast or cut{_reason(array, p)}{remedy}"
        )


def _reason(array: Any, p: Any) -> str:
    """Return why a shape is another one, where that can be seen."""
    found = misfit(array.shape, p.shape, "a")
    lines = [line for line in found.lines if ".sum(" not in line]
    if array.dtype != p.dtype or not lines:
        return ""
    return f": {found.what}, and {' or '.join(lines[:LISTED])} of an array of the state has that shape"
