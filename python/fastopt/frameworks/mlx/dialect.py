"""MLX. Adam and Adamax have no bias correction unless asked; SGD dampens the first gradient too."""

from fastopt.frameworks.dialects import REQUIRED, Names, Table

_ADAM = {"lr": REQUIRED, "bias_correction": False}

TABLE: Table = {
    "SGD": {"lr": REQUIRED, "dampen_first": True},
    "Adagrad": {"lr": REQUIRED, "eps": 1e-8},
    "Adadelta": {"lr": REQUIRED},
    "RMSprop": {"lr": REQUIRED},
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "Adamax": {**_ADAM, "eps_placement": "outside"},
}

NAMES: Names = {"lr": "learning_rate"}
