"""Optax. No algorithm has a default learning rate; AMSGrad takes the maximum of corrected moments.

Weight decay is decoupled, as in adamw, adamaxw and nadamw, but for adadelta's, and that of LAMB and
NovoGrad, which is a part of the rule. Not copied: adadelta without a learning rate ascends; radam is
adaptive already where r is the threshold; novograd begins with a norm of 0 where the first gradient is.
"""

from collections.abc import Mapping

from fastopt.frameworks.dialects import REQUIRED, Names, Table

_OPTAX = {"lr": REQUIRED, "decoupled_weight_decay": True}
_ADAM = {**_OPTAX, "amsgrad_corrected": True}

TABLE: Table = {
    "SGD": _OPTAX,
    "Adagrad": {**_OPTAX, "initial_accumulator_value": 0.1, "eps": 1e-7, "eps_placement": "inside"},
    "Adadelta": {**_OPTAX, "decoupled_weight_decay": False},
    "RMSprop": {**_OPTAX, "alpha": 0.9, "eps_placement": "inside", "lr_in_buffer": True},
    "Adam": _ADAM,
    "AdamW": {**_ADAM, "weight_decay": 1e-4},
    "Adamax": _OPTAX,
    "NAdam": {**_OPTAX, "momentum_decay": None},
    "ACProp": _OPTAX,
    "ADOPT": _OPTAX,
    "AdEMAMix": _OPTAX,
    "AdaBelief": _OPTAX,
    "AdamaxW": _OPTAX,
    "Fromage": {"lr": REQUIRED},
    "LAMB": {"lr": REQUIRED},
    "Lion": {**_OPTAX, "weight_decay": 1e-3},
    "NAdamW": {**_OPTAX, "correct_ahead": True, "weight_decay": 1e-4},
    "NovoGrad": {"lr": REQUIRED, "betas": (0.9, 0.25), "eps": 1e-6},
    "OptimisticAdam": _OPTAX,
    "OptimisticSGD": _OPTAX,
    "RAdam": {**_OPTAX, "eps_placement": "outside"},
    "SignSGD": _OPTAX,
    "Signum": _OPTAX,
    "SimplifiedAdEMAMix": _OPTAX,
    "Sophia": {
        **_OPTAX,
        "eps": 1e-8,
        "rho": 0.01,
        "estimator": "hutchinson",
        "bias_correction": True,
        "before_estimate": "sign",
        "weight_decay": 1e-4,
    },
    "Yogi": _OPTAX,
}

NAMES: Names = {"lr": "learning_rate", "betas": ("b1", "b2")}

NAMES_OF: Mapping[str, Names] = {
    "RMSprop": {"alpha": "decay", "initial_accumulator_value": "initial_scale"},
    "AdEMAMix": {"beta3": "b3"},
    "Sophia": {"rho": "gamma"},
}
