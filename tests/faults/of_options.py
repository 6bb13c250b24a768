"""Every fault of a hyperparameter, a setting, and what else the constructor is given."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from support.hashing import digest_with_identities as digest
from support.variants import FOUNDING

import fastopt
from fastopt.algorithm.hyperparameters import Option
from fastopt.algorithm.validators import FLAG, POSITIVE, Choice, Number, Several, StateDtype
from fastopt.registry import optimizer_class
from faults.objects import AttributesRaise, ReprRaises
from faults.scene import arrays
from faults.tally import Tally

Wrong = tuple[str, Any, type[Exception]]
Other = tuple[str, str, Any, type[Exception]]

NO_NUMBERS: list[Any] = [
    *("0.1", "", "nan", b"1", bytearray(b"1"), True, False, np.True_, [0.1], (0.1,), {}, {0.1}, [], ()),
    *(1j, np.complex64(1), object(), object, float, ..., NotImplemented, range(1), Decimal("sNaN")),
    *(np.ones(1), np.ones(2), np.ones((1, 1)), np.array([]), np.array("0.1"), np.array(True)),
    *(np.array(None), np.array(1j), np.ma.masked, np.str_("1"), np.bytes_(b"1"), np.void(b"1234")),
    *(
        np.datetime64(1, "s"),
        np.timedelta64(1),
        np.timedelta64(1, "s"),
        np.array(np.timedelta64(1, "ns")),
        np.array(np.datetime64(1, "ns")),
        ReprRaises(),
        AttributesRaise(),
    ),
]
NOT_FINITE: list[Any] = [
    *(
        np.nan,
        np.inf,
        -np.inf,
        np.float32("nan"),
        np.float16("inf"),
        np.array(np.inf),
        np.array(np.nan),
    ),
    *(10**400, -(10**400), Fraction(10**400, 3), np.longdouble("1e4000")),
]
NO_PAIRS: list[Any] = [
    *(0.9, None, "ab", b"ab", True, {0.9, 0.99}, np.array(0.9), {0: 0.9, 1: 0.99}, iter("ab"), 1j),
    *(range(2), object(), float, ReprRaises(), AttributesRaise(), np.float64(0.9)),
]
NO_CHOICES: list[Any] = [
    *(0, 1, 1.0, "yes", "", None, [], np.nan, np.int8(1), b"skip", {}, (True,), np.array(True), 1j),
    *(object(), bool, ReprRaises(), AttributesRaise(), np.str_("skip"), Decimal(1)),
]


def shown(value: Any) -> str:
    """Name a value, by the same name in every process."""
    try:
        return f"{type(value).__name__} {value!r:.30}".partition(" at 0x")[0]
    except Exception:
        return type(value).__name__


def of_number(hyper: Number) -> Iterator[Wrong]:
    for value in NOT_FINITE:
        yield shown(value), value, ValueError
    if np.isfinite(hyper.at_least):
        yield "below the least", np.nextafter(hyper.at_least, -np.inf), ValueError
        yield "-1", -1, ValueError
    if np.isfinite(hyper.at_most):
        yield "above the most", np.nextafter(hyper.at_most, np.inf), ValueError
    for limit in (hyper.above, hyper.below):
        if np.isfinite(limit):
            yield f"at the limit {limit}", limit, ValueError
    if not hyper.optional:
        yield "None", None, TypeError
    for value in NO_NUMBERS:
        yield shown(value), value, TypeError


def of_several(several: Several, default: tuple[float, ...]) -> Iterator[Wrong]:
    a, *others, b = default
    for name, value, error in of_number(several.each):
        yield f"first {name}", (value, *others, b), error
        yield f"last {name}", [a, *others, value], error
    too_many = several.most + 1
    for value in ((), (a,), (a,) * too_many, np.zeros(too_many), [a] * 100):
        yield shown(value), value, ValueError
    for value in NO_PAIRS:
        yield shown(value), value, TypeError


def of_choice(hyper: Choice) -> Iterator[Wrong]:
    words = any(isinstance(value, str) for value in hyper.values)
    for value in NO_CHOICES:
        if value is None and None in hyper.values:
            continue
        yield shown(value), value, ValueError if words and type(value) is str else TypeError


def wrong_values(option: Option) -> Iterator[Wrong]:
    validator = option.validator
    if isinstance(validator, Number):
        return of_number(validator)
    if isinstance(validator, Several):
        return of_several(validator, option.default)
    if isinstance(validator, StateDtype):
        return of_state_dtype()
    assert isinstance(validator, Choice)
    return of_choice(validator)


def of_state_dtype() -> Iterator[Wrong]:
    words: list[Any] = ["float16", {"m": "4bit"}]
    others: list[Any] = [None, ["8bit"], np.float32, {"m": 8}]
    for value in words:
        yield shown(value), value, ValueError
    for value in others:
        yield shown(value), value, TypeError


class Turning:
    """A function of the step, which is good until it is given something else to return."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, step: int) -> Any:
        return self.value


_BETA = Number(at_least=0.0, below=1.0, optional=True)
_ALPHA = Number(above=0.0, at_most=1.0)
SETTINGS: list[tuple[str, Callable[[], Iterator[Wrong]]]] = [
    ("global_clipnorm", lambda: of_number(Number(above=0.0, optional=True))),
    ("loss_scale", lambda: (w for w in of_number(POSITIVE) if not isinstance(w[1], str))),
    ("nonfinite", lambda: of_choice(Choice("skip", "raise"))),
    ("max_consecutive_skips", lambda: of_whole()),
    *((n, lambda: of_choice(FLAG)) for n in ("zero_grads", "cast_grads", "stats")),
]
DECIDED: list[tuple[str, Callable[[], Iterator[Wrong]], dict[str, Any]]] = [
    ("ema", lambda: of_number(_BETA), {}),
    ("ema_bias_correction", lambda: of_choice(FLAG), {"ema": 0.5}),
    ("lookahead_alpha", lambda: of_number(_ALPHA), {"lookahead_steps": 2}),
    *((n, lambda: of_whole(), {}) for n in ("swa_start", "lookahead_steps")),
    ("swa_every", lambda: of_whole(), {"swa_start": 0}),
    ("gradient_accumulation_steps", lambda: of_whole(), {}),
]


def of_whole() -> Iterator[Wrong]:
    for value in (*NO_NUMBERS, 0.5, 1.0, np.float64(1), Fraction(1), Decimal(1)):
        yield shown(value), value, TypeError
    yield "-1", -1, ValueError


def each(name: str, error: type[Exception], *values: Any) -> list[Other]:
    return [(name, shown(value), value, error) for value in values]


def nobody(name: str, p: Any) -> None:
    """Mean no parameter."""


ELSE: list[Other] = [
    *each("like", TypeError, 1, [], {}, b"torch", object, ReprRaises()),
    *each("like", ValueError, "", "Torch", "torch ", "tensorflow"),
    *each("backend", TypeError, 0, 1, [], {}, (), b"numpy", object, ReprRaises()),
    *each("backend", ValueError, "Native", "cuda", "numpy\0"),
    *each("groups", TypeError, 1, [], "x", {"a": 1}, {3: {}}, {None: {}}, ReprRaises()),
    *each("groups", TypeError, {"a": None}, {"a": []}, {"a": {"zz": 1}}, {"a": {1: 1}}),
    *each("groups", TypeError, {"a": {"params": 1}}, {"a": {"frozen": 2}}, {"a": {"multiply": 3}}),
    *each("groups", TypeError, {"a": {"multiply": {"lr": "x"}}}, {"a": {"multiply": {"zz": 1}}}),
    *each("groups", ValueError, {"a": {"multiply": {"lr": -1}}}, {"a": {"multiply": {"lr": np.nan}}}),
    *each("groups", ValueError, {"": {}}, {"zz": {}}, {"[": {}}, {"A": {}}, {"a.": {}}, {"?.a": {}}),
    *each("groups", ValueError, {"a": {"lr": -1}}, {nobody: {}}),
    ("groups", "a predicate that raises", {lambda n, p: [][3]: {}}, IndexError),
    ("groups", "a predicate of nothing", {lambda: True: {}}, TypeError),
    ("ema", "a class", float, TypeError),
    ("ema", "with swa_start", 0.5, ValueError),
]


def run(tally: Tally, backend: str) -> None:
    for k, algorithm in enumerate(FOUNDING):
        tally.begin(k)
        cls, where = optimizer_class(algorithm), f"{algorithm} on {backend}"
        opt = make(algorithm, backend)
        opt.step(gradients())
        for name, hyper in cls.hyperparameters.items():
            of_hyperparameter(tally, opt, name, hyper, where)
            if isinstance(hyper.validator, Number):
                of_functions(tally, opt, name, hyper, where)
        for name, wrong in SETTINGS:
            for fault in wrong():
                _try_each(tally, opt, name, fault, [_keyword, _attribute], f"{name}, {where}")
        for name, wrong, needed in DECIDED:
            for fault in wrong():
                _try_each(tally, opt, name, fault, [_keyword], f"{name}, {where}", needed)
        for name, shown_, value, error in ELSE:
            needed = {"swa_start": 1} if shown_ == "with swa_start" else {}
            words = () if error is IndexError or "of nothing" in shown_ else None
            _try_each(
                tally, opt, name, (shown_, value, error), [_keyword], f"{name}, {where}", needed, words
            )


def make(algorithm: str, backend: str, **more: Any) -> fastopt.Optimizer:
    params = arrays(0, np.float32)
    groups = [{"params": {"a": params["a"]}}, {"params": [params["b"], params["c"]]}]
    return fastopt.get(algorithm, groups, backend=backend, **more)


def gradients() -> Any:
    g = arrays(3, np.float32)
    return [{"a": g["a"]}, [g["b"], g["c"]]]


def of_hyperparameter(
    tally: Tally, opt: fastopt.Optimizer, name: str, hyper: Option, where: str
) -> None:
    ways = [_keyword, _attribute, _in_group]
    for k, fault in enumerate(wrong_values(hyper)):
        _try_each(tally, opt, name, fault, [ways[k % 3], ways[(k + 1) % 3]], f"{name}, {where}")


def of_functions(tally: Tally, opt: fastopt.Optimizer, name: str, hyper: Option, where: str) -> None:
    """Try functions of the step that give something wrong, which the step finds out."""
    good = 0.5 if hyper.default is None else hyper.default
    assert isinstance(hyper.validator, Number)
    grads = gradients()
    for shown_, value, error in of_number(hyper.validator):
        function = Turning(good)
        setattr(opt, name, function)
        function.value = value
        tally.refuses(
            f"a function for {name}",
            shown_,
            f"{name}, {where}",
            lambda: opt.step(grads),
            error,
            (f"{name} of group 0 at step 1",),
            lambda: digest(opt, grads),
        )
    setattr(opt, name, hyper.default)


def _keyword(opt: Any, name: str, value: Any, more: Any) -> None:
    type(opt)(arrays(0, np.float32), **{"backend": opt.backend, **more, name: value})


def _attribute(opt: Any, name: str, value: Any, more: Any) -> None:
    setattr(opt, name, value)


def _in_group(opt: Any, name: str, value: Any, more: Any) -> None:
    opt.groups[1][name] = value


def _try_each(
    tally: Tally,
    opt: fastopt.Optimizer,
    name: str,
    fault: Wrong,
    ways: list[Callable[[Any, str, Any, Any], None]],
    where: str,
    more: Any = None,
    words: tuple[str, ...] | None = None,
) -> None:
    for way in ways:
        tally.refuses(
            f"the option {name}",
            fault[0],
            f"{way.__name__}, {where}",
            lambda way=way: way(opt, name, fault[1], more or {}),  # type: ignore[misc]
            fault[2],
            (_word(name),) if words is None else words,
            lambda: digest(opt),
        )


def _word(name: str) -> str:
    return {"like": "", "groups": ""}.get(name, name)
