"""Reports of a step, group by group: the norms that training is watched by."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from fastopt.numerics import total
from fastopt.step.norms import Norms


class GroupReport(NamedTuple):
    """One group's part of a step."""

    grad_norm: float  # after the loss scale, before clipping
    update_norm: float  # of what the step added to the parameters: weight decay and Lookahead included
    weight_norm: float  # of the new parameters
    update_ratio: float  # update_norm / weight_norm
    clip_factor: float  # the smallest by which a gradient was scaled to clip its norm
    nonfinite: int  # entries of gradients that are infinite or NaN


def reports(
    group_of: Sequence[int],
    norms: Norms,
    unscale: float,
    factors: Sequence[float],
    sums: Sequence[tuple[float, float]],
) -> list[GroupReport]:
    """Add up the arrays of each group."""
    found = []
    members: list[list[int]] = [[] for _ in range(max(group_of) + 1)]
    for i, group in enumerate(group_of):
        members[group].append(i)
    for mine in members:
        update = math.sqrt(total(sums[i][0] for i in mine))
        weight = math.sqrt(total(sums[i][1] for i in mine))
        found.append(
            GroupReport(
                grad_norm=norms.of(mine) * unscale,
                update_norm=update,
                weight_norm=weight,
                update_ratio=update / weight if weight else math.inf if update else 0.0,
                clip_factor=min((factors[i] for i in mine), default=1.0),
                nonfinite=sum(norms.nonfinite[i] for i in mine),
            )
        )
    return found
