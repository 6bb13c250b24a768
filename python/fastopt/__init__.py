"""fastopt: the optimizer step of NumPy training, fused, exact and in place.

::

    opt = fastopt.AdamW(params, lr=1e-3)
    opt.step(grads)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastopt.optimizers import INDEX as _ALGORITHMS
from fastopt.runtime import attributes as _attributes
from fastopt.runtime import by_name as _by_name
from fastopt.runtime import renamed as _renamed
from fastopt.version import __version__

if TYPE_CHECKING:
    from fastopt import convert, functional, rules, schedules, training
    from fastopt.backends import build_info, use_backend
    from fastopt.checkpoint import CheckpointError
    from fastopt.description import describe
    from fastopt.dialect import dialects
    from fastopt.loading import load
    from fastopt.model import Stored, layer_decay, no_decay, vectors_by_adamw
    from fastopt.optimizer import Optimizer
    from fastopt.optimizers import *  # noqa: F403 - one name for each algorithm
    from fastopt.registry import from_config, get, names
    from fastopt.rows import RowGradient
    from fastopt.runtime import get_num_threads, register_with_threadpoolctl, set_num_threads
    from fastopt.smoothing import EMA, ema
    from fastopt.step import UnseenArrayWarning
    from fastopt.training import Batches, fit

__all__ = [
    "EMA",
    "Batches",
    "CheckpointError",
    "Optimizer",
    "RowGradient",
    "Stored",
    "UnseenArrayWarning",
    "__version__",
    "build_info",
    "convert",
    "describe",
    "dialects",
    "ema",
    "fit",
    "from_config",
    "functional",
    "get",
    "get_num_threads",
    "layer_decay",
    "load",
    "names",
    "no_decay",
    "register_with_threadpoolctl",
    "rules",
    "schedules",
    "set_num_threads",
    "training",
    "use_backend",
    "vectors_by_adamw",
    *_ALGORITHMS,
]


# All is imported when it is named, from where this says: a program waits for what it uses.
_LATER = {
    "EMA": "smoothing",
    "Batches": "training",
    "CheckpointError": "checkpoint",
    "Optimizer": "optimizer",
    "RowGradient": "rows",
    "Stored": "model",
    "UnseenArrayWarning": "step",
    "build_info": "backends",
    "convert": "convert",
    "describe": "description",
    "dialects": "dialect",
    "ema": "smoothing",
    "fit": "training",
    "from_config": "registry",
    "functional": "functional",
    "get": "registry",
    "get_num_threads": "runtime",
    "layer_decay": "model",
    "load": "loading",
    "names": "registry",
    "no_decay": "model",
    "register_with_threadpoolctl": "runtime",
    "rules": "rules",
    "schedules": "schedules",
    "set_num_threads": "runtime",
    "training": "training",
    "use_backend": "backends",
    "vectors_by_adamw": "model",
    **dict.fromkeys(_ALGORITHMS, "optimizers"),
    # Pages that need another library; not in dir(fastopt), all of which works without.
    **{name: name for name in ("autograd", "scipy", "sklearn", "thinc", "torch")},
}


def _find(name: str) -> Any:
    from fastopt.registry import find

    return find(name)


_renamed.register()
_by_name.find = _find


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise _attributes.missing(__name__, name)
    module = import_module(f"fastopt.{_LATER[name]}")
    found = module if name == _LATER[name] else getattr(module, name)
    globals()[name] = found  # the next look does not come here
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
