"""Bind an optimizer: the one maker of what it works with, and what follows from a change of it."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from fastopt import backends, frameworks
from fastopt.algorithm import OF_TRANSFORMS, Algorithm, Rule, algorithm_of, check_settings
from fastopt.algorithm import settings as declared
from fastopt.arrays import KeepAlive, read_only_list
from fastopt.backends import GradientForms, StepProgram
from fastopt.followers import Followers, Portions
from fastopt.model import (
    Change,
    Gate,
    Group,
    Parameters,
    StepCount,
    blank_tape,
    check_gradients,
    commit,
    completed,
    group_class,
    regroup,
    scratches,
    spread_arrays,
    taken,
)
from fastopt.numerics import computed
from fastopt.step.attributes import GROUPS
from fastopt.step.bound import Bound, Core
from fastopt.step.functions import check_functions
from fastopt.step.loss_scaling import LossScale
from fastopt.step.moderate import Risks, check_calm
from fastopt.step.progress import Progress
from fastopt.step.storing import check_storing, storages_of, stored_streams
from fastopt.step.transforms import Transforms
from fastopt.step.whole import program_of

Asked = Sequence[tuple[type[Algorithm], Mapping[str, Any]]]

OF_THE_LOSS = ("maximize", *OF_TRANSFORMS, "clipnorm", "clipvalue")


def bind(
    gate: Gate,
    kind: type[Algorithm],
    params: Any,
    shared: Mapping[str, Any],
    keywords: Mapping[str, Any],
    asked: Asked | None = None,
    steps: int = 0,
) -> Bound:
    """Bind a new optimizer of a class to the arrays of `params`.

    `asked` is as of `make_groups`; `steps` are those that it begins after.
    """
    settings, params = declared.checked(keywords), taken(params)
    grouping = keywords.get("groups")
    parameters = Parameters(params, kind.hyperparameters, grouping, tied=settings["tied"])
    progress = Progress(settings["loss_scale"])
    progress.steps = steps
    bound = Bound(
        kind=kind,
        like=keywords.get("like"),
        settings=settings,
        shared=shared,
        params=params,
        grads=keywords.get("grads"),
        grouping=grouping,
        parameters=parameters,
        frozen=parameters.frozen,
        progress=progress,
        states=[{} for _ in parameters.arrays],
        count_of=[],
        present=None,
        sums=None,
        living={},
        forms=None,
    )
    groups = make_groups(gate, bound, parameters, asked)
    unseen = [None] * len(parameters.arrays)
    counts, count_of = regroup([], unseen, groups, parameters.group_of)
    bound = bound.but(groups=groups, counts=counts, count_of=count_of)
    backend = backends.choose(keywords.get("backend"), rules(bound))
    followers = Followers.of(settings, parameters)
    copies = [] if followers.copies is None else followers.copies.named
    portions = Portions.of(settings, parameters, copies)
    return planned(bound.but(backend=backend, followers=followers, portions=portions))


def make_groups(
    gate: Gate, bound: Bound, parameters: Parameters, asked: Asked | None = None
) -> list[Group]:
    """Make the groups that parameters are divided into.

    `asked` are the algorithm and the values of each, in place of what is asked of the constructor.
    """
    if bound.like is not None:  # it is one, also where no group has the optimizer's own algorithm
        frameworks.options(bound.kind, bound.like)
    containers, groups = parameters.groups, []
    for i, (container, own) in enumerate(containers):
        kind, values = _asked(bound, own, i) if asked is None else asked[i]
        groups.append(
            group_class(kind)(
                container,
                i if len(containers) > 1 else None,
                kind,
                kind is not bound.kind,
                values,
                gate,
                bound.progress,
                parameters.singles[i],
            )
        )
    return read_only_list(groups, GROUPS, "opt.groups")


def _asked(bound: Bound, own: Mapping[str, Any], i: int) -> tuple[type[Algorithm], dict[str, Any]]:
    """Return the algorithm that a group asks for, and the values that it is given.

    Those of the optimizer are its algorithm's, and another one has its own defaults; but which way is
    down and how long a gradient may be is said of the loss, whatever then follows it.
    """
    own, like, shared = dict(own), bound.like, bound.shared
    if "algorithm" not in own:
        return bound.kind, frameworks.defaults(bound.kind, like, shared, own)
    kind, preset = algorithm_of(own.pop("algorithm"), i)
    if kind is not bound.kind:
        like = like if like in frameworks.frameworks_of(kind) else None
        shared = {name: value for name, value in shared.items() if name in OF_THE_LOSS}
    return kind, frameworks.defaults(kind, like, shared, preset, own, group=i)


def rules(bound: Bound) -> list[Rule]:
    """List the rules that the groups ask for."""
    return [group.kind.rule_for(group.h) for group in bound.groups]


def planned(bound: Bound, more: Sequence[int] | None = None) -> Bound:
    """Bind arrays to the rules that the groups ask for; allocate states that these need.

    `more` are the numbers of the parameters that have come, where all others are held already.
    """
    parameters, asked, portions = bound.parameters, rules(bound), bound.portions
    if portions is not None:
        portions.check_algorithms(bound.groups, parameters.group_of)
    for name, p, number in zip(parameters.names, parameters.arrays, parameters.group_of, strict=True):
        bound.groups[number].kind.check_array(bound.groups[number].h, name, p)
    check_storing(bound, asked)
    tried = [
        rule if rule.is_ours else _tried(bound, rule, group)
        for rule, group in zip(asked, bound.groups, strict=True)
    ]
    states = completed(bound.states, parameters, bound.groups, tried, bound.settings)
    chosen = [tried[group] for group in parameters.group_of]
    pick = [_picking(rule.kept) for rule in tried]
    arrays: list[tuple[Any, ...]] = [
        (p, *pick[group](state))
        for p, state, group in zip(parameters.arrays, states, parameters.group_of, strict=True)
    ]
    scratch = scratches(parameters, tried)
    arrays = [entry if o is None else (*entry, o) for entry, o in zip(arrays, scratch, strict=True)]
    found = held(bound.but(states=states), more)
    spreads = spread_arrays(parameters, bound.groups, tried)
    plan = backends.backend(bound.backend).make_plan(
        arrays, chosen, bound.count_of, spreads, stored_streams(bound, tried, states, scratch)
    )
    bound.followers.attach(plan)
    if portions is not None:
        portions.attach(plan)
    risks = Risks(all([group.kind.is_ours() for group in bound.groups]))
    ofs = [rule.transforms for rule in asked]
    changing = Transforms(found, ofs) if any(ofs) else None
    beside: dict[str, Any] = {"scratches": scratch, "spreads": spreads, "transforms": changing}
    beside |= {"estimator": None, "storages": storages_of(bound, tried)}
    return changed(followed(found.but(plan=plan, rules=asked, risks=risks, **beside)))


def _picking(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """Make a function that lists these states out of a dict."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda states: [states[name] for name in names]


def _tried(bound: Bound, rule: Rule, group: Group) -> Rule:
    """Try a user's rule, which can be wrong in many ways."""
    from fastopt.step.rule_trial import try_rule

    row = StepCount(group).row()
    assert row is not None
    dtypes = {computed(p.dtype) for p in bound.parameters.arrays}
    return try_rule(rule, row, bound.backend, dtypes, group.algorithm)


def held(bound: Bound, more: Sequence[int] | None = None) -> Bound:
    """Hold what steps write besides the parameters, and the gradients that were bound.

    Of `more` parameters, if they are given, which is what is held already and more.
    """
    names, which = bound.parameters.names, range(len(bound.states)) if more is None else more
    named = [
        (f"state {state!r} of {names[i]!r}", array)
        for i in which
        for state, array in bound.states[i].items()
    ]
    named += bound.followers.named(names, which)
    named += [] if bound.portions is None else bound.portions.named(which)
    named += [] if bound.sums is None else bound.sums.named
    try:
        gradients = () if bound.grads is None else bound.leaves(None)
    except (TypeError, ValueError):
        gradients = ()  # parameters have come or gone; the step says what is wrong
    if more is None:
        return bound.but(hold=KeepAlive(named, gradients))
    return bound.but(hold=bound.hold.with_more(named, gradients))


# What follows from settings and hyperparameters.


def followed(bound: Bound) -> Bound:
    """Find out what a step has to do; raise ValueError for settings that contradict each other."""
    given = bound.settings
    declared.check_together(given, bound.clips_each)
    check_functions(bound.groups, given, bound.grads)
    check_settings(given, [group.h for group in bound.groups], bound.parameters.singles)
    check_gradients(bound.parameters.places, bound.grads is not None, given["zero_grads"])
    forms = None
    if given["zero_grads"] or given["cast_grads"]:
        forms = GradientForms(given["zero_grads"], given["cast_grads"])
    works = bound.reads or given["zero_grads"] or given["loss_scale"] != 1.0
    scheduled = [group for group in bound.groups if group.scheduled]
    plain = not (works or bound.measures or bound.is_cautious or any(bound.followers))
    plain = plain and bound.transforms is None and not bound.storages
    guarded = declared.guards(given)
    as_before = plain and hasattr(bound, "direct") and not (scheduled or bound.scheduled)
    if as_before and (bound.forms, bound.guarded, bound.plain) == (forms, guarded, plain):  # mostly
        return bound
    return changed(bound, scheduled=scheduled, forms=forms, guarded=guarded, plain=plain)


def changed(bound: Bound, **values: Any) -> Bound:
    """Put values in place of some, and find out whether the plan can take a step by itself.

    It can where all parameters take part, and nothing has to be looked at in Python.
    """
    found = bound.but(**values)
    program, direct = _program(found)
    alone = direct and found.plan.TAKES_PROGRAMS
    prepared = not (alone and all([group.is_recordable for group in found.scheduled]))
    return found.but(program=program, direct=direct, prepared=prepared and bool(found.scheduled))


def _program(bound: Bound) -> tuple[StepProgram | None, bool]:
    """Return the program of a step, and whether the plan takes it by itself."""
    if bound.present is not None or bound.sums is not None or any(bound.frozen):
        return None, False
    if bound.parameters.places.later or (bound.needs_estimate and bound.without_estimate):
        return None, False
    if bound.plain and bound.forms is None and not bound.carries:
        return None, True
    program = program_of(bound) if bound.plan.TAKES_PROGRAMS else None
    return program, program is not None


def install(core: Core, bound: Bound, changes: Sequence[Change] = (), still: bool = False) -> Bound:
    """Bind an optimizer otherwise from now on, and change what else changes with that.

    `still` says whether the next step has to look at hyperparameters.
    """
    core.gate.changed = True  # where this fails, the next step does the same with what stands then
    if hasattr(core, "bound") and core.bound.guarded != bound.guarded:  # other scalars are refused
        changes = [*changes, *[(group, "tape", blank_tape()) for group in bound.groups if group.tape]]
    bound.plan.flush_subnormals(bound.settings["flush_subnormals"])
    bound.plan.assign(bound.count_of)
    done: Change = (core.gate, "changed", still)
    commit([*changes, *_forgotten(bound), (core, "bound", bound), done])
    return bound


def _forgotten(bound: Bound) -> list[Change]:
    """List what is not measured any more."""
    given, progress = bound.settings, bound.progress
    found: list[Change] = []
    if not bound.reads:
        found.append((progress, "grad_norm", None))  # of a step when that was still asked for
    if not declared.guards(given):
        found.append((progress.skips, "in_a_row", 0))  # from now on each step is taken
    if not given["stats"]:
        found.append((progress, "report", None))
    return found


def set_setting(core: Core, name: str, value: Any) -> None:
    """Change a setting between steps."""
    leave = core.gate.enter_to_change()
    try:
        bound, changes = core.bound, []
        if name == "loss_scale":
            changes.append((bound.progress, "scale", LossScale(value)))
        found = followed(bound.but(settings={**bound.settings, name: value}))
        install(core, found, changes, still=core.gate.changed)
    finally:
        leave()


def follow(core: Core) -> Bound:
    """Look at hyperparameters that were set: another plan may be needed."""
    bound = core.bound
    other = rules(bound) != bound.rules and not core.gate.closed
    return install(core, planned(bound) if other else followed(bound))


def prepare(core: Core) -> Bound:
    """Compute hyperparameters that change by themselves, and look at those that were set."""
    bound = core.bound
    scheduled = bound.scheduled
    if core.gate.changed:
        scheduled = [group for group in bound.groups if group.scheduled]
    if scheduled:
        for group, h in [(group, group.next()) for group in scheduled]:
            group.now(h)
    return follow(core) if core.gate.changed else bound


def record(bound: Bound) -> None:
    """Record anew how scalars are computed, where the plan could not do it by itself."""
    if not bound.direct:
        return
    for count in bound.counts:
        group = count.group
        if group.tape is not None and group.tape.failed:
            group.record(count.t + 1, count.carried, check_calm if bound.guarded else _anything)


def _anything(stage: Any, coefficients: Any) -> None:
    """Accept all scalars: the plan can compute them."""
