"""The base of optimizers whose whole update is made of the gradient of an array, with all of NumPy."""

from collections import namedtuple
from typing import Any, ClassVar

from numpy.typing import NDArray

from fastopt.algorithm import RuleFunction, Values, shipped
from fastopt.optimizer import Optimizer

Array = NDArray[Any]


@shipped
def as_whole_gradient(p: Any, g: Any, o: Any, c: Any) -> Any:
    """Return the gradient."""
    return g, o


@shipped
def as_whole(p: Any, g: Any, o: Any, c: Any) -> Any:
    """Step along what has become of it."""
    p = p - c.step * o
    return p, o


AsWholeCoefficients = namedtuple("AsWholeCoefficients", "step")


class AsWhole(Optimizer):
    """The base of optimizers that make an update of a whole gradient, and keep states beside."""

    rule: ClassVar[RuleFunction] = staticmethod(as_whole)
    direction: ClassVar[RuleFunction | None] = staticmethod(as_whole_gradient)
    scratch = "o"
    sums: ClassVar[dict[str, str]] = {}
    keeps_rows = False

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return AsWholeCoefficients(h.lr)


class OfWholeMatrices(AsWhole):
    """The base of those that are for matrices alone."""

    @classmethod
    def check_array(cls, h: Values, name: str, p: Array) -> None:
        check_matrix(cls, name, p)


def check_matrix(kind: type[Optimizer], name: str, p: Array) -> None:
    """Raise ValueError for an array that is no matrix, nor a kernel of more axes."""
    if p.ndim < 2:
        raise ValueError(
            f"{kind.__name__} is for matrices, and {name!r} has shape {p.shape}: "
            f"fastopt.{kind.__name__}(params, groups=fastopt.vectors_by_adamw) gives such to AdamW; "
            'embeddings and heads, too: groups={"embed": {"algorithm": "adamw"}}'
        )
