"""Thinc. Gradients are clipped to a norm of 1, array by array; weight decay comes after the step.

Thinc keeps averages of the parameters beside them, which is no part of the rule. Coupled L2 is added
before it clips, ours after.
"""

from fastopt.frameworks.dialects import REQUIRED, Names, Table

_THINC = {"decoupled_weight_decay": "after", "clipnorm": 1.0}

TABLE: Table = {
    "SGD": {**_THINC, "lr": REQUIRED},
    "Adam": {**_THINC, "eps_placement": "hat"},
}

NAMES: Names = {
    "lr": "learn_rate",
    "weight_decay": "L2",
    "clipnorm": "grad_clip",
    "betas": ("beta1", "beta2"),
}
