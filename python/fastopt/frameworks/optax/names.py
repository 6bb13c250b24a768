"""The algorithms of Optax: states and hyperparameters under its names, and where it keeps them."""

from collections.abc import Mapping
from functools import partial

from fastopt.frameworks.counterpart import Table, named

_of = partial(named, lr="learning_rate", weight_decay="weight_decay")
_BETAS = ("b1", "b2")
_ADAM = ("eps", "eps_root", "amsgrad", "bias_correction")
_MOMENTS = {"m": "mu", "v": "nu"}
_AMSGRAD = {**_MOMENTS, "v_max": "nu_max"}

TABLE: Table = {
    "SGD": _of("sgd", {"b": "trace"}, "momentum", "nesterov"),
    "Adagrad": _of("adagrad", {"a": "sum_of_squares"}, "initial_accumulator_value", "eps"),
    "Adadelta": _of("adadelta", {"v": "e_g", "u": "e_x"}, "rho", "eps"),
    "RMSprop": _of(
        "rmsprop",
        {"v": "nu", "g_mean": "mu", "b": "trace"},
        *("momentum", "nesterov", "eps", "centered", "bias_correction"),
        alpha="decay",
        eps_placement="eps_in_sqrt",
        initial_accumulator_value="initial_scale",
    ),
    "Adam": _of("adam", _AMSGRAD, *_ADAM, betas=_BETAS),
    "AdamW": _of("adamw", _AMSGRAD, *_ADAM, betas=_BETAS),
    "Adamax": _of("adamax", {"m": "mu", "u": "nu"}, "eps", betas=_BETAS),
    "NAdam": _of("nadam", _MOMENTS, "eps", "eps_root", betas=_BETAS),
}

_OF_ADAM = ("ScaleByAdamState", "ScaleByAmsgradState")

KEEPERS: Mapping[str, tuple[str, ...]] = {  # the classes of state that hold them
    "SGD": ("TraceState",),
    "Adagrad": ("ScaleByRssState",),
    "Adadelta": ("ScaleByAdaDeltaState",),
    "RMSprop": (
        "ScaleByRmsState",
        "ScaleByRmsWithCountState",
        "ScaleByRStdDevState",
        "ScaleByRStdDevWithCountState",
        "TraceState",
    ),
    "Adam": _OF_ADAM,
    "AdamW": _OF_ADAM,
    "Adamax": ("ScaleByAdamState",),
    "NAdam": ("ScaleByAdamState",),
}
