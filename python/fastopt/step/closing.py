"""The end of an optimizer, at which it lets go of the memory that it holds."""

from types import TracebackType
from typing import Any, NoReturn, Self

from fastopt import backends
from fastopt.step.core import Core

_CLOSED = "is closed: make a new one, and load what state_dict() or save() of this one gives"


class Closing(Core):
    """What an optimizer has to let its arrays go."""

    def close(self) -> None:
        """Let go of the memory of all arrays; do nothing if that has been done.

        As long as an optimizer is there and not closed, the memory of its arrays cannot go away:
        ``p.resize(..., refcheck=False)`` is a ValueError, for p and for what it is a view of, and
        closing the mmap or the shared memory that it lies in a BufferError. That holds for parameters,
        states, averages, copies, sums, and gradients bound with ``grads=``. Afterwards it is allowed.

        What has been trained stays: `state`, `state_dict` and `save` work as before. Whatever takes a
        step, loads a state, or changes or moves the parameters is a RuntimeError. A block
        ``with fastopt.Adam(p) as opt:`` closes at its end.

        Raises
        ------
        RuntimeError
            If another thread is inside a step, or the parameters are elsewhere: in eval mode, or in a
            with block such as that of `averaged`. Nothing has been let go then.
        """
        if self._hold.released:
            return
        self._look_at_followers()
        self._begin(_CLOSED)  # for good
        self._end = [].clear  # which does nothing: there is nobody whom to let in again
        self._plan = backends.backend(self.backend).make_plan([], [], [])
        self._grads = None
        if self._accumulator is not None:
            self._accumulator.close()
        self._parameters.hold.release()
        self._hold.release()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse copies of every kind: one would be bound to arrays that nobody else has."""
        raise TypeError(
            "an optimizer is bound to the memory of its arrays, and cannot be copied or serialized: "
            "make one of the copied parameters, and let it load_state_dict(opt.state_dict()); or use "
            "opt.save(path) and fastopt.load"
        )
