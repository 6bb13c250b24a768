"""Optimizers for thinc and spaCy, which find them by the names in a config.

::

    [training.optimizer]
    @optimizers = "fastopt.Adam.v1"

`Adam` and `SGD` have the arguments and defaults of thinc's "Adam.v1" and "SGD.v1". `optimizer`, which
is "fastopt.Optimizer.v1" in a config, makes one of any algorithm.
"""

from typing import Any

from thinc.optimizers import ADAM_DEFAULTS, SGD_DEFAULTS

from fastopt.thinc.call import Optimizer, Schedule

__all__ = ["SGD", "Adam", "Optimizer", "optimizer"]


def Adam(  # noqa: N802 - as there
    learn_rate: Schedule = ADAM_DEFAULTS["learn_rate"],
    *,
    L2: Schedule = ADAM_DEFAULTS["L2"],  # noqa: N803
    beta1: Schedule = ADAM_DEFAULTS["beta1"],
    beta2: Schedule = ADAM_DEFAULTS["beta2"],
    eps: Schedule = ADAM_DEFAULTS["eps"],
    grad_clip: Schedule = ADAM_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = True,  # noqa: N803
    use_averages: bool = True,
) -> Optimizer:
    """Make what thinc's "Adam.v1" is, computed in one pass over each array."""
    return Optimizer(
        "adam",
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
    )


def SGD(  # noqa: N802 - as there
    learn_rate: Schedule,
    *,
    L2: Schedule = SGD_DEFAULTS["L2"],  # noqa: N803
    grad_clip: Schedule = SGD_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = True,  # noqa: N803
    use_averages: bool = True,
) -> Optimizer:
    """Make what thinc's "SGD.v1" is, computed in one pass over each array."""
    return Optimizer(
        "sgd",
        learn_rate,
        L2=L2,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
    )


def optimizer(
    algorithm: str,
    learn_rate: Schedule,
    *,
    options: dict[str, Any] | None = None,
    L2: Schedule = 0.0,  # noqa: N803
    grad_clip: Schedule = 1.0,
    L2_is_weight_decay: bool = True,  # noqa: N803
    use_averages: bool = True,
) -> Optimizer:
    """Make one of any algorithm; see `Optimizer`."""
    return Optimizer(
        algorithm,
        learn_rate,
        options=options,
        L2=L2,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
    )
