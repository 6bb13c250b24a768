"""The step that replaces torch's, and the classes that have it."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch

from fastopt.optimizer import Optimizer
from fastopt.torch.inner import Inner
from fastopt.torch.options import OF_ALL, OF_GROUPS, taken


class Fused(torch.optim.Optimizer):  # type: ignore[misc]
    """An optimizer of torch whose steps fastopt takes, on the memory of its tensors."""

    algorithm: ClassVar[type[Optimizer]]
    there: ClassVar[Any] = None  # the class of torch.optim, where there is one
    _inner: Inner | None = None
    _step_supports_amp_scaling = True  # GradScaler gives scale and what it found to the step

    def __init__(self, params: Any, *args: Any, **keywords: Any) -> None:
        there = {} if type(self).there is None else OF_GROUPS
        own = {**taken(keywords, OF_ALL), **taken(keywords, there)}
        super().__init__(params, *args, **keywords)
        self.defaults.update(own)
        self._complete()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Complete groups of torch's own optimizers, which know fewer options."""
        super().__setstate__(state)
        self._complete()

    def _complete(self) -> None:
        for group in self.param_groups:
            for name in self.defaults.keys() & {*OF_ALL, *OF_GROUPS}:
                group.setdefault(name, self.defaults[name])

    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : function, optional
            Called first, with gradients enabled; what it returns is returned.
        loss : float or tensor, optional
            The loss that the gradients are of, for the algorithms that need it, and for these alone;
            by default what `closure` returns.

        Raises
        ------
        TypeError, ValueError
            For parameters, gradients or states that cannot be used; the message says which, and what
            to do. Nothing has been written then.
        """
        returned = None
        if closure is not None:
            with torch.enable_grad():
                returned = closure()
        if loss is None and self.algorithm.takes_loss:
            loss = returned
        overflown = getattr(self, "found_inf", None)
        if overflown is not None and overflown.item() > 0:
            return returned
        scale = getattr(self, "grad_scale", None)
        if not any([group["params"] for group in self.param_groups]):
            return returned
        inner = self._followed()
        inner.step(
            self.param_groups,
            self.state,
            1.0 if scale is None else float(scale),
            loss.item() if isinstance(loss, torch.Tensor) else loss,
        )
        return returned

    def _followed(self) -> Inner:
        """Return the optimizer of fastopt as it is with what torch has now."""
        inner = self._inner
        if inner is None or not inner.follows(self.param_groups, self.state):
            if inner is not None and inner.is_moved:
                raise RuntimeError(
                    "parameters, groups or states are others than when opt.eval moved parameters to "
                    "their averages: call opt.train() first"
                )
            inner = self._inner = Inner(self.algorithm, self.param_groups, self.state)
        return inner
