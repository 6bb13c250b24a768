"""An optimizer made of its checkpoint."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastopt.algorithm import Algorithm
from fastopt.optimizer import Optimizer
from fastopt.registry import optimizer_class
from fastopt.state import Path, marks, plain, saved_state
from fastopt.state import load as restored_from
from fastopt.step import core_of


def load(path: Path, params: Any, *, progress: bool | None = None, **options: Any) -> Optimizer:
    """Make the optimizer that a checkpoint is of, in the state that it was saved in.

    ::

        opt = fastopt.load("run.npz", params)

    Parameters
    ----------
    path : str, path or file open for bytes
        What `Optimizer.save` has written.
    params : as of the constructor
        Built like those that were saved: arrays are found by name. They are written if the
        checkpoint has parameters.
    progress : bool, optional
        As of `Optimizer.load`.
    **options
        What a checkpoint does not hold: ``cast_to``, ``mask``, ``lr_scale``, ``grads``,
        ``backend``, functions of the step.
        A schedule that was saved can be given again, as with `schedules.reduce_on_plateau`, to have
        it at hand.

    Raises
    ------
    CheckpointError
        As of `Optimizer.load`, and for an optimizer of a class that fastopt does not have.
    TypeError, ValueError
        For params that cannot be updated, and options that the checkpoint has already.
    """
    from fastopt import checkpoint

    with checkpoint.Reader(path) as file:
        with checkpoint.fitting(path):
            state = saved_state(file)
            name = state["optimizer"]
            cls = _class_of(name, f"loads it itself: opt = {name}(params); opt.load(path)")
            kinds = [_kind_of(each.get("algorithm", name)) for each in state["groups"]]
        groups, left = _with_options(state["groups"], options, kinds)
        settings = {name: value for name, value in state["settings"].items() if name not in options}
        if forgotten := [name for name, value in settings.items() if marks(value)]:
            raise TypeError(_forgotten(forgotten[0], settings[forgotten[0]]))
        config = {"name": state["optimizer"], "groups": groups, "settings": settings}
        opt: Optimizer = cls.from_config(config, params, **left)
        call = f"opt = fastopt.{cls.__name__}(params); opt.load(path, {{}})"
        restored_from(core_of(opt), file, path, progress=progress, call=call)
    return opt


def _kind_of(name: str) -> Any:
    return _class_of(
        name,
        f"is given to its group, {{'algorithm': {name}}}, when the optimizer is made, "
        "and opt.load(path) loads it",
    )


def _class_of(name: str, remedy: str) -> Any:
    try:
        return optimizer_class(name)
    except ValueError as error:
        raise ValueError(f"{error}. A class of your own {remedy}") from error


def _with_options(
    saved: Sequence[Mapping[str, Any]], options: Mapping[str, Any], kinds: Sequence[type[Algorithm]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the groups of a configuration, with functions where they were, and the options left."""
    if "algorithm" in options:
        raise TypeError("the checkpoint has the algorithm of each group, and its states: leave it out")
    for name in ("strict", "hyperparameters", "skip", "names"):
        if name in options:
            raise TypeError(
                f"fastopt.load makes all that the checkpoint has; {name} is for an optimizer that is "
                f"there: opt.load(path, {name}=...)"
            )
    groups = [dict(group["hyperparameters"]) for group in saved]
    known = {name for kind in kinds for name in kind.hyperparameters}
    mine = {name: value for name, value in options.items() if name in known}
    for name, value in mine.items():
        fitting = [group for group in groups if _stands_for(value, group.get(name), name)]
        if not fitting:
            raise TypeError(
                f"{name} is in the checkpoint: set it when the optimizer is there, opt.{name} = ..."
            )
        for group in fitting:
            group[name] = value
    for group in groups:
        for name, value in group.items():
            if marks(value):
                raise TypeError(_forgotten(name, value))
    for group, each in zip(groups, saved, strict=True):
        group.update({key: each[key] for key in ("algorithm",) if key in each})
    if len(groups) > 1:
        groups = [{**group, "names": each["names"]} for group, each in zip(groups, saved, strict=True)]
    return groups, {name: value for name, value in options.items() if name not in mine}


def _stands_for(value: Any, saved: Any, name: str) -> bool:
    """Return whether a value is what was saved, or the function that could not be."""
    value = tuple(value) if isinstance(value, list) else value
    return bool(marks(saved)) or plain(value, name, marks=True) == saved


def _forgotten(name: str, saved: Any) -> str:
    return (
        f"{name} was a function ({marks(saved)[0]}), which no checkpoint can hold: give the same one "
        f"again, fastopt.load(path, params, {name}=...)"
    )
