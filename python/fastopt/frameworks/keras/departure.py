"""State to Keras."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastopt.algorithm import Values
from fastopt.frameworks.counterpart import CLIPPING, Convertible, Counterpart, check_rule, counterpart
from fastopt.frameworks.keras.arrival import checked
from fastopt.frameworks.keras.names import TABLE
from fastopt.frameworks.together import arrays_there, common, departing, values_of_groups


def to_keras(opt: Convertible, optimizer: Any) -> None:
    """Write the state into the Keras optimizer of the same name, on any backend of Keras.

    ::

        model.optimizer.build(model.trainable_variables)
        fastopt.convert.to_keras(opt, model.optimizer)

    Its variables have to be our parameters, in the same order: ``model.trainable_variables``, whose
    values are the caller's to copy. Its hyperparameters become ours, with clipping and the loss scale;
    what is a function of the step has its value for the step that comes. What is done around the
    update stays behind: averages, casts, what to do about non-finite gradients.

    Parameters
    ----------
    opt : Optimizer
        One with a rule that Keras has, as ``like="keras"``, but for the learning rate in the momentum
        buffer.
    optimizer : keras.optimizers.Optimizer
        One that has been built, with momentum, amsgrad and centered as `opt` has them.

    Raises
    ------
    TypeError, ValueError
        For another optimizer, a rule or groups that Keras does not have, parameters that have taken
        different numbers of steps, and what does not fit; the message says what. Nothing has changed
        then.
    RuntimeError
        As of `Optimizer.state_dict`.
    """
    theirs = counterpart(opt, TABLE, "keras")
    variables = checked(opt, optimizer, theirs)
    check_rule(opt, "keras", theirs.name, [*theirs.options, *CLIPPING])
    state = departing(opt, "keras")
    values = values_of_groups(opt, state)
    chosen = _chosen(theirs, values, optimizer, variables)
    scale = state["settings"].get("loss_scale", 1.0)
    if scale == "dynamic":
        raise ValueError(
            "the loss scale is dynamic, which in Keras is an optimizer around another: set "
            "opt.loss_scale = 1.0 first, and use keras.optimizers.LossScaleOptimizer(optimizer) there"
        )
    writes = []
    for i, name in enumerate(opt.names):
        arrays = arrays_there(opt, "keras", name, state["parameters"][name], values[name])
        for key, attribute in theirs.states.items():
            kept = getattr(optimizer, attribute, None)
            if bool(kept) != (key in arrays):
                has = "has" if kept else "lacks"
                raise ValueError(
                    f"the Keras optimizer {has} {attribute} and opt does not agree: make it with the "
                    f"hyperparameters of opt, {_given(theirs, values[name])}"
                )
            if kept:
                # Keras adds the buffer of SGD to the variable, we take ours off.
                array = np.asarray(-arrays[key]) if theirs.name == "SGD" else arrays[key]
                _check_fit(array, kept[i], attribute, name)
                writes.append((kept[i], array))
    entry = state["parameters"][opt.names[0]]
    for variable, array in writes:
        variable.assign(array)
    if theirs.name == "Nadam":
        optimizer._u_product.assign(entry["carried"]["mu_product"])
    optimizer._iterations.assign(entry["steps"] * (optimizer.gradient_accumulation_steps or 1))
    for name, value in chosen.items():
        setattr(optimizer, name, value)
    optimizer.global_clipnorm = state["settings"].get("global_clipnorm")
    optimizer.loss_scale_factor = None if scale == 1.0 else scale


def _chosen(
    theirs: Counterpart, values: Mapping[str, Values], optimizer: Any, variables: list[Any]
) -> dict[str, Any]:
    """Return the hyperparameters under Keras's names; raise for what it cannot have."""
    chosen = common("keras", theirs, values)
    decay = chosen["weight_decay"]
    for (name, h), variable in zip(values.items(), variables, strict=True):
        there = decay if optimizer._use_weight_decay(variable) else 0.0
        if h.weight_decay != there:
            raise ValueError(
                f"the weight decay of {name!r} is {h.weight_decay!r}, and would be {there!r} in Keras: "
                "call optimizer.exclude_from_weight_decay(var_list=[...]) there before build, for "
                "those that have none here"
            )
    if not hasattr(optimizer._learning_rate, "assign"):
        raise ValueError(
            "the learning rate of the Keras optimizer is a schedule, which no number can replace: make "
            f"it with learning_rate={chosen['learning_rate']!r}"
        )
    return {**chosen, "weight_decay": decay or None}


def _given(theirs: Counterpart, h: Values) -> str:
    switches = ("momentum", "amsgrad", "centered")
    given = {key: getattr(h, key) for key in switches if key in theirs.options}
    return ", ".join(f"{key}={value!r}" for key, value in given.items())


def _check_fit(array: Any, variable: Any, attribute: str, name: str) -> None:
    if tuple(variable.shape) != array.shape or str(variable.dtype) != str(array.dtype):
        raise ValueError(
            f"{attribute} of {name!r} is {variable.dtype} of shape {tuple(variable.shape)} in Keras, "
            f"and {array.dtype} of shape {array.shape} here: make opt of an array for each of "
            "model.trainable_variables, in the same order"
        )
