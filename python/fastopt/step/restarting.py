"""Averages and slow weights that begin anew, from weights that were written by hand."""

from fastopt.step.core import Core

_BUSY = "is restarting its averages"


class Restarting(Core):
    """Begin averages, slow weights and copies anew."""

    def restart_averages(self) -> None:
        """Begin averages and slow weights anew, from the parameters as they are now.

        ::

            np.copyto(params["w"], pretrained)  # in the middle of training
            opt.restart_averages()

        Before the first step that is not needed: they begin with the parameters that it finds. The
        averages of ``ema=`` and ``swa_start=`` are those of the steps that come, with the parameters of
        now as the first that are averaged. Slow weights are the parameters, and the next pull comes
        after the step that it would have come after. Arrays of ``cast_to=`` are written anew.
        Parameters and states stay.

        Raises
        ------
        ValueError
            If the optimizer has none of these, or a parameter is not as it was given. Nothing has
            changed then.
        RuntimeError
            Inside of a step, where a with block or `eval` has moved the parameters, or after `close`.
        """
        pipeline = self._pipeline
        followers = list(pipeline.followers().values())
        if not followers and pipeline.copies is None:
            raise ValueError(
                "there are no averages, slow weights or copies to restart: make the optimizer with "
                "ema=0.999, swa_start=1000, lookahead_steps=5 or cast_to=..."
            )
        self._begin(_BUSY)
        try:
            self._check_arrays()
            steps = self._taken.steps
            self._plan.commit([change for each in followers for change in each.restarts(steps)])
            pipeline.refresh()
            pipeline.write_copies()
        finally:
            self._end()
