"""Optax. No algorithm has a default learning rate; AMSGrad takes the maximum of corrected moments.

Weight decay is decoupled, as in adamw, adamaxw and nadamw, but for adadelta's. Not copied: adadelta
without a learning rate ascends.
"""

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
}

NAMES: Names = {
    "lr": "learning_rate",
    "alpha": "decay",
    "betas": ("b1", "b2"),
    "initial_accumulator_value": "initial_scale",
}
