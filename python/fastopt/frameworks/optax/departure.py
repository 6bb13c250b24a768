"""State to Optax."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastopt.frameworks.counterpart import CLIPPING, Convertible, check_rule, counterpart
from fastopt.frameworks.optax.arrival import check_needed
from fastopt.frameworks.optax.names import KEEPERS, TABLE
from fastopt.frameworks.optax.search import COUNTS, search
from fastopt.frameworks.together import arrays_there, common, departing, values_of_groups
from fastopt.model import leaves_like


def to_optax(opt: Convertible, optax_state: Any) -> Any:
    """Return the state as that of the Optax optimizer of the same name.

    ::

        transform = optax.adamw(1e-3)
        optax_state = fastopt.convert.to_optax(opt, transform.init(params))

    Optax keeps hyperparameters in the transformation and not in its state: it has to be made with ours.
    Those of ``optax.inject_hyperparams`` become ours, but for its schedules. What is done around the
    update stays behind: averages, casts, clipping, what to do about non-finite gradients.

    Parameters
    ----------
    opt : Optimizer
        One with a rule that Optax has, as ``like="optax"``.
    optax_state : tuple
        What ``init`` of the transformation gives for parameters that are built like ours, also of a
        chain with what keeps no state. It stays as it is.

    Returns
    -------
    tuple
        One that is built alike, with arrays of JAX and our number of steps.

    Raises
    ------
    ImportError
        Where there is no JAX.
    TypeError, ValueError
        For an algorithm or an option that Optax does not have, the state of something else, parameters
        that have taken different numbers of steps, and what does not fit; the message says what.
    RuntimeError
        As of `Optimizer.state_dict`.
    """
    import jax

    theirs = counterpart(opt, TABLE, "optax")
    check_rule(opt, "optax", theirs.name, [*theirs.options, *CLIPPING])
    keepers = KEEPERS[type(opt).__name__]
    found = search(optax_state, keepers)
    named = {there: key for key, there in theirs.states.items() if there in found.trees}
    check_needed(opt, theirs, named.values())
    state = departing(opt, "optax")
    values = values_of_groups(opt, state)
    columns: dict[str, list[Any]] = {there: [] for there in named}
    for name in opt.names:
        arrays = arrays_there(opt, "optax", name, state["parameters"][name], values[name])
        if theirs.name == "rmsprop" and "b" in arrays:  # steps that Optax adds, and we take off
            arrays["b"] = np.asarray(-arrays["b"])
        for there, key in named.items():
            columns[there].append(arrays[key])
    steps = state["parameters"][opt.names[0]]["steps"]
    trees = {there: _filled(jax, opt, there, found.trees[there], columns[there]) for there in named}

    def written(part: Any) -> dict[str, Any]:
        fields = part._asdict()
        if type(part).__name__ in keepers:
            counts = {**dict.fromkeys(COUNTS, steps), "is_initial_step": steps == 0}
            known = {key: _like(jax, counts[key], fields[key]) for key in counts if key in fields}
            return {**known, **{key: tree for key, tree in trees.items() if key in fields}}
        if "hyperparams" in fields:
            return _injected(jax, part, common("optax", theirs, values), state["steps"])
        return {"count": _like(jax, state["steps"], part.count)} if part._fields == ("count",) else {}

    return _rebuilt(optax_state, written)


def _injected(jax: Any, part: Any, ours: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return the fields of ``inject_hyperparams``; what its schedules say, they say again."""
    schedules = part.hyperparams_states
    fresh = {
        key: _like(jax, ours[key], value)
        for key, value in part.hyperparams.items()
        if key in ours and key not in schedules
    }
    return {
        "count": _like(jax, steps, part.count),
        "hyperparams": {**part.hyperparams, **fresh},
        "hyperparams_states": {
            key: each._replace(count=_like(jax, steps, each.count)) for key, each in schedules.items()
        },
    }


def _like(jax: Any, value: Any, there: Any) -> Any:
    """Return a copy of a value as an array of JAX, of the dtype that stands there."""
    return jax.numpy.array(value, dtype=there.dtype)


def _rebuilt(part: Any, written: Callable[[Any], dict[str, Any]]) -> Any:
    """Return a state with other fields in its parts, built alike."""
    if not hasattr(part, "_fields"):
        return tuple(_rebuilt(each, written) for each in part)
    inner = (
        {"inner_state": _rebuilt(part.inner_state, written)} if "inner_state" in part._fields else {}
    )
    return part._replace(**inner, **written(part))


def _filled(jax: Any, opt: Convertible, name: str, tree: Any, arrays: list[Any]) -> Any:
    """Put our arrays into the tree of a state, each where its parameter is."""
    leaves, structure = jax.tree.flatten(tree)
    places = leaves_like(
        opt.params,
        structure.unflatten([np.array(i) for i in range(len(leaves))]),
        name,
        "init the transformation with parameters that are built like those of opt",
    )
    if len(places) != len(arrays):
        raise ValueError(
            "opt has tied arrays, one parameter, and Optax has states for each place of theirs: make "
            "opt of params that have every array once"
        )
    filled = list(leaves)
    for key, place, array in zip(opt.names, map(int, places), arrays, strict=True):
        there = leaves[place]
        if there.shape != array.shape or there.dtype != array.dtype:
            raise ValueError(
                f"{name} of {key!r} is {there.dtype} of shape {there.shape} in Optax, and "
                f"{array.dtype} of shape {array.shape} here: init the transformation with the "
                "parameters of opt"
            )
        filled[place] = _like(jax, array, there)
    return structure.unflatten(filled)
