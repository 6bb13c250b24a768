"""The algorithms of torch.optim: states and hyperparameters under its names."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastopt.algorithm import Values
from fastopt.frameworks.counterpart import Table, named
from fastopt.numerics import COEFFICIENTS

UNCOUNTED = ("SGD", "Muon")  # have no number of steps there
LATE = ("SGD", "Rprop")  # whose states begin with the gradient or learning rate of the first step
CARRIED = {"NAdam": {"mu_product"}}  # numbers that go from step to step
FOLLOWING = {"ASGD": {"eta", "mu"}}  # numbers of the step that comes, which follow from the rest

_of = partial(named, lr="lr", weight_decay="weight_decay", maximize="maximize")
_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}
_AMSGRAD = {**_MOMENTS, "v_max": "max_exp_avg_sq"}
_RMS = {"v": "square_avg", "g_mean": "grad_avg", "b": "momentum_buffer"}
_LENGTHS = {"g_prev": "prev", "d": "step_size"}
_FACTORS = {"r": "row_var", "c": "col_var"}
_OF_MUON = ("momentum", "nesterov", "ns_coefficients", "ns_steps", "eps", "adjust_lr_fn")

TABLE: Table = {
    each.name: each
    for each in (
        _of("SGD", {"b": "momentum_buffer"}, "momentum", "dampening", "nesterov"),
        _of("Adagrad", {"a": "sum"}, "lr_decay", "initial_accumulator_value", "eps"),
        _of("Adadelta", {"v": "square_avg", "u": "acc_delta"}, "rho", "eps"),
        _of("RMSprop", _RMS, "alpha", "eps", "momentum", "centered"),
        _of("Adam", _AMSGRAD, "betas", "eps", "amsgrad", "decoupled_weight_decay"),
        _of("AdamW", _AMSGRAD, "betas", "eps", "amsgrad"),
        _of("Adamax", {"m": "exp_avg", "u": "exp_inf"}, "betas", "eps"),
        _of("NAdam", _MOMENTS, "betas", "eps", "momentum_decay", "decoupled_weight_decay"),
        _of("RAdam", _MOMENTS, "betas", "eps", "decoupled_weight_decay"),
        named("Rprop", _LENGTHS, "lr", "etas", "step_sizes", "maximize"),
        _of("ASGD", {"average": "ax"}, "lambd", "alpha", "t0"),
        _of("Adafactor", _FACTORS, "beta2_decay", "eps1", "eps2", "d"),
        named("Muon", {"m": "momentum_buffer"}, "lr", "weight_decay", *_OF_MUON),
    )
}
VECTORS = {"Adafactor": {"c": "variance"}}  # states of arrays with fewer than two axes, in place
ONE_CHOICE = ("ns_coefficients",)  # options of which only one has a form there

_TRIPLES = {each[0]: name for name, each in COEFFICIENTS.items() if len(each) == 1}


def as_ours(name: str, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group whose hyperparameters have our form, as far as they have theirs."""
    found = dict(group)
    if name == "Adafactor" and isinstance(group.get("eps"), (tuple, list)):
        found["eps1"], found["eps2"] = found.pop("eps")
    if name == "Muon" and "ns_coefficients" in group:
        triple = tuple(group["ns_coefficients"])
        found["ns_coefficients"] = _TRIPLES.get(triple, triple)
        found["adjust_lr_fn"] = group.get("adjust_lr_fn") or "original"
    return found


def as_theirs(name: str, h: Values) -> dict[str, Any]:
    """Return the hyperparameters that have another form there."""
    if name == "Adafactor":
        return {"eps": (h.eps1, h.eps2)}
    if name == "Muon":
        (triple,) = COEFFICIENTS[h.ns_coefficients]
        return {"ns_coefficients": triple, "ns_steps": int(h.ns_steps)}
    return {}
