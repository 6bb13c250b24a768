"""Calls as other libraries have them: the error has the argument's name here."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from fastopt.runtime import other_names

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Of Keras, Lightning, scikit-learn, skorch and XGBoost.
_TABLES: Mapping[str, other_names.Table] = {
    "fit": {
        "data=(x, y)": ("x", "y", "train_data", "dataset"),
        "data=fastopt.Batches((x, y), 32)": (
            *("batch_size", "shuffle", "train_dataloaders", "dataloader"),
        ),
        "validation=lambda params: loss_and_grad(params, x, y)[0]": (
            *("validation_data", "validation_split", "validation_fraction", "val_data"),
            *("val_dataloaders", "eval_set", "metrics"),
        ),
        "epochs=10": ("num_epochs", "n_epochs", "max_epochs", "max_iter"),
        "progress=True": ("verbose", "enable_progress_bar", "show_progress"),
        "callbacks=[fastopt.training.EarlyStopping()]": (
            *("early_stopping", "patience", "n_iter_no_change"),
        ),
        "resume='run.npz'": ("ckpt_path", "initial_epoch"),
        "loss_and_grad": ("loss", "loss_fn", "criterion"),
        "opt": ("optimizer",),
        "params": ("model",),
    },
    "EarlyStopping": {
        "restore_best=True": ("restore_best_weights", "load_best", "save_best"),
        "patience=10": ("n_iter_no_change", "rounds"),
        "min_delta=0.001": ("tol", "threshold"),
        "monitor='loss'": ("metric", "metric_name"),
        "mode='max'": ("lower_is_better", "maximize"),
    },
    "Batches": {
        "size=32": ("batch_size",),
        "seed=0": ("random_state", "rng", "generator"),
        "data=(x, y)": ("x", "y", "dataset"),
    },
}


def hinting(name: str) -> Callable[[_Function], _Function]:
    """Make a decorator: a call that does not fit this function is a TypeError that has the remedy."""
    table = _TABLES[name]

    def decorate(function: _Function) -> _Function:
        parameters = inspect.signature(function).parameters
        placed = [key for key, each in parameters.items() if each.kind is not each.KEYWORD_ONLY]
        known = [key for key in parameters if key != "self"]
        after_data = placed.index("data") + 1 if "data" in placed else len(placed)

        @wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:
            for key in keywords:
                if key not in parameters:
                    hint = other_names.option(key, known, table)
                    raise TypeError(f"{name} has no argument {key!r}: {hint}")
            if any(isinstance(each, np.ndarray) and each.ndim for each in args[after_data:]):
                raise TypeError(f"{name} has one argument for all arrays of the data: (x, y)")
            if len(args) > len(placed):
                raise TypeError(
                    f"{name} was given too many arguments without a name; those behind {placed[-1]} "
                    f"need one: {', '.join(f'{key}=' for key in known if key not in placed)}"
                )
            return function(*args, **keywords)

        return checked  # type: ignore[return-value]

    return decorate
