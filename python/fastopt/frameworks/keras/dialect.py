"""Keras 3. Every weight decay is decoupled, and momentum has the learning rate in its buffer.

Not copied: Keras computes bias corrections in the dtype of the parameter, ours are doubles; its Ftrl
divides 0 by 0 where there never was a gradient, and takes other powers than the root.
"""

from fastopt.frameworks.dialects import Names, Table

_KERAS = {"decoupled_weight_decay": True}
_INSIDE = {**_KERAS, "lr": 1e-3, "eps": 1e-7, "eps_placement": "inside"}
_HAT = {**_KERAS, "eps": 1e-7, "eps_placement": "hat"}

TABLE: Table = {
    "SGD": {**_KERAS, "lr": 1e-2, "lr_in_buffer": True},
    "Adagrad": {**_INSIDE, "initial_accumulator_value": 0.1},
    "Adadelta": {**_KERAS, "lr": 1e-3, "rho": 0.95, "eps": 1e-7},
    "RMSprop": {**_INSIDE, "alpha": 0.9, "lr_in_buffer": True},
    "Adam": _HAT,
    "AdamW": {**_HAT, "weight_decay": 4e-3},
    "Adamax": {**_KERAS, "lr": 1e-3, "eps": 1e-7, "eps_placement": "outside"},
    "NAdam": {**_KERAS, "lr": 1e-3, "eps": 1e-7, "momentum_decay": 1.0},
    "FTRL": _KERAS,
    "LAMB": {**_KERAS, "eps": 1e-7},
    "Lion": {**_KERAS, "lr": 1e-3},
}

NAMES: Names = {"lr": "learning_rate", "alpha": "rho", "betas": ("beta_1", "beta_2"), "eps": "epsilon"}
