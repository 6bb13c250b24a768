"""Names of other libraries on the public pages and on optimizers: an AttributeError with ours."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.runtime import attributes

METHODS = list(attributes.METHODS)


def hint(page: str, name: str) -> str:
    """Return what the error for a name says."""
    with pytest.raises(AttributeError) as caught:
        getattr(import_module(page), name)
    begin = f"module {page!r} has no attribute {name!r}"
    assert str(caught.value).startswith(begin)
    return str(caught.value).removeprefix(begin).removeprefix(": it is ")


def scene() -> dict[str, Any]:
    """Return what an expression of the tables may name."""
    params, grads = {"w": np.ones(3)}, {"w": np.ones(3)}
    return {
        "fastopt": fastopt,
        "params": params,
        "grads": grads,
        "opt": fastopt.SGD(params),
        "data": [(np.ones((2, 3)),)],
        "more": {"v": np.ones(2)},
        "loss_and_grad": lambda p, x: (0.5, grads),
    }


@pytest.mark.parametrize("theirs", attributes.NAMES)
def test_what_is_named_is_there(theirs: str) -> None:
    ours = attributes.NAMES[theirs]
    assert eval(ours, scene()) is not None
    assert {hint(page, theirs) for page in ("fastopt", "fastopt.schedules", "fastopt.training")} == {
        ours
    }


@pytest.mark.parametrize(
    ("page", "name", "ours"),
    [
        ("fastopt", "RMSProp", "fastopt.RMSprop"),
        ("fastopt", "Nadam", "fastopt.NAdam"),
        ("fastopt", "AdaGrad", "fastopt.Adagrad"),
        ("fastopt", "AdaDelta", "fastopt.Adadelta"),
        ("fastopt", "adam", "fastopt.Adam"),
        ("fastopt", "SGD_ScheduleFree", "fastopt.SGDScheduleFree"),
        ("fastopt", "EarlyStopping", "fastopt.training.EarlyStopping"),
        ("fastopt", "History", "fastopt.training.History"),
        ("fastopt", "cosine", "fastopt.schedules.cosine"),
        ("fastopt", "to_torch", "fastopt.convert.to_torch"),
        ("fastopt", "Fit", "fastopt.fit"),
        ("fastopt.schedules", "Cosine", "fastopt.schedules.cosine"),
        ("fastopt.schedules", "WarmupCosine", "fastopt.schedules.warmup_cosine"),
        ("fastopt.schedules", "reduceLROnPlateau", "fastopt.schedules.reduce_on_plateau"),
        ("fastopt.training", "early_stopping_", "fastopt.training.EarlyStopping"),
        ("fastopt.training", "Adam", "fastopt.Adam"),
        ("fastopt.convert", "ToTorch", "fastopt.convert.to_torch"),
        ("fastopt.rules", "optimizer", "fastopt.rules.Optimizer"),
        ("fastopt.optimizers", "Nadam", "fastopt.optimizers.NAdam"),
    ],
)
def test_names_that_differ_in_case_and_underscores(page: str, name: str, ours: str) -> None:
    assert hint(page, name) == ours
    assert eval(ours, {"fastopt": fastopt}) is not None


@pytest.mark.parametrize("page", [*attributes.PAGES, "fastopt.optimizers"])
@pytest.mark.parametrize("name", ["nonsense", "_adam", "__wrapped__", "a.b", "ü"])
def test_others_have_no_hint(page: str, name: str) -> None:
    assert hint(page, name) == ""


def test_rooms_are_still_imported(run_python: Callable[..., str]) -> None:
    """Python asks a package for a submodule before it imports it."""
    lines = """
        import warnings
        warnings.simplefilter("ignore")
        from fastopt import checkpoint, frameworks
        from fastopt.convert import torch
        from fastopt.schedules import annealing
        print(hasattr(__import__("fastopt"), "demo"), "fastopt.training" in __import__("sys").modules)
    """
    assert run_python(lines) == "False False"


# Methods of optimizers.


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_other_optimizers(name: str) -> None:
    call, does = attributes.METHODS[name]
    given = scene()
    assert eval(call, given) is not False
    opt: Any = fastopt.Adam([np.ones(2)])
    with pytest.raises(AttributeError, match=f"Adam has no method '{name}': {re.escape(call)} {does}$"):
        getattr(opt, name)(given["grads"])
    assert not hasattr(opt, name)
    assert name not in dir(opt)
    with pytest.raises(AttributeError, match=f"Adam has no method '{name}'"):
        setattr(opt, name, 1)


def test_attributes_that_raise_say_so_themselves() -> None:
    class Mine(fastopt.SGD):
        @property
        def broken(self) -> int:
            return {}.nothing  # type: ignore[attr-defined,no-any-return]

        def update(self) -> str:
            return "mine"

    opt = Mine(np.ones(2))
    with pytest.raises(AttributeError, match="'dict' object has no attribute 'nothing'"):
        _ = opt.broken
    assert opt.update() == "mine"
    assert "update" not in dir(fastopt.SGD(np.ones(2)))


def test_a_hyperparameter_may_have_such_a_name() -> None:
    class Mine(fastopt.SGD):
        init: float = fastopt.rules.number(default=0.5, at_least=0.0)

    opt = Mine(np.ones(2), init=0.25)
    assert opt.init == 0.25


# What step is given.


@pytest.mark.parametrize("order", ["params, grads", "grads, params", "grads, None", "None, grads"])
def test_step_takes_gradients_alone(order: str, backend: str) -> None:
    params, grads = [np.ones(3)], [np.ones(3)]
    opt = fastopt.SGD(params, lr=0.5, backend=backend)
    with pytest.raises(TypeError, match=r"gradients alone, opt.step\(grads\)") as caught:
        eval(f"opt.step({order})", {"opt": opt, "params": params, "grads": grads})
    assert "\n" not in str(caught.value)
    assert params[0].tolist() == [1.0] * 3
    assert opt.step(grads)  # as it says
    assert params[0].tolist() == [0.5] * 3


@pytest.mark.parametrize(
    "kind", [np.ones(3), [np.ones(3)], {"w": np.ones(3)}, {"a": {"w": np.ones(3)}}]
)
def test_step_calls_no_closure(kind: Any, backend: str) -> None:
    opt = fastopt.SGD(kind, lr=0.5, backend=backend)
    called: list[int] = []
    for call in (opt.step, opt.accumulate):
        with pytest.raises(TypeError, match=r"a step calls no closure: .* opt.step\(grads\)"):
            call(lambda: called.append(1))
    assert not called
    assert opt.step_count == 0
