"""Hyperparameters by the names of other libraries: errors say what fastopt calls them."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from support.variants import ANY_SHAPE

import fastopt
from fastopt.algorithm import SETTINGS, Option
from fastopt.optimizers import CLASSES
from fastopt.runtime import other_names

# Values for each of ours that has other names: one that the class takes, and is not its default.
VALUES: dict[str, Any] = {
    "lr": 0.25,
    "betas": [(0.5, 0.75), (0.5, 0.75, 0.9)],
    "eps": 0.125,
    "etas": (0.25, 2.0),
    "step_sizes": (0.25, 2.0),
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
    "centralize": True,
    "adaptive_clip": 0.5,
    "grokfast": 0.5,
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
ROWS = [
    (form.partition("=")[0], theirs) for form, each in other_names.OPTIONS.items() for theirs in each
]


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
    for cls in ANY_SHAPE.values():
        known = {**cls.hyperparameters, **SETTINGS}
        if ours not in known or theirs in known or meant(cls, theirs) != ours:
            continue
        options: dict[str, Any] = {theirs: 0.5}
        with pytest.raises(TypeError, match=f"{cls.__name__} has no .*: fastopt calls it {ours}(=|$)"):
            cls(np.ones((2, 2)), **options)
        value = value_for(known[ours], VALUES[ours])
        needs = {key: other for key, other in NEEDS.get(ours, {}).items() if key in known}
        opt: Any = cls(np.ones((2, 2)), **{**needs, ours: value})
        assert getattr(opt, ours) == value != known[ours].default
        tried = True
    assert tried


@pytest.mark.parametrize("form", [form for form in other_names.OPTIONS if "=" in form])
def test_what_is_shown_of_a_value_works(form: str) -> None:
    name, _, value = form.partition("=")
    cls = next(c for c in ANY_SHAPE.values() if name in {**c.hyperparameters, **SETTINGS})
    opt = eval(f"cls(np.ones(2), {form})", {"cls": cls, "np": np})
    assert getattr(opt, name) == eval(value)


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


# Attributes that are read.


@pytest.mark.parametrize("name", CLASSES)
def test_attributes_are_answered_as_keywords_are(name: str) -> None:
    opt: Any = CLASSES[name](np.ones((2, 2)))
    known = {**opt.hyperparameters, **SETTINGS}
    for theirs in {theirs for _, theirs in ROWS} - set(known):
        with pytest.raises(TypeError) as keyword:
            type(opt)(np.ones((2, 2)), **{theirs: 0.5})
        for use in (lambda x: getattr(opt, x), lambda x: setattr(opt, x, 0.5)):
            with pytest.raises(AttributeError) as attribute:
                use(theirs)
            begin, _, lists = str(keyword.value).partition("there are")
            assert str(attribute.value).startswith(begin)
            assert lists or str(attribute.value) == begin
        assert theirs not in dir(opt)
        assert not hasattr(opt, theirs)


def test_the_algorithm_of_a_group_has_it() -> None:
    groups: Any = {"v": {"algorithm": "rmsprop", "alpha": 0.75}}
    opt: Any = fastopt.SGD({"w": np.ones(2), "v": np.ones(2)}, groups=groups)
    with pytest.raises(AttributeError, match="RMSprop, of group 1, has it: opt") as caught:
        _ = opt.alpha
    assert eval(str(caught.value).partition("has it: ")[2]) == 0.75


def test_an_own_class_may_have_an_attribute_of_such_a_name() -> None:
    class Mine(fastopt.SGD):
        @property
        def eta(self) -> Any:
            return self.lr

    assert Mine(np.ones(2), lr=0.5).eta == 0.5
    assert "eta" in dir(Mine(np.ones(2)))


# Settings, which all groups have alike, in a group.


@pytest.mark.parametrize(
    ("given", "line", "later"),
    [
        ("global_clipnorm", "global_clipnorm=...", True),
        ("max_grad_norm", "global_clipnorm=...", True),
        ("Max_Norm", "global_clipnorm=...", True),
        ("skip_nonfinite", "nonfinite='skip'", True),
        ("ema_decay", "ema=0.999", False),
        ("swa_freq", "swa_every=...", False),
        ("like", "like=...", False),
    ],
)
def test_settings_in_a_group(given: str, line: str, later: bool) -> None:
    values = {
        "global_clipnorm": 0.5,
        "swa_every": 3,
        "like": "keras",
        "nonfinite": "skip",
        "ema": 0.999,
    }
    name = line.partition("=")[0]
    more = f", or opt.{name} = ..." if later else ""
    said = f": an optimizer has one for all groups: {line} beside params{more}"
    p = np.ones(2)
    opt: Any = fastopt.Adam([{"params": p}], swa_start=1 if name == "swa_every" else None)
    calls: list[tuple[type[Exception], Callable[[], object]]] = [
        (TypeError, lambda: fastopt.Adam([{"params": p, given: 1}])),
        (TypeError, lambda: fastopt.Adam(p, groups={"*": {given: 1}})),
        (TypeError, lambda: opt.groups[0].update({given: 1})),
        (KeyError, lambda: opt.groups[0][given]),
    ]
    for error, call in calls:
        with pytest.raises(error) as caught:
            call()
        assert f"no hyperparameter '{given}'" in caught.value.args[0]
        assert caught.value.args[0].endswith(said)
    options: dict[str, Any] = {name: values[name]} | NEEDS.get(name, {})
    made: Any = fastopt.Adam([{"params": p}], **options)
    assert getattr(made, name) == values[name]
    if later:
        setattr(opt, name, values[name])
        assert getattr(opt, name) == values[name]


# A name that means something else under a dialect.


@pytest.mark.parametrize("place", ["keyword", "group", "functional"])
def test_alpha_of_scikit_learn(place: str, backend: str) -> None:
    alpha, n, w, g = 0.5, 4, np.array([1.0, -2.0]), np.array([0.25, 0.5])
    wrong: dict[str, Any] = {"like": "sklearn", "alpha": alpha}
    calls: dict[str, Callable[[], object]] = {
        "keyword": lambda: fastopt.SGD(w, **wrong),
        "group": lambda: fastopt.SGD([{"params": w, "alpha": alpha}], like="sklearn"),
        "functional": lambda: fastopt.functional.sgd(w, g, np.zeros(2), t=1, **wrong),
    }
    with pytest.raises(TypeError, match="SGD has no hyperparameter 'alpha'") as caught:
        calls[place]()
    line = "weight_decay=alpha / n"
    assert f"there it is an L2 penalty, {line} here, for batches of n samples" in str(caught.value)
    options = eval(f"dict({line})", {"alpha": alpha, "n": n})
    there: dict[str, Any] = {
        "like": "sklearn",
        "momentum": 0.0,
        "nesterov": False,
        "lr": 0.5,
        "backend": backend,
    }
    fastopt.SGD(w, **there, **options).step(g)
    assert w.tolist() == [1.0 - 0.5 * (0.25 + 1.0 * alpha / n), -2.0 - 0.5 * (0.5 - 2.0 * alpha / n)]
