"""Hyperparameters by the names of other libraries: errors say what fastopt calls them."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.algorithm import SETTINGS, Option
from fastopt.optimizers import CLASSES
from fastopt.runtime import other_names

# Values for each of ours that has other names: one that the class takes, and is not its default.
VALUES: dict[str, Any] = {
    "lr": 0.25,
    "betas": (0.5, 0.75),
    "eps": 0.125,
    "alpha": 0.5,
    "rho": 0.5,
    "lr_decay": 0.5,
    "momentum": 0.5,
    "nesterov": [True, False],
    "momentum_decay": 0.5,
    "amsbound": True,
    "eps_placement": ["inside", "outside", "hat"],
    "bias_correction": [True, False],
    "initial_accumulator_value": 0.5,
    "warmup_steps": 3,
    "weight_decay": 0.5,
    "decoupled_weight_decay": [True, False],
    "l1": 0.5,
    "global_clipnorm": 0.5,
    "clipvalue": 0.5,
    "nonfinite": "skip",
    "loss_scale": 4.0,
    "gradient_accumulation_steps": 2,
    "ema": 0.5,
    "swa_every": 2,
    "lookahead_steps": 2,
    "lookahead_alpha": 0.25,
}
NEEDS: dict[str, dict[str, Any]] = {
    "nesterov": {"momentum": 0.5},
    "swa_every": {"swa_start": 1},
    "lookahead_alpha": {"lookahead_steps": 2},
}
ROWS = [(ours, theirs) for ours, each in other_names.OPTIONS.items() for theirs in each]


def meant(cls: Any, theirs: str) -> str:
    """Return which option of a class is the first that can be meant."""
    known = {**cls.hyperparameters, **SETTINGS}
    return next(ours for ours, other in ROWS if other == theirs and ours in known)


def value_for(option: Option, values: Any) -> Any:
    """Choose a value that an option takes, and that is not its default."""
    for value in values if isinstance(values, list) else [values]:
        with suppress(ValueError):
            if option.check(value, option.name) != option.default:
                return value
    raise AssertionError(f"{option.name} takes none of {values}")


@pytest.mark.parametrize(("ours", "theirs"), ROWS)
def test_the_keyword_that_is_named_works(ours: str, theirs: str) -> None:
    """In every class that has it; where it is another one's own name, that one is taken."""
    tried = False
    for cls in CLASSES.values():
        known = {**cls.hyperparameters, **SETTINGS}
        if ours not in known or theirs in known or meant(cls, theirs) != ours:
            continue
        options: dict[str, Any] = {theirs: 0.5}
        with pytest.raises(
            TypeError, match=f"{cls.__name__} has no .*: fastopt calls it {ours}(, as|$)"
        ):
            cls(np.ones(2), **options)
        value = value_for(known[ours], VALUES[ours])
        needs = {key: other for key, other in NEEDS.get(ours, {}).items() if key in known}
        opt: Any = cls(np.ones(2), **{**needs, ours: value})
        assert getattr(opt, ours) == value != known[ours].default
        tried = True
    assert tried


@pytest.mark.parametrize("form", other_names.FORMS.values())
def test_what_is_shown_of_a_value_works(form: str) -> None:
    opt = eval(f"fastopt.Adam(np.ones(2), {form})", {"fastopt": fastopt, "np": np})
    name = form.split("=")[0]
    assert repr(getattr(opt, name)) == form.partition("=")[2]


PLACES: dict[str, tuple[type[Exception], Callable[[str], object]]] = {
    "keyword": (TypeError, lambda name: fastopt.RMSprop(np.ones(2), **{name: 0.5})),  # type: ignore[arg-type]
    "attribute": (AttributeError, lambda name: setattr(fastopt.RMSprop(np.ones(2)), name, 0.5)),
    "group": (TypeError, lambda name: fastopt.RMSprop([{"params": np.ones(2), name: 0.5}])),
    "groups": (TypeError, lambda name: fastopt.RMSprop(np.ones(2), groups={"*": {name: 0.5}})),
    "multiply": (TypeError, lambda name: fastopt.RMSprop(np.ones(2), groups=multiplied(name))),
    "read": (KeyError, lambda name: fastopt.RMSprop(np.ones(2)).groups[0][name]),
    "written": (TypeError, lambda name: fastopt.RMSprop(np.ones(2)).groups[0].update({name: 0.5})),
    "added": (
        TypeError,
        lambda name: fastopt.RMSprop([np.ones(2)]).add_params(np.ones(3), **{name: 1}),
    ),
    "functional": (
        TypeError,
        lambda name: fastopt.functional.rmsprop(*np.ones((3, 2)), t=1, **{name: 0.5}),
    ),
}


def multiplied(name: str) -> dict[str, Any]:
    return {"*": {"multiply": {name: 0.5}}}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("given", "ours"),
    [("learning_rate", "lr"), ("LearningRate", "lr"), ("Mass", "momentum"), ("rho", "alpha")],
)
def test_everywhere(place: str, given: str, ours: str) -> None:
    error, call = PLACES[place]
    with pytest.raises(error, match=f"no hyperparameter '{given}'.*: fastopt calls it {ours}"):
        call(given)


@pytest.mark.parametrize("given", ["rho", "beta_1", "epsilon", "warmup"])
def test_what_a_class_has_not_is_not_named(given: str) -> None:
    options: dict[str, Any] = {given: 0.5}
    with pytest.raises(TypeError, match=f"SGD has no hyperparameter '{given}': (did|there)"):
        fastopt.SGD(np.ones(2), **options)
