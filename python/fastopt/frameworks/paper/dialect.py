"""The papers, as printed.

SGD: Sutskever et al., *On the importance of initialization and momentum* (ICML 2013), the learning rate
in the buffer. Adagrad: Duchi et al. (JMLR 2011). Adadelta: arXiv:1212.5701. RMSprop: Graves,
arXiv:1308.0850, as that of the lecture has no printed constants. Adam, Adamax: arXiv:1412.6980. AdamW:
arXiv:1711.05101, its weight decay is not multiplied by the learning rate. NAdam: Dozat (report, 2015);
the form of 2016, whose buffer decays by mu_t and whose second moment has a factor beta2 more, is not
copied.

Where a paper adds no epsilon, ours is 1e-22, which changes no sum and saves 0 / 0.
"""

from fastopt.frameworks.dialects import REQUIRED, Names, Table

TABLE: Table = {
    "SGD": {"lr": REQUIRED, "lr_in_buffer": True},
    "Adagrad": {"lr": REQUIRED},
    "Adadelta": {"rho": 0.95},
    "RMSprop": {
        "lr": 1e-4,
        "alpha": 0.95,
        "eps": 1e-4,
        "eps_placement": "inside",
        "momentum": 0.9,
        "centered": True,
        "lr_in_buffer": True,
    },
    "Adam": {},
    "AdamW": {"decoupled_weight_decay": "fixed", "weight_decay": REQUIRED},
    "Adamax": {"eps": 1e-22, "eps_placement": "outside"},
    "NAdam": {"betas": (0.99, 0.999)},
}

NAMES: Names = {}
