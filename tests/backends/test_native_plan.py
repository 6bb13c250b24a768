"""What the extension refuses where it is called with what the package never gives it.

A plan that has refused something has changed nothing, and goes on.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastopt.runtime.extension import native
from fastopt.step.progress import Progress

pytestmark = pytest.mark.skipif(native is None, reason="there is no extension")

STAGE = (1, 2.0, np.inf, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)  # decoupled, with twice the gradient
WRONG_STATES = [(np.ones(3), np.ones(3, np.float32)), (np.ones(3), np.ones(4))]


def rule() -> tuple[float, ...]:
    assert native is not None
    _, coefficients = native.rules()["adagrad"]
    return tuple([0.5] * coefficients)


def plan() -> tuple[Any, np.ndarray[Any, Any]]:
    """Give a plan of Adagrad over one parameter, and that."""
    assert native is not None
    p = np.ones(3)
    return native.Plan([(p, np.ones(3))], ["adagrad"], [0]), p


def refuse(error: type[Exception], text: str, call: Callable[[], object]) -> None:
    with pytest.raises(error, match=re.escape(text)):
        call()


def own(dtype: str, states: int = 0) -> Any:
    assert native is not None
    return native.OwnKernel("own", dtype, states, 1, 0)


@pytest.mark.parametrize(
    ("arrays", "rules", "rows", "text"),
    [
        ([(np.ones(3), np.ones(3))], [], [0], "a rule and a row for every parameter"),
        ([(np.ones(3), np.ones(3))], ["adagrad"], [], "a rule and a row for every parameter"),
        ([(np.ones(3, np.int64), np.ones(3))], ["adagrad"], [0], "takes float32 and float64"),
        ([(np.ones(3),)], ["adagrad"], [0], "another number of states"),
        *([([entry], ["adagrad"], [0], "another dtype or layout") for entry in WRONG_STATES]),
        ([(np.ones(3),)], ["adagard"], [0], "no native kernel for the rule adagard"),
    ],
)
def test_no_plan_is_made_of_it(arrays: list[Any], rules: list[Any], rows: list[int], text: str) -> None:
    assert native is not None
    with pytest.raises(ValueError, match=text):
        native.Plan(arrays, rules, rows)


def test_kernels_of_ones_own_that_do_not_fit() -> None:
    assert native is not None
    refuse(ValueError, "a kernel has another dtype", lambda: make(own("float32")))
    refuse(ValueError, "a rule can have 8 states", lambda: own("float64", states=9))


def test_a_rule_that_takes_no_stage() -> None:
    made = make("accumulate")
    assert native is not None
    assert made.bind([np.ones(3)], None, False) == native.Plan.BOUND
    refuse(ValueError, "the rule accumulate takes no stage", lambda: made.run([(STAGE, (1.0,))], 1))


def make(kernel: Any) -> Any:
    assert native is not None
    return native.Plan([(np.ones(3),)], [kernel], [0])


@pytest.mark.parametrize(
    ("gradients", "params", "text"),
    [
        (np.ones(3), None, "in a list or a tuple"),
        ([np.ones(3)], np.ones(3), "in a list or a tuple"),
        ([], None, "as many gradients as it has parameters"),
        ([np.ones(3)], [], "as many gradients as it has parameters"),
    ],
)
def test_gradients_of_another_form(gradients: Any, params: Any, text: str) -> None:
    made, _ = plan()
    refuse(ValueError, text, lambda: made.bind(gradients, params, False))


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        (0, ValueError, "rows are in a list or a tuple"),
        ([STAGE], ValueError, "a row is a pair"),
        ([[STAGE, rule()]], ValueError, "a row is a pair"),
        ([(list(STAGE), rule())], ValueError, "a stage is a tuple of 10"),
        ([((1.0,), rule())], ValueError, "a stage is a tuple of 10"),
        ([((*STAGE, 1.0), rule())], ValueError, "a stage is a tuple of 10"),
        ([(STAGE, list(rule()))], ValueError, "the coefficients of a rule are in a tuple"),
        ([((6, *STAGE[1:]), rule())], ValueError, "a row has no stage of that number"),
        ([((-1, *STAGE[1:]), rule())], ValueError, "a row has no stage of that number"),
        ([((np.nan, *STAGE[1:]), rule())], ValueError, "a row has no stage of that number"),
        ([(STAGE, (1.0,) * 32)], ValueError, "another number of coefficients"),  # as many as fit
        ([(STAGE, (1.0,) * 33)], ValueError, "a rule has more than 32 coefficients"),
        ([(STAGE, ())], ValueError, "the rule adagrad has another number of coefficients"),
        ([(STAGE, ("0.5",))], TypeError, "must be real number"),
        ([], IndexError, "range"),
    ],
)
def test_scalars_of_another_form(rows: Any, error: type[Exception], text: str) -> None:
    assert native is not None
    made, p = plan()
    assert made.bind([np.ones(3)], None, False) == native.Plan.BOUND
    refuse(error, text, lambda: made.run(rows, 1))
    assert (p == 1.0).all()
    made.run([(STAGE, rule())], 1)
    assert (p != 1.0).all()


def test_calls_with_other_arguments() -> None:
    assert native is not None
    made, p = plan()
    refuse(ValueError, "step takes (grads, ", lambda: made.step([np.ones(3)]))
    refuse(
        ValueError,
        "step counts are in a list",
        lambda: made.step([np.ones(3)], None, (), 1, None, None),
    )
    refuse(TypeError, "as an integer", lambda: made.step([np.ones(3)], None, [], "two", None, None))
    refuse(AttributeError, "steps", lambda: made.step([np.ones(3)], None, [], 1, None, None))
    counter = Progress(1.0)
    refuse(AttributeError, "group", lambda: made.step([np.ones(3)], None, [object()], 1, counter, None))
    refuse(AttributeError, "form", lambda: made.step([np.ones(3)], None, [], 1, counter, None))
    refuse(ValueError, "a program is a tuple", lambda: made.step([np.ones(3)], None, [], 1, None, ()))
    assert (p == 1.0).all()
    power: Any = native.power
    refuse(TypeError, "power takes (base, exponent)", lambda: power(2.0))
    refuse(TypeError, "must be real number", lambda: power("2", 1))
    refuse(OverflowError, "negative", lambda: power(2.0, -1))
    real_power: Any = native.real_power
    refuse(TypeError, "real_power takes (base, exponent)", lambda: real_power(2.0))
    refuse(TypeError, "must be real number", lambda: real_power("2", 1.0))
    refuse(TypeError, "must be real number", lambda: real_power(2.0, "1"))
    refuse(ValueError, "a base >= 0 and an exponent >= 0", lambda: real_power(-2.0, 1.0))
    refuse(ValueError, "a base >= 0 and an exponent >= 0", lambda: real_power(2.0, -1.0))
    refuse(ValueError, "does not run the instruction-set level mmx", lambda: native.use_level("mmx"))
