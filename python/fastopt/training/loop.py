"""fit: the training loop."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastopt.algorithm import flag
from fastopt.arrays import Structure
from fastopt.optimizer import Optimizer
from fastopt.runtime import describe, whole
from fastopt.training import evaluation
from fastopt.training.batches import Batches
from fastopt.training.callbacks import Callbacks
from fastopt.training.history import History
from fastopt.training.plateau import Watch
from fastopt.training.progress import meter
from fastopt.training.resuming import given_to, saved_run
from fastopt.training.run import Run

_FLAG = flag(default=True)


def fit(
    loss_and_grad: Callable[..., Any],
    params: Any,
    opt: Optimizer,
    data: Any,
    epochs: int = 1,
    callbacks: Sequence[Any] = (),
    *,
    validation: Callable[[Any], Any] | None = None,
    progress: bool | None = None,
    resume: str | os.PathLike[str] | None = None,
    hyperparameters: bool = True,
) -> History:
    """Train: for each batch of each epoch, compute the loss and its gradients, and take a step.

    ::

        history = fastopt.fit(loss_and_grad, params, opt, fastopt.Batches((x, y), 32), epochs=10)

    A loss that is infinite or NaN is recorded like any other; ``nonfinite=`` of the optimizer decides
    what happens to such gradients. An exception, Ctrl-C among them, is passed on, and the
    parameters stay as the last whole step left them.

    Parameters
    ----------
    loss_and_grad : function
        ``loss_and_grad(params, *batch)``, or ``(params, **batch)`` for batches that are dicts, returns
        the loss, a number, and the gradients as ``opt.step`` accepts them.
    params
        The first argument of `loss_and_grad` and `validation`: ``opt.params``, or another container
        with all of the arrays that `opt` updates.
    opt : Optimizer
        With ``gradient_accumulation_steps``, ``opt.accumulate`` is called for each batch, and
        ``opt.flush`` at the end of each epoch, which steps with the gradients that are left.
    data : Batches, or another iterable of batches, or an array, or a tuple or dict of arrays
        Arrays are one batch: each step is over all of the data.
    epochs : int >= 1
        The number of epochs in all, including those before a `resume`.
    callbacks : list
        `EarlyStopping`, `Checkpoint`, `Plateau`, functions of the `Run`, ...: see docs/training.md.
    validation : function, optional
        ``validation(params)`` returns a number, or a dict of numbers by name, after each epoch.
    progress : bool, optional
        Show a progress bar with the loss: by default if stderr is a terminal and tqdm is installed.
    resume : path, optional
        Go on from the file of a `Checkpoint`, with the bits that the run would have had: data and
        callbacks are made as they were, and put where they were. A warning names each hyperparameter
        and setting that differs here from when the run began; the saved values hold.
    hyperparameters : bool
        With `resume`, take hyperparameters, schedules, settings and what is frozen from the file, as
        ``opt.load`` does; False trains on with those of `opt`.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        For what cannot be trained with, such as a ``schedules.reduce_on_plateau`` in `opt` that no
        `Plateau` among the callbacks shows a metric; nothing has changed if it was found before the
        first step. A `resume` has loaded the optimizer by the time that data or callbacks are found to
        be others.
    """
    _check(loss_and_grad, params, opt, validation)
    epochs = whole(epochs, "epochs", 1)
    hyperparameters = _FLAG.check(hyperparameters, "hyperparameters")
    batches = _batches(data, epochs)
    run = Run(opt, params, batches, Callbacks(callbacks), given_to(opt))
    watch = Watch(opt, callbacks, epochs)
    take = opt.accumulate if opt.gradient_accumulation_steps > 1 else opt.step
    with meter(progress, run, epochs, batches) as show:
        saved = None
        if resume is not None:
            saved = saved_run(opt, resume, hyperparameters)
            watch.look_at(opt)
        run.begin(saved, hyperparameters)
        while run.goes_on(epochs):
            for batch in run.batches():
                loss, grads = evaluation.loss_and_gradients(loss_and_grad, params, batch)
                take(grads)
                run.end_step(loss)
                show()
                if run.stopped:
                    break
            else:
                _flush(opt)
                run.end_epoch(evaluation.metrics(validation, params))
                watch.after_epoch()
                show()
        _flush(opt)  # of an epoch that a callback has ended
        run.end()
    return run.history


def _flush(opt: Optimizer) -> None:
    """Step with the gradients that wait, if there are any; in eval mode there can be none."""
    if opt.accumulated:
        opt.flush()


def _check(loss_and_grad: Any, params: Any, opt: Any, validation: Any) -> None:
    if not isinstance(opt, Optimizer):
        raise TypeError(
            f"opt is {describe(opt)}; it must be an optimizer, such as fastopt.Adam(params)"
        )
    if not callable(loss_and_grad):
        raise TypeError(f"loss_and_grad is {describe(loss_and_grad)}; it must be a function")
    if not (validation is None or callable(validation)):
        raise TypeError(f"validation is {describe(validation)}; it must be a function, or None")
    if params is opt.params:
        return
    there = set(map(id, Structure(params).leaves(params, "params", "pass opt.params")))
    for name, p in opt.named_parameters().items():
        if id(p) not in there:
            raise ValueError(
                f"opt updates a parameter {name!r} that is not in params: gradients would be taken at "
                "one array, and the steps with another. Pass opt.params, or make the optimizer with "
                "these params"
            )


def _batches(data: Any, epochs: int) -> Any:
    """Make batches of the caller's data."""
    holds_arrays = isinstance(data, tuple) and (
        not data or any(isinstance(part, np.ndarray) for part in data)
    )
    if holds_arrays or isinstance(data, (np.ndarray, dict)):
        return Batches(data, None)
    if not isinstance(data, Iterable):
        raise TypeError(
            f"data is {describe(data)}; it must be fastopt.Batches((x, y), 32) or another iterable of "
            "batches, or arrays: (x, y)"
        )
    if epochs > 1 and iter(data) is data:
        raise ValueError(
            f"data is {describe(data)}, an iterator, which is used up after one epoch, and epochs is "
            f"{epochs}: use what makes a new one each time, such as fastopt.Batches or a list"
        )
    return data
