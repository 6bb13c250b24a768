"""thinc's Optimizer, which clips and averages unless told not to, and zeroes every gradient."""

from fastopt.bench.arrays import Array, copies, refill
from fastopt.bench.turns import Prepared

OPTIONS = {
    "sgd": {"beta1": 0.0, "beta2": 0.0, "L2": 0.0},
    "adam": {"L2": 0.0},
    "adamw": {"L2": 1e-2},
}


def step(name: str, params: list[Array], grads: list[Array], threads: int) -> Prepared | None:
    """Make a step, for which the gradients are written anew."""
    from thinc.api import Optimizer

    if name not in OPTIONS:
        return None
    optimizer = Optimizer(1e-3, use_averages=False, grad_clip=0.0, **OPTIONS[name])
    own, given = copies(params), copies(grads)

    def call() -> None:
        for i, (p, g) in enumerate(zip(own, given, strict=True)):
            optimizer((0, str(i)), p, g)

    return Prepared(lambda: refill(given, grads), call)
