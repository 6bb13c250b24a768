"""The optimizer of a checkpoint, made anew."""

from typing import Any

from fastopt.persistence import Path
from fastopt.registry import optimizer_class


def load(path: Path, params: Any, **options: Any) -> Any:
    """Make the optimizer that a checkpoint is of, in the state that it was saved in.

    ::

        opt = fastopt.load("run.npz", params)

    Parameters
    ----------
    path : str or path
        What `Optimizer.save` has written.
    params : as of the constructor
        Built like those that were saved: arrays are found by name. They are written if the
        checkpoint has parameters.
    **options
        What a checkpoint does not hold: ``cast_to``, ``grads``, ``backend``, functions of the step.

    Raises
    ------
    CheckpointError
        As of `Optimizer.load`, and for an optimizer of a class that fastopt does not have.
    """
    from fastopt import checkpoint

    with checkpoint.Reader(path) as file, checkpoint.fitting(path):
        state = file.manifest["state"]
        try:
            cls: Any = optimizer_class(state["optimizer"])
        except ValueError as error:
            raise ValueError(f"{error}. Make it by its own class, and use its load(path)") from error
        groups = [{**group["hyperparameters"], "names": group["names"]} for group in state["groups"]]
        if len(groups) == 1:
            del groups[0]["names"]
        config = {"name": state["optimizer"], "groups": groups, "settings": state["settings"]}
        opt = cls.from_config(config, params, **options)
    opt.load(path)
    return opt
