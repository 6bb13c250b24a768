"""Calls as other libraries have them: what the error says is written instead, and works."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.training_cases import X, Y, loss_and_grad, start

import fastopt
from fastopt import training
from fastopt.training import Checkpoint
from fastopt.training.other_names import _TABLES

fit: Any = fastopt.fit  # type checkers see that these calls are wrong
Batches: Any = training.Batches
EarlyStopping: Any = training.EarlyStopping
CASES = [
    (where, theirs, ours)
    for where, table in _TABLES.items()
    for ours, names in table.items()
    for theirs in names
]


def calls() -> dict[str, Callable[..., Any]]:
    """Return calls that want one more argument, or none."""
    opt = fastopt.Adam(start())

    def fitted(**options: Any) -> Any:
        data = {} if "data" in options else {"data": (X, Y)}
        return fit(params=opt.params, opt=opt, **{"loss_and_grad": loss_and_grad} | data | options)

    def batches(**options: Any) -> Any:
        return Batches(**{"data": (np.tile(X, (2, 1)), np.tile(Y, (2, 1))), "size": 4} | options)

    return {"fit": fitted, "EarlyStopping": EarlyStopping, "Batches": batches}


@pytest.mark.parametrize(("where", "theirs", "ours"), CASES)
def test_the_name_that_the_error_gives_works(
    where: str, theirs: str, ours: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    if "resume" in ours:
        calls()["fit"](callbacks=[Checkpoint("run.npz")])
    with pytest.raises(TypeError) as caught:
        calls()[where](**{theirs: 1})
    assert str(caught.value) == f"{where} has no argument {theirs!r}: fastopt calls it {ours}"
    if "=" in ours:
        x, y = np.tile(X, (2, 1)), np.tile(Y, (2, 1))
        names = {"fastopt": fastopt, "loss_and_grad": loss_and_grad, "x": x, "y": y}
        calls()[where](**eval(f"dict({ours})", names))
    else:
        assert ours in inspect.signature(fit).parameters


def test_names_that_others_have_are_none_of_ours() -> None:
    there: dict[str, Any] = {"fit": fit, "EarlyStopping": EarlyStopping, "Batches": Batches}
    for where, theirs, _ in CASES:
        assert theirs not in inspect.signature(there[where]).parameters


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: Batches((X, Y), 4, sed=1),
            "Batches has no argument 'sed': did you mean 'seed'. there a",
        ),
        (
            lambda: EarlyStopping(pateince=3),
            "EarlyStopping has no argument 'pateince': did you mean 'pa",
        ),
        (lambda: Batches(X, Y, 32), r"Batches has one argument for all arrays of the data: \(x, y\)"),
        (lambda: Batches(X, Y), r"Batches has one argument for all arrays of the data: \(x, y\)"),
        (
            lambda: fit(loss_and_grad, start(), None, X, Y, 10),
            r"fit has one argument for all arrays of the data: \(x, y\)",
        ),
        (
            lambda: EarlyStopping("loss", 5),
            "EarlyStopping was given too many arguments without a name; those behind monitor need one: "
            "patience=, mode=, min_delta=, restore_best=",
        ),
        (lambda: Batches(X, 4, True), "those behind size need one: shuffle=, seed=, drop_last="),
        (lambda: Batches(), "missing 2 required positional arguments: 'data' and 'size'"),
    ],
)
def test_other_calls_that_do_not_fit(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call()


def test_whole_numbers_of_numpy_are_no_arrays_of_the_data() -> None:
    assert Batches((X, Y), np.int64(4)).size == Batches((X, Y), np.array(4)).size == 4


def test_help_shows_the_function_itself() -> None:
    first = list(inspect.signature(fit).parameters)[:4]
    assert first == ["loss_and_grad", "params", "opt", "data"]
    assert re.match("Train: ", fastopt.fit.__doc__ or "")
