"""State to torch.optim."""

from collections.abc import Mapping
from typing import Any

from fastopt.algorithm import SETTINGS, Values
from fastopt.frameworks.buffer import lr_inside, rescaled
from fastopt.frameworks.counterpart import Convertible, check_rule, counterpart
from fastopt.frameworks.storing import decoded
from fastopt.frameworks.torch.names import (
    FOLLOWING,
    LATE,
    ONE_CHOICE,
    TABLE,
    UNCOUNTED,
    VECTORS,
    as_ours,
    as_theirs,
)

_MOST = 2**24  # steps that a float32 counts


def to_torch(opt: Convertible) -> dict[str, Any]:
    """Return the state as the ``state_dict`` of the optimizer of the same name in ``torch.optim``.

    ::

        torch_optimizer.load_state_dict(fastopt.convert.to_torch(opt))

    Groups and parameters are in our order, which has to be that of the torch optimizer; the names are
    ``[group["names"] for group in opt.state_dict()["groups"]]``. Tensors are copies, on the CPU. What
    is a function of the step is given with its value for the step that comes. Where the rule is
    another one only by the learning rate in the momentum buffer, ``lr_in_buffer=True``, the buffer is
    converted: training goes on alike until the learning rate changes.

    What is done around the update stays behind: averages, casts, what to do about non-finite gradients,
    and which parameters are frozen.

    Returns
    -------
    dict
        ``"state"``: for each index a dict of tensors in the shape of the parameter and the dtype that
        it is computed in, also of states in few bits and of parameters of 16 bits, whose tensors torch
        then casts to the dtype of its own parameter (their masters stay behind), and
        ``"step"`` in the dtype that torch gives it. ``"mu_product"`` of NAdam, ``"eta"`` and ``"mu"``
        of ASGD are float64, so that torch rounds them to the dtype of the parameter alone. SGD and
        Rprop have no state of parameters that have taken no step.
        ``"param_groups"``: the hyperparameters, with torch's switches (foreach, fused, ...) at rest.

    Raises
    ------
    ImportError
        Where there is no torch.
    TypeError
        For an algorithm that torch does not have.
    ValueError
        For an option or setting that torch does not have (``eps_placement="hat"``, ``clipnorm``,
        ``loss_scale``, ...), between two calls of `accumulate` of one step, and beyond 2**24 steps,
        which a float32 cannot count; ``torch.set_default_dtype(torch.float64)`` makes it a float64.
    RuntimeError
        As of `Optimizer.state_dict`.
    """
    import torch

    theirs = counterpart(opt, TABLE, "torch")
    made = getattr(torch.optim, theirs.name)([torch.zeros((1, 1))])
    template = made.state_dict()["param_groups"][0]
    options = theirs.options.keys() & as_ours(theirs.name, template).keys()
    check_rule(opt, "torch", theirs.name, options.difference(ONE_CHOICE), clips=True)
    state, params = opt.state_dict(), opt.named_parameters()
    _check_settings(state, theirs.name)
    groups: list[dict[str, Any]] = []
    entries: dict[int, dict[str, Any]] = {}
    for group, names in zip(opt.groups, [each["names"] for each in state["groups"]], strict=True):
        h = group.with_values({}).h
        first = sum(len(each["params"]) for each in groups)
        indices = list(range(first, first + len(names)))
        chosen = {key: getattr(h, key) for key in options}
        if chosen.get("nesterov") and h.momentum == 0.0:
            chosen["nesterov"] = False  # no different, and torch refuses it
        chosen = {**chosen, **as_theirs(theirs.name, h), "params": indices}
        groups.append({key: chosen.get(key, value) for key, value in template.items()})
        for index, name in zip(indices, names, strict=True):
            saved = state["parameters"][name]
            if saved["steps"] == 0 and theirs.name in LATE:
                continue
            arrays = decoded(opt, h, saved["arrays"], params[name])
            arrays = rescaled(arrays, h.lr, lr_inside(h), False, name)
            others = VECTORS.get(theirs.name, {}) if params[name].ndim < 2 else {}
            there = {**theirs.states, **others}
            entry = {there[key]: torch.from_numpy(array) for key, array in arrays.items()}
            if theirs.name not in UNCOUNTED:
                entry["step"] = _step(saved["steps"], name)
            numbers = {**saved["carried"], **following(opt, h, saved["steps"], theirs.name)}
            for key, value in numbers.items():
                entry[key] = torch.tensor(value, dtype=torch.float64)
            if entry:
                entries[index] = entry
    return {"state": entries, "param_groups": groups}


def following(opt: Any, h: Values, steps: int, name: str) -> dict[str, float]:
    """Return the numbers of the step that comes which torch keeps in the state."""
    if name not in FOLLOWING:
        return {}
    scalars = opt.coefficients(h, steps + 1)
    return {"eta": scalars.lr, "mu": scalars.share}


def _step(steps: int, name: str) -> Any:
    """Make the number of steps a tensor of the dtype that torch gives it."""
    import torch

    exact = torch.get_default_dtype() == torch.float64
    if steps > _MOST and not exact:
        raise ValueError(
            f"{name!r} has taken {steps} steps, and torch counts them as float32, which is exact up to "
            "2**24: call torch.set_default_dtype(torch.float64) before"
        )
    return torch.tensor(float(steps), dtype=torch.float64 if exact else torch.float32)


def _check_settings(state: Mapping[str, Any], name: str) -> None:
    for key in ("global_clipnorm", "loss_scale"):
        if key in state["settings"]:
            default = SETTINGS[key].default
            raise ValueError(
                f"torch.optim.{name} has no {key}, which is {state['settings'][key]!r} here: do it in "
                f"the training loop there, and set opt.{key} = {default!r} first"
            )
    if state["accumulated"]:
        raise ValueError(
            f"the sum of {state['accumulated']} gradients waits for its step, and torch has no place "
            "for it: convert after that step"
        )
