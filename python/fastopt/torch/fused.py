"""The step that replaces torch's, and the classes that have it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch

from fastopt.optimizer import Optimizer
from fastopt.torch.hooks import hooked
from fastopt.torch.inner import Inner
from fastopt.torch.options import OF_ALL, OF_GROUPS, taken
from fastopt.torch.storing import hide, show


class Fused(torch.optim.Optimizer):  # type: ignore[misc]
    """An optimizer of torch whose steps fastopt takes, on the memory of its tensors."""

    algorithm: ClassVar[type[Optimizer]]
    there: ClassVar[Any] = None  # the class of torch.optim, where there is one
    _inner: Inner | None = None
    _step_supports_amp_scaling = True  # GradScaler gives scale and what it found to the step

    profile_hook_step = staticmethod(hooked)  # by which torch wraps the step of a class

    def __init__(self, params: Any, *args: Any, **keywords: Any) -> None:
        there = {} if type(self).there is None else OF_GROUPS
        own = {**taken(keywords, OF_ALL), **taken(keywords, there)}
        super().__init__(params, *args, **keywords)
        self.defaults.update(own)
        self._complete()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Complete groups of torch's own optimizers, which know fewer options."""
        show(state.get("state", {}))
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

    # Averages and slow weights, of ``ema=``, ``swa_start=`` and ``lookahead_steps=``.

    def averaged(self) -> AbstractContextManager[None]:
        """Move the parameters to their averages, for the time of a with block.

        ::

            with opt.averaged():
                evaluate(model)
                torch.save(model.state_dict(), "averaged.pt")

        They are given back bit by bit, also after an exception. ValueError where there are no averages;
        and inside the block RuntimeError from `step`, `state_dict`, and whatever copies the optimizer.
        """
        return self._followed().averaged()

    def restart_averages(self) -> None:
        """Begin averages and slow weights anew, from the parameters as the next step finds them.

        For weights that were loaded in the middle of training. ValueError where there are none.
        """
        self._followed().restart(self.state)

    @property
    def ema_state(self) -> list[Any]:
        """The averages of ``ema=``: a tensor for each parameter, in the order of the groups.

        After the first gradient of a parameter p that is ``opt.state[p]["ema"]``.
        """
        return self._followed().shown("ema_state")

    @property
    def swa_state(self) -> list[Any]:
        """The averages of ``swa_start=``, as `ema_state`; ``opt.state[p]["swa"]``."""
        return self._followed().shown("swa_state")

    @property
    def slow_state(self) -> list[Any]:
        """The slow weights of ``lookahead_steps=``, as `ema_state`; ``opt.state[p]["slow"]``."""
        return self._followed().shown("slow_state")

    def state_dict(self) -> dict[str, Any]:
        """Return what torch's optimizers do; RuntimeError inside of `averaged`."""
        self._check_in_place()
        found: dict[str, Any] = super().state_dict()
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load as torch's optimizers do, and cast no state of a parameter of 16 bits."""
        hook = self.register_load_state_dict_pre_hook(lambda _, given: hide(given, self.param_groups))
        try:
            super().load_state_dict(state_dict)
        finally:
            hook.remove()

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies are made of, as `state_dict`."""
        self._check_in_place()
        found: dict[str, Any] = super().__getstate__()
        return found

    def _check_in_place(self) -> None:
        if self._inner is not None and self._inner.is_swapped:
            raise RuntimeError(
                "parameters and averages have changed places: take the optimizer's state after the "
                "with block, and the model's inside"
            )

    def _followed(self) -> Inner:
        """Return the optimizer of fastopt as it is with what torch has now."""
        inner = self._inner
        if inner is None or not inner.follows(self.param_groups, self.state):
            if inner is not None and inner.is_moved:
                raise RuntimeError(
                    "parameters, groups or states are others than when opt.eval or opt.averaged moved "
                    "parameters to their averages: call opt.train() first, or leave the with block"
                )
            inner = self._inner = Inner(self.algorithm, self.param_groups, self.state)
        return inner
