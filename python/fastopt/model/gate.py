"""Changes of hyperparameters, settings and roster: between steps, never in the middle of one."""

from fastopt.algorithm.hyperparameters import Values

STEPPING = "is in the middle of a step on another thread"


def hold(taken: Values) -> list[bool]:
    """Hold an optimizer to change it; append True to what is given back to let it go.

    RuntimeError where a step holds it. In a with block that has moved the parameters no step can begin,
    and values may change. No context manager: a signal's handler that raises as ``__exit__`` begins
    would leave the optimizer held for ever.
    """
    free: list[bool] = taken.free
    try:
        free.pop()
    except IndexError:
        if taken.doing != STEPPING:
            return []
        raise RuntimeError(
            f"this optimizer {STEPPING}: change it between steps, on the thread that takes them; "
            "opt.before_step(f) calls f there"
        ) from None
    except BaseException:  # of a signal's handler, which runs when the token has been taken
        free.append(True)
        raise
    taken.doing = STEPPING
    return free
