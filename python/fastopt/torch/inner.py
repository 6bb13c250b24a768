"""The optimizer of fastopt within one of torch: a cache, made anew when that has changed behind it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from fastopt.algorithm import transforms_of
from fastopt.optimizer import Optimizer
from fastopt.step import core_of
from fastopt.torch.checks import KNOWN, SHORT, check_gradient, check_parameter, described, named
from fastopt.torch.groups import Groups
from fastopt.torch.names import Names
from fastopt.torch.states import States
from fastopt.torch.tensors import Form

_GRADIENTS = frozenset((*KNOWN, type(None)))


class Inner:
    """An optimizer of fastopt on the memory of torch's parameters, whose states are torch's too.

    Attributes
    ----------
    opt : the optimizer
    is_swapped : whether `averaged` has moved the parameters
    """

    def __init__(self, kind: type[Optimizer], groups: list[dict[str, Any]], state: Any) -> None:
        self._called = [what for what, _ in named(groups)]
        for what, p in named(groups):
            check_parameter(p, what)
        names = Names(kind)
        self._groups = Groups(names, groups)
        self._params = self._groups.params
        alone = self._groups.are_elementwise(kind)
        for (what, p), each in zip(named(groups), alone, strict=True):
            if p.is_complex() and not each:
                raise TypeError(
                    f"{what} is complex, and {kind.__name__} looks at the shape of a parameter or at "
                    "norms: give torch.view_as_real(p)"
                )
        self._check_short(kind, groups)
        self._forms = [Form(p, each) for p, each in zip(self._params, alone, strict=True)]
        for (what, p), form in zip(named(groups), self._forms, strict=True):
            if form.overlaps:
                raise ValueError(
                    f"{what} ({p.dtype}, shape {tuple(p.shape)}) has several elements in one place: "
                    "give it memory of its own, p.data = p.data.contiguous()"
                )
        self._altered = [i for i, form in enumerate(self._forms) if not form.is_plain]
        self._copied = [form for form in self._forms if form.is_copied]
        self._tracked = [p for p in self._params if not p.is_inference()]
        arrays = [form.array for form in self._forms]
        self.opt = kind(arrays, groups=self._groups.patterns(), **self._groups.together)
        core_of(self.opt).gate.read = True  # others refer to the tensors, and none to these arrays
        self._scale, self.is_swapped = 1.0, False
        self._states = States(names, self.opt, self._params, self._forms, groups, state)

    def _check_short(self, kind: type[Optimizer], groups: list[dict[str, Any]]) -> None:
        """Raise for parameters of 16 bits where the algorithm, or the gradient, needs more."""
        for (what, p), h in zip(named(groups), self._groups.each(kind), strict=True):
            asked = [f"{kind.__name__} takes estimates"] if kind.takes_estimate else transforms_of(h)
            if p.dtype in SHORT and asked:
                raise TypeError(
                    f"{described(p, what)} has 16 bits, and {asked[0]} needs float32 or float64: keep "
                    "parameters in float32, and compute under torch.autocast"
                )

    def _check_movable(self) -> None:
        for what, p in zip(self._called, self._params, strict=True):
            if p.dtype in SHORT:
                raise TypeError(
                    f"{described(p, what)} has 16 bits, and no average can stand in its place: compute "
                    "with those of opt.ema_state, as by torch.func.functional_call"
                )

    def follows(self, groups: list[dict[str, Any]], state: Any) -> bool:
        """Set hyperparameters that have changed; return whether nothing else has."""
        return (
            self._groups.have(groups)
            and self._states.are_there(groups, state)
            and self._groups.set(groups, self.opt)
        )

    # Averages.

    @property
    def is_moved(self) -> bool:
        """True while the parameters are at their averages."""
        return self.is_swapped or core_of(self.opt).evaluation is not None

    def move(self, to_averages: bool) -> None:
        """Move the parameters to the averages of their algorithms, or back."""
        self._check_movable()
        self._read()
        if to_averages:
            self.opt.eval()
        else:
            self.opt.train()
        self._written(self._tracked)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Move the parameters to their averages, for the time of a with block."""
        self._check_movable()
        self._read()
        try:
            with self.opt.averaged():
                self._written(self._tracked)
                self.is_swapped = True
                try:
                    yield
                finally:
                    self._read()
        finally:
            if self.is_swapped:
                self.is_swapped = False
                self._written(self._tracked)

    def shown(self, name: str) -> list[Any]:
        """Return the arrays that an attribute of the optimizer shows, as tensors."""
        arrays = getattr(self.opt, name)
        return [form.taken(array) for form, array in zip(self._forms, arrays, strict=True)]

    def restart(self, state: Any) -> None:
        """Begin averages and slow weights anew."""
        self._states.following.restart(state)

    # Parameters that are copied in and out.

    def _read(self) -> None:
        for form in self._copied:
            form.read()

    def _written(self, which: list[Any]) -> None:
        """Copy parameters out, and let autograd see which were written."""
        for form in self._copied:
            form.write()
        torch.autograd.graph.increment_version(which)

    # The step.

    def step(self, groups: list[dict[str, Any]], state: Any, scale: float, loss: Any) -> None:
        """Take a step with the gradients that the parameters have."""
        gradients: list[Any] = [p.grad for p in self._params]
        if not gradients or (gradients[0] is None and all([g is None for g in gradients])):
            return
        given = self._given(groups, gradients)
        if scale != self._scale:
            self.opt.loss_scale = self._scale = scale
        self._read()
        try:
            self.opt.step(given, loss=loss)
        except (TypeError, ValueError):
            self._explain(groups, gradients)
            raise
        all_took_part = core_of(self.opt).bound.present is None
        self._written(
            self._tracked if all_took_part else [p for p in self._tracked if p.grad is not None]
        )
        self._states.taken(gradients, groups, state)

    def estimate(self, groups: list[dict[str, Any]], state: Any, estimates: list[Any]) -> None:
        """Mix estimates of the Hessian's diagonal into their means."""
        if len(estimates) != len(self._params):
            raise ValueError(
                f"{len(estimates)} estimates are given for {len(self._params)} parameters: give one "
                "for each, or None, opt.estimate([z * hz for ...])"
            )
        self.opt.estimate(self._given(groups, estimates, "estimate"))
        self._states.share_more(estimates, state)

    def _given(
        self, groups: list[dict[str, Any]], gradients: list[Any], kind: str = "gradient"
    ) -> list[Any]:
        """Return gradients as the parameters lie in memory, or as they are where all do so."""
        if not _GRADIENTS.issuperset(map(type, gradients)):
            self._explain(groups, gradients, kind)
        if not self._altered:
            return gradients
        given = list(gradients)
        for i in self._altered:
            if given[i] is not None and given[i].shape == self._params[i].shape:
                given[i] = self._forms[i].given(given[i])
        return given

    def _explain(
        self, groups: list[dict[str, Any]], gradients: Sequence[Any], kind: str = "gradient"
    ) -> None:
        """Raise for a gradient that cannot be used."""
        for (what, p), g in zip(named(groups), gradients, strict=True):
            if g is not None:
                check_gradient(g, p, f"the {kind} of {what}")
