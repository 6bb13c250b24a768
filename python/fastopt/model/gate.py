"""The gate of an optimizer: one at a time steps, changes or moves it."""

from collections.abc import Callable
from functools import partial

STEPPING = "is in the middle of a step on another thread"
CLOSED = "is closed: make a new one, and load what state_dict() or save() of this one gives"


class Gate:
    """A lock with a reason.

    Attributes
    ----------
    free : list
        One token, or none: the caller that pops it is inside. Quicker than a lock.
    leave : function
        Gives the token back. No Python function, in which a signal could come first.
    doing : str
        Why no other can enter.
    closed : bool
    changed : bool
        Whether hyperparameters have been set, at which the next step has to look.
    read : bool
        Whether the caller has read the arrays.
    """

    __slots__ = ("changed", "closed", "doing", "free", "leave", "read")

    def __init__(self) -> None:
        self.free = [True]
        self.leave: Callable[[], object] = partial(self.free.append, True)
        self.doing = STEPPING
        self.closed = self.changed = self.read = False

    def enter(self, doing: str = STEPPING) -> None:
        """Go inside, until `leave`; RuntimeError where that cannot be."""
        self.take(doing, self.busy)

    def take(self, doing: str, busy: Callable[[], RuntimeError]) -> None:
        """Go inside; raise what `busy` returns where that cannot be."""
        try:
            self.free.pop()
        except IndexError:
            raise busy() from None
        except BaseException:  # of a signal's handler, which runs when the token has been taken
            self.free.append(True)
            raise
        self.doing = doing

    def enter_to_look(self, doing: str) -> None:
        """Go inside to read what is bound, of a closed optimizer too: nothing changes it any more."""
        if not self.closed:
            self.enter(doing)

    def enter_to_change(self) -> Callable[[], object]:
        """Go inside to change values between steps; return what leaves again.

        In a with block that has moved the parameters no step can begin, and values may change. No
        context manager: a signal's handler that raises as ``__exit__`` begins would leave the gate
        shut for ever.
        """
        try:
            self.free.pop()
        except IndexError:
            if self.doing != STEPPING:
                return _nothing
            raise RuntimeError(
                f"this optimizer {STEPPING}: change it between steps, on the thread that takes them; "
                "opt.before_step(f) calls f there"
            ) from None
        except BaseException:  # as in `take`
            self.free.append(True)
            raise
        self.doing = STEPPING
        return self.leave

    def busy(self) -> RuntimeError:
        """Make the error of those who cannot enter."""
        return RuntimeError(f"this optimizer {self.doing}")

    def close(self) -> None:
        """Shut it for good, from inside."""
        self.doing, self.leave, self.closed = CLOSED, _nothing, True


_nothing: Callable[[], object] = [].clear  # no Python function either
