"""The inside of an optimizer: its gate, and all that it is bound to."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastopt.algorithm import LARGEST_AGREE, Algorithm, Rule, guards
from fastopt.arrays import KeepAlive
from fastopt.backends import GradientForms, Plan, StepProgram
from fastopt.followers import Followers, Portions
from fastopt.model import Gate, Group, Parameters, Scratches, Spreads, States, StepCount, Storages
from fastopt.rows import Living
from fastopt.step.accumulator import Accumulator
from fastopt.step.moderate import Risks
from fastopt.step.progress import Progress


class Bound:
    """All that a step works with: it is never changed, but replaced as a whole by `but`.

    Lists have one entry for each parameter, where nothing else is said.
    """

    kind: type[Algorithm]  # the optimizer's own; a group can have another
    like: Any
    backend: str
    settings: Mapping[str, Any]
    # As the caller gave them.
    shared: Mapping[str, Any]  # hyperparameters of all groups
    params: Any
    grads: Any
    grouping: Mapping[Any, Any] | None  # groups=
    # What that became.
    parameters: Parameters
    groups: list[Group]  # one entry for each
    frozen: Sequence[bool]
    states: States
    scratches: Scratches  # of the step
    spreads: Spreads  # likewise
    storages: Sequence[Storages]  # of parameters and states; nothing if all are as computed in
    transforms: Any  # of gradients, None where no group asks for any
    followers: Followers
    portions: Portions | None  # of their steps, as far as elements take less or more
    sums: Accumulator | None  # of `accumulate`
    living: dict[int, Living]  # rows that exact steps take without a gradient, by parameter
    # The steps.
    progress: Progress
    counts: list[StepCount]  # one entry for each
    count_of: list[int]
    present: Sequence[bool] | None  # which took part in the last step, if not all did
    # What follows from all that; see `fastopt.step.binding`.
    rules: Sequence[Rule]  # one for each group
    plan: Plan
    hold: KeepAlive  # of what steps write besides parameters, and of gradients that are bound
    estimator: Any  # a plan for estimates of the Hessian, None before the first
    risks: Risks
    scheduled: Sequence[Group]  # those with hyperparameters that change by themselves
    prepared: bool  # whether Python computes these before each step
    forms: GradientForms | None  # what gradients are taken, where that is not the usual
    guarded: bool  # nothing that is not finite may enter parameters and states
    plain: bool  # a step is the update alone
    program: StepProgram | None  # what else it is, as far as the plan takes it by itself
    direct: bool  # whether the plan takes the next step by itself

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} of what is bound cannot be set: but({name}=...) makes another")

    def but(self, **changed: Any) -> "Bound":
        """Make one that is the same but for some."""
        return Bound(**{**vars(self), **changed})

    def leaves(self, grads: Any) -> Sequence[Any]:
        """List gradients, or those that are bound, of each parameter."""
        given = self.parameters.gradients(self.grads if grads is None else grads)
        return self.parameters.gradient_sums.of(given, self.settings["cast_grads"])

    @property
    def how_stored(self) -> Sequence[Storages]:
        """The storages of each parameter and its states."""
        return self.storages or [{}] * len(self.states)

    @property
    def clips_each(self) -> bool:
        """True where a group clips each of its gradients by its own norm."""
        return any([group.clips for group in self.groups])

    @property
    def measures(self) -> bool:
        """True where a rule depends on sums: over what its direction returns, of rows or columns."""
        return any([rule.direction is not None or bool(rule.reduced) for rule in self.rules])

    @property
    def is_cautious(self) -> bool:
        """True where steps of a group grow with the number of elements that they leave out."""
        return any([group.h.cautious is True for group in self.groups])

    @property
    def needs_loss(self) -> bool:
        """True where the algorithm of a group needs the loss of each step."""
        return any([group.kind.takes_loss for group in self.groups])

    @property
    def needs_estimate(self) -> bool:
        """True where the algorithm of a group takes estimates of the Hessian."""
        return any([bool(group.kind.takes_estimate) for group in self.groups])

    @property
    def without_estimate(self) -> list[int]:
        """The numbers of the step counts that have had no estimate, where the algorithm takes some."""
        return [
            k for k, count in enumerate(self.counts) if not count.group.kind.has_estimate(count.carried)
        ]

    @property
    def carries(self) -> bool:
        """True where a group's algorithm carries scalars from one step to the next."""
        return any([group.kind.carried for group in self.groups])

    @property
    def amplifies(self) -> bool:
        """True where a step can be larger than its rule makes it."""
        return self.amplification > 1.0

    @property
    def amplification(self) -> float:
        """The largest multiple of its rule's that a step can be; 1 where it is no larger."""
        largest = 1.0 if self.portions is None else max(self.portions.largest, 1.0)
        return largest * LARGEST_AGREE if self.is_cautious else largest

    @property
    def reads(self) -> bool:
        """True where a step has to read all gradients before it begins."""
        given = self.settings
        limited = given["global_clipnorm"] is not None or self.clips_each
        return limited or guards(given) or given["stats"]

    def check_arrays(self) -> None:
        """Raise unless parameters and what is written besides are as they were."""
        self.parameters.explain([None] * len(self.parameters.arrays), self.hold)


class Core:
    """The gate, and what it guards, which is replaced as a whole.

    What an optimizer does is in functions of the rooms, which are given its core.
    """

    __slots__ = ("__weakref__", "bound", "evaluation", "gate")

    bound: Bound
    evaluation: Any  # of eval mode, None where the optimizer is in training

    def __init__(self) -> None:
        self.gate = Gate()
        self.evaluation = None


def core_of(opt: Any) -> Core:
    """Return the core of an optimizer."""
    core: Core = opt._core
    return core
