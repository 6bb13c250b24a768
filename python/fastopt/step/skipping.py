"""Steps that are left out one after the other: the limit, and the one warning."""

from collections.abc import Callable

from fastopt.model import Change
from fastopt.runtime import warn

Complaint = Callable[[bool], str]  # takes whether it is of an error for one step alone

# A dynamic loss scale that begins too high leaves out some 10 to 16 steps on its way down; a run that
# has left out more than that has most likely diverged.
SILENT = 20


class Skips:
    """The number of steps left out, in all and since one was taken."""

    def __init__(self) -> None:
        self.total = 0
        self.in_a_row = 0
        self._warned = False

    def check(self, most: int | None, complaint: Complaint) -> None:
        """Raise FloatingPointError if one more in a row is more than allowed."""
        if most is not None and self.in_a_row >= most:
            raise FloatingPointError(
                f"{self.in_a_row + 1} steps in a row cannot be taken, and max_consecutive_skips is "
                f"{most}: {complaint(False)}. Nothing has been updated; "
                "opt.max_consecutive_skips = None goes on leaving steps out"
            )

    def warns(self) -> bool:
        """Return whether the next one that is left out is the one to warn of."""
        return not self._warned and self.in_a_row + 1 >= SILENT

    def changes(self) -> list[Change]:
        """List what changes with a step that is left out."""
        counted: list[Change] = [(self, "total", self.total + 1), (self, "in_a_row", self.in_a_row + 1)]
        return [*counted, (self, "_warned", True)] if self.warns() else counted

    def ended(self) -> Change:
        """Return what changes with a step that is taken."""
        return self, "in_a_row", 0

    def restored(self, total: int, in_a_row: int) -> "Skips":
        """Return the counts of a checkpoint; what has been said has been said."""
        found = Skips()
        found.total, found.in_a_row, found._warned = total, in_a_row, self._warned
        return found

    def warn(self, complaint: Complaint) -> None:
        """Warn of those in a row, when the last of them has been counted."""
        warn(
            f"{self.in_a_row} steps in a row have been left out, the last because "
            f"{complaint(False)}. max_consecutive_skips=100 makes the 101st an error, and "
            "nonfinite='raise' the first; warnings.filterwarnings('ignore', '.* steps in a row have "
            "been left out') silences this"
        )
