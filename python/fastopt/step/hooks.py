"""Functions that are called before and after each step."""

from collections.abc import Callable
from typing import Any

from fastopt.runtime.arguments import describe
from fastopt.step.core import Core

Hook = Callable[[Any], object]


class Hooks(Core):
    """What an optimizer has for functions that want to know of its steps."""

    def before_step(self, hook: Hook) -> Callable[[], None]:
        """Call ``hook(opt)`` before each step, when nothing has changed yet.

        It may change hyperparameters. What it raises leaves the step out. Gives back a function that
        takes it away again.
        """
        return _added(self._before, hook)

    def after_step(self, hook: Hook) -> Callable[[], None]:
        """Call ``hook(opt)`` after each step that was taken; else as `before_step`."""
        return _added(self._after, hook)


def _added(hooks: list[Hook], hook: Hook) -> Callable[[], None]:
    if not callable(hook):
        raise TypeError(f"the hook is {describe(hook)}; it must be a function of the optimizer")
    hooks.append(hook)

    def remove() -> None:
        if hook in hooks:
            hooks.remove(hook)

    return remove
