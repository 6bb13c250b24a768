"""The protocol of backends: the plan of one optimizer, and what a step passes to it."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from fastopt.algorithm import Rule
from fastopt.arrays import Entries
from fastopt.followers import Weights
from fastopt.model import Change, Row, StepCount

Rows = Sequence[Row | None]  # None where no parameter uses it
RowOf = Sequence[int]  # the row that each parameter uses
Changes = Sequence[Change]
OfEach = list[Any] | None  # an array of every parameter, or of none
Portion = tuple[Entries | None, Entries | None]  # scale and mask, None where all takes all of a step

# What Plan.bind returns where it returns no index.
BOUND = -1
SOME_ABSENT = -2
# And Plan.step, besides.
FOR_PYTHON = -3
UNLISTED = -4


class GradientForms(NamedTuple):
    """The kinds of gradients that a step accepts; csrc/plan/pass.hpp."""

    written: bool  # they are zeroed, and must allow it
    cast: bool  # other float dtypes are taken too, each element rounded once


class StoredStreams(NamedTuple):
    """The storage of a parameter and its states, where that is not as they are computed in.

    `streams` are for the parameter and each of its states, in the order of the rule, the name of one of
    STORAGES of fastopt.numerics and what stands beside the elements, or None; `seed` is what is rounded
    by, None to round to nearest.
    """

    streams: tuple[tuple[str, Any] | None, ...]
    seed: int | None


OfStored = Sequence[StoredStreams | None]
Spreads = Sequence[Sequence[Any]]
Reduced = Sequence[Any]

UNUSED = (0.0, 0.0)  # keep and take of what is not asked for


class Pass(NamedTuple):
    """The work of a sweep besides the update; csrc/plan/pass.hpp."""

    zero: bool  # the gradients, when they have been read
    average: bool  # update the averages: keep * average + take * p
    keep: float
    take: float
    pull: bool  # slow weights and parameters both become pull_keep * slow + pull_take * p
    pull_keep: float
    pull_take: float
    backwards: bool  # from the last chunk to the first
    step: int  # steps taken before, for what is rounded by noise


Decision = tuple[Weights, Weights, Changes]  # of slow weights, of averages; what changes with the step

# Takes the number of steps taken before and the largest norm of a gradient, 0 where none is measured.
# Returns None where the plan cannot take this step by itself.
Decide = Callable[[int, float], Decision | None]


class StepProgram(NamedTuple):
    """A step that is more than the update, as far as the plan takes it by itself.

    The plan divides all gradients by the loss scale of its counter.
    """

    forms: GradientForms
    measures: bool  # the norm of each gradient
    limit: float | None  # of the norm of all gradients
    limits: bool  # of the norm of each, which are in its group's clipnorm
    decide: Decide | None  # where there is more to decide
    values: Any  # the type of what is carried from step to step, None where nothing is


PLAIN_PASS = Pass(False, False, *UNUSED, False, *UNUSED, False, 0)


class Listed(NamedTuple):
    """Parameters in place of those of the model, whose gradients and arrays have been listed."""

    form: tuple[None, ...]
    watched: Sequence[Any] | None

    def gradients(self, given: Sequence[Any]) -> Sequence[Any]:
        """Return them as they are."""
        return given

    def now(self) -> Sequence[Any] | None:
        """Return what has been listed."""
        return self.watched


class Plan(Protocol):
    """The arrays of one optimizer, bound once, and the step over all of them."""

    TAKES_PROGRAMS: ClassVar[bool]  # or only steps with nothing but the update

    def attach(self, slow: OfEach, averages: OfEach, copies: OfEach) -> None:
        """Bind arrays of every parameter: for its slow weights, for the average, and for its copy.

        Copies are float16 or bfloat16, which may be uint16, its bits.
        """

    def attach_portions(self, portions: Sequence[Portion]) -> None:
        """Bind how much of its step each parameter takes; the arrays are read at each step."""

    def bind(
        self,
        gradients: Sequence[Any],
        params: Sequence[Any] | None,
        overlap_checked: bool,
        taking: GradientForms | None = None,
    ) -> int:
        """Check and keep the gradients of the next step, changing nothing.

        `params`, if given, are the parameters as the caller's container has them now. Returns
        BOUND, or SOME_ABSENT where a gradient is None, or the index of the first parameter with
        which (or with whose gradient) something is wrong.
        """

    def bind_rows(self, parameter: int, indices: Any, values: Any, living: Any) -> None:
        """Bind a gradient of some rows of a parameter, which has been bound to None, for the next step.

        Contiguous arrays: the numbers of the rows, of int64, the values of each, and None or a bool for
        each row of the parameter, whether it is stepped in any case.
        """

    def step(
        self,
        grads: Any,
        parameters: Any,
        counts: Sequence[StepCount],
        threads: int,
        counter: Any,
        program: StepProgram | None,
    ) -> int:
        """Perform a whole step: compute the scalars, bind, run the program, and count it.

        It is counted for each step count and in ``counter.steps``. Where it does not return BOUND,
        nothing has changed, and Python has to take the step; with UNLISTED as the gradients, or the
        parameters that are watched, stand in no plain containers built like ``parameters.form``.
        """

    def assign(self, rows: list[int]) -> None:
        """Assign to each parameter the row of scalars that it is updated with."""

    def flush_subnormals(self, asked: bool) -> None:
        """Make the sweeps of later steps take subnormal numbers for zero, where they are native."""

    def sums_of_squares(self, threads: int) -> Sequence[float]:
        """Sum the squares of each gradient that is bound, 0 where it is None; see `reduce`."""

    def reduce(
        self, which: int, rows: Rows, threads: int, row_of: RowOf, into: Sequence[Reduced]
    ) -> None:
        """Run the functions number `which` that are reduced, changing nothing.

        `into` are for each parameter with a gradient flat arrays of doubles, one for each that is
        spread and in its order of memory, which get the sums, or the largest; none for no others.
        """

    def measure(self, rows: Rows, threads: int, row_of: RowOf) -> Sequence[Sequence[float]]:
        """Run the directions of the rules, changing nothing.

        Returns for each parameter the sums over the results of its direction, 0 for those of which
        nothing is summed, and last of the squares of the parameter; nothing for those that have none.
        """

    def agreements(self, rows: Rows, threads: int, row_of: RowOf) -> Sequence[float]:
        """Count the elements of each parameter that its rule moves along the gradient that it is given.

        Nothing changes; for a parameter without a gradient the number is 0.
        """

    def run(
        self,
        rows: Rows,
        threads: int,
        extras: Pass | None = None,
        changes: Changes = (),
        row_of: RowOf = (),
    ) -> None:
        """Update every parameter that has a gradient, then make the changes.

        A row that no parameter uses may be None. `row_of` says which row each uses in this step alone,
        where that is not as assigned. The native plan lets no signal come between update and changes.
        """

    def run_with_sums(
        self, rows: Rows, threads: int, extras: Pass, changes: Changes, row_of: RowOf
    ) -> Sequence[tuple[float, float]]:
        """Do the same; sum the squares of the update and of the new values of each parameter."""

    def commit(self, changes: Changes) -> None:
        """Make changes, all in one go."""


class Backend(Protocol):
    """A module of this package."""

    def why_not(self) -> str:
        """Return why this installation cannot use the backend; nothing if it can."""

    def runs(self, rule: Rule) -> bool:
        """Return whether it has the rule."""

    def make_plan(
        self,
        arrays: list[tuple[Any, ...]],
        rules: list[Rule],
        rows: list[int],
        spreads: Spreads = (),
        stored: OfStored = (),
    ) -> Plan:
        """Bind parameters and states, one tuple (p, states...) for each; all have been checked.

        `spreads` are what broadcasts to each parameter, as the last of its states; nothing if to none.
        `stored` says of each parameter how it is, nothing if all are as they are computed in.
        """

    def smooth(self, signal: Any, out: Any, state: Any, beta: float, corrections: Any) -> None:
        """Smooth a signal of shape (outer, length, inner); see csrc/plan/smoothing.hpp."""
