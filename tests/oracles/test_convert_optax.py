"""The state of Optax's optimizers, in the middle of training, in float64."""

import inspect
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import cases, complete, few
from support.steps import step_and_estimate
from transcribed import Options
from transcribed.optax import DEFAULTS

import fastopt
from fastopt import convert, frameworks
from fastopt.frameworks.optax.names import TABLE
from fastopt.registry import optimizer_class

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

# XLA orders and contracts the operations in its own way, as test_dialects_optax says. The largest
# measured is 5.2e-15.
TOLERANCE = 1e-12

STAGE = 30  # steps there, and then here

# Whose steps a state does not say, unless there is a schedule.
UNCOUNTED = ("sgd", "adagrad", "adadelta", "rmsprop", "fromage", "signsgd")
# A norm of each array, which no array of ours holds; whether a step has been taken, and not how many.
REFUSED = ("novograd", "optimisticsgd")

# What it estimates with, the gradient at each step, as `step_and_estimate` does.
ESTIMATED: dict[str, Options] = {
    "sophia": {
        "hessian_diagonal_fn": optax.GradientTransformationExtraArgs(
            lambda params: None, lambda g, state, params=None: (g, state)
        ),
        "update_interval": 1,
    }
}


@pytest.fixture(scope="module", autouse=True)
def forks_stay_quiet() -> None:
    """Start JAX without the handler that warns at every later fork of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "register_at_fork", lambda **_: None)
        jax.devices("cpu")


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


def transformation(name: str, options: Options) -> Any:
    """Make Optax's own optimizer; where it has no weight decay, a part of the chain has it."""
    h = vars(complete("optax", name, options))
    renamed: dict[str, Any] = {**frameworks.names("optax", optimizer_class(name))}
    del renamed["betas"]
    given = {renamed.get(key, key): value for key, value in h.items()} | ESTIMATED.get(name, {})
    if "betas" in given:
        given["b1"], given["b2"] = given.pop("betas")
    if "eps_placement" in given:
        given["eps_in_sqrt"] = given.pop("eps_placement") == "inside"
    if "momentum" in given:
        given["momentum"] = given["momentum"] or None
    decay = given.get("weight_decay", 0.0)
    if name in ("adam", "adamw"):
        amsgrad, corrected = given.pop("amsgrad"), given.pop("bias_correction")
        if amsgrad:
            del given["weight_decay"]
            rate = given.pop("learning_rate")
            kinds = {"bias_correction_mu": corrected, "bias_correction_nu": corrected}
            return optax.chain(
                optax.scale_by_amsgrad(**given, **kinds),
                optax.add_decayed_weights(decay),
                optax.scale_by_learning_rate(rate),
            )
    if name in ("adam", "adamax", "nadam"):
        name += "w"
    function = function_of(name)
    if "weight_decay" not in inspect.signature(function).parameters:
        given.pop("weight_decay", None)
        decayed = optax.add_decayed_weights(-h["lr"] * decay)
        return optax.chain(function(**given), decayed)
    return function(**given)


def function_of(name: str) -> Any:
    """Find Optax's function for one of our names."""
    (theirs,) = [each.name for ours, each in TABLE.items() if ours.lower() == name] or [name]
    return getattr(optax, theirs, None) or getattr(optax.contrib, theirs)


class Optax:
    """An optimizer there, and the parameters that it trains."""

    def __init__(self, transform: Any, start: Mapping[str, Any]) -> None:
        self.now = few(start)
        self.state = transform.init(self.now)
        self.update = jax.jit(transform.update)

    def steps(self, grads: list[dict[str, Any]]) -> dict[str, Any]:
        """Take steps, and give copies of the parameters."""
        for step in grads:
            updates, self.state = self.update(few(step), self.state, self.now)
            self.now = optax.apply_updates(self.now, updates)
        return {key: np.array(p) for key, p in self.now.items()}


def goes_on(
    name: str,
    transform: Any,
    make: Callable[[dict[str, Any]], fastopt.Optimizer],
    problem: "ProblemMaker",
    difference: "Difference",
) -> fastopt.Optimizer:
    """Train there, then in both."""
    some = problem(2 * STAGE, absent=False)
    peer = Optax(transform, some.start)
    ours = peer.steps(some.grads[:STAGE])
    opt = make(ours)
    convert.from_optax(opt, peer.state)
    for step in some.grads[STAGE:]:
        step_and_estimate(opt, few(step))
    for key, p in peer.steps(some.grads[STAGE:]).items():
        assert difference(ours[key], p) <= TOLERANCE, key
    return opt


@cases("optax", without=REFUSED)
def test_training_goes_on(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    opt = goes_on(
        name,
        transformation(name, options),
        lambda p: fastopt.get(name, p, like="optax", **options),
        problem,
        difference,
    )
    counted = name not in UNCOUNTED or options.get("bias_correction", False)
    assert opt.step_count == (2 if counted else 1) * STAGE


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
@pytest.mark.parametrize("inside", [False, True])
def test_the_learning_rate_goes_into_the_buffer_and_out(
    name: str, inside: bool, problem: "ProblemMaker", difference: "Difference"
) -> None:
    options: Options = {"lr": 0.02, "momentum": 0.9}
    goes_on(
        name,
        transformation(name, options),
        lambda p: fastopt.get(name, p, like="optax", **options, lr_in_buffer=inside),
        problem,
        difference,
    )


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name not in REFUSED])
def test_schedules_count_the_steps(
    name: str, problem: "ProblemMaker", difference: "Difference"
) -> None:
    """A schedule of ours goes on where Optax's was."""
    rates = fastopt.schedules.cosine(0.1, 2 * STAGE)
    options: Options = {"momentum": 0.9} if "momentum" in DEFAULTS[name] else {}
    theirs = optax.cosine_decay_schedule(0.1, 2 * STAGE)
    opt = goes_on(
        name,
        function_of(name)(theirs, **options, **ESTIMATED.get(name, {})),
        lambda p: fastopt.get(name, p, like="optax", lr=rates, **options),
        problem,
        difference,
    )
    assert opt.step_count == 2 * STAGE


def test_injected_hyperparameters_come_along(problem: "ProblemMaker", difference: "Difference") -> None:
    inject = optax.inject_hyperparams(optax.adamw)
    transform = inject(learning_rate=lambda count: 0.5, b1=0.8, b2=0.95, eps=1e-3, weight_decay=0.1)
    opt = goes_on(
        "adamw",
        transform,
        lambda p: fastopt.AdamW(p, like="optax", lr=0.5, weight_decay=0.2),
        problem,
        difference,
    )
    assert opt.groups[0]["betas"] == (0.8, 0.95)
    assert opt.groups[0]["eps"] == 1e-3
    assert opt.weight_decay == 0.1
    assert opt.lr == 0.5


def test_a_masked_decay_is_that_of_a_group(problem: "ProblemMaker", difference: "Difference") -> None:
    def mask(tree: Any) -> Any:
        return {key: p.ndim > 1 for key, p in tree.items()}

    inject = optax.inject_hyperparams(optax.adamw, static_args="mask")
    transform = optax.chain(
        optax.clip_by_global_norm(0.5), inject(learning_rate=0.25, weight_decay=0.1, mask=mask)
    )
    opt = goes_on(
        "adamw",
        transform,
        lambda p: fastopt.AdamW(p, like="optax", lr=0.1, groups=fastopt.no_decay, global_clipnorm=0.5),
        problem,
        difference,
    )
    assert sorted((group["lr"], group["weight_decay"]) for group in opt.groups) == [
        (0.25, 0.0),
        (0.25, 0.1),
    ]


def test_nested_parameters() -> None:
    start = {"b": [np.ones(2), np.ones((2, 3))], "a": {"z": np.ones(4), "c": np.ones(5)}}
    transform = optax.adam(0.1)
    state = transform.init(start)
    grads = jax.tree.map(lambda p: p * np.arange(1.0, 1.0 + p.size).reshape(p.shape), start)
    _, state = transform.update(grads, state)
    opt = fastopt.Adam(start, like="optax", lr=0.1)
    convert.from_optax(opt, state)
    opt_alone = fastopt.Adam(jax.tree.map(np.copy, start), like="optax", lr=0.1)
    opt_alone.step(grads)
    for name, states in opt_alone.state.items():
        np.testing.assert_allclose(opt.state[name]["m"], states["m"], rtol=1e-15)


def test_steps_can_be_said() -> None:
    state = optax.sgd(0.1, momentum=0.9).init([np.ones(3)])
    opt = fastopt.SGD([np.ones(3)], momentum=0.9)
    convert.from_optax(opt, state, steps=7)
    assert opt.step_count == 7
    state = optax.adam(0.1).init([np.ones(3)])
    adam = fastopt.Adam([np.ones(3)])
    convert.from_optax(adam, state, steps=7)
    assert adam.step_count == 7
    assert adam.state_dict()["parameters"]["0"]["steps"] == 0


Make = Callable[[], Any]
THREE = {"p": np.ones(3)}


BAD: list[tuple[str, Make, type[Exception], str]] = [
    ("none", lambda: None, TypeError, "it must be what init or update"),
    ("an array", lambda: np.ones(3), TypeError, "it must be what init or update"),
    ("Lion's", lambda: optax.lion(0.1).init(THREE), ValueError, "has a ScaleByLionState"),
    ("SGD's", lambda: optax.sgd(0.1, 0.9).init(THREE), ValueError, "has a TraceState"),
    ("plain", lambda: optax.sgd(0.1).init(THREE), ValueError, "the state has no arrays"),
    ("AMSGrad's", lambda: optax.amsgrad(0.1).init(THREE), ValueError, "'nu_max'"),
    (
        "two",
        lambda: optax.chain(optax.adam(0.1), optax.adam(0.1)).init(THREE),
        ValueError,
        "has mu twice",
    ),
    ("a key", lambda: optax.adam(0.1).init({"q": np.ones(3)}), ValueError, "missing: 'p'"),
    ("a list", lambda: optax.adam(0.1).init([np.ones(3)]), TypeError, "mu is of type list"),
    ("a shape", lambda: optax.adam(0.1).init({"p": np.ones(4)}), ValueError, r"shape \(4,\)"),
    (
        "a dtype",
        lambda: optax.adam(0.1, mu_dtype="bfloat16").init(THREE),
        ValueError,
        "'m' of 'p'|m of 'p' is bfloat16",
    ),
    (
        "masked",
        lambda: optax.masked(optax.adam(0.1), {"p": False}).init(THREE),
        ValueError,
        "parameter is float64",
    ),
]


@pytest.mark.parametrize(("make", "error", "said"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
def test_bad_input_changes_nothing(make: Make, error: type[Exception], said: str) -> None:
    opt = fastopt.Adam({"p": np.ones(3)})
    opt.step({"p": np.ones(3)})
    before = pickle.dumps(opt.state_dict())
    with pytest.raises(error, match=said):
        convert.from_optax(opt, make())
    assert pickle.dumps(opt.state_dict()) == before


@pytest.mark.parametrize(
    ("opt", "error", "said"),
    [
        (fastopt.Adam([np.ones(3)], like="keras"), ValueError, "nothing like eps_placement='hat'"),
        (fastopt.Adam([np.ones(3)], amsgrad=True), ValueError, "amsgrad_corrected=False"),
        (fastopt.Adam([np.ones(3)], maximize=True), ValueError, "maximize=True"),
        (fastopt.Adam([np.ones(3)], weight_decay=0.1), ValueError, "decoupled_weight_decay=False"),
        (fastopt.NAdam([np.ones(3)]), ValueError, r"momentum_decay=0\.004"),
        (fastopt.SGDScheduleFree([np.ones(3)]), TypeError, "no counterpart in optax"),
        (fastopt.NovoGrad([np.ones(3)]), TypeError, "no counterpart in optax"),
        (fastopt.OptimisticSGD([np.ones(3)]), TypeError, "no counterpart in optax"),
        (optax.adam(0.1), TypeError, "an optimizer of fastopt"),
    ],
)
def test_what_optax_does_not_have(opt: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        convert.from_optax(opt, optax.adam(0.1).init([np.ones(3)]))


def test_tied_arrays_have_a_state_for_each_place_there() -> None:
    w = np.ones((2, 3))
    params = {"a": w, "b": w.T, "c": np.ones((3, 2))}
    state = optax.adam(0.1).init(params)
    opt = fastopt.Adam(params, tied="add")
    with pytest.raises(ValueError, match=r"opt has tied arrays.*params that have every array once"):
        convert.from_optax(opt, state, steps=7)
    assert opt.step_count == 0


@cases("optax", without=REFUSED)
def test_training_goes_on_there(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    """And back again, nothing has changed."""
    some = problem(2 * STAGE, absent=False)
    ours = few(some.parameters())
    opt = fastopt.get(name, ours, like="optax", **options)
    for step in some.grads[:STAGE]:
        step_and_estimate(opt, few(step))
    peer = Optax(transformation(name, options), ours)
    peer.now = {key: np.copy(p) for key, p in ours.items()}
    peer.state = convert.to_optax(opt, peer.state)
    again = fastopt.get(name, few(some.parameters()), like="optax", **options)
    convert.from_optax(again, peer.state, steps=STAGE)
    for key, states in opt.state.items():
        for part, array in states.items():
            np.testing.assert_array_equal(again.state[key][part], array)
    for step in some.grads[STAGE:]:
        step_and_estimate(opt, few(step))
    for key, p in peer.steps(some.grads[STAGE:]).items():
        assert difference(ours[key], p) <= TOLERANCE, key


def test_schedules_and_injected_numbers_there() -> None:
    params = {"b": [np.ones(2)], "a": np.ones(3)}
    rates = optax.cosine_decay_schedule(0.1, 20)
    transform = optax.chain(optax.clip(9.0), optax.inject_hyperparams(optax.adamw)(rates))
    opt = fastopt.AdamW(params, like="optax", lr=fastopt.schedules.cosine(0.1, 20), betas=(0.8, 0.9))
    grads = {"b": [np.array([1.0, -2.0])], "a": np.array([0.5, 1.0, 2.0])}
    for _ in range(5):
        opt.step(grads)
    state = convert.to_optax(opt, transform.init(params))
    there = jax.tree.map(np.array, params)
    for _ in range(5):
        opt.step(grads)
        updates, state = transform.update(grads, state, there)
        there = optax.apply_updates(there, updates)
    assert int(state[1].count) == 10
    for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(there), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def stepped_apart() -> Any:
    opt = fastopt.Adam({"p": np.ones(3), "q": np.ones(2)}, like="optax", lr=0.5)
    opt.step({"p": np.ones(3), "q": None})
    return opt


TWO = {"p": np.ones(3), "q": np.ones(2)}
W = np.ones((2, 2))


def like_optax(params: Any = TWO, **given: Any) -> fastopt.Optimizer:
    return fastopt.Adam(params, like="optax", lr=0.5, **given)


LEAVING: list[tuple[Make, Any, str, Make, Any]] = [  # what is wrong, what is said, and that done
    (stepped_apart, TWO, "'q' has taken 0 steps and 'p' 1", like_optax, TWO),
    (like_optax, {"p": np.ones(3)}, "missing", like_optax, TWO),
    (
        like_optax,
        {"p": np.ones(3, "f4"), "q": np.ones(2, "f4")},
        r"mu of 'p' is float32 of shape \(3,\).*init the transformation with the parameters of opt",
        like_optax,
        TWO,
    ),
    (
        lambda: like_optax({"p": W, "q": W.T}, tied="add"),
        {"p": W, "q": W.T},
        "opt has tied arrays.*params that have every array once",
        lambda: like_optax({"p": W}),
        {"p": W},
    ),
    (lambda: fastopt.Adam(TWO, like="keras"), TWO, "nothing like eps_placement", like_optax, TWO),
]


@pytest.mark.parametrize(("make", "params", "said", "mended", "then"), LEAVING)
def test_what_optax_has_no_place_for(
    make: Make, params: Any, said: str, mended: Make, then: Any
) -> None:
    with pytest.raises(ValueError, match=said):
        convert.to_optax(make(), optax.adam(0.5).init(params))
    convert.to_optax(mended(), optax.adam(0.5).init(then))


def test_groups_of_which_optax_injects_one() -> None:
    opt = like_optax(groups={"q": {"eps": 0.5}})
    state = optax.inject_hyperparams(optax.adam)(0.5).init(TWO)
    with pytest.raises(ValueError, match=r"different values of eps.* opt\.eps = 1e-08 first"):
        convert.to_optax(opt, state)
    opt.eps = 1e-08
    assert float(convert.to_optax(opt, state).hyperparams["eps"]) == 1e-8
