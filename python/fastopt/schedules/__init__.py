"""Schedules: learning rates, and any other hyperparameter, as functions of the step.

::

    lr = schedules.warmup_cosine(1e-3, steps=10_000, warmup_steps=500)
    lr(0), lr(500), lr(10_000)                      0.0, 0.001, 0.0
"""

from typing import TYPE_CHECKING

from fastopt.algorithm import shipped
from fastopt.runtime import attributes
from fastopt.schedules.annealing import cosine, cosine_restarts
from fastopt.schedules.base import Schedule
from fastopt.schedules.cycles import cyclic, one_cycle, one_cycle_momentum
from fastopt.schedules.decay import linear, polynomial, rex
from fastopt.schedules.joining import delayed, join, scaled
from fastopt.schedules.milestones import constant, multi_step, piecewise, step
from fastopt.schedules.open_ended import exponential, inverse_sqrt, inverse_time
from fastopt.schedules.plateau import ReduceOnPlateau, reduce_on_plateau
from fastopt.schedules.registry import SCHEDULES, from_config
from fastopt.schedules.warming import warmup, warmup_cosine, warmup_linear, warmup_stable_decay

__all__ = [
    "ReduceOnPlateau",
    "Schedule",
    "constant",
    "cosine",
    "cosine_restarts",
    "cyclic",
    "delayed",
    "exponential",
    "from_config",
    "inverse_sqrt",
    "inverse_time",
    "join",
    "linear",
    "multi_step",
    "one_cycle",
    "one_cycle_momentum",
    "piecewise",
    "polynomial",
    "reduce_on_plateau",
    "rex",
    "scaled",
    "step",
    "warmup",
    "warmup_cosine",
    "warmup_linear",
    "warmup_stable_decay",
]

for _each in SCHEDULES.values():
    shipped(_each)
del _each


if not TYPE_CHECKING:  # type checkers find by themselves what is missing
    __getattr__, __dir__ = attributes.of(__name__)
