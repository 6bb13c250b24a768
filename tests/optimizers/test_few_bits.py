"""States that are said to be storable in few bits: they are there, and never negative if unsigned."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.by_hand import same
from support.steps import take_step
from support.variants import ANY_SHAPE, Options, own_options, switched

import fastopt
from fastopt.optimizers import CLASSES

FEW = {name: cls for name, cls in ANY_SHAPE.items() if cls.facts.few_bits}
EACH = pytest.mark.parametrize("name", FEW)
SIZE = 300  # three blocks that share a scale, the last one with less


def gradients(steps: int) -> list[NDArray[np.float32]]:
    """Draw gradients over six decades, and zeros, of both signs and of one."""
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-4, 2, (steps, SIZE)) * rng.integers(0, 2, (steps, SIZE))
    signs = np.where(np.arange(SIZE) < 200, rng.choice([-1.0, 1.0], (steps, SIZE)), 1.0)
    return [*(sizes * signs).astype(np.float32)]


def most(cls: type[fastopt.Optimizer]) -> Options:
    """Choose options with which it has all states that are declared."""
    for options in own_options(cls):
        if not options.get("centered"):
            opt = cls([np.ones(1)], backend="numpy", **options)
            if cls.facts.few_bits.keys() <= opt.state["0"].keys():
                return options
    raise AssertionError(f"no options of {cls.__name__} have them all")


def test_what_is_declared_is_a_state() -> None:
    for cls in CLASSES.values():
        facts = cls.facts
        assert facts.few_bits.keys() <= facts.states.keys()
        assert {*facts.few_bits.values()} <= {"signed", "unsigned"}
        assert not (facts.few_bits and facts.kind == "matrix")  # which are written by whole steps


@EACH
def test_unsigned_states_are_never_negative(name: str) -> None:
    cls = FEW[name]
    unsigned = {state for state, sign in cls.facts.few_bits.items() if sign == "unsigned"}
    found: set[str] = set()
    for options in (*own_options(cls), *switched(cls)) if unsigned else ():
        opt = cls([np.ones(SIZE, np.float32)], backend="numpy", **options)
        for g in gradients(12):
            take_step(opt, [g])
            states = {state: opt.state["0"][state] for state in unsigned & opt.state["0"].keys()}
            assert not any((array < 0.0).any() for array in states.values()), options
            found |= states.keys()
    assert found == unsigned


@EACH
@pytest.mark.parametrize("dtype", ["8bit", "bfloat16"])
def test_the_same_bits_on_two_backends(name: str, dtype: str) -> None:
    cls = FEW[name]
    asked = dict.fromkeys(cls.facts.few_bits, dtype)
    options = most(cls)
    found: list[dict[str, Any]] = []
    for backend in ("numpy", "native"):
        p = [np.linspace(-1.0, 1.0, SIZE, dtype=np.float32)]
        opt = cls(p, backend=backend, state_dtype=asked, min_8bit_size=0, **options)
        for g in gradients(3):
            take_step(opt, [g])
        state = opt.state_dict()["parameters"]["0"]["arrays"]
        kept = np.dtype(np.uint8 if dtype == "8bit" else np.uint16)
        assert {state[key].dtype for key in asked} == {kept}
        found.append({"p": p[0], **state})
    assert found[0].keys() == found[1].keys()
    for key, array in found[0].items():
        assert same(array, found[1][key]), key


def test_the_variance_of_rmsprop_is_of_exact_means() -> None:
    w = np.ones(5, np.float32)
    for asked in ("8bit", {"v": "bfloat16"}):
        with pytest.raises(ValueError, match="v has to be exact"):
            fastopt.RMSprop([w], centered=True, state_dtype=asked)
    fastopt.RMSprop([w], centered=True, momentum=0.5, state_dtype={"b": "8bit", "v": "float32"})
