"""Calls as other libraries have them: the error has the argument's name here."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from fastopt.runtime import suggest

_Function = TypeVar("_Function", bound=Callable[..., Any])

_BATCHES = "data=fastopt.Batches((x, y), 32)"
_VALIDATION = "validation=lambda params: loss_and_grad(params, x, y)[0]"
_STOP = "callbacks=[fastopt.training.EarlyStopping()]"

# Of Keras, Lightning, scikit-learn, skorch and XGBoost.
_OURS = {
    "fit": {
        **dict.fromkeys(["x", "y", "X", "train_data", "dataset"], "data=(x, y)"),
        **dict.fromkeys(["batch_size", "shuffle", "train_dataloaders", "dataloader"], _BATCHES),
        **dict.fromkeys(["validation_data", "validation_split", "validation_fraction"], _VALIDATION),
        **dict.fromkeys(["val_data", "val_dataloaders", "eval_set", "metrics"], _VALIDATION),
        **dict.fromkeys(["num_epochs", "n_epochs", "max_epochs", "max_iter"], "epochs=10"),
        **dict.fromkeys(["verbose", "enable_progress_bar", "show_progress"], "progress=True"),
        **dict.fromkeys(["early_stopping", "patience", "n_iter_no_change"], _STOP),
        **dict.fromkeys(["ckpt_path", "initial_epoch"], "resume='run.npz'"),
        **dict.fromkeys(["loss", "loss_fn", "criterion"], "loss_and_grad"),
        **{"optimizer": "opt", "model": "params"},
    },
    "EarlyStopping": {
        **dict.fromkeys(["restore_best_weights", "load_best", "save_best"], "restore_best=True"),
        **dict.fromkeys(["n_iter_no_change", "rounds"], "patience=10"),
        **dict.fromkeys(["tol", "threshold"], "min_delta=0.001"),
        **dict.fromkeys(["metric", "metric_name"], "monitor='loss'"),
        **dict.fromkeys(["lower_is_better", "maximize"], "mode='max'"),
    },
    "Batches": {
        **dict.fromkeys(["batch_size"], "size=32"),
        **dict.fromkeys(["random_state", "rng", "generator"], "seed=0"),
        **dict.fromkeys(["x", "y", "X", "dataset"], "data=(x, y)"),
    },
}


def hinting(name: str) -> Callable[[_Function], _Function]:
    """Make a decorator: a call that does not fit this function is a TypeError that has the remedy."""
    ours = _OURS[name]

    def decorate(function: _Function) -> _Function:
        parameters = inspect.signature(function).parameters
        placed = [key for key, each in parameters.items() if each.kind is not each.KEYWORD_ONLY]
        known = [key for key in parameters if key != "self"]
        after_data = placed.index("data") + 1 if "data" in placed else len(placed)

        @wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:
            for key in keywords:
                if key not in parameters:
                    hint = f"fastopt calls it {ours[key]}" if key in ours else suggest(key, known)
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
