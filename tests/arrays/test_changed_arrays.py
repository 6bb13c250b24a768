"""What has become of an array behind the optimizer's back is seen by the next step."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.hashing import digest
from support.places import Array, Words, check_message, good, named

import fastopt


def reshape(p: Array) -> None:
    p.shape = (4, 3)


def retype(p: Any) -> None:
    p.dtype = np.int32


def resize(p: Array) -> None:
    p.resize((2, 4), refcheck=False)


# What can become of a parameter behind the optimizer's back.
LATER: list[tuple[str, Callable[[Array], None], type[Exception], Words]] = [
    (
        "read-only",
        lambda p: p.setflags(write=False),
        ValueError,
        ("read-only", "a.setflags(write=True)"),
    ),
    ("reshaped", reshape, ValueError, ("another shape", "make a new optimizer")),
    ("another dtype", retype, TypeError, ("int32", "give it back")),
    ("resized", resize, ValueError, ("another shape", "make a new optimizer")),
]


@pytest.mark.parametrize("case", **named(LATER))
def test_parameter_that_has_changed(
    case: tuple[str, Callable[[Array], None], type[Exception], Words], backend: str
) -> None:
    _, change, error, words = case
    params = [good(0), good(1), good(2)]
    opt = fastopt.get("adam", params, backend=backend)
    opt.step([good(3), good(4), good(5)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy is about to give up some of these
        try:
            change(params[1])
        except ValueError:  # a guard on the array has refused it, which is as good
            return
    # With a gradient in the new shape, so that nothing but the parameter is wrong.
    grads = [good(3), np.ones(params[1].shape, np.float32), good(5)]
    before = digest(opt, grads)
    with pytest.raises(error) as caught:
        opt.step(grads)
    check_message(caught.value, "parameter '1'", words)
    assert digest(opt, grads) == before
