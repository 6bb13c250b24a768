"""The program of a step that the plan takes by itself, in one call."""

from fastopt.algorithm import Values
from fastopt.backends import UNUSED, Decide, Decision, GradientForms, Pass, StepProgram
from fastopt.followers import Followers
from fastopt.step.bound import Bound
from fastopt.step.moderate import LIMIT

_USUAL = GradientForms(False, False)


def program_of(bound: Bound) -> StepProgram | None:
    """Return the program of a step; None where Python has to look at it."""
    given, forms = bound.settings, bound.forms or _USUAL
    if (bound.guarded and bound.amplifies) or given["stats"] or bound.measures or bound.is_cautious:
        return None
    if bound.transforms is not None:
        return None
    return StepProgram(
        forms,
        bound.reads,
        given["global_clipnorm"],
        bound.clips_each,
        _decide(bound) if bound.guarded or any(bound.followers) else None,
        Values if bound.carries else None,
    )


def _decide(bound: Bound) -> Decide:
    # Parts of what is bound, and not all of it: what is bound next would keep it alive.
    followers, progress, risks = bound.followers, bound.progress, bound.risks
    counts = [count for count in bound.counts if count.group.tape is None]  # a tape knows its risks
    guarded, following = bound.guarded, any(bound.followers)

    def decide(step: int, largest: float) -> Decision | None:
        if guarded:
            calm = not counts or risks.are_calm(counts)
            if not (calm and largest <= LIMIT) or progress.wild:
                return None
        taken = progress.taken() if guarded else []
        if not following:
            return None, None, taken
        if followers.are_fresh:
            return None
        pull, average = followers.weights(step)
        return pull, average, taken + followers.changes()

    return decide


def extras(followers: Followers, step: int, zero: bool, backwards: bool) -> Pass:
    """Compute the work of a step's pass besides the update.

    Where gradients have been read before, it goes backwards: what was read last is in the caches.
    """
    pull, average = followers.weights(step)
    return Pass(
        zero,
        average is not None,
        *(average or UNUSED),
        pull is not None,
        *(pull or UNUSED),
        backwards,
        step,
    )
