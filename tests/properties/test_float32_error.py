"""How far one float32 step is from its formula in float64, in units in the last place.

Both start from the same float32 arrays and states, so that nothing but the roundings of one step is
seen; tests/oracles/test_float64_transcription.py has what 200 steps add up to.
"""

import ast
import inspect
from collections.abc import Callable, Iterable
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
from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.stages import before_coupled
from fastopt.registry import optimizer_class

SIZE, STEPS = 67, 5

# Without those that are measured, and those in which digits cancel: a parameter that is a quotient of
# sums, an exponential of the difference of two gradients.
ELEMENTWISE = [name for name in FORMULAS if name not in BY_NORM | {"cocob", "ftrl", "diffgrad"}]
LISTED = [(n, case) for n in ELEMENTWISE for case in [{}, COUPLED, DECOUPLED, *CASES[n]]]


def bound(name: str, options: dict[str, Any]) -> int:
    """Allow a unit for each operation of the rule, and of the stage that adds a weight decay.

    An operation is wrong by up to half a unit of its own result, and so is each constant, such as
    1 - beta2, of which there are no more than operations. Measured over 60 draws of each case: at most
    two fifths of that.
    """
    cls = optimizer_class(name)
    defaults = {key: option.default for key, option in cls.hyperparameters.items()}
    rule = cls.select_rule(Values(**{**defaults, **options}))
    return operations(rule) + operations(before_coupled)


def operations(rule: Callable[..., Any]) -> int:
    """Count the operators and calls of a rule."""
    tree = ast.parse(inspect.getsource(rule))
    return sum(isinstance(node, ast.BinOp | ast.Call) for node in ast.walk(tree))


def units(found: Array, exact: Array, *beside: Any) -> float:
    """Measure the largest error, in units of the largest of what an element is made of.

    What nearly cancels leaves the error of what it was: so one is its value before the step, and others
    those of steps that would be taken with the gradient turned round, or what is kept of it, in which
    something else cancels.
    """
    largest = np.max([np.abs(np.asarray(x, np.float64)) for x in (exact, *beside)], axis=0)
    return float(np.max(np.abs(found - exact) / np.spacing(largest.astype(np.float32))))


def turns(name: str, states: Iterable[str]) -> list[list[str]]:
    """List what is turned round in the steps beside: nothing, the gradient, what is kept of it."""
    kept = [key for key in states if key.endswith("_prev")]
    # The step of Adan is the sum of two moments, and its v is that of differences.
    return [[], ["g"], *([kept] if kept else []), *([[*kept, "v"]] if name == "adan" else [])]


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
        for turned in turns(name, before):
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


@given(st.sampled_from(LISTED), seeds)
def test_float32_step(case: tuple[str, dict[str, Any]], seed: int) -> None:
    name, options = case
    assert max(errors(name, options, seed)) <= bound(name, options)
