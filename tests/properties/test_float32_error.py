"""How far one float32 step is from its formula in float64, in units in the last place.

Both start from the same float32 arrays and states, so that nothing but the roundings of one step is
seen; tests/oracles/test_float64_transcription.py has what 200 steps add up to.
"""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracles.test_float64_transcription import (
    CASES,
    COUPLED,
    DECOUPLED,
    FORMULAS,
    decays_decoupled,
)
from support.by_hand import Array
from support.scenes import seeds, tame
from support.variants import BY_NORM

import fastopt

SIZE, STEPS = 67, 5
TURNED = [(), ("g",), ("g_prev",), ("g_prev", "v")]  # of Adan, whose step is the sum of two moments

# The largest error of an element of the parameter or of a state. Beside it what was measured over
# 32,400 draws, 600 of each case; the bits of a float32 step are the same on every machine, and so is
# what is measured. A rule is 5 to 20 operations, each wrong by up to half a unit of its own result, and
# its constants, such as 1 - beta2, by as much. Bounds are half as much again, for draws that were not
# among these.
BOUNDS = {
    "sgd": 6.5,  # measured 4.25
    "adagrad": 5.5,  # 3.49
    "adadelta": 11.5,  # 7.50
    "rmsprop": 7.0,  # 4.58
    "adam": 13.5,  # 8.91
    "adamw": 13.5,  # 8.91
    "adamax": 10.5,  # 6.71
    "nadam": 10.0,  # 6.51
    "adamaxw": 11.0,  # 7.27
    "nadamw": 10.0,  # 6.4
    "radam": 7.0,  # 4.64
    "adabelief": 12.5,  # 8.16
    "yogi": 14.0,  # 9.22
    "adan": 9.5,  # 6.01
    "adopt": 7.5,  # 4.77
    "laprop": 7.5,  # 4.9
    "adabound": 10.5,  # 6.84
    "adamod": 9.5,  # 6.02
    "padam": 9.5,  # 6.03
    "lion": 4.5,  # 2.77
    "signsgd": 2.0,  # 1.3
    "signum": 4.0,  # 2.4
    "tiger": 4.5,  # 2.95
    "sgdschedulefree": 3.5,  # 2.23
    "adamwschedulefree": 7.0,  # 4.64
    # Of these, and of 60 draws of each case, twice as much.
    "radamschedulefree": 4.5,  # 2.12
    "ademamix": 15.0,  # 7.38
    "simplifiedademamix": 9.0,  # 4.31
    "qhm": 9.0,  # 4.26
    "qhadam": 11.0,  # 5.30
    "rprop": 2.5,  # 1.25
    "asgd": 3.5,  # 1.71
    "aggmo": 6.5,  # 3.16
    "optimisticsgd": 5.5,  # 2.65
    "optimisticadam": 38.0,  # 18.96
    "acprop": 6.5,  # 3.09
    "smorms3": 16.5,  # 8.14
    "madgrad": 14.5,  # 7.02
    "diffgrad": 9.0,  # 4.37
    "adamatan2": 11.5,  # 5.72
}


def units(found: Array, exact: Array, *beside: Any) -> float:
    """Measure the largest error, in units of the largest of what an element is made of.

    What nearly cancels leaves the error of what it was: so one is its value before the step, and others
    those of steps that would be taken with the gradient turned round, or what is kept of it, in which
    something else cancels.
    """
    largest = np.max([np.abs(np.asarray(x, np.float64)) for x in (exact, *beside)], axis=0)
    return float(np.max(np.abs(found - exact) / np.spacing(largest.astype(np.float32))))


def errors(name: str, options: dict[str, Any], seed: int) -> list[float]:
    """Take steps, each compared with the formula; give the largest error of each array."""
    rng = np.random.default_rng(seed)
    p = tame(rng, SIZE, np.float32)
    opt = fastopt.get(name, {"w": p}, **options)
    coupled = not options.get("decoupled_weight_decay", decays_decoupled(name))
    found = []
    for t in range(1, STEPS + 1):
        g = tame(rng, SIZE, np.float32)
        if coupled and options.get("weight_decay"):
            # Not against the decay: what little is left of two that cancel is all error.
            g = np.copysign(g, -p if options.get("maximize") else p)
        before = {"p": p, **opt.state["w"], **({"z": p} if t == 1 else {})}
        before = {key: a.astype(np.float64) for key, a in before.items()}
        ways = []
        for turned in TURNED if name == "adan" else TURNED[:3] if "g_prev" in before else TURNED[:2]:
            turn = {key: -1.0 if key in turned else 1.0 for key in (*before, "g")}
            states = {key: turn[key] * a for key, a in before.items() if key != "p"} if t > 1 else {}
            new = FORMULAS[name](before["p"], turn["g"] * g.astype(np.float64), states, t, options)
            ways.append({"p": new, **states})
        opt.step({"w": g})
        exact, other = ways[:2]
        for key, a in {"p": p, **opt.state["w"]}.items():
            # The states of Schedule-Free are mixed with the parameter.
            beside = [before["p"], other["p"]] if key == "z" else []
            beside += [before["z"], other["z"]] if key == "p" and "z" in other else []
            found.append(units(a, exact[key], before[key], *(way[key] for way in ways[1:]), *beside))
    return found


# Without those whose parameter is a quotient of sums, in which digits cancel.
ELEMENTWISE = [name for name in FORMULAS if name not in BY_NORM | {"cocob", "ftrl"}]
LISTED = [(n, case) for n in ELEMENTWISE for case in [{}, COUPLED, DECOUPLED, *CASES[n]]]


@given(st.sampled_from(LISTED), seeds)
def test_float32_step(case: tuple[str, dict[str, Any]], seed: int) -> None:
    name, options = case
    assert max(errors(name, options, seed)) <= BOUNDS[name]
