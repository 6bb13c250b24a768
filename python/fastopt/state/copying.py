"""Copies and pickles of an optimizer: the parts that it is made of, and another made of such parts."""

from typing import Any

from fastopt import backends
from fastopt.model import check_copied
from fastopt.moves import copied, evaluation, give_back
from fastopt.state.capture import snapshot
from fastopt.state.check import CheckedState
from fastopt.state.restore import restore
from fastopt.step import Core, bind, install, sharing
from fastopt.version import __version__

BUSY = "is being copied"


def parts_of(core: Core) -> dict[str, Any]:
    """Return what makes another optimizer, with the caller's own containers, and views of the state."""
    if core.gate.closed:
        raise core.gate.busy()
    mode: evaluation.Evaluation | None = core.evaluation
    if mode is None:  # else the token is held by that
        core.gate.enter(BUSY)
    try:
        core.bound.check_arrays()
        check_copied(core.bound.parameters.places)
        state = snapshot(core, copy=False)
        bound = core.bound
        progress = bound.progress
        return {
            "version": __version__,
            "params": bound.params,
            "shared": dict(bound.shared),
            "keywords": {
                **bound.settings,
                "grads": bound.grads,
                "groups": bound.grouping,
                "like": bound.like,
                "backend": bound.backend,
            },
            "groups": [
                (group.kind, {**group.given, "multiply": dict(group.multiply)})
                for group in bound.groups
            ],
            "state": state,
            "measured": {name: getattr(progress, name) for name in ("grad_norm", "report", "wild")},
            "trained": None if mode is None else mode.trained,
        }
    finally:
        if mode is None:
            core.gate.leave()


def revive(core: Core, kind: type[Any], parts: dict[str, Any]) -> None:
    """Bind an optimizer that has just been made as the one was that the parts are of."""
    if parts["version"] != __version__:
        raise ValueError(
            f"this {kind.__name__} was pickled by fastopt {parts['version']}, and this is fastopt "
            f"{__version__}: a pickle holds for one version. opt.save('opt.npz', params=True), there, "
            "writes what later versions load"
        )
    state, keywords = parts["state"], dict(parts["keywords"])
    if backends.backend(keywords["backend"]).why_not():  # of another machine; the bits are the same
        keywords["backend"] = None
    last = max(state["steps"] - 1, 0)  # the step that hyperparameters are checked for
    made = bind(core.gate, kind, parts["params"], parts["shared"], keywords, parts["groups"], last)
    bound = install(core, made)
    sharing.register(core)
    shown = copied(bound)
    if parts["trained"] is not None:
        give_back(bound, parts["trained"])
    checked = CheckedState(bound, state, strict=True, hyperparameters=True)
    restore(core, checked, checked.arrays)
    for name, value in parts["measured"].items():
        setattr(bound.progress, name, value)
    if parts["trained"] is not None:
        evaluation.begin(core)
        give_back(core.bound, shown)
