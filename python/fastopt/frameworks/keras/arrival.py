"""State from Keras."""

from typing import Any

import numpy as np

from fastopt.frameworks.arrival import Arrival, Entry, arrive
from fastopt.frameworks.counterpart import Convertible, Counterpart, check_rule, counterpart, rule_there
from fastopt.frameworks.keras.names import ONLY, TABLE
from fastopt.runtime import describe


def from_keras(opt: Convertible, optimizer: Any, *, hyperparameters: bool = True) -> None:
    """Load the state of the Keras optimizer of the same name, on any backend of Keras.

    ::

        fastopt.convert.from_keras(opt, model.optimizer)

    Its variables have to be our parameters, in the same order: ``model.trainable_variables``. Arrays
    are copied, and nothing is cast. Keras counts the steps of all variables alike, also where a
    gradient was None; from here on each counts its own.

    Parameters
    ----------
    opt : Optimizer
        Its parameters have the shapes and dtypes of the variables. Their values are left alone.
    optimizer : keras.optimizers.Optimizer
        One that has been built.
    hyperparameters : bool
        Take Keras's hyperparameters, and its rule, as ``like="keras"`` has it; also clipping and the
        loss scale. A schedule is replaced by its value for the step that comes. If False, everything
        stays, and has to be a rule that Keras has, but for the learning rate in the momentum buffer.

    Raises
    ------
    TypeError, ValueError
        For another optimizer, averages that overwrite the variables, gradients that are being
        accumulated, and what does not fit; the message says what. Nothing has changed then.
    RuntimeError
        As of `Optimizer.load_state_dict`.
    """
    theirs = counterpart(opt, TABLE, "keras")
    variables = checked(opt, optimizer, theirs)
    if not hyperparameters:
        check_rule(opt, "keras", theirs.name, theirs.options)
    import keras

    steps = int(optimizer.iterations)
    product = {"mu_product": float(optimizer._u_product)} if theirs.name == "Nadam" else {}
    entries = {}
    for i, name in enumerate(opt.names):
        arrays = {}
        for key, attribute in theirs.states.items():
            kept = getattr(optimizer, attribute, None)
            if kept:
                array = keras.ops.convert_to_numpy(kept[i].value)
                # SGD adds its buffer to the variable, we take ours off. An array also where it has no
                # dimension, of which -array is a scalar.
                arrays[key] = np.asarray(-array) if theirs.name == "SGD" else array
        entries[name] = Entry(steps, arrays, product)
    groups, settings = None, {}
    if hyperparameters:
        groups = _groups(opt, optimizer, theirs, variables)
        scale = optimizer.loss_scale_factor
        settings = {
            "global_clipnorm": optimizer.global_clipnorm,
            "loss_scale": 1.0 if scale is None else scale,
        }
    arrive(opt, Arrival("keras", theirs, steps, entries, groups, settings))


def checked(opt: Convertible, optimizer: Any, theirs: Counterpart) -> list[Any]:
    """Return the variables of an optimizer whose state can be taken."""
    kind = type(optimizer)
    if kind.__module__.split(".")[0] != "keras" or kind.__name__ != theirs.name:
        raise TypeError(
            f"the optimizer is {describe(optimizer)}; {type(opt).__name__} goes on from a "
            f"keras.optimizers.{theirs.name}, which may be the inner_optimizer of another"
        )
    if not optimizer.built:
        raise ValueError(
            "the Keras optimizer has no state yet: it is built by optimizer.build(variables) or by the "
            "first step"
        )
    for key, ours in ONLY.get(theirs.name, {}).items():
        there = getattr(optimizer, key)
        if there != ours:
            raise ValueError(
                f"{key} of the Keras optimizer is {there!r}, and {type(opt).__name__} has {ours!r} "
                f"alone. If training may go on so, set optimizer.{key} = {ours!r} first"
            )
    if optimizer.use_ema and optimizer.ema_overwrite_frequency:
        raise ValueError(
            "the Keras optimizer overwrites the variables with their averages "
            f"(ema_overwrite_frequency={optimizer.ema_overwrite_frequency}), which fastopt does not: "
            "set optimizer.ema_overwrite_frequency = None first"
        )
    together = optimizer.gradient_accumulation_steps
    begun = int(optimizer._iterations) % together if together else 0
    if begun:
        raise ValueError(
            f"the Keras optimizer has accumulated {begun} of {together} gradients: convert after the "
            "step that they are for"
        )
    variables = list(optimizer._trainable_variables)
    if len(variables) != len(opt.names):
        raise ValueError(
            f"the Keras optimizer has {len(variables)} variables, and opt {len(opt.names)} parameters: "
            "make it of an array for each of model.trainable_variables"
        )
    return variables


def _groups(
    opt: Convertible, optimizer: Any, theirs: Counterpart, variables: list[Any]
) -> list[dict[str, Any]]:
    """Read the hyperparameters, which are the same for every group but for the weight decay."""
    values: dict[str, Any] = {
        key: tuple(getattr(optimizer, each) for each in name)
        if isinstance(name, tuple)
        else getattr(optimizer, name)
        for key, name in theirs.options.items()
    }
    values["lr"] = float(values["lr"])
    values = {**rule_there(opt, "keras"), **values, "multiply": {}}
    decays = dict(zip(opt.names, map(optimizer._use_weight_decay, variables), strict=True))
    groups = []
    for i, group in enumerate(opt.state_dict(copy=False)["groups"]):
        decayed = {decays[name] for name in group["names"]}
        if len(decayed) > 1 and values["weight_decay"]:
            excluded = [name for name in group["names"] if not decays[name]]
            raise ValueError(
                f"Keras excludes some parameters of group {i} from its weight decay: give them a group "
                f"of their own, groups={{{excluded[0]!r}: {{'weight_decay': 0}}, ...}}"
            )
        decay = values["weight_decay"] if True in decayed else None
        groups.append({**values, "weight_decay": decay or 0.0})
    return groups
