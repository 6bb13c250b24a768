"""Weight decay in all its conventions, and the L1 penalty: what goes together, and the scalars of it.

docs/weight_decay.md has the formulas, and who means which of them.
"""

import math

from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.stages import (
    ALONG_THE_GRADIENT,
    CAUTIOUS,
    CAUTIOUS_L1,
    COUPLED,
    DECOUPLED,
    L1,
    NOTHING,
    StageScalars,
)

# What decoupled_weight_decay can be. False is coupled.
CONVENTIONS = (False, True, "fixed", "corrected", "after", "proximal")


def check(h: Values) -> None:
    """Raise ValueError for values that do not go together."""
    if h.decoupled_weight_decay == "corrected" and h.max_lr is None:
        raise ValueError(
            "decoupled_weight_decay='corrected' decays by lr * lr / max_lr * weight_decay, and max_lr "
            f"is None: give max_lr={h.lr!r}, or the largest learning rate of your schedule, together "
            "with it or before it"
        )
    if h.cautious_weight_decay and h.decoupled_weight_decay is False:
        raise ValueError(
            "cautious_weight_decay=True leaves decay out where the update goes the other way, and with "
            "decoupled_weight_decay=False the decay is part of the update: set "
            "decoupled_weight_decay=True"
        )


def scalars(h: Values) -> StageScalars:
    """Choose the stage for the hyperparameters of a group, and compute its scalars."""
    agree = ALONG_THE_GRADIENT if h.cautious == "grams" else 0.0
    if h.weight_decay == h.l1 == 0.0 and h.clipvalue is None and not h.maximize:  # mostly
        return NOTHING._replace(agree=agree) if agree else NOTHING
    scale = -1.0 if h.maximize else 1.0
    limit = math.inf if h.clipvalue is None else h.clipvalue
    decay, shrink, keep_after = _weight_decay(h)
    careful = h.cautious_weight_decay and h.weight_decay != 0.0
    if h.l1 != 0.0:
        slope, threshold = (0.0, h.lr * h.l1) if h.soft_threshold else (h.l1, 0.0)
        stage = CAUTIOUS_L1 if careful else L1
    else:
        slope, threshold = 0.0, 0.0
        # 0 * p is not 0 where p is infinite: no decay is not a decay of 0.
        stage = CAUTIOUS if careful else COUPLED if decay != 0.0 else DECOUPLED
    found = (scale, limit, decay, 1.0 - shrink, keep_after, shrink, slope, threshold, agree)
    return NOTHING if found == NOTHING[1:] else StageScalars(stage, *found)


def _weight_decay(h: Values) -> tuple[float, float, float]:
    """Return the shares of p that join the gradient and that p loses, and that the new p keeps."""
    convention = h.decoupled_weight_decay
    if convention is False:
        return h.weight_decay, 0.0, 1.0
    if convention == "after":
        return 0.0, 0.0, 1.0 - h.weight_decay * h.lr
    if convention == "proximal":
        return 0.0, 0.0, 1.0 / (1.0 + h.weight_decay * h.lr)
    rate = h.lr
    if convention == "fixed":
        rate = 1.0
    elif convention == "corrected":
        rate = h.lr * (h.lr / h.max_lr)  # at the largest lr exactly that
    return 0.0, h.weight_decay * rate, 1.0
