"""The wrapper that torch puts around each step: hooks, and a range for its profiler."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.autograd import profiler
from torch.optim import optimizer as optimizers

Step = Callable[..., Any]
_NEEDED = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")


def hooked(step: Step) -> Step:
    """Wrap a step as torch does, and leave the wrapper out where it would do nothing.

    To open a range takes as long as a step of a small tensor, also where no profiler sees it.
    """
    around: Step = torch.optim.Optimizer.profile_hook_step(step)
    if not (hasattr(profiler, "_is_profiler_enabled") and all(hasattr(optimizers, x) for x in _NEEDED)):
        return around  # another version of torch
    before, after = [getattr(optimizers, name) for name in _NEEDED]

    @wraps(step)
    def wrapper(self: Any, *args: Any, **keywords: Any) -> Any:
        if (
            profiler._is_profiler_enabled
            or self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or before
            or after
        ):
            return around(self, *args, **keywords)
        return step(self, *args, **keywords)

    return wrapper
