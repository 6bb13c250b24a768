"""like="optax" against optax, in float64; the learning rate is a schedule there."""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import STEPS, cases, complete, few, side_by_side
from transcribed import REQUIRED, Options, rate
from transcribed.optax import DEFAULTS

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

# XLA orders and contracts the operations in its own way: a few units of 1e-16 a step, more where terms
# cancel. The largest measured is 2.2e-14.
TOLERANCE = 1e-12

RENAMED = {
    "learning_rate": "lr",
    "decay": "alpha",
    "initial_scale": "initial_accumulator_value",
    "b1": "betas",
    "b2": "betas",
    "b3": "beta3",
    "gamma": "rho",
}
# The dtype of a state, which parameters decay; which algorithm this is.
ELSEWHERE = {"accumulator_dtype", "mu_dtype", "mask", "weight_decay_mask"}
NOT_HERE = {  # ours is the default, or the caller's
    "adopt": {"use_clipping", "clip_value_fn"},
    "novograd": {"eps_root"},
    "sophia": {
        *("update_interval", "hessian_diagonal_fn", "verbose", "print_win_rate_every_n_steps"),
    },
}


def added(transform: Any, lr: Any, h: SimpleNamespace) -> Any:
    """Let parameters decay by lr * weight_decay, as adamw does, where optax has no such alias."""
    if h.weight_decay == 0.0:
        return transform
    decay = optax.add_decayed_weights(lambda count: -lr(count) * h.weight_decay)
    return optax.chain(transform, decay)


def sgd(lr: Any, h: SimpleNamespace) -> Any:
    return added(optax.sgd(lr, momentum=h.momentum or None, nesterov=h.nesterov), lr, h)


def adagrad(lr: Any, h: SimpleNamespace) -> Any:
    return added(optax.adagrad(lr, h.initial_accumulator_value, h.eps), lr, h)


def adadelta(lr: Any, h: SimpleNamespace) -> Any:
    return optax.adadelta(lr, h.rho, h.eps, h.weight_decay)


def rmsprop(lr: Any, h: SimpleNamespace) -> Any:
    given = {
        "initial_scale": h.initial_accumulator_value,
        "eps_in_sqrt": h.eps_placement == "inside",
        "momentum": h.momentum or None,
    }
    same = {key: getattr(h, key) for key in ("centered", "nesterov", "bias_correction")}
    return added(optax.rmsprop(lr, h.alpha, h.eps, **given, **same), lr, h)


def adam(lr: Any, h: SimpleNamespace) -> Any:
    if h.amsgrad:
        correct = {"bias_correction_mu": h.bias_correction, "bias_correction_nu": h.bias_correction}
        return added(optax.amsgrad(lr, *h.betas, h.eps, h.eps_root, **correct), lr, h)
    return added(optax.adam(lr, *h.betas, h.eps, h.eps_root), lr, h)


def adamw(lr: Any, h: SimpleNamespace) -> Any:
    if h.amsgrad:  # as adamw is put together
        parts = optax.scale_by_amsgrad(*h.betas, h.eps, h.eps_root), optax.scale_by_learning_rate(lr)
        return optax.chain(parts[0], optax.add_decayed_weights(h.weight_decay), parts[1])
    return optax.adamw(lr, *h.betas, h.eps, h.eps_root, weight_decay=h.weight_decay)


def adamax(lr: Any, h: SimpleNamespace) -> Any:
    return optax.adamaxw(lr, *h.betas, h.eps, weight_decay=h.weight_decay)


def nadam(lr: Any, h: SimpleNamespace) -> Any:
    return optax.nadamw(lr, *h.betas, h.eps, h.eps_root, weight_decay=h.weight_decay)


def sophia(lr: Any, h: SimpleNamespace) -> Any:
    """With the gradient for an estimate, at each step."""
    given = optax.GradientTransformationExtraArgs(lambda params: None, lambda g, s, params=None: (g, s))
    same = {"clip_threshold": h.clip_threshold, "weight_decay": h.weight_decay, "gamma": h.rho}
    return optax.contrib.sophia(
        lr, *h.betas, h.eps, **same, update_interval=1, hessian_diagonal_fn=given
    )


def made(name: str, lr: Any, h: SimpleNamespace) -> Any:
    """Make what needs nothing but its own names of options."""
    function = function_of(name)
    given = {key: value for key, value in vars(h).items() if key != "lr"}
    if "betas" in given:
        given["b1"], given["b2"] = given.pop("betas")
    if "beta3" in given:
        given["b3"] = given.pop("beta3")
    if "weight_decay" in inspect.signature(function).parameters or not hasattr(h, "weight_decay"):
        return function(lr, **given)
    del given["weight_decay"]
    return added(function(lr, **given), lr, h)


def function_of(name: str) -> Any:
    """Find Optax's function for one of our names."""
    theirs = {
        "signsgd": "sign_sgd",
        "optimisticsgd": "optimistic_gradient_descent",
        "optimisticadam": "optimistic_adam_v2",
        "simplifiedademamix": "simplified_ademamix",
    }.get(name, name)
    return getattr(optax, theirs, None) or getattr(optax.contrib, theirs)


MAKERS: dict[str, Callable[[Any, SimpleNamespace], Any]] = {
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "adamax": adamax,
    "nadam": nadam,
    "sophia": sophia,
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


class Optax:
    def __init__(self, name: str, options: Options, start: Mapping[str, Any]) -> None:
        h = complete("optax", name, options)
        rates = jax.numpy.asarray([h.lr * rate(k) for k in range(STEPS)])
        make: Callable[..., Any] = MAKERS.get(name) or partial(made, name)
        transform = make(lambda count: rates[count], h)
        self.now = dict(start)
        self.state = transform.init(self.now)
        self.update = jax.jit(transform.update)

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        updates, self.state = self.update(grads, self.state, self.now)
        self.now = optax.apply_updates(self.now, updates)

    def parameters(self) -> Mapping[str, Any]:
        return self.now


@cases("optax")
def test_the_rule(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=False)
    peer = Optax(name, options, few(some.parameters()))
    for where, ours, theirs in side_by_side("optax", name, options, peer, some.grads):
        assert difference(ours, theirs) <= TOLERANCE, where


def optax_defaults(function: Any) -> Options:
    found: Options = {}
    for key, parameter in inspect.signature(function).parameters.items():
        value = parameter.default
        ours = RENAMED.get(key, key)
        if key in ELSEWHERE:
            continue
        if ours == "lr":  # adadelta alone has None: no rate, see below
            assert value in (inspect.Parameter.empty, None)
            value = REQUIRED
        if ours == "betas":
            value = (*found.get(ours, ()), value)
        found[ours] = 0.0 if key == "momentum" and value is None else value
    return found


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults(name: str) -> None:
    theirs = optax_defaults(function_of(name))
    for key in NOT_HERE.get(name, ()):
        theirs.pop(key)
    if "eps_in_sqrt" in theirs:
        theirs["eps_placement"] = "inside" if theirs.pop("eps_in_sqrt") else "outside"
    if name in ("adam", "adamw", "nadam", "nadamw"):
        assert theirs.pop("nesterov") is name.startswith("nadam")
    if name in ("adam", "adamw"):  # amsgrad is a function of its own there
        ams = optax_defaults(optax.amsgrad)
        assert ams.pop("bias_correction_mu") is ams.pop("bias_correction_nu") is True
        theirs |= {**ams, "amsgrad": False, "bias_correction": True}
    ours = dict(DEFAULTS[name])
    if "weight_decay" not in theirs:
        assert ours.pop("weight_decay", 0.0) == 0.0
    assert theirs == ours


@pytest.mark.parametrize(("name", "decayed"), [("adamax", "adamaxw"), ("nadam", "nadamw")])
def test_decay_of_the_decayed_twin(name: str, decayed: str) -> None:
    """What is AdamW beside Adam there is beside Adamax and NAdam too: ours to ask for."""
    assert optax_defaults(getattr(optax, decayed))["weight_decay"] == 1e-4
    assert DEFAULTS[name]["weight_decay"] == 0.0


def test_adadelta_needs_a_rate_where_optax_ascends_without() -> None:
    theirs = {"p": np.full(3, 5.0)}
    transform = optax.adadelta()
    state = transform.init(theirs)
    for _ in range(50):
        updates, state = transform.update({"p": 2.0 * theirs["p"]}, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
    assert np.all(np.asarray(theirs["p"]) > 5.0)  # of p**2
    with pytest.raises(TypeError, match="lr"):
        fastopt.Adadelta([np.zeros(3)], like="optax")


def test_a_variance_below_zero_is_zero_where_optax_has_nan() -> None:
    """Of equal gradients the variance is rounding errors of either sign."""
    grads = {"p": 0.1 * np.arange(1.0, 200.0)}
    theirs = {"p": np.zeros(199)}
    transform = optax.rmsprop(0.01, 0.5, centered=True, eps_in_sqrt=False)
    state = transform.init(theirs)
    ours = {"p": np.zeros(199)}
    opt = fastopt.RMSprop(
        ours, like="optax", lr=0.01, alpha=0.5, centered=True, eps_placement="outside"
    )
    for _ in range(STEPS):
        opt.step(grads)
        updates, state = transform.update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
    assert np.isnan(np.asarray(theirs["p"])).any()
    assert np.isfinite(ours["p"]).all()
