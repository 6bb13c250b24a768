"""A step that is to be taken."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastopt.model import Change, Row


class StepRequest(NamedTuple):
    """The request for a step, when its gradients are bound."""

    rows: list[Row | None]  # of scalars, one for each step count
    gradients: Sequence[Any]
    added: float  # of how many gradients these are the sum: the sum of their weights
    zero: bool  # whether to zero them
    changes: Sequence[Change]  # that come with the step
    anyway: Sequence[Change]  # those of them that come also where it is left out
    loss: float | None  # where it was given
    given: Sequence[Any]  # the gradients as they were before transforms, which are zeroed in the end
