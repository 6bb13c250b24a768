"""like="keras" against Keras 3 on its JAX backend, in float64.

Its NumPy backend rounds products of float64 arrays to float32.
"""

import inspect
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import STEPS, cases, complete, few, side_by_side
from transcribed import Options
from transcribed.keras import DEFAULTS

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

os.environ["KERAS_BACKEND"] = "jax"
jax = pytest.importorskip("jax")
keras = pytest.importorskip("keras")

# XLA orders and contracts the operations in its own way: a few units of 1e-16 a step, more where terms
# cancel. The largest measured is 1.3e-14.
TOLERANCE = 1e-12

OURS = {
    "learning_rate": "lr",
    "momentum": "momentum",
    "nesterov": "nesterov",
    "initial_accumulator_value": "initial_accumulator_value",
    "epsilon": "eps",
    "rho": "alpha",
    "centered": "centered",
    "beta_1": "betas",
    "beta_2": "betas",
    "amsgrad": "amsgrad",
    "weight_decay": "weight_decay",
    "clipnorm": "clipnorm",
    **{key: key for key in vars(fastopt.FTRL) if key.endswith("strength")},
    "beta": "beta",
}
# What is around the rule there, and elsewhere here.
AROUND = {
    "learning_rate_power",  # of Ftrl, for which ours has the root
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
    "kwargs",
}


@pytest.fixture(scope="module", autouse=True)
def forks_stay_quiet() -> None:
    """Start JAX without the handler that warns at every later fork of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "register_at_fork", lambda **_: None)
        jax.devices("cpu")


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield
    keras.config.set_floatx(before)


def keras_class(name: str) -> Any:
    (found,) = {cls for key, cls in vars(keras.optimizers).items() if key.lower() == name}
    return found


def keras_options(name: str) -> dict[str, tuple[str, Any]]:
    """Our name and the default of each option of the rule, by Keras's name."""
    signature = inspect.signature(keras_class(name)).parameters
    found = {}
    for key, parameter in signature.items():
        if key not in AROUND:
            ours = "rho" if (name, key) == ("adadelta", "rho") else OURS[key]
            found[key] = (ours, parameter.default)
    return found


class Keras:
    def __init__(self, name: str, options: Options, start: Mapping[str, Any], dtype: str) -> None:
        h = vars(complete("keras", name, options))
        given = {key: h[ours] for key, (ours, _) in keras_options(name).items()}
        for i, key in enumerate(("beta_1", "beta_2")):
            if key in given:
                given[key] = given[key][i]
        variables = [keras.Variable(p, dtype=dtype) for p in start.values()]
        optimizer = keras_class(name)(**given)
        optimizer.build(variables)
        self.rate = [each.name for each in optimizer.variables].index("learning_rate")
        self.state = [each.value for each in optimizer.variables]
        self.now = {key: each.value for key, each in zip(start, variables, strict=True)}
        self.apply = jax.jit(optimizer.stateless_apply)

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        self.state[self.rate] = jax.numpy.asarray(lr, self.state[self.rate].dtype)
        given = [grads[key] for key in self.now]
        new, self.state = self.apply(self.state, given, [*self.now.values()])
        self.now = dict(zip(self.now, new, strict=True))

    def parameters(self) -> Mapping[str, Any]:
        return {key: np.asarray(p) for key, p in self.now.items()}


@cases("keras")
def test_the_rule(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=False)
    peer = Keras(name, options, few(some.parameters()), "float64")
    for where, ours, theirs in side_by_side("keras", name, options, peer, some.grads):
        assert difference(ours, theirs) <= TOLERANCE, where


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults(name: str) -> None:
    theirs: dict[str, Any] = {}
    for key, (ours, default) in keras_options(name).items():
        if ours == "betas":
            theirs[ours] = (*theirs.get(ours, ()), default)
        else:
            theirs[ours] = 0.0 if key == "weight_decay" and default is None else default
    assert theirs == DEFAULTS[name]


def test_scalars_of_the_step_are_doubles_where_keras_has_the_dtype_of_the_variable() -> None:
    """As a float32 this beta2 is 1, and Keras then corrects by sqrt(1 - 1): nothing moves."""
    betas = (0.9, 1.0 - 1e-8)
    start = {"p": np.ones(3, np.float32)}
    peer = Keras("adam", {"betas": betas}, start, "float32")
    opt = fastopt.Adam(start, like="keras", betas=betas)
    for _ in range(10):
        peer.step({"p": np.ones(3, np.float32)}, 0.01)
        opt.lr = 0.01
        opt.step({"p": np.ones(3, np.float32)})
    np.testing.assert_array_equal(peer.parameters()["p"], 1.0)
    # eps 1e-7 is added to the root of v, which is that of t * 1e-8: by so much less than 0.1.
    np.testing.assert_allclose(start["p"], 0.9, rtol=1e-4)


def test_nesterov_without_momentum_is_plain() -> None:
    peer = Keras("sgd", {"nesterov": True}, {"p": np.ones(3)}, "float64")
    peer.step({"p": np.ones(3)}, 0.5)
    p = np.ones(3)
    fastopt.SGD([p], like="keras", lr=0.5, nesterov=True).step([np.ones(3)])
    np.testing.assert_array_equal(peer.parameters()["p"], 0.5)
    np.testing.assert_array_equal(p, 0.5)
