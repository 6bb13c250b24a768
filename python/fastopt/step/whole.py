"""The program of a step that the plan takes by itself, in one call."""

from collections.abc import Sequence

from fastopt.algorithm import Values
from fastopt.algorithm import settings as declared
from fastopt.backends import PLAIN_PASS, UNUSED, Pass, StepProgram
from fastopt.followers import Followers
from fastopt.model import Change
from fastopt.step.bound import Bound


def program_of(bound: Bound) -> StepProgram | None:
    """Return the program of a step; None where Python has to look at it."""
    given, followers = bound.settings, bound.followers
    each = declared.clips_each([group.h.clipnorm for group in bound.groups])
    if bound.guarded or given["stats"] or given["cast_grads"] or each:
        return None
    zero, limit = given["zero_grad"], given["global_clipnorm"]
    backwards = limit is not None  # what was read last is in the caches

    def follow(step: int) -> tuple[Pass, Sequence[Change]] | None:
        if followers.are_fresh:
            return None
        return extras(followers, step, zero, backwards), followers.changes()

    return StepProgram(
        zero,
        limit,
        1.0 / given["loss_scale"],
        PLAIN_PASS._replace(zero=zero, backwards=backwards),
        follow if any(followers) else None,
        Values if bound.kind.carried else None,
    )


def extras(followers: Followers, step: int, zero: bool, backwards: bool) -> Pass:
    """Compute the work of a step's pass besides the update."""
    slow, averages, _ = followers
    average = None if averages is None else averages.weights(step)
    pull = None if slow is None else slow.weights(step)
    return Pass(
        zero,
        average is not None,
        *(average or UNUSED),
        pull is not None,
        *(pull or UNUSED),
        backwards,
    )
