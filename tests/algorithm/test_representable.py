"""Numbers that are 0 or infinite in the dtype of the parameters: an error where they are given."""

import re
from typing import Any

import numpy as np
import pytest
from support.hashing import digest
from support.variants import ANY_SHAPE

import fastopt
from fastopt import frameworks
from fastopt.algorithm.hyperparameters import Values, number
from fastopt.algorithm.validators import Number, Several
from fastopt.registry import optimizer_class

SINGLE = re.escape("in float32, the dtype of 'w'")


def single() -> dict[str, Any]:
    return {"w": np.ones(2, np.float32)}


def double() -> dict[str, Any]:
    return {"w": np.ones(2)}


ZERO: list[tuple[str, dict[str, Any]]] = [
    ("adam", {"eps": 1e-46}),
    ("adam", {"eps": 2.0**-150}),  # a tie, which goes to the even one
    ("adam", {"eps": 5e-324}),
    ("adam", {"eps_root": 1e-60}),
    ("adam", {"lr": 1e-50}),
    ("adam", {"weight_decay": 1e-46}),
    ("adam", {"l1": 1e-60}),
    ("adam", {"betas": (1e-50, 0.9)}),
    ("adam", {"betas": (0.9, 1e-300)}),
    ("adam", {"clipvalue": 1e-50}),
    ("adam", {"clipnorm": 1e-50}),
    ("adam", {"global_clipnorm": 1e-50}),
    ("adam", {"lookahead_alpha": 1e-50, "lookahead_steps": 5}),
    ("sgd", {"momentum": 1e-46}),
    ("sgd", {"dampening": -1e-46}),
    ("rmsprop", {"alpha": 1e-46}),
]
INFINITE: list[tuple[str, dict[str, Any]]] = [
    ("adam", {"lr": 1e300}),
    ("adam", {"lr": 3.5e38}),
    ("adam", {"weight_decay": 1e39}),
    ("adam", {"l1": 1e39}),
    ("adam", {"eps": 1e39}),
    ("sgd", {"momentum": 1e39}),
    ("sgd", {"dampening": -1e39}),
    ("adagrad", {"initial_accumulator_value": 1e39}),
]
SCALARS: list[tuple[str, dict[str, Any], str]] = [
    ("adam", {"lr": 3e38}, r"lr=3e\+38: "),
    ("adamw", {"lr": 1e20, "weight_decay": 1e20}, r"lr=1e\+20, weight_decay=1e\+20: "),
    ("sgd", {"lr": 1e20, "l1": 1e20, "soft_threshold": True}, r"lr=1e\+20, l1=1e\+20: "),
    ("sgd", {"lr": 1e30, "momentum": 1e30, "nesterov": True}, r"lr=1e\+30, momentum=1e\+30: "),
    ("sgdschedulefree", {"lr": 1e30, "weight_decay": 1e39}, ""),
]
LIMITS = ("clipvalue", "clipnorm", "global_clipnorm", "max_lr")


def name_of(options: dict[str, Any]) -> str:
    return next(iter(options))


@pytest.mark.parametrize("case", [*ZERO, *INFINITE], ids=str)
def test_a_number_that_float32_cannot_hold(case: tuple[str, dict[str, Any]]) -> None:
    algorithm, options = case
    word = "0" if case in ZERO else "infinite"
    match = rf"^{name_of(options)}(\[\d\])? is .*, which is {word} {SINGLE}: give "
    with pytest.raises(ValueError, match=match):
        fastopt.get(algorithm, single(), **options)
    fastopt.get(algorithm, double(), **options).step(double())
    name, value = next(iter(options.items()))
    opt = fastopt.get(algorithm, single(), **{k: v for k, v in options.items() if k != name})
    before = digest(opt)
    if name != "lookahead_alpha":
        with pytest.raises(ValueError, match=match):
            setattr(opt, name, value)
    if name in opt.groups[0]:
        with pytest.raises(ValueError, match=f"{SINGLE}: give "):
            opt.groups[0][name] = value
        with pytest.raises(ValueError, match="in float32, the dtype of 'v': give "):
            opt.add_params({"v": np.ones(2, np.float32)}, **{name: value})
    assert digest(opt) == before


@pytest.mark.parametrize("case", SCALARS, ids=str)
def test_a_scalar_that_float32_cannot_hold(case: tuple[str, dict[str, Any], str]) -> None:
    algorithm, options, words = case
    with pytest.raises(ValueError, match=f"^{words}.*infinite {SINGLE}: give "):
        fastopt.get(algorithm, single(), **options)
    fastopt.get(algorithm, double(), **options)


@pytest.mark.parametrize("options", [{"lr": 1e30, "weight_lr_power": 16.0}, {"lr": 1.7e308}], ids=str)
def test_a_scalar_that_no_dtype_can_hold(options: dict[str, Any]) -> None:
    cls = fastopt.SGDScheduleFree if "weight_lr_power" in options else fastopt.Adam
    with pytest.raises(ValueError, match=r"^lr=1.*: a scalar of the step is (NaN|infinite): give"):
        cls(double(), **options)


def test_what_the_message_says_works() -> None:
    p = single()
    for eps in (1e-45, 0.0, 7.1e-46):
        fastopt.Adam(p, eps=eps).step({"w": np.ones(2, np.float32)})
        assert np.isfinite(p["w"]).all()
    for name in LIMITS:
        fastopt.get("adam", p, **{name: 1e300}).step({"w": np.ones(2, np.float32)})
        assert np.isfinite(p["w"]).all()
    for momentum in (1e-45, 1e-40):
        fastopt.SGD(p, momentum=momentum)


def test_groups_name_their_own() -> None:
    params = [{"params": np.ones(2)}, {"params": {"a": np.ones(2), "b": np.ones(2, np.float32)}}]
    with pytest.raises(ValueError, match=r"eps of group 1 is 1e-46, .* the dtype of 'b'"):
        fastopt.Adam(params, eps=1e-46)
    opt = fastopt.Adam(params)
    opt.groups[0]["eps"] = 1e-46  # which is float64 alone
    with pytest.raises(ValueError, match=r"eps of group 1 .* the dtype of 'b'"):
        opt.groups[1]["eps"] = 1e-46
    with pytest.raises(ValueError, match=r"lr of group 1 is 1e\+50, .* infinite"):
        opt.groups[1]["multiply"] = {"lr": 1e53}
    opt.groups[0]["multiply"] = {"lr": 1e53}


def test_parameters_that_join_a_group_of_doubles() -> None:
    params = double()
    opt = fastopt.Adam(params)
    opt.eps = 1e-300
    before = digest(opt)
    with pytest.raises(ValueError, match="eps is 1e-300, which is 0 in float32, the dtype of 'v'"):
        opt.add_params({"v": np.ones(2, np.float32)})
    assert digest(opt) == before
    assert list(params) == ["w"]
    opt.add_params({"v": np.ones(2)})


def test_a_config_and_a_state_of_doubles() -> None:
    opt = fastopt.Adam(double(), eps=1e-300)
    with pytest.raises(ValueError, match=f"eps is 1e-300, which is 0 {SINGLE}"):
        fastopt.from_config(opt.get_config(), single())
    state, other = opt.state_dict(), fastopt.Adam(single())
    before = digest(other)
    with pytest.raises(ValueError, match=f"eps is 1e-300, which is 0 {SINGLE}"):
        other.load_state_dict(state)
    assert digest(other) == before


@pytest.mark.parametrize("name", ["lr", "weight_decay"])
def test_a_schedule_may_decay_to_nothing_and_not_to_infinity(name: str, backend: str) -> None:
    values = [0.1, 1e-50, 0.0, 1e300, 0.1]
    p = single()
    given: dict[str, Any] = {name: lambda step: values[step]}
    opt = fastopt.Adam(p, **given, backend=backend)
    for _ in range(3):
        opt.step({"w": np.ones(2, np.float32)})
    before = digest(opt)
    with pytest.raises(ValueError, match=rf"^{name} is 1e\+300, which is infinite {SINGLE}"):
        opt.step({"w": np.ones(2, np.float32)})
    assert digest(opt) == before
    values[3] = 0.5
    assert opt.step({"w": np.ones(2, np.float32)})
    assert np.isfinite(p["w"]).all()


@pytest.mark.parametrize("name", ["eps", "betas", "lr"])
def test_what_a_schedule_gives(name: str, backend: str) -> None:
    wrong = {"eps": 1e-46, "betas": 1e-50, "lr": 3e38}
    value: list[float] = [0.5]

    def schedule(step: int) -> float:
        return value[0]

    given: dict[str, Any] = {name: (schedule, 0.9) if name == "betas" else schedule}
    opt = fastopt.Adam(single(), **given, backend=backend)
    opt.step(single())
    value[0] = wrong[name]
    before = digest(opt.params, opt.state, opt.step_count)
    if name == "betas":  # 0, as good as what was meant
        assert opt.step(single())
        return
    with pytest.raises(ValueError, match=SINGLE):
        opt.step(single())
    assert digest(opt.params, opt.state, opt.step_count) == before


@pytest.mark.parametrize("like", frameworks.NAMES[1:])  # torch has no table: it is the default
def test_the_defaults_of_every_dialect_can_be_held(like: str) -> None:
    for name, options in frameworks.table(like).items():
        given = {k: 0.05 for k, value in options.items() if value is frameworks.REQUIRED}
        fastopt.get(name.lower(), single(), like=like, **given)


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
def test_every_number_of_every_algorithm(algorithm: str) -> None:
    cls = optimizer_class(algorithm)
    defaults = {name: hyper.default for name, hyper in cls.hyperparameters.items()}
    for name, hyper in cls.hyperparameters.items():
        validator = hyper.validator
        if isinstance(validator, Several):
            first, *others, last = hyper.default
            wrong: list[Any] = [(1e-46, *others, last), (first, *others, 1e-46)]
        elif isinstance(validator, Number):
            wrong = [1e-46] + ([] if validator.optional or validator.at_most < 1e39 else [1e39])
        else:
            continue
        for value in wrong:
            if isinstance(validator, Number) and not validator.holds(value):
                continue
            try:
                cls.check_hyperparameters(Values(**{**defaults, name: value}))
            except ValueError:
                continue  # for another reason, such as a largest below the smallest
            with pytest.raises(ValueError, match=rf"^{name}(\[\d\])? is .* {SINGLE}"):
                fastopt.get(algorithm, single(), **{name: value})


class Own(fastopt.SGD):
    """A number of one's own."""

    reach: float = number(default=1.0)


def test_a_number_of_ones_own() -> None:
    with pytest.raises(ValueError, match=f"^reach is 1e-46, which is 0 {SINGLE}"):
        Own(single(), reach=1e-46)
    Own(double(), reach=1e-46)


LOSS_SCALES = [(1e-39, "infinite", single), (1e50, "0", single), (1e-309, "infinite", double)]


@pytest.mark.parametrize(("scale", "word", "make"), LOSS_SCALES)
def test_a_loss_scale(scale: float, word: str, make: Any) -> None:
    with pytest.raises(ValueError, match=rf"^loss_scale is .* is {word}.* such as 65536.0"):
        fastopt.Adam(make(), loss_scale=scale)
    opt = fastopt.Adam(make())
    with pytest.raises(ValueError, match=r"^loss_scale is"):
        opt.loss_scale = scale
    assert opt.loss_scale == 1.0
    opt.loss_scale = 65536.0
    opt.step(make())


def test_an_epsilon_that_is_flushed() -> None:
    with pytest.raises(ValueError, match=r"^eps is 1e-40, .* give at least 1.18e-38, or set flush"):
        fastopt.Adam(single(), eps=1e-40, flush_subnormals=True)
    opt = fastopt.Adam(single(), eps=1e-40)
    with pytest.raises(ValueError, match=r"^eps is 1e-40, .* flush_subnormals=False"):
        opt.flush_subnormals = True
    opt.eps = 1.18e-38
    opt.flush_subnormals = True
    fastopt.Adam(double(), eps=1e-40, flush_subnormals=True)


FUNCTIONAL: list[tuple[dict[str, Any], str]] = [
    ({"lr": 1e300}, r"^lr is 1e\+300, which is infinite in float32, the dtype of 'p'"),
    ({"eps": 1e-46}, "^eps is 1e-46, which is 0 in float32, the dtype of 'p'"),
    ({"lr": 3e38}, r"^lr=3e\+38: a scalar of the step is infinite in float32, the dtype of 'p'"),
]


@pytest.mark.parametrize(("options", "words"), FUNCTIONAL, ids=str)
def test_the_functional_step(options: dict[str, Any], words: str) -> None:
    arrays = [np.ones(2, np.float32) for _ in range(4)]
    with pytest.raises(ValueError, match=words):
        fastopt.functional.adam(*arrays, t=1, **options)
    assert all([a.tolist() == [1.0, 1.0] for a in arrays])
    fastopt.functional.adam(*(np.ones(2) for _ in range(4)), t=1, **options)


def test_a_beta_that_is_1_in_float32(backend: str) -> None:
    """1 - beta is computed in double: the mean takes what it should, and forgets nothing."""
    p = single()
    opt = fastopt.Adam(p, betas=(1 - 1e-9, 1 - 1e-9), lr=0.1, backend=backend)
    for _ in range(100):
        opt.step({"w": np.ones(2, np.float32)})
    assert opt.state["w"]["v"][0] == pytest.approx(100e-9, rel=1e-5)
    assert p["w"][0] == pytest.approx(1 - 100 * 0.1, rel=1e-4)
