"""The program of a step that the plan takes by itself, in one call."""

from fastopt.algorithm import Values
from fastopt.backends import UNUSED, Decide, Decision, GradientForms, Pass, Rows, StepProgram
from fastopt.followers import Followers
from fastopt.step import overflow
from fastopt.step.bound import Bound

_USUAL = GradientForms(False, False, False)


def program_of(bound: Bound) -> StepProgram | None:
    """Return the program of a step; None where Python has to look at it."""
    given, forms = bound.settings, bound.forms or _USUAL
    # NumPy does not know bfloat16: Python gives its bits.
    if given["stats"] or bound.measures or forms.bfloat16:
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
    followers, progress, counts, risks = bound.followers, bound.progress, bound.counts, bound.risks
    guarded, following = bound.guarded, any(bound.followers)

    def decide(step: int, rows: Rows, largest: float) -> Decision | None:
        if guarded and not overflow.is_calm(counts, risks, progress, rows, largest):
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
    )
