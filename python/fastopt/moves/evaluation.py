"""Eval mode: parameters where an algorithm's averages are, which is where the model is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm.base import Move
from fastopt.algorithm.hyperparameters import Values
from fastopt.backends import Plan, Row
from fastopt.model.sharing import Moving
from fastopt.moves.base import along_states, copied, give_back, move, moved
from fastopt.step.core import Core


class EvalMode(Core):
    """What an optimizer has besides if it finds averages between its parameters and its state."""

    def _build(self, params: Any, like: Any, shared: dict[str, Any], keywords: dict[str, Any]) -> None:
        super()._build(params, like, shared, keywords)
        self._trained: list[NDArray[Any]] | None = None  # the parameters of training, in eval mode
        self._moving = Moving()  # of eval mode

    @classmethod
    def average(cls, h: Values) -> Move:
        """Say how a parameter of training is taken to its average."""
        raise NotImplementedError  # pragma: no cover - every algorithm has its own

    def eval(self) -> None:
        """Move the parameters to their averages, where the model is used, until `train`.

        A second call does nothing. Copies of the parameters are kept for `train`: as much memory again
        as they take. Arrays of ``cast_to=`` are moved too.

        Raises
        ------
        ValueError
            If a parameter is not as it was given. Nothing has changed then.
        RuntimeError
            If another thread is inside a step, or a with block has moved the parameters, or an
            optimizer that shares memory with this one is so; and until `train` from `step`, of those
            too.
        """
        if self._trained is not None:
            return
        moving = Moving()
        try:
            moving.begin(self, "is in eval mode: call its train() first")
            plan, rows = self._to_averages()
            self._moving = moving
            self._trained = copied(self)
            move(self, plan, rows)
        except BaseException:
            if self._trained is None:
                moving.end()
            self.train()
            raise

    def train(self) -> None:
        """Give the parameters back as they were before `eval`, bit by bit; else do nothing.

        What has been written to them in between is lost. ValueError, and eval mode goes on, if a
        parameter is no longer the array that was given.
        """
        if self._trained is None:
            return
        self._check_arrays()
        give_back(self, self._trained)
        self._trained = None
        self._moving.end()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Move the parameters to their averages, for the time of a with block.

        They are given back bit by bit, also after an exception. With ``ema=``, that is an average of
        the parameters of training, and is in `ema_state`. Raises as `eval` does.
        """
        moving = Moving()
        try:
            moving.begin(self, "has its averages in the parameters: take the step after the with block")
            with moved(self, *self._to_averages()):
                yield
        finally:
            moving.end()

    def _to_averages(self) -> tuple[Plan, list[Row]]:
        return along_states(self, [self.average(group.h) for group in self.groups])
