"""PyTorch, ``torch.optim``: its rules and defaults are ours, for every algorithm that it has."""

from fastopt.frameworks.dialects import Names, Table

TABLE: Table = {
    name: {}
    for name in (
        *("SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam"),
        *("Rprop", "ASGD"),
    )
}

NAMES: Names = {}
