"""Functions, classes and methods by the names of other libraries, and what they are here.

Each is an expression, in which `params`, `grads`, `opt`, `data` and the like are the caller's.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from typing import Any, NoReturn, Self

from fastopt.runtime.other_names import OPTIONS, plain

# The public pages, in the order in which a name is looked for that differs in case or underscores.
PAGES = ("fastopt", "fastopt.schedules", "fastopt.training", "fastopt.convert", "fastopt.rules")

OPTIMIZERS: Mapping[str, str] = {
    "optim": "fastopt.SGD, fastopt.Adam, ...",
    "GradientDescent": "fastopt.SGD",
    "GradientDescentOptimizer": "fastopt.SGD",
    "Momentum": "fastopt.SGD(params, momentum=0.9)",
    "MomentumOptimizer": "fastopt.SGD(params, momentum=0.9)",
    "Nesterov": "fastopt.SGD(params, momentum=0.9, nesterov=True)",
    "AdagradOptimizer": "fastopt.Adagrad",
    "AdadeltaOptimizer": "fastopt.Adadelta",
    "RMSPropOptimizer": "fastopt.RMSprop",
    "AdamOptimizer": "fastopt.Adam",
    "AMSGrad": "fastopt.Adam(params, amsgrad=True)",
    "AMSBound": "fastopt.AdaBound(params, amsbound=True)",
    "Lookahead": "fastopt.SGD(params, lookahead_steps=5)",
    "SAM": "opt.perturbed(grads)",
}

SCHEDULES: Mapping[str, str] = {
    "lr_scheduler": "fastopt.schedules",
    "constant_schedule": "fastopt.schedules.constant",
    "ConstantLR": "fastopt.schedules.piecewise",
    "StepLR": "fastopt.schedules.step",
    "step_decay": "fastopt.schedules.step",
    "MultiStepLR": "fastopt.schedules.multi_step",
    "piecewise_constant_schedule": "fastopt.schedules.piecewise",
    "piecewise_interpolate_schedule": "fastopt.schedules.piecewise",
    "PiecewiseConstantDecay": "fastopt.schedules.piecewise",
    "cosine_onecycle_schedule": "fastopt.schedules.piecewise",
    "linear_onecycle_schedule": "fastopt.schedules.piecewise",
    "LinearLR": "fastopt.schedules.linear",
    "linear_schedule": "fastopt.schedules.linear",
    "PolynomialLR": "fastopt.schedules.polynomial",
    "PolynomialDecay": "fastopt.schedules.polynomial",
    "polynomial_schedule": "fastopt.schedules.polynomial",
    "ExponentialLR": "fastopt.schedules.exponential",
    "ExponentialDecay": "fastopt.schedules.exponential",
    "InverseTimeDecay": "fastopt.schedules.inverse_time",
    "get_inverse_sqrt_schedule": "fastopt.schedules.inverse_sqrt",
    "CosineAnnealingLR": "fastopt.schedules.cosine",
    "CosineDecay": "fastopt.schedules.cosine",
    "cosine_decay_schedule": "fastopt.schedules.cosine",
    "CosineAnnealingWarmRestarts": "fastopt.schedules.cosine_restarts",
    "CosineDecayRestarts": "fastopt.schedules.cosine_restarts",
    "sgdr_schedule": "fastopt.schedules.cosine_restarts",
    "OneCycleLR": "fastopt.schedules.one_cycle",
    "CyclicLR": "fastopt.schedules.cyclic",
    "warmup_constant_schedule": "fastopt.schedules.warmup",
    "warmup_exponential_decay_schedule": "fastopt.schedules.warmup",
    "get_constant_schedule_with_warmup": "fastopt.schedules.warmup",
    "get_linear_schedule_with_warmup": "fastopt.schedules.warmup_linear",
    "warmup_cosine_decay_schedule": "fastopt.schedules.warmup_cosine",
    "get_cosine_schedule_with_warmup": "fastopt.schedules.warmup_cosine",
    "SequentialLR": "fastopt.schedules.join",
    "join_schedules": "fastopt.schedules.join",
    "ReduceLROnPlateau": "fastopt.schedules.reduce_on_plateau",
    "LambdaLR": "fastopt.SGD(params, lr=lambda step: 0.1 / (step + 1))",
    "LearningRateSchedule": "fastopt.schedules.Schedule",
}

TRAINING: Mapping[str, str] = {
    "clip_grad_norm_": "fastopt.SGD(params, global_clipnorm=1.0)",
    "clip_by_global_norm": "fastopt.SGD(params, global_clipnorm=1.0)",
    "clip_grad_value_": "fastopt.SGD(params, clipvalue=1.0)",
    "clip_by_value": "fastopt.SGD(params, clipvalue=1.0)",
    "apply_if_finite": "fastopt.SGD(params, nonfinite='skip')",
    "GradScaler": "fastopt.SGD(params, loss_scale='dynamic')",
    "LossScaleOptimizer": "fastopt.SGD(params, loss_scale='dynamic')",
    "MultiSteps": "fastopt.SGD(params, gradient_accumulation_steps=4)",
    "AveragedModel": "fastopt.SGD(params, swa_start=1000)",
    "ExponentialMovingAverage": "fastopt.SGD(params, ema=0.999)",
    "apply_updates": "opt.step(grads)",
    "DataLoader": "fastopt.Batches",
    "TensorDataset": "fastopt.Batches",
    "ModelCheckpoint": "fastopt.training.Checkpoint",
    "Trainer": "fastopt.fit",
}

NAMES: Mapping[str, str] = {**OPTIMIZERS, **SCHEDULES, **TRAINING}
_BY_SPELLING = {plain(theirs): ours for theirs, ours in NAMES.items()}

METHODS: Mapping[str, tuple[str, str]] = {  # the expression, and what it does
    "update": ("opt.step(grads)", "updates the parameters in place"),
    "apply": ("opt.step(grads)", "updates the parameters in place"),
    "apply_gradients": ("opt.step(grads)", "takes them in the structure of the parameters"),
    "minimize": ("fastopt.fit(loss_and_grad, params, opt, data)", "trains"),
    "init": ("fastopt.SGD(params)", "has made the states already"),
    "add_param_group": ("opt.add_params(more, lr=0.1)", "makes a group with options of its own"),
}


def missing(page: str, name: str) -> AttributeError:
    """Make the error for what a public page has not, with where it is."""
    found = _place(page, name)
    hint = f": it is {found}" if found else ""
    return AttributeError(f"module {page!r} has no attribute {name!r}{hint}")


def of(page: str) -> tuple[Callable[[str], NoReturn], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a public page that has all its names already."""
    return partial(_raise, page), partial(_public, page)


def _public(page: str) -> list[str]:
    return sorted(import_module(page).__all__)


def _raise(page: str, name: str) -> NoReturn:
    raise missing(page, name)


def _place(page: str, name: str) -> str | None:
    # Python asks for names with underscores, and for a submodule before it imports that.
    if name.startswith("_") or not name.isidentifier() or _is_module(f"{page}.{name}"):
        return None
    spelt = plain(name)
    if spelt in _BY_SPELLING:
        return _BY_SPELLING[spelt]
    for each in (page, *PAGES):
        for public in import_module(each).__all__:
            if plain(public) == spelt:
                return f"{each}.{public}"
    return None


def _is_module(name: str) -> bool:
    return name in sys.modules or find_spec(name) is not None


class Missing:
    """A name that other libraries have on this object and ours has not: an AttributeError with ours.

    No ``__getattr__`` of the class, which would make each look at an attribute in a step slower.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Self:
        if instance is None:
            return self
        raise instance._missing(self._name)

    def __set__(self, instance: Any, value: Any) -> NoReturn:
        raise instance._missing(self._name)


class OtherNames:
    """The names that other libraries have for options, as attributes that are missing."""

    __slots__ = ()


for _name in chain.from_iterable(OPTIONS.values()):
    setattr(OtherNames, _name, Missing(_name))
