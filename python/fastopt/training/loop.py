"""fit: the training loop."""

from collections.abc import Callable, Sequence
from typing import Any

from fastopt.algorithm import flag
from fastopt.checkpoint import Place
from fastopt.optimizer import Optimizer
from fastopt.runtime import whole
from fastopt.training import evaluation, inputs
from fastopt.training.callbacks import Callbacks
from fastopt.training.history import History
from fastopt.training.other_names import hinting
from fastopt.training.plateau import Watch
from fastopt.training.progress import meter
from fastopt.training.resuming import given_to, saved_run
from fastopt.training.run import Run

_FLAG = flag(default=True)


@hinting("fit")
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
    resume: Place | None = None,
    hyperparameters: bool = True,
) -> History:
    """Train: for each batch of each epoch, compute the loss and its gradients, and take a step.

    ::

        history = fastopt.fit(loss_and_grad, params, opt, fastopt.Batches((x, y), 32), epochs=10)

    A loss that is infinite or NaN is recorded like any other; ``nonfinite=`` of the optimizer decides
    what happens to such gradients. An exception is passed on, and the parameters stay as the last whole
    step left them.

    So is that of Ctrl-C, a KeyboardInterrupt: a program ends, and a notebook goes on to no other cell.
    Before, ``on_end`` of the callbacks is called, with which `EarlyStopping` puts the best epoch back,
    and the history becomes an attribute of the exception::

        try:
            history = fastopt.fit(...)
        except KeyboardInterrupt as interrupt:
            history = interrupt.history

    Where it was not caught, in a notebook or at Python's prompt, it is ``sys.last_value.history``.

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
        Arrays are one batch: each step is over all of the data. A list is one batch after the other.
    epochs : int >= 1
        The number of epochs in all, including those before a `resume`.
    callbacks : list
        `EarlyStopping`, `Checkpoint`, `Plateau`, functions of the `Run`, ...: see docs/training.md.
    validation : function, optional
        ``validation(params)`` returns a number, or a dict of numbers by name, after each epoch.
    progress : bool, optional
        Show a progress bar with the metrics, by tqdm; by default on a terminal and in notebooks, where
        tqdm is installed.
    resume : path or file open for bytes, optional
        Go on from the file of a `Checkpoint`, with the bits that the run would have had: data and
        callbacks are made as they were, and put where they were. A warning names each hyperparameter
        and setting that differs here from when the run began; the saved values hold.
    hyperparameters : bool
        With `resume`, take hyperparameters, schedules, settings and what is frozen from the file, as
        ``opt.load`` does; False trains on with those of `opt`.

    Returns
    -------
    History
        Its `ended` is why training has ended: "epochs", or the name of the callback that has ended it.

    Raises
    ------
    TypeError, ValueError
        For what cannot be trained with, such as a `loss_and_grad` that cannot be called with a batch, a
        metric that no validation returns, or a ``schedules.reduce_on_plateau`` in `opt` that no
        `Plateau` among the callbacks shows a metric; nothing has changed if it was found before the
        first step. A `resume` has loaded the optimizer by the time that data or callbacks are found to
        be others.
    KeyboardInterrupt
        Of Ctrl-C, with the history so far as its attribute `history`.
    """
    inputs.check(loss_and_grad, params, opt, validation)
    epochs = whole(epochs, "epochs", 1)
    hyperparameters = _FLAG.check(hyperparameters, "hyperparameters")
    batches = inputs.batches_of(data, epochs)
    run = Run(opt, params, batches, Callbacks(callbacks), given_to(opt), validation is not None)
    watch = Watch(opt, callbacks, epochs)
    take = opt.accumulate if opt.gradient_accumulation_steps > 1 else opt.step
    try:
        with meter(progress, run, epochs, batches) as show:
            saved = None
            if resume is not None:
                saved = saved_run(opt, resume, hyperparameters)
                watch.look_at(opt)
            run.begin(saved, hyperparameters)
            while run.goes_on(epochs):
                for batch in run.batches():
                    if run.step == 0:
                        inputs.check_call(loss_and_grad, params, batch, data)
                    loss, grads = evaluation.loss_and_gradients(loss_and_grad, params, batch)
                    if opt.needs_loss:
                        opt.step(grads, loss=loss)
                    else:
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
    except KeyboardInterrupt as interrupt:
        run.interrupted(interrupt)
        raise
    return run.history


def _flush(opt: Optimizer) -> None:
    """Step with the gradients that wait, if there are any; in eval mode there can be none."""
    if opt.accumulated:
        opt.flush()
