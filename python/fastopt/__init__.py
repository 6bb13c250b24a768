"""fastopt: the optimizer step of NumPy training, fused, exact and in place.

::

    opt = fastopt.AdamW(params, lr=1e-3)
    opt.step(grads)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastopt import functional
from fastopt.about import build_info
from fastopt.backends import use_backend
from fastopt.dialect import dialects
from fastopt.optimizer import Optimizer
from fastopt.optimizers import *  # noqa: F403 - one name for each algorithm
from fastopt.optimizers import __all__ as _algorithms
from fastopt.registry import from_config, get, names
from fastopt.smoothing import EMA, ema
from fastopt.threads import get_num_threads, set_num_threads
from fastopt.version import __version__

if TYPE_CHECKING:
    from fastopt import schedules, training
    from fastopt.training import Batches, fit

__all__ = [
    "EMA",
    "Batches",
    "Optimizer",
    "__version__",
    "build_info",
    "dialects",
    "ema",
    "fit",
    "from_config",
    "functional",
    "get",
    "get_num_threads",
    "names",
    "schedules",
    "set_num_threads",
    "training",
    "use_backend",
    *_algorithms,
]


def __getattr__(name: str) -> Any:
    # When they are used, as they take time to import.
    if name in ("schedules", "training"):
        return import_module(f"fastopt.{name}")
    if name in ("Batches", "fit"):
        return getattr(import_module("fastopt.training"), name)
    raise AttributeError(f"module 'fastopt' has no attribute {name!r}")
