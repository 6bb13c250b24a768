"""What is done about gradients that are not finite, by every optimizer, wherever the entry stands."""

from typing import Any

import numpy as np
import pytest
from support.hashing import digest
from support.places import Array, good, options
from support.steps import take_step
from support.variants import ANY_SHAPE, BY_NORM

import fastopt

VALUES = [np.nan, np.inf, -np.inf]
PLACES = [("a", 0), ("a", 11), ("b", 5), ("c", 7)]  # an array, and an element of it
NAMES = ("a", "b", "c")


def model(seed: int) -> dict[str, Array]:
    dtypes = {"a": np.float32, "b": np.float64, "c": np.float32}
    return {name: good(seed + k, dtypes[name]) for k, name in enumerate(NAMES)}


def spoilt(seed: int, place: tuple[str, int], value: float) -> dict[str, Array]:
    grads = model(seed)
    grads[place[0]].reshape(-1)[place[1]] = value
    return grads


def pair(algorithm: str, backend: str, **more: Any) -> tuple[fastopt.Optimizer, fastopt.Optimizer]:
    """An optimizer that has taken a step, and its twin."""
    opt, twin = (
        fastopt.get(algorithm, model(0), backend=backend, **options(algorithm), **more) for _ in "12"
    )
    for each in (opt, twin):
        take_step(each, model(3))
    return opt, twin


def trained(opt: fastopt.Optimizer, *grads: Any) -> str:
    """Hash everything but the count of steps that were left out."""
    return digest(opt.params, opt.state, opt.step_count, *grads)


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_no_byte_changes(policy: str, algorithm: str, backend: str) -> None:
    opt, twin = pair(algorithm, backend, nonfinite=policy)
    left_out = 0
    for place in PLACES:
        for value in VALUES:
            grads = spoilt(6, place, value)
            before = trained(opt, grads)
            if policy == "raise":
                with pytest.raises(FloatingPointError, match=f"the gradient of '{place[0]}'"):
                    take_step(opt, grads)
            else:
                assert take_step(opt, grads) is False
                left_out += 1
            assert trained(opt, grads) == before
            assert opt.skipped == left_out
    for each in (opt, twin):
        assert take_step(each, model(9))
    assert trained(opt) == trained(twin)


@pytest.mark.parametrize("algorithm", sorted(set(ANY_SHAPE) - BY_NORM))
def test_propagate_takes_the_step(algorithm: str, backend: str) -> None:
    """What stands elsewhere is updated as if nothing were wrong, and the element itself is spoilt."""
    for place in PLACES:
        for value in VALUES:
            opt, twin = pair(algorithm, backend)
            assert opt.step(spoilt(6, place, value))
            twin.step(model(6))
            assert opt.step_count == 2
            name, k = place
            # -inf and inf have a sign to go by; what comes of NaN is NaN.
            finite = np.isfinite(opt.params[name].reshape(-1))
            states = [s.reshape(-1)[k] for s in opt.state[name].values()]
            sign_alone = algorithm in ("rprop", "signsgd") and np.isinf(value)
            spoilt_here = not np.isfinite([opt.params[name].reshape(-1)[k], *states]).all()
            assert spoilt_here or sign_alone
            assert np.delete(finite, k).all()
            for other in NAMES:
                found, wanted = (o.params[other].reshape(-1) for o in (opt, twin))
                if other == name:
                    found, wanted = np.delete(found, k), np.delete(wanted, k)
                assert found.tobytes() == wanted.tobytes()
