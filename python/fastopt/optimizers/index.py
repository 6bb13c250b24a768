"""The module of each class of optimizers. Written by tools/write_stubs.py."""

from collections.abc import Mapping

INDEX: Mapping[str, str] = {
    "Adadelta": "adadelta",
    "Adagrad": "adagrad",
    "Adam": "adam",
    "AdamW": "adam",
    "AdamWScheduleFree": "schedule_free",
    "Adamax": "adamax",
    "Fromage": "fromage",
    "LAMB": "lamb",
    "LARS": "lars",
    "NAdam": "nadam",
    "NovoGrad": "novograd",
    "RMSprop": "rmsprop",
    "SGD": "sgd",
    "SGDScheduleFree": "schedule_free",
    "StableAdamW": "stable_adamw",
}
