"""The algorithms of Optax: states and hyperparameters under its names, and where it keeps them."""

from collections.abc import Mapping
from functools import partial

from fastopt.frameworks.counterpart import Table, named

_of = partial(named, lr="learning_rate", weight_decay="weight_decay")
_BETAS = ("b1", "b2")
_ADAM = ("eps", "eps_root", "amsgrad", "bias_correction")
_MOMENTS = {"m": "mu", "v": "nu"}
_AMSGRAD = {**_MOMENTS, "v_max": "nu_max"}
_BELIEF = {"m": "mu", "s": "nu"}

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
    "ACProp": _of("acprop", _BELIEF, "eps", "eps_root", betas=_BETAS),
    "ADOPT": _of("adopt", _MOMENTS, "eps", "nesterov", betas=_BETAS),
    "AdEMAMix": _of(
        "ademamix",
        {"m": "m1", "n": "m2", "v": "nu"},
        *("alpha", "eps", "eps_root"),
        betas=_BETAS,
        beta3="b3",
    ),
    "AdaBelief": _of("adabelief", _BELIEF, "eps", "eps_root", "nesterov", betas=_BETAS),
    "AdamaxW": _of("adamaxw", {"m": "mu", "u": "nu"}, "eps", betas=_BETAS),
    "Fromage": named("fromage", {}, "min_norm", lr="learning_rate"),
    "LAMB": _of("lamb", _MOMENTS, "eps", "eps_root", betas=_BETAS),
    "Lion": _of("lion", {"m": "mu"}, betas=_BETAS),
    "NAdamW": _of("nadamw", _MOMENTS, "eps", "eps_root", betas=_BETAS),
    "OptimisticAdam": _of(
        "optimistic_adam_v2",
        {**_MOMENTS, "d_prev": "previous_gradient"},
        *("alpha", "beta", "eps", "eps_root", "nesterov"),
        betas=_BETAS,
    ),
    "RAdam": _of("radam", _MOMENTS, "eps", "eps_root", "threshold", "nesterov", betas=_BETAS),
    "SignSGD": _of("sign_sgd", {}),
    "Signum": _of("signum", {"m": "ema"}, "beta"),
    "SimplifiedAdEMAMix": _of(
        "simplified_ademamix", {"m": "m", "v": "n"}, "alpha", "eps", "eps_root", betas=_BETAS
    ),
    "Sophia": _of("sophia", {"m": "mu", "h": "nu"}, "eps", "clip_threshold", rho="gamma", betas=_BETAS),
    "Yogi": _of("yogi", _MOMENTS, "eps", betas=_BETAS),
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
    "ACProp": ("ScaleByBeliefState",),
    "ADOPT": ("ScaleByAdamState",),
    "AdEMAMix": ("ScaleByAdemamixState",),
    "AdaBelief": ("ScaleByBeliefState",),
    "AdamaxW": ("ScaleByAdamState",),
    "Fromage": ("EmptyState",),
    "LAMB": ("ScaleByAdamState",),
    "Lion": ("ScaleByLionState",),
    "NAdamW": ("ScaleByAdamState",),
    "OptimisticAdam": ("ScaleByAdamState", "ScaleByOptimisticGradientState"),
    "RAdam": ("ScaleByAdamState",),
    "SignSGD": ("EmptyState",),
    "Signum": ("EmaState",),
    "SimplifiedAdEMAMix": ("ScaleBySimplifiedAdEMAMixState",),
    "Sophia": ("SophiaState",),
    "Yogi": ("ScaleByAdamState",),
}
