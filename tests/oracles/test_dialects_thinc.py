"""like="thinc" against Thinc, in float32: its kernels have no other dtype."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import STEPS, cases, complete, side_by_side
from transcribed import REQUIRED, Options, rate
from transcribed.thinc import DEFAULTS

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

optimizers = pytest.importorskip("thinc.optimizers")

# Both round every operation to float32 (6e-8), in another order, and Thinc's factor of the bias
# corrections is a float32 as well; roundings add up over 200 steps. The largest measured is 5.1e-6.
TOLERANCE = 1e-5

OURS = {"learn_rate": "lr", "eps": "eps", "L2": "weight_decay", "grad_clip": "clipnorm"}
# L2_is_weight_decay is on. The averages are kept beside the parameters, and change nothing of them.
ELSEWHERE = {"L2_is_weight_decay": True, "use_averages": True}


def maker(name: str) -> Any:
    return {"sgd": optimizers.SGD, "adam": optimizers.Adam}[name]


class Thinc:
    def __init__(self, name: str, options: Options, start: Mapping[str, Any], **more: Any) -> None:
        h = complete("thinc", name, options)
        rates = [h.lr * rate(k) for k in range(STEPS)]
        given = {"L2": h.weight_decay, "grad_clip": h.clipnorm or 0.0, **more}
        if name == "adam":
            given |= {"beta1": h.betas[0], "beta2": h.betas[1], "eps": h.eps}
        self.optimizer = maker(name)(rates, use_averages=False, **given)
        self.now = {key: np.array(p, np.float32) for key, p in start.items()}

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        for key, p in self.now.items():
            assert self.optimizer.learn_rate(self.optimizer.step, key=(0, key)) == lr
            self.now[key], _ = self.optimizer((0, key), p, grads[key].copy())  # it zeroes them
        self.optimizer.step_schedules()

    def parameters(self) -> Mapping[str, Any]:
        return self.now


@cases("thinc")
def test_the_rule(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=False, rounded=True)
    start = {key: p for key, p in some.parameters().items() if p.ndim}  # it asks for len(gradient)
    peer = Thinc(name, options, start)
    for where, ours, theirs in side_by_side("thinc", name, options, peer, some.grads, np.float32):
        assert ours.dtype == theirs.dtype == np.float32
        assert difference(ours, theirs) <= TOLERANCE, where


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults(name: str) -> None:
    theirs: dict[str, Any] = {}
    for key, parameter in inspect.signature(maker(name)).parameters.items():
        value = parameter.default
        if key in ELSEWHERE:
            assert value == ELSEWHERE[key]
        elif key in ("beta1", "beta2"):
            theirs["betas"] = (*theirs.get("betas", ()), value)
        else:
            theirs[OURS[key]] = REQUIRED if value is inspect.Parameter.empty else value
    assert theirs == DEFAULTS[name]


def test_beta2_of_zero_is_adam_where_thinc_takes_plain_steps() -> None:
    g = np.full(3, 5.0, np.float32)
    options: Options = {"lr": 0.01, "betas": (0.9, 0.0), "clipnorm": None}
    peer = Thinc("adam", options, {"p": np.ones(3)})
    peer.step({"p": g}, 0.01)
    np.testing.assert_allclose(peer.parameters()["p"], 1.0 - 0.01 * g, rtol=1e-6)
    p = np.ones(3, np.float32)
    fastopt.get("adam", [p], like="thinc", **options).step([g])
    np.testing.assert_allclose(p, 1.0 - 0.01, rtol=1e-6)  # as of any first step of Adam


def test_coupled_decay_comes_after_the_clip_where_thinc_adds_it_before() -> None:
    p = np.full(4, 2.0, np.float32)
    g = np.full(4, 0.25, np.float32)  # of norm 0.5: not clipped
    peer = Thinc("sgd", {"lr": 0.5, "weight_decay": 1.0}, {"p": p}, L2_is_weight_decay=False)
    peer.step({"p": g}, 0.5)
    # Its gradient and the decay are of norm 4.5, clipped to 1: a half of that in each entry.
    np.testing.assert_allclose(peer.parameters()["p"], 2.0 - 0.5 * 0.5, rtol=1e-6)
    opt = fastopt.SGD([p], like="thinc", lr=0.5, weight_decay=1.0, decoupled_weight_decay=False)
    opt.step([g])
    np.testing.assert_allclose(p, 2.0 - 0.5 * 2.25, rtol=1e-6)
