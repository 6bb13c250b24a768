"""Faults planted one after the other, and which tests notice them."""

import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple

from tools.mutants.table import Mutant
from tools.mutants.tree import BrokenError, TestRun, Tree

NAMED, OTHERS, SURVIVED, BROKEN = "noticed", "by others alone", "SURVIVED", "not compiled"

LONGEST = 3600.0  # seconds for tests with no fault planted
PATIENCE = 5  # with a fault, tests hang that take so many times as long
AT_LEAST = 300.0


class Outcome(NamedTuple):
    """What became of a fault."""

    mutant: Mutant
    found: str
    seconds: float
    test: str  # that noticed it first


class Trials:
    """Trials in some trees at once.

    `whole` selects the tests that may notice what those named have not; None asks no others.
    """

    def __init__(
        self, trees: Sequence[Tree], whole: Sequence[str] | None, say: Callable[[str], None]
    ) -> None:
        self._pool = ThreadPoolExecutor(len(trees))
        self._all = trees
        self._trees: SimpleQueue[Tree] = SimpleQueue()  # those that are free
        for tree in trees:
            self._trees.put(tree)
        self._whole = None if whole is None else tuple(whole)
        self._say = say
        self._longest: dict[tuple[str, ...], float] = {}

    def check_intact(self, mutants: Sequence[Mutant]) -> None:
        """Run all that will be asked with no fault planted; raise StopError where a test fails.

        What fails without a fault would notice each of them.
        """
        selections = [*dict.fromkeys(mutant.tests for mutant in mutants)]
        if self._whole is not None:
            selections.insert(0, self._whole)

        def check(tests: tuple[str, ...]) -> float:
            tree = self._trees.get()
            try:
                return tree.check_intact(tests, LONGEST)
            finally:
                self._trees.put(tree)

        for tests, seconds in zip(selections, self._pool.map(check, selections), strict=True):
            self._say(f"passes with no fault {seconds:5.0f} s  {shlex.join(tests)}")
            self._longest[tests] = max(AT_LEAST, PATIENCE * seconds)

    def run(self, mutants: Sequence[Mutant]) -> list[Outcome]:
        """Plant each fault."""
        outcomes = []
        for outcome in self._pool.map(self._try_out, mutants):
            outcomes.append(outcome)
            count = f"[{len(outcomes)}/{len(mutants)}]"
            self._say(f"{outcome.found:15} {outcome.seconds:5.0f} s  {count} {outcome.mutant.label}")
        return outcomes

    def _try_out(self, mutant: Mutant) -> Outcome:
        tree = self._trees.get()
        try:
            with tree.planted(mutant):
                named = self._ask(tree, mutant.tests)
                if named.noticed:
                    return Outcome(mutant, NAMED, named.seconds, named.first)
                if self._whole is None:
                    return Outcome(mutant, SURVIVED, named.seconds, "")
                whole = self._ask(tree, self._whole)
                seconds = named.seconds + whole.seconds
                if whole.noticed:
                    return Outcome(mutant, OTHERS, seconds, whole.first)
                return Outcome(mutant, SURVIVED, seconds, "")
        except BrokenError:
            return Outcome(mutant, BROKEN, 0.0, "")
        finally:
            self._trees.put(tree)

    def _ask(self, tree: Tree, tests: tuple[str, ...]) -> TestRun:
        return tree.run(tests, self._longest[tests])

    def close(self) -> None:
        """End what runs, and begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for tree in self._all:
            tree.stop()
        self._pool.shutdown()


def try_out(
    mutants: Sequence[Mutant],
    trees: Sequence[Tree],
    whole: Sequence[str] | None,
    say: Callable[[str], None] = print,
) -> bool:
    """Plant faults, and tell what became of them; return whether the tests named notice each."""
    trials = Trials(trees, whole, say)
    try:
        trials.check_intact(mutants)
        outcomes = trials.run(mutants)
    finally:
        trials.close()
    named, others, survived, broken = (
        [outcome for outcome in outcomes if outcome.found == found]
        for found in (NAMED, OTHERS, SURVIVED, BROKEN)
    )
    say(
        f"{len(outcomes)} faults planted: {len(named)} noticed by the tests named, {len(others)} by "
        f"others alone, {len(survived)} survived"
    )
    for outcome in broken:
        say(f"does not compile, and shows nothing: {outcome.mutant.label}")
    for outcome in others:
        say(f"not by the tests named: {outcome.mutant.label}\n    but by {outcome.test}")
    for outcome in survived:
        say(f"SURVIVED: {outcome.mutant.label}")
    return len(named) == len(outcomes)
