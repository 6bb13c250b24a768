"""Numbers of any library are taken by their value, wherever an option is a number."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt import schedules
from fastopt.runtime import real

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers


class HasItem:
    """A value without axes, as array libraries have them."""

    shape: tuple[int, ...] = ()

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        return self.value


class HasFloat:
    """A number that numbers.Real knows nothing of, as those of mpmath and SymPy."""

    def __float__(self) -> float:
        return 0.25


class HasAxes(HasItem):
    shape = (1,)


NUMBERS: dict[str, Callable[[], Any]] = {
    "Decimal": lambda: Decimal("0.25"),
    "Fraction": lambda: Fraction(1, 4),
    "float16": lambda: np.float16(0.25),
    "no axes": lambda: np.array(0.25, np.float32),
    "item": lambda: HasItem(0.25),
    "float": HasFloat,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken_by_its_value(name: str, backend: str) -> None:
    value = NUMBERS[name]()
    p, q = np.ones(3), np.ones(3)
    plain = Adam(q, lr=0.25, betas=(0.25, 0.5), ema=0.25, backend=backend)
    opt = Adam(p, lr=value, betas=(value, 0.5), ema=lambda step: value, backend=backend)
    assert (opt.lr, opt.betas) == (0.25, (0.25, 0.5))
    assert type(opt.lr) is type(opt.betas[0]) is float
    for set_it in (
        lambda: setattr(opt, "lr", value),
        lambda: opt.groups[0].update(lr=value),
        lambda: opt.groups[0].__setitem__("lr", value),
        lambda: setattr(opt, "lr", lambda step: value),
    ):
        opt.lr = 1.0
        set_it()
        assert (opt.lr, type(opt.lr)) == (0.25, float)
        opt.step(np.full(3, 0.5))
        plain.step(np.full(3, 0.5))
        assert p.tobytes() == q.tobytes()
        assert opt.ema_state.tobytes() == plain.ema_state.tobytes()
    assert Adam(p, groups={"*": {"multiply": {"lr": value}}}).groups[0].h.lr == 0.25e-3
    assert schedules.constant(value) == schedules.constant(0.25)
    opt.accumulate(np.ones(3), weight=value)


@pytest.mark.parametrize(
    "value", [True, "0.25", None, 1j, HasAxes(0.25), HasItem(True), HasItem("0.25")]
)
def test_what_is_no_number(value: Any) -> None:
    assert real(value) is None
    opt = Adam(p := np.ones(3), lr=0.5)
    with pytest.raises(TypeError, match=r"^lr is .*; it must be a number >= 0$"):
        opt.lr = value
    assert opt.lr == 0.5
    opt.lr = lambda step: 0.5 if step == 0 else value
    opt.step(np.ones(3))
    before = p.tobytes()
    with pytest.raises(TypeError, match=r"^lr at step 1 is .*; it must be a number >= 0$"):
        opt.step(np.ones(3))
    assert p.tobytes() == before


def test_the_range_holds_for_all() -> None:
    for value in (Decimal("NaN"), Decimal("Infinity"), HasItem(-1.0), HasItem(10**400)):
        with pytest.raises(ValueError, match=r"^lr is .*; it must be a finite number >= 0$"):
            Adam(np.ones(3), lr=value)
