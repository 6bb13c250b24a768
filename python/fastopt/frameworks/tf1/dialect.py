"""TensorFlow 1: tf.train and tf.contrib.opt. Weight decay is taken off as it is, not times the rate."""

from fastopt.frameworks.dialects import REQUIRED, Names, Table

_TF1 = {"decoupled_weight_decay": "fixed"}
_ADAM = {**_TF1, "lr": 1e-3, "eps_placement": "hat"}

TABLE: Table = {
    "SGD": {**_TF1, "lr": REQUIRED},
    "Adagrad": {**_TF1, "lr": REQUIRED, "initial_accumulator_value": 0.1, "eps": 0.0},
    "Adadelta": {**_TF1, "lr": 1e-3, "rho": 0.95, "eps": 1e-8},
    "RMSprop": {
        **_TF1,
        "lr": REQUIRED,
        "alpha": 0.9,
        "eps": 1e-10,
        "eps_placement": "inside",
        "lr_in_buffer": True,
        "initial_accumulator_value": 1.0,
    },
    "Adam": _ADAM,
    "AdamW": {**_ADAM, "weight_decay": REQUIRED},
    "Adamax": {**_TF1, "lr": 1e-3, "eps_placement": "outside"},
    "NAdam": {**_ADAM, "momentum_decay": None, "correct_ahead": False},
}

NAMES: Names = {
    "lr": "learning_rate",
    "alpha": "decay",
    "nesterov": "use_nesterov",
    "betas": ("beta1", "beta2"),
    "eps": "epsilon",
}
