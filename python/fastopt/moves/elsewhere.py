"""Parameters in another place for the time of a with block, and given back bit by bit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastopt.followers.averages import EqualAverage, MovingAverage
from fastopt.model.sharing import Moving
from fastopt.step.core import Core


class Elsewhere(Core):
    """What an optimizer has to take gradients, or use the model, where the parameters are not."""

    @contextmanager
    def lookahead(self) -> Iterator[None]:
        """Move the parameters to where momentum alone would take them, for the time of a with block.

        Nesterov's momentum as he has it: ``with opt.lookahead(): grads = ...`` takes the gradient
        there, and ``opt.step(grads)`` after the block the step. The parameters are given back bit by
        bit, also after an exception. For `SGD` and `RMSprop` with momentum and without ``nesterov``.
        Not Zhang's Lookahead with its slow weights, which is the setting ``lookahead_steps``.

        Raises
        ------
        TypeError, ValueError
            For an algorithm or a group without momentum.
        RuntimeError
            If another thread is inside a step, or the optimizer looks ahead already, or one that shares
            memory with it does either; and inside the block from `step`, of those too.
        """
        moving = Moving()
        try:
            moving.begin(self, "looks ahead: take the step after the with block")
            from fastopt.moves.nesterov import moved_ahead

            with moved_ahead(self):
                yield
        finally:
            moving.end()

    @contextmanager
    def perturbed(
        self, grads: Any = None, *, rho: float = 0.05, adaptive: bool = False, eta: float = 0.01
    ) -> Iterator[None]:
        """Move the parameters to where the loss is larger, for the time of a with block.

        Sharpness-aware minimization: ``with opt.perturbed(grads): there = ...`` takes the gradient
        there, and ``opt.step(there)`` after the block the step. The parameters are given back bit by
        bit, also after an exception. ::

            p + rho * g / ||g||                    SAM: Foret et al. (arXiv:2010.01412)
            p + rho * T * T * g / ||T * g||        ASAM: Kwon et al. (arXiv:2102.11600), T = |p| + eta

        The norm is that of all gradients together. Where it is 0 or not finite, there is no such
        place, and the parameters stay. ASAM's own code has T = 1 for biases, and ours has not.

        Parameters
        ----------
        grads : as of `step`
            They are read alone, but for ``zero_grad``. A loss scale makes no difference.
        rho : float >= 0
            How far: the norm of the move. For ASAM about ten times that of SAM.
        adaptive : bool
            Take ASAM.
        eta : float >= 0
            How far ASAM moves what is 0.

        Raises
        ------
        TypeError, ValueError
            For a gradient that does not fit, as `step` does, and values out of range.
        FloatingPointError
            For a gradient that is not finite, with ``nonfinite="raise"``.
        RuntimeError
            As `lookahead` does.
        """
        from fastopt.moves.sharpness import Ball, perturbed

        ball = Ball(rho, adaptive, eta)
        ball.check()
        moving = Moving()
        try:
            moving.begin(self, "has its parameters perturbed: take the step after the with block")
            with perturbed(self, self._grads if grads is None else grads, ball):
                yield
        finally:
            moving.end()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Swap the averages of ``ema=`` or ``swa_start=`` with the parameters, for a with block.

        Raises ValueError where there are none, or where a parameter is not as it was given; and
        RuntimeError as `lookahead` does.
        """
        averages = self._averages(MovingAverage, EqualAverage)
        moving = Moving()
        try:
            moving.begin(self, "has its averages in the parameters: take the step after the with block")
            arrays = self._parameters.arrays
            self._check_arrays()
            averages.show()
            with averages.swapped_in(arrays):
                yield
        finally:
            moving.end()
