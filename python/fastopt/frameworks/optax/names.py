"""The algorithms of Optax: states and hyperparameters under its names, and where it keeps them."""

from collections.abc import Mapping

from fastopt.frameworks.counterpart import Counterpart, Options, Table

_EVERY: Options = {"lr": "learning_rate", "weight_decay": "weight_decay"}
_BETAS: Options = {**_EVERY, "betas": ("b1", "b2"), "eps": "eps"}
_ADAM: Options = {
    **_BETAS,
    "eps_root": "eps_root",
    "amsgrad": "amsgrad",
    "bias_correction": "bias_correction",
}
_MOMENTS = {"m": "mu", "v": "nu"}
_AMSGRAD = {**_MOMENTS, "v_max": "nu_max"}
_SGD: Options = {**_EVERY, "momentum": "momentum", "nesterov": "nesterov"}
_RMSPROP: Options = {
    **_SGD,
    "alpha": "decay",
    "eps": "eps",
    "eps_placement": "eps_in_sqrt",
    "centered": "centered",
    "bias_correction": "bias_correction",
    "initial_accumulator_value": "initial_scale",
}
_ADAGRAD: Options = {**_EVERY, "initial_accumulator_value": "initial_accumulator_value", "eps": "eps"}

TABLE: Table = {
    "SGD": Counterpart("sgd", {"b": "trace"}, _SGD),
    "Adagrad": Counterpart("adagrad", {"a": "sum_of_squares"}, _ADAGRAD),
    "Adadelta": Counterpart(
        "adadelta", {"v": "e_g", "u": "e_x"}, {**_EVERY, "rho": "rho", "eps": "eps"}
    ),
    "RMSprop": Counterpart("rmsprop", {"v": "nu", "g_mean": "mu", "b": "trace"}, _RMSPROP),
    "Adam": Counterpart("adam", _AMSGRAD, _ADAM),
    "AdamW": Counterpart("adamw", _AMSGRAD, _ADAM),
    "Adamax": Counterpart("adamax", {"m": "mu", "u": "nu"}, _BETAS),
    "NAdam": Counterpart("nadam", _MOMENTS, {**_BETAS, "eps_root": "eps_root"}),
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
