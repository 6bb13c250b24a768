"""Reasons for another shape than is needed, and the line that mends it.

A line is found only where it cannot scramble the elements: a reshape is one where nothing but axes of
length 1 come or go.
"""

from itertools import permutations
from math import prod
from typing import NamedTuple

Shape = tuple[int, ...]

MOST_AXES = 6  # whose orders are tried: 720
LISTED = 3  # orders in a message


class Misfit(NamedTuple):
    """The difference of a shape from the one that is needed."""

    what: str  # begins with "it"
    lines: list[str]  # what makes one of the other: several where only the caller knows which

    def __str__(self) -> str:
        shown = " or ".join(self.lines[:LISTED]) + (", ..." if len(self.lines) > LISTED else "")
        if not self.lines:
            return self.what
        return f"{self.what}: pass {shown}" + (
            "" if len(self.lines) == 1 else ", as your layout has it"
        )


def misfit(found: Shape, needed: Shape, name: str = "g") -> Misfit:
    """Compare the shape of the array that a message calls `name` with another one."""
    if len(found) > 1 and found == needed[::-1]:
        return _reordered(found, needed, name)
    if _without_ones(found) == _without_ones(needed):
        return Misfit("only axes of length 1 differ", [f"{name}.reshape({needed})"])
    if sorted(found) == sorted(needed):
        return _reordered(found, needed, name)
    summed = _summed(found, needed, name)
    if summed is not None:
        return summed
    if prod(found) == prod(needed) and len(found) == 1:
        reshaped = f"{name}.reshape({needed})"
        return Misfit(f"it is flat, and {reshaped} is right only where np.ravel has flattened it", [])
    if prod(found) == prod(needed):
        return Misfit("a reshape would scramble its elements: compute it in that shape", [])
    if len(found) < len(needed):
        return Misfit("it lacks an axis, over which it may have been summed: keep that axis", [])
    return Misfit("is it that of another parameter?", [])


def _reordered(found: Shape, needed: Shape, name: str) -> Misfit:
    turn, backwards = f"{name}.T", tuple(reversed(range(len(found))))
    orders = list(permutations(backwards)) if len(found) <= MOST_AXES else [backwards]
    fitting = [order for order in orders if tuple(found[k] for k in order) == needed]
    lines = [turn if order == backwards else f"np.transpose({name}, {order})" for order in fitting]
    return Misfit("it is transposed" if turn in lines else "its axes stand in another order", lines)


def _summed(found: Shape, needed: Shape, name: str) -> Misfit | None:
    """Find axes that were broadcast, or that are those of a batch."""
    more = len(found) - len(needed)
    if more < 0:
        return None
    front = (1,) * more + needed
    if all(n in (1, f) for f, n in zip(found, front, strict=True)):
        axes = tuple(i for i, (f, n) in enumerate(zip(found, front, strict=True)) if f != n or i < more)
        kept = len(axes) == more or not more  # no axis of length 1 is lost by the sum
        form = f"axis={axes[0] if len(axes) == 1 else axes}" + ("" if more else ", keepdims=True")
        line = f"{name}.sum({form})" + ("" if kept else f".reshape({needed})")
        return Misfit("it has not been summed over the axes that were broadcast", [line])
    if found[: len(needed)] == needed:
        axes = tuple(range(len(needed), len(found)))
        form = f"axis={axes[0] if len(axes) == 1 else axes}"
        return Misfit("it has more axes, as of a batch, to be summed", [f"{name}.sum({form})"])
    return None


def _without_ones(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)
