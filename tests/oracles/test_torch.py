"""Every algorithm against torch.optim's for-loop implementation, in float64 over 1,000 steps.

The table CASES has the options of every class. Beside it: two groups with hyperparameters of
their own, hyperparameters that change during training, the defaults, the range checks, and the
places where the two are known to differ.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import fastopt
from fastopt.registry import optimizer_class

if TYPE_CHECKING:
    from oracles.conftest import Difference, Problem, ProblemMaker

torch = pytest.importorskip("torch")

Options = dict[str, Any]

STEPS = 1000
EVERY = 50  # steps from one comparison to the next

# Both compute in double, but not by the same operations: torch writes a running mean as a lerp,
# takes powers from libm and may contract products and sums. Each is worth a few units of 1e-16,
# more where terms cancel. The largest measured is 8.4e-14, of the variance of a centered RMSprop,
# and 1.6e-14 elsewhere.
TOLERANCE = 1e-12

# torch's names of the states, and ours.
STATES = {
    "momentum_buffer": "b",
    "sum": "a",
    "square_avg": "v",
    "acc_delta": "u",
    "grad_avg": "g_mean",
    "exp_avg": "m",
    "exp_avg_sq": "v",
    "max_exp_avg_sq": "v_max",
    "exp_inf": "u",
    "prev": "g_prev",
    "step_size": "d",
    "ax": "average",
}
SCALARS = {"step", "mu_product", "eta", "mu"}  # what torch's state holds beside arrays

# Hyperparameters that say how torch computes, not what.
SWITCHES = {"foreach", "capturable", "differentiable", "fused"}


def options(*, where: Callable[[Options], bool] = lambda _: True, **values: Sequence[Any]) -> Any:
    """List the defaults (no options at all) and every combination of the values."""
    combinations = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    return [{}, *filter(where, combinations)]


def _decay_matters(case: Options) -> bool:
    return bool(case["weight_decay"]) or not case["decoupled_weight_decay"]


# By name in lower case, as in fastopt.names(). A value that stands alone is not a default, so every
# hyperparameter has another value than its default in some case.
CASES: Mapping[str, list[Options]] = {
    "sgd": options(
        lr=[3e-3],
        momentum=[0.0, 0.9],
        dampening=[0.0, 0.3],
        nesterov=[False, True],
        weight_decay=[0.0, 0.02],
        maximize=[False, True],
        where=lambda case: (
            (case["momentum"] > 0.0 and case["dampening"] == 0.0)
            if case["nesterov"]
            else (case["momentum"] > 0.0 or case["dampening"] == 0.0)
        ),
    ),
    "adagrad": options(
        lr=[0.05],
        lr_decay=[0.0, 1e-2],
        initial_accumulator_value=[0.0, 0.1],
        eps=[1e-6],
        weight_decay=[0.0, 0.02],
        maximize=[False, True],
    ),
    "adadelta": options(
        lr=[0.3],
        rho=[0.9, 0.97],
        eps=[1e-4],
        weight_decay=[0.0, 0.02],
        maximize=[False, True],
    ),
    "rmsprop": options(
        lr=[3e-3],
        alpha=[0.95],
        eps=[1e-4],
        momentum=[0.0, 0.8],
        centered=[False, True],
        # With a large decay of a large parameter the gradients would hardly change, and the
        # variance of a centered RMSprop would be rounding error.
        weight_decay=[0.0, 0.02],
        maximize=[False, True],
    ),
    "adam": options(
        lr=[4e-3],
        betas=[(0.85, 0.98)],
        eps=[1e-4],
        amsgrad=[False, True],
        weight_decay=[0.0, 0.02],
        decoupled_weight_decay=[False, True],
        maximize=[False, True],
        where=_decay_matters,
    ),
    "adamw": options(
        lr=[4e-3],
        betas=[(0.85, 0.98)],
        eps=[1e-4],
        amsgrad=[False, True],
        weight_decay=[0.0, 0.05],
        maximize=[False, True],
    ),
    "adamax": options(
        lr=[5e-3],
        betas=[(0.9, 0.999), (0.8, 0.99)],
        eps=[1e-4],
        weight_decay=[0.0, 0.02],
        maximize=[False, True],
    ),
    "nadam": options(
        lr=[4e-3],
        betas=[(0.85, 0.98)],
        eps=[1e-4],
        momentum_decay=[0.0, 0.02],
        weight_decay=[0.0, 0.02],
        decoupled_weight_decay=[False, True],
        maximize=[False, True],
        where=_decay_matters,
    ),
    "radam": options(
        lr=[4e-3],
        betas=[(0.85, 0.98)],
        eps=[1e-4],
        weight_decay=[0.0, 0.02],
        decoupled_weight_decay=[False, True],
        maximize=[False, True],
        where=_decay_matters,
    ),
    "rprop": options(
        lr=[0.1],
        etas=[(0.4, 1.5)],
        step_sizes=[(1e-6, 50.0), (1e-3, 0.5)],
        maximize=[False, True],
    ),
    "asgd": options(
        lr=[0.05],
        lambd=[0.1],
        alpha=[0.6],
        t0=[20.0],
        weight_decay=[0.0, 0.02],
        maximize=[False, True],
    ),
}

# Each has one case with two groups. The first is what the constructor is given, the second and
# third are the groups' own.
GROUPS: Mapping[str, tuple[Options, Options, Options]] = {
    "sgd": (
        {"lr": 2e-3, "momentum": 0.9, "weight_decay": 0.01},
        {"dampening": 0.2, "maximize": True},
        {"lr": 1e-2, "momentum": 0.7, "nesterov": True, "weight_decay": 0.0},
    ),
    "adagrad": (
        {"lr": 0.02, "initial_accumulator_value": 0.3},
        {"lr_decay": 1e-3, "eps": 1e-5},
        {"lr": 0.1, "weight_decay": 0.01, "maximize": True},
    ),
    "adadelta": ({"lr": 0.5}, {"rho": 0.8, "eps": 1e-3}, {"weight_decay": 0.02, "maximize": True}),
    "rmsprop": (
        {"alpha": 0.9, "momentum": 0.5},
        {"centered": True, "eps": 1e-3},
        {"lr": 1e-3, "momentum": 0.0, "weight_decay": 0.02, "maximize": True},
    ),
    "adam": (
        {"lr": 2e-3, "weight_decay": 0.03},
        {"betas": (0.5, 0.9), "amsgrad": True},
        {"lr": 5e-4, "decoupled_weight_decay": True, "eps": 1e-6, "maximize": True},
    ),
    "adamw": (
        {"lr": 2e-3, "weight_decay": 0.1},
        {"betas": (0.5, 0.9), "maximize": True},
        {"lr": 5e-4, "weight_decay": 0.0, "amsgrad": True, "eps": 1e-6},
    ),
    "adamax": (
        {"lr": 1e-3, "weight_decay": 0.03},
        {"betas": (0.5, 0.9), "maximize": True},
        {"lr": 5e-3, "weight_decay": 0.0, "eps": 1e-3},
    ),
    "nadam": (
        {"lr": 1e-3, "weight_decay": 0.03},
        {"betas": (0.5, 0.9), "momentum_decay": 0.05, "maximize": True},
        {"lr": 5e-3, "decoupled_weight_decay": True, "eps": 1e-6},
    ),
    "radam": (
        {"lr": 1e-3, "weight_decay": 0.03},
        {"betas": (0.5, 0.9), "maximize": True},
        {"lr": 5e-3, "decoupled_weight_decay": True, "eps": 1e-6},
    ),
    "rprop": (
        {"lr": 1e-3},
        {"etas": (0.7, 1.1), "maximize": True},
        {"lr": 5e-3, "step_sizes": (1e-4, 0.1)},
    ),
    "asgd": (
        {"lr": 2e-3, "lambd": 0.1},
        {"alpha": 0.5, "maximize": True},
        {"lr": 1e-2, "t0": 50.0, "weight_decay": 0.01},
    ),
}

# What is set before a step, in all groups: a learning rate that falls, a weight decay that is
# switched on and changed, then what else the algorithm has.
LATER: Mapping[str, Options] = {
    "sgd": {"momentum": 0.5, "nesterov": True},
    "adagrad": {"lr_decay": 2e-3, "eps": 1e-3},
    "adadelta": {"rho": 0.7, "eps": 1e-2},
    "rmsprop": {"alpha": 0.8, "momentum": 0.5, "eps": 1e-2},
    "adam": {"betas": (0.7, 0.9), "eps": 1e-2},
    "adamw": {"betas": (0.7, 0.9), "eps": 1e-2},
    "adamax": {"betas": (0.7, 0.9), "eps": 1e-2},
    "nadam": {"betas": (0.7, 0.9), "momentum_decay": 0.03},
    "radam": {"betas": (0.7, 0.9), "eps": 1e-2},
    "rprop": {"etas": (0.4, 1.1), "step_sizes": (1e-3, 0.2)},
    "asgd": {"alpha": 0.5, "t0": 600.0},
}
# What torch makes the scalars of the next step of, at the end of each.
EARLY: Mapping[str, Sequence[str]] = {"asgd": ("lr", "alpha", "t0")}
FIRST: Mapping[str, Options] = {"sgd": {"momentum": 0.9}, "rmsprop": {"momentum": 0.9}}


def changes(name: str) -> dict[int, Options]:
    """Say what is set before which step."""
    lr = torch_defaults(name)["lr"]
    return {
        200: {"lr": lr / 10.0},
        350: {"weight_decay": 0.02},
        500: {"weight_decay": 0.005, "maximize": True},
        650: LATER[name],
        800: {"lr": lr, "maximize": False, "weight_decay": 0.0},
    }


def torch_class(name: str) -> Any:
    """Find torch's class of that name, in any case; None if it has none."""
    found = [
        thing
        for key, thing in vars(torch.optim).items()
        if key.lower() == name.lower() and isinstance(thing, type)
    ]
    return found[0] if found else None


# Ours that torch has as well. Those it has not are for other oracles.
# Of which test_field_matrix, test_field_factored and test_lbfgs have it.
ELSEWHERE = ("muon", "adafactor", "lbfgs")
SHARED = [n for n in fastopt.names() if torch_class(n) is not None and n not in ELSEWHERE]


def torch_defaults(name: str) -> Options:
    """Read the hyperparameters of torch's class, with their defaults, off its signature."""
    return {
        key: parameter.default
        for key, parameter in inspect.signature(torch_class(name)).parameters.items()
        if key != "params" and key not in SWITCHES
    }


def reference(name: str, params: Any, **given: Any) -> Any:
    """Make torch's optimizer, in its for-loop implementation."""
    cls = torch_class(name)
    plain = {key: False for key in ("foreach", "fused") if key in inspect.signature(cls).parameters}
    return cls(params, **given, **plain)


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """Let torch keep its scalars in double, as we do.

    NAdam's running product is a state of torch's default dtype: as a float32 it is rounded,
    see `test_nadam_product_is_a_double_where_torch_has_a_float32`.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def compare(
    name: str,
    problem: "Problem",
    difference: "Difference",
    *,
    given: Options,
    own: tuple[Options, Options] | None = None,
    changes: Mapping[int, Options] | None = None,
) -> None:
    """Train with both and compare all parameters and states every few steps."""
    ours = problem.parameters()
    theirs = {key: torch.tensor(p) for key, p in ours.items()}
    keys = list(ours)
    split: list[list[str]] = [keys] if own is None else [keys[::2], keys[1::2]]
    if own is None:
        opt = fastopt.get(name, ours, **given)
        oracle = reference(name, list(theirs.values()), **given)
    else:
        groups = list(zip(split, own, strict=True))
        opt = fastopt.get(
            name, [{"params": {k: ours[k] for k in part}, **h} for part, h in groups], **given
        )
        oracle = reference(
            name, [{"params": [theirs[k] for k in part], **h} for part, h in groups], **given
        )
    for step, grads in enumerate(problem.grads):
        for key, value in changed(name, changes, step).items():
            setattr(opt, key, value)
            if key not in EARLY.get(name, ()):
                set_all(oracle, key, value)
        for key, value in changed(name, changes, step + 1).items():
            if key in EARLY.get(name, ()):
                set_all(oracle, key, value)
        opt.step(grads if own is None else [{k: grads[k] for k in part} for part in split])
        for key, g in grads.items():
            theirs[key].grad = None if g is None else torch.from_numpy(g)
        oracle.step()
        if (step + 1) % EVERY == 0 or step < 3:
            for key, p in theirs.items():
                off = difference(ours[key], p.numpy())
                assert off <= TOLERANCE, f"parameter {key!r} at step {step + 1}: {off:.2e}"
                compare_states(opt.state[key], oracle.state.get(p, {}), difference)


def changed(name: str, changes: Mapping[int, Options] | None, step: int) -> Options:
    """Say what is set before a step, of what the algorithm has."""
    return {k: v for k, v in (changes or {}).get(step, {}).items() if k in torch_defaults(name)}


def set_all(oracle: Any, key: str, value: Any) -> None:
    """Set it in all groups there."""
    for group in oracle.param_groups:
        group[key] = value


def compare_states(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], difference: "Difference"
) -> None:
    """Compare the states of one parameter; torch makes them at its first gradient."""
    if not theirs:
        return
    found = {STATES[key]: value.numpy() for key, value in theirs.items() if key not in SCALARS}
    assert set(ours) == set(found)
    for key, value in found.items():
        off = difference(ours[key], value)
        assert off <= TOLERANCE, f"state {key!r}: {off:.2e}"
    if "g_mean" in found:
        # The data must not let torch take the root of a variance that is below zero by rounding,
        # where we take that of zero: far from it, the two are the same rule.
        variance = found["v"] - found["g_mean"] ** 2
        assert np.all(variance > 1e-3 * found["v"])


def listed(table: Mapping[str, Sequence[Options]]) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{_words(case)}")
        for name in SHARED
        for case in table.get(name, [])
    ]


def _words(case: Options) -> str:
    return ",".join(f"{key}={value}" for key, value in case.items()) or "defaults"


def test_every_shared_class_has_cases() -> None:
    assert SHARED
    for table in (CASES, GROUPS, LATER):
        assert set(table) == set(SHARED)


def test_every_hyperparameter_leaves_its_default_somewhere() -> None:
    for name in SHARED:
        for key, default in torch_defaults(name).items():
            values = [case[key] for case in CASES[name] if key in case]
            assert any(value != default for value in values), (name, key)
        assert {} in CASES[name]


def test_every_array_state_of_torch_has_a_name_here(problem: "ProblemMaker") -> None:
    """A state that `compare_states` left out would not be compared at all."""
    params = [torch.tensor(p) for p in problem(1).start.values()]
    for name in SHARED:
        for case in CASES[name]:
            oracle = reference(name, params, **case)
            for p in params:
                p.grad = torch.ones_like(p)
            oracle.step()
            assert set(oracle.state[params[0]]) <= STATES.keys() | SCALARS


@pytest.mark.parametrize(("name", "given"), listed(CASES))
def test_options(name: str, given: Options, problem: "ProblemMaker", difference: "Difference") -> None:
    compare(name, problem(STEPS), difference, given=given)


@pytest.mark.parametrize("name", SHARED)
def test_two_groups(name: str, problem: "ProblemMaker", difference: "Difference") -> None:
    given, *own = GROUPS[name]
    compare(name, problem(STEPS), difference, given=given, own=(own[0], own[1]))


@pytest.mark.parametrize("name", SHARED)
def test_hyperparameters_that_change(
    name: str, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=name not in EARLY)
    compare(name, some, difference, given=FIRST.get(name, {}), changes=changes(name))


@pytest.mark.parametrize("name", SHARED)
def test_two_groups_that_change(name: str, problem: "ProblemMaker", difference: "Difference") -> None:
    given, *own = GROUPS[name]
    later = {300: {"lr": 1e-4}, 600: {"weight_decay": 0.01}, 800: {"lr": 5e-3, "weight_decay": 0.0}}
    some = problem(STEPS, absent=name not in EARLY)
    compare(name, some, difference, given=given, own=(own[0], own[1]), changes=later)


# The ends of the ranges, where a formula loses a term. eps=0 divides by nothing but the
# gradients, which are not 0 here.
EDGES: Mapping[str, list[Options]] = {
    "sgd": [{"lr": 0.0, "momentum": 0.9}, {"momentum": 1.0}, {"momentum": 0.9, "dampening": 1.0},
            {"momentum": 1.1, "lr": 0.0}, {"momentum": 0.9, "dampening": -0.5}],
    "adagrad": [{"eps": 0.0}, {"lr": 0.0}],
    "adadelta": [{"rho": 0.0}, {"rho": 1.0}, {"lr": 0.0}],
    "rmsprop": [{"alpha": 0.0}, {"alpha": 1.0}, {"eps": 0.0}, {"momentum": 1.0}, {"lr": 0.0}],
    "adam": [{"betas": (0.0, 0.0)}, {"betas": (0.0, 0.9), "eps": 0.0}, {"betas": (0.9, 0.0)}],
    "adamw": [{"betas": (0.0, 0.0)}, {"eps": 0.0, "amsgrad": True}, {"lr": 0.0}],
    "adamax": [{"betas": (0.0, 0.0)}, {"betas": (0.9, 0.0), "eps": 0.0}, {"lr": 0.0}],
    "nadam": [{"betas": (0.0, 0.0)}, {"betas": (0.9, 0.9), "eps": 0.0}, {"lr": 0.0}],
    "radam": [{"betas": (0.0, 0.0)}, {"betas": (0.9, 0.9), "eps": 0.0}, {"lr": 0.0}],
    "rprop": [{"lr": 0.0}, {"step_sizes": (0.0, 0.0)}, {"lr": 1.0, "step_sizes": (0.1, 0.1)}],
    "asgd": [{"lr": 0.0}, {"lambd": 0.0}, {"alpha": 0.0, "lambd": 0.1}, {"t0": 0.0}],
}  # fmt: skip


@pytest.mark.parametrize(("name", "given"), listed(EDGES))
def test_ends_of_the_ranges(
    name: str, given: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    compare(name, problem(100), difference, given=given)


@pytest.mark.parametrize(
    ("name", "given"), listed({name: cases for name, cases in CASES.items() if name != "rprop"})
)
def test_nonfinite_gradients_spread_alike(
    name: str, given: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    """Infinity may become NaN a step earlier in one than in the other, for a lerp subtracts where
    we add; but the same entries stay finite, and agree.
    """
    some = problem(20, absent=False)
    ours = some.parameters()
    theirs = {key: torch.tensor(p) for key, p in ours.items()}
    opt, oracle = fastopt.get(name, ours, **given), reference(name, list(theirs.values()), **given)
    for k, grads in enumerate(some.grads):
        for key, g in grads.items():
            assert g is not None
            if k == 5 and g.ndim:
                g = g.copy()
                g.flat[:4] = [np.inf, -np.inf, np.nan, 0.0]
            grads = {**grads, key: g}
            theirs[key].grad = torch.from_numpy(g)
        opt.step(grads)
        oracle.step()
        for key, p in theirs.items():
            arrays = [(ours[key], p)]
            for part, value in oracle.state[p].items():
                if part not in SCALARS:
                    arrays.append((opt.state[key][STATES[part]], value))
            for a, b in ((x, y.numpy()) for x, y in arrays):
                finite = np.isfinite(b)
                np.testing.assert_array_equal(np.isfinite(a), finite)
                assert finite.any()
                assert difference(a[finite], b[finite]) <= TOLERANCE


@pytest.mark.parametrize("name", SHARED)
def test_hyperparameters_and_defaults(name: str) -> None:
    ours = inspect.signature(optimizer_class(name)).parameters
    for key, default in torch_defaults(name).items():
        assert key in ours
        assert ours[key].default == default, key
    opt = fastopt.get(name, [np.zeros(3)])
    (group,) = reference(name, [torch.zeros(3)]).param_groups
    for key in torch_defaults(name):
        assert getattr(opt, key) == group[key], key


# For every number: below, at and above the limits that torch has (0 and 1).
NUMBERS = [-math.inf, -1.0, -1e-300, -0.0, 0.0, 0.5, math.nextafter(1.0, 0.0), 1.0,
           math.nextafter(1.0, 2.0), 1.5, 1e3, math.inf, math.nan]  # fmt: skip


# What torch takes as it comes, and we do not: a shortest length above the longest.
UNCHECKED = {("rprop", "step_sizes"), *(("asgd", key) for key in ("lambd", "alpha", "t0"))}


def _range_cases() -> list[Any]:
    cases = []
    for name in SHARED:
        for key, default in torch_defaults(name).items():
            if isinstance(default, bool) or (name, key) in UNCHECKED:
                continue
            values: list[Any] = list(NUMBERS)
            if isinstance(default, tuple):
                values = [(x, 0.5) for x in NUMBERS] + [(0.5, x) for x in NUMBERS]
            cases += [pytest.param(name, {key: x}, id=f"{name}-{key}={x}") for x in values]
    for momentum, dampening in product([-0.5, 0.0, 0.5], [-0.5, 0.0, 0.5]):
        given = {"nesterov": True, "momentum": momentum, "dampening": dampening}
        cases.append(pytest.param("sgd", given, id=f"sgd-{_words(given)}"))
    return cases


def _is_finite(value: Any) -> bool:
    return bool(np.all(np.isfinite(value)))


@pytest.mark.parametrize(("name", "given"), _range_cases())
def test_range_checks(name: str, given: Options) -> None:
    """What torch refuses, we refuse, and nothing else, but for infinity and NaN, of which torch
    lets some pass (an infinite lr; a NaN in SGD).
    """
    try:
        reference(name, [torch.zeros(3)], **given)
        refused = False
    except ValueError:
        refused = True
    if refused or not all(map(_is_finite, given.values())):
        with pytest.raises(ValueError, match=r"must be a finite number|nesterov=True needs|^etas"):
            fastopt.get(name, [np.zeros(3)], **given)
    else:
        fastopt.get(name, [np.zeros(3)], **given)


# Where the two differ.


def test_nadam_product_is_a_double_where_torch_has_a_float32(
    problem: "ProblemMaker", difference: "Difference"
) -> None:
    """With torch's usual default dtype its product of momenta is rounded to float32 at every
    step; so is that of a float64 parameter.
    """
    torch.set_default_dtype(torch.float32)
    some = problem(200, absent=False)
    ours = some.parameters()
    theirs = {key: torch.tensor(p) for key, p in ours.items()}
    opt, oracle = fastopt.get("nadam", ours), reference("nadam", list(theirs.values()))
    for grads in some.grads:
        opt.step(grads)
        for key, g in grads.items():
            theirs[key].grad = torch.from_numpy(g)
        oracle.step()
    off = max(difference(ours[key], p.numpy()) for key, p in theirs.items())
    # Measured 1.1e-10: the product is soon negligible beside 1, so only the first steps differ, by
    # up to a unit of float32 (1.2e-7).
    assert TOLERANCE < off < 1e-8
    assert oracle.state[theirs["vector"]]["mu_product"].dtype == torch.float32


def test_sgd_momentum_switched_on_is_torchs_without_dampening(
    problem: "ProblemMaker", difference: "Difference"
) -> None:
    compare("sgd", problem(200), difference, given={}, changes={100: {"momentum": 0.9}})


def test_sgd_momentum_switched_off_and_on_keeps_its_buffer(
    problem: "ProblemMaker", difference: "Difference"
) -> None:
    compare(
        "sgd",
        problem(300),
        difference,
        given={"momentum": 0.9, "dampening": 0.3},
        changes={100: {"momentum": 0.0}, 200: {"momentum": 0.8}},
    )


def test_sgd_momentum_switched_on_dampens_its_first_gradient_where_torch_does_not() -> None:
    """As the docstring of fastopt.SGD says."""
    p, g = np.zeros(3), np.ones(3)
    opt = fastopt.get("sgd", [p], lr=1.0, dampening=0.25)
    q = torch.zeros(3)
    oracle = reference("sgd", [q], lr=1.0, dampening=0.25)
    for momentum in (0.0, 0.5):
        opt.groups[0]["momentum"] = momentum
        oracle.param_groups[0]["momentum"] = momentum
        opt.step([g])
        q.grad = torch.from_numpy(g)
        oracle.step()
    np.testing.assert_array_equal(opt.state["0"]["b"], 0.75)
    np.testing.assert_array_equal(oracle.state[q]["momentum_buffer"].numpy(), 1.0)


def test_rmsprop_centered_is_finite_where_torch_is_not() -> None:
    """Equal gradients: their variance tends to 0, and rounding takes it below; the docstring of
    fastopt.RMSprop says what happens.
    """
    p, g = np.zeros(500), np.random.default_rng(1).standard_normal(500)
    q = torch.zeros(500)
    opt = fastopt.get("rmsprop", [p], alpha=0.5, centered=True)
    oracle = reference("rmsprop", [q], alpha=0.5, centered=True)
    q.grad = torch.from_numpy(g)
    for _ in range(100):
        opt.step([g])
        oracle.step()
    assert np.isfinite(p).all()
    assert torch.isnan(q).any()


def test_rprop_is_nan_where_torch_takes_a_gradient_that_is_nan_for_zero() -> None:
    p, q = np.zeros(2), torch.zeros(2)
    opt, oracle = fastopt.get("rprop", [p]), reference("rprop", [q])
    g = np.array([np.nan, 1.0])
    q.grad = torch.from_numpy(g)
    opt.step([g])
    oracle.step()
    np.testing.assert_array_equal(p, [np.nan, -0.01])
    np.testing.assert_array_equal(q.numpy(), [0.0, -0.01])


def test_adam_accepts_whole_betas_where_torch_refuses_them() -> None:
    """torch's Adam, alone of its classes, wants both betas to be floats or both tensors."""
    with pytest.raises(ValueError, match="betas must be either both floats"):
        reference("adam", [torch.zeros(3)], betas=(0, 0.9))
    assert fastopt.get("adam", [np.zeros(3)], betas=(0, 0.9)).groups[0]["betas"] == (0.0, 0.9)


def test_adagrad_honours_the_initial_accumulator_value_of_a_group() -> None:
    """torch silently takes the constructor's value for all groups."""
    ours, theirs = np.zeros(3), torch.zeros(3)
    given = {"lr": 0.1, "initial_accumulator_value": 0.5}
    opt = fastopt.get("adagrad", [{"params": [ours], "initial_accumulator_value": 2.0}], **given)
    oracle = reference("adagrad", [{"params": [theirs], "initial_accumulator_value": 2.0}], **given)
    assert opt.state["0"]["a"].tolist() == [2.0] * 3
    assert oracle.state[theirs]["sum"].tolist() == [0.5] * 3
