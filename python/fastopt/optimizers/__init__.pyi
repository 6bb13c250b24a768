# Written by tools/write_stubs.py.
from collections.abc import Mapping

from fastopt.optimizer import Optimizer as Optimizer
from fastopt.optimizers.adadelta import Adadelta as Adadelta
from fastopt.optimizers.adagrad import Adagrad as Adagrad
from fastopt.optimizers.adam import Adam as Adam
from fastopt.optimizers.adam import AdamW as AdamW
from fastopt.optimizers.adamax import Adamax as Adamax
from fastopt.optimizers.fromage import Fromage as Fromage
from fastopt.optimizers.lamb import LAMB as LAMB
from fastopt.optimizers.lars import LARS as LARS
from fastopt.optimizers.nadam import NAdam as NAdam
from fastopt.optimizers.novograd import NovoGrad as NovoGrad
from fastopt.optimizers.rmsprop import RMSprop as RMSprop
from fastopt.optimizers.schedule_free import AdamWScheduleFree as AdamWScheduleFree
from fastopt.optimizers.schedule_free import SGDScheduleFree as SGDScheduleFree
from fastopt.optimizers.sgd import SGD as SGD
from fastopt.optimizers.stable_adamw import StableAdamW as StableAdamW

CLASSES: Mapping[str, type[Optimizer]]
INDEX: Mapping[str, str]

__all__ = [
    "LAMB",
    "LARS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdamWScheduleFree",
    "Adamax",
    "Fromage",
    "NAdam",
    "NovoGrad",
    "RMSprop",
    "SGDScheduleFree",
    "StableAdamW",
]
