"""like="tf1" against tf.compat.v1.train, in float64, where TensorFlow is installed.

TensorFlow 2 has no tf.contrib.opt, but has the kernels that its optimizers called: AdaMax and Nadam are
these, and AdamW is Adam after what contrib took off the parameter.
"""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import STEPS, cases, complete, side_by_side
from transcribed import REQUIRED, Options
from transcribed.tf1 import DEFAULTS

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

tf = pytest.importorskip("tensorflow", exc_type=ImportError)
train = tf.compat.v1.train

# The same operations in another order, and a root as the inverse of its inverse: a few units of 1e-16
# a step. The largest measured is 1.7e-14.
TOLERANCE = 1e-12

OURS = {
    "learning_rate": "lr",
    "use_nesterov": "nesterov",
    "epsilon": "eps",
    "decay": "alpha",
    "beta1": "betas",
    "beta2": "betas",
}
SWITCHES = {"self", "use_locking", "name", "use_own_namescope_for_non_slot_vars"}  # how, not what
CONTRIB = {"adamw", "adamax", "nadam"}  # whose defaults are Adam's


def tf_class(name: str, momentum: float) -> Any:
    if name == "sgd":
        return train.MomentumOptimizer if momentum else train.GradientDescentOptimizer
    called = {"adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSProp"}.get(name, "Adam")
    return getattr(train, f"{called}Optimizer")


class Tf1:
    def __init__(self, name: str, options: Options, start: Mapping[str, Any]) -> None:
        self.h = complete("tf1", name, options)
        self.variables = {key: tf.Variable(p) for key, p in start.items()}
        self.rate = tf.Variable(self.h.lr, dtype=tf.float64)
        self.kernel = {"adamax": self.adamax, "nadam": self.nadam}.get(name)
        if self.kernel:
            self.slots = {
                key: (tf.Variable(tf.zeros_like(p)), tf.Variable(tf.zeros_like(p)))
                for key, p in start.items()
            }
            self.t = 0
            return
        found = tf_class(name, getattr(self.h, "momentum", 0.0))
        given: Options = {}
        for key in inspect.signature(found.__init__).parameters:
            if key not in SWITCHES:
                given[key] = getattr(self.h, OURS.get(key, key))
        for i, key in enumerate(("beta1", "beta2")):
            if key in given:
                given[key] = given[key][i]
        for key, value in given.items():  # what is a Python number there becomes a float32
            if isinstance(value, float) and key != "initial_accumulator_value":
                given[key] = tf.constant(value, tf.float64)
        self.optimizer = found(**{**given, "learning_rate": lambda: self.rate})

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        self.rate.assign(lr)
        for p in self.variables.values():
            p.assign_sub(self.h.weight_decay * p)
        pairs = [(tf.constant(grads[key]), p) for key, p in self.variables.items()]
        if not self.kernel:
            self.optimizer.apply_gradients(pairs)
            return
        self.t += 1
        for (g, p), slots in zip(pairs, self.slots.values(), strict=True):
            m, v = (slot.handle for slot in slots)
            self.kernel(var=p.handle, m=m, v=v, grad=g, **self.scalars(lr))

    def scalars(self, lr: float) -> dict[str, Any]:
        beta1, beta2 = self.h.betas
        values = {"beta1_power": beta1**self.t, "beta2_power": beta2**self.t, "lr": lr}
        values |= {"beta1": beta1, "beta2": beta2, "epsilon": self.h.eps}
        return {key: tf.constant(value, tf.float64) for key, value in values.items()}

    def adamax(self, *, beta2_power: Any, **given: Any) -> None:
        tf.raw_ops.ResourceApplyAdaMax(**given)

    def nadam(self, **given: Any) -> None:
        tf.raw_ops.ResourceApplyAdam(**given, use_nesterov=True)

    def parameters(self) -> Mapping[str, Any]:
        return {key: p.numpy() for key, p in self.variables.items()}


@cases("tf1")
def test_the_rule(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=False)
    peer = Tf1(name, options, some.parameters())
    for where, ours, theirs in side_by_side("tf1", name, options, peer, some.grads):
        assert difference(ours, theirs) <= TOLERANCE, where


@pytest.mark.parametrize("name", sorted(set(DEFAULTS) - CONTRIB))
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_defaults(name: str, momentum: float) -> None:
    theirs: Options = {"weight_decay": 0.0}
    for key, parameter in inspect.signature(tf_class(name, momentum).__init__).parameters.items():
        value = REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
        ours = OURS.get(key, key)
        if key not in SWITCHES:
            theirs[ours] = (*theirs.get(ours, ()), value) if ours == "betas" else value
    defaults = dict(DEFAULTS[name])
    if name == "sgd" and momentum:  # two classes there, and the second needs a momentum
        assert theirs.pop("momentum") is REQUIRED
        assert defaults.pop("momentum") == 0.0
    elif name == "sgd":
        assert {"momentum", "nesterov"}.isdisjoint(theirs)
        theirs |= {"momentum": 0.0, "nesterov": False}
    assert theirs == defaults


def test_the_mean_square_begins_with_one() -> None:
    peer = Tf1("rmsprop", {"lr": 1.0, "alpha": 0.5, "eps": 0.0}, {"p": np.zeros(1)})
    peer.step({"p": np.full(1, 7.0)}, 1.0)
    np.testing.assert_allclose(peer.parameters()["p"], -7.0 / 5.0)  # sqrt((1 + 49) / 2)
