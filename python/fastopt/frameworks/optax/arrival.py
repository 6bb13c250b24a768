"""State from Optax."""

from collections.abc import Collection
from typing import Any

import numpy as np

from fastopt.frameworks.arrival import Arrival, Entry, arrive
from fastopt.frameworks.counterpart import CLIPPING, Convertible, Counterpart, check_rule, counterpart
from fastopt.frameworks.optax.names import KEEPERS, TABLE
from fastopt.frameworks.optax.search import search
from fastopt.model import leaves_like
from fastopt.numerics import power
from fastopt.runtime import whole


def from_optax(opt: Convertible, optax_state: Any, *, steps: int | None = None) -> None:
    """Load the state of the Optax optimizer of the same name.

    ::

        opt = fastopt.AdamW(params, like="optax", lr=1e-3)
        fastopt.convert.from_optax(opt, optax_state)

    Optax keeps hyperparameters in the transformation and not in its state: `opt` has to be made with
    the same ones. Those of ``optax.inject_hyperparams`` are taken, but for its schedules, which `opt`
    has to be given; a weight decay for those groups that have one. Arrays are copied, and nothing is
    cast; optax need not be installed.

    Optax counts the steps of all parameters alike; from here on each counts its own. The states of
    Adam, NAdam, Adamax, RAdam, ADOPT, LAMB and Yogi look alike, and so do those of AdaBelief and
    ACProp: that it is the right one is the caller's to know.

    Parameters
    ----------
    opt : Optimizer
        Its parameters are those of Optax, in dicts, lists and tuples that are built alike. Their values
        are left alone.
    optax_state : tuple
        The state of one of Optax's optimizers, also in a chain with what keeps no state, such as
        clipping.
    steps : int, optional
        How many steps have been taken. By default what the state says, or, where it does not, as with
        sgd, adagrad, adadelta, rmsprop, sign_sgd and fromage at a constant learning rate, what it is
        here.

    Raises
    ------
    TypeError, ValueError
        For an algorithm or an option that Optax does not have, the state of something else, and what
        does not fit; the message says what. Nothing has changed then.
    RuntimeError
        As of `Optimizer.load_state_dict`.
    """
    theirs = counterpart(opt, TABLE, "optax")
    check_rule(opt, "optax", theirs.name, [*theirs.options, *CLIPPING])
    name = type(opt).__name__
    found = search(optax_state, KEEPERS[name])
    trees = {key: found.trees[there] for key, there in theirs.states.items() if there in found.trees}
    check_needed(opt, theirs, trees)
    steps = None if steps is None else whole(steps, "steps", 0)
    known = [count for count in (found.count, found.steps, steps) if count is not None]
    counted = known[0] if known else opt.step_count
    total = counted if steps is None else steps
    remedy = "make opt of parameters that are built alike"
    columns = {
        key: list(map(np.asarray, leaves_like(opt.params, tree, theirs.states[key], remedy)))
        for key, tree in trees.items()
    }
    if any([len(column) != len(opt.names) for column in columns.values()]):
        raise ValueError(
            "opt has tied arrays, one parameter, and Optax has states for each place of theirs: make "
            "opt of params that have every array once"
        )
    if name == "RMSprop" and "b" in columns:
        # Steps that Optax adds, and we take off; arrays also where -b is a scalar.
        columns["b"] = [np.asarray(-b) for b in columns["b"]]
    groups = _groups(opt, theirs, found.hyperparameters)
    entries = {}
    members = enumerate(opt.state_dict(copy=False)["groups"])
    group_of = {key: k for k, group in members for key in group["names"]}
    for i, key in enumerate(opt.names):
        of = group_of[key]
        h = opt.groups[of].with_values({} if groups is None else groups[of]).h
        carries, carried = opt.initial_carried(), {}
        if "mu_product" in carries:
            carried["mu_product"] = power(h.betas[0], counted)
        if "beta2_product" in carries and counted:  # it estimates at the first step
            carried["beta2_product"] = h.betas[1]
        entries[key] = Entry(counted, {state: column[i] for state, column in columns.items()}, carried)
    arrive(opt, Arrival("optax", theirs, total, entries, groups))


def check_needed(opt: Convertible, theirs: Counterpart, states: Collection[str]) -> None:
    """Raise where its states are not those of the rules of opt: its hyperparameters are others."""
    for group in opt.groups:
        needed = opt.rule_for(group.with_values({}).h).kept
        if set(needed) != set(states):
            has, needs = ([theirs.states[key] for key in sorted(keys)] for keys in (states, needed))
            raise ValueError(
                f"the state has {has or 'no arrays'}, and {type(opt).__name__} needs {needs} with the "
                "hyperparameters of opt: make it with those of Optax"
            )


def _groups(
    opt: Convertible, theirs: Counterpart, given: dict[str, float]
) -> list[dict[str, Any]] | None:
    """Return the hyperparameters that Optax keeps in its state, if it does, for every group."""
    values: dict[str, Any] = {}
    for key, there in theirs.options.items():
        names = there if isinstance(there, tuple) else (there,)
        if all(name in given for name in names):
            numbers = tuple(given[name] for name in names)
            values[key] = numbers if isinstance(there, tuple) else numbers[0]
    if not values:
        return None
    decays = [bool(group.with_values({}).h.weight_decay) for group in opt.groups]
    return [{k: v for k, v in values.items() if k != "weight_decay" or own} for own in decays]
