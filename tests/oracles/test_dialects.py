"""Every pair of a dialect and an algorithm against the framework's rule, by hand, over 200 steps.

The transcriptions are those of `transcribed`. The learning rate changes during the run, so that it
matters whether a buffer holds it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.steps import step_and_estimate
from transcribed import FRAMEWORKS, Options, State, rate, transcriptions

import fastopt
from fastopt.optimizers import CLASSES

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

PAIRS = transcriptions()

STEPS = 200
EVERY = 20  # steps from one comparison to the next

# The rule as the framework writes it, and ours with its factors drawn together, differ by a few
# roundings a step, which add up over 200 steps; where an array ends much smaller than it began, they
# weigh more. The largest measured is 1.7e-14.
TOLERANCE = 1e-13
# At the first step the bias-corrected variance is 0, of which rounding leaves 1e-16 of a square of a
# gradient that can be 1e4: that much beside an eps of 1e-2. The largest measured is 1.4e-12.
OF_NO_VARIANCE = 1e-11


def listed() -> list[Any]:
    return [
        pytest.param(like, name, options, id=f"{like}-{name}-{words}")
        for (like, name), pair in PAIRS.items()
        for words, options in pair.options()
    ]


@pytest.mark.parametrize(("like", "name", "options"), listed())
def test_the_rule(
    like: str, name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    pair, some = PAIRS[like, name], problem(STEPS)
    ours, exact = some.parameters(), some.parameters()
    opt = fastopt.get(name, ours, like=like, **options)
    h = pair.complete(options)
    lr = h.lr
    first = options.get("centered") and options.get("bias_correction")
    bound = OF_NO_VARIANCE if first else TOLERANCE
    states: dict[str, State] = {key: {} for key in exact}
    taken = dict.fromkeys(exact, 0)
    for k, grads in enumerate(some.grads):
        opt.groups[0]["lr"] = h.lr = lr * rate(k)
        step_and_estimate(opt, grads)
        for key, g in grads.items():
            if g is not None:
                taken[key] += 1
                exact[key] = pair.rule(exact[key], g, states[key], taken[key], h)
        if (k + 1) % EVERY == 0 or k < 3:
            for key, p in exact.items():
                assert difference(ours[key], p) <= bound, f"{key} at step {k + 1}"


@pytest.mark.parametrize("name", sorted(name.lower() for name in CLASSES))
def test_every_pair_has_a_transcription(name: str) -> None:
    """But those of torch, which are what a class says without a dialect: other oracles see to it."""
    written = {like for like, algorithm in PAIRS if algorithm == name}
    missing = set(fastopt.dialects(name)) - written - {"torch", "default"}
    assert not missing, f"transcribe the rules of {missing}, in `transcribed`"


@pytest.mark.parametrize(("like", "name"), PAIRS)
def test_the_defaults(like: str, name: str) -> None:
    pair = PAIRS[like, name]
    needed = pair.needed()
    group = fastopt.get(name, [np.zeros(3)], like=like, **needed).groups[0]
    for key, value in {**pair.defaults, **needed}.items():
        assert group[key] == value, key


@pytest.mark.parametrize(("like", "name"), [pair for pair, each in PAIRS.items() if each.required])
def test_what_is_required(like: str, name: str) -> None:
    needed = PAIRS[like, name].needed()
    for key in needed:
        rest = {k: v for k, v in needed.items() if k != key}
        with pytest.raises(TypeError, match=rf"{like} has no default for {key}\b"):
            fastopt.get(name, [np.zeros(3)], like=like, **rest)


MISSING = [
    (like, name)
    for like in FRAMEWORKS[1:]
    for name in map(str.lower, CLASSES)
    if (like, name) not in PAIRS
]


@pytest.mark.parametrize(("like", "name"), MISSING)
def test_no_such_algorithm(like: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"like='{like}' has no") as caught:
        fastopt.get(name, [np.zeros(3)], like=like, lr=0.1)
    for other in (algorithm for framework, algorithm in PAIRS if framework == like):
        assert other in str(caught.value).lower()


def test_no_such_dialect() -> None:
    with pytest.raises(ValueError, match=r"there is no dialect 'keas'.*keras"):
        fastopt.Adam([np.zeros(3)], like="keas")


@pytest.mark.parametrize(("like", "name"), PAIRS)
def test_functional_takes_the_dialect(like: str, name: str) -> None:
    """The same bits as the class, at the first step."""
    needed = PAIRS[like, name].needed()
    p, q = np.linspace(-1.0, 1.0, 7), np.linspace(-1.0, 1.0, 7)
    g = np.cos(np.arange(7.0))
    opt = fastopt.get(name, {"p": p}, like=like, **needed)
    states = [value.copy() for value in opt.state["p"].values()]
    opt.step({"p": g})
    getattr(fastopt.functional, name)(q, g, *states, t=1, like=like, **needed)
    np.testing.assert_array_equal(p, q)
