"""A signal's handler may raise between any two steps of the interpreter: a step is whole, or not taken.

Handlers run when a function is entered and when a call comes back. A profiler that raises there, at one
such place after the other, stands in for all the moments at which Ctrl-C can come.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
import fastopt.moves  # where a handler ends an import, Python leaves the file open, and warns
from fastopt import schedules

SHAPES = [(3, 4), (), (0,), (17_000,)]  # the last for the GIL to be released


class Interrupt(BaseException):
    """What the handler raises."""


def arrays(seed: int) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return [np.array(rng.standard_normal(shape), np.float32) for shape in SHAPES]


class Scene:
    """An optimizer, what it is given, and all that a step may change."""

    def __init__(self, make: Callable[[list[Any]], Any]) -> None:
        self.params = arrays(0)
        self.opt = make(self.params)
        self.seed = 1

    def gradients(self) -> list[Any]:
        self.seed += 1
        found: list[Any] = arrays(self.seed)
        return found

    def digest(self) -> str:
        everything = [self.params, self.opt.state_dict(), self.opt.step_count, self.opt.skipped]
        return sha256(b"".join(leaves(everything))).hexdigest()


def leaves(tree: Any) -> Iterator[bytes]:
    if isinstance(tree, dict):
        tree = list(tree.items())
    if isinstance(tree, (list, tuple)):
        for child in tree:
            yield from leaves(child)
    else:
        yield tree.tobytes() if isinstance(tree, np.ndarray) else repr(tree).encode()


def plain(params: list[Any]) -> fastopt.Optimizer:
    return fastopt.Adam(params)


def scheduled(params: list[Any]) -> fastopt.Optimizer:
    return fastopt.Adam(params, lr=schedules.cosine(0.1, 100), groups={"3": {"weight_decay": 0.1}})


def casting(params: list[Any]) -> fastopt.Optimizer:
    return fastopt.Adam(params, cast_grads=True)


def carried(params: list[Any]) -> fastopt.Optimizer:
    return fastopt.NAdam(params)


def everything(params: list[Any]) -> fastopt.Optimizer:
    return fastopt.AdamW(
        params,
        clipnorm=0.5,
        loss_scale="dynamic",
        nonfinite="skip",
        ema=0.9,
        ema_bias_correction=True,
        lookahead_steps=2,
        stats=True,
        gradient_accumulation_steps=2,
    )


def step(scene: Scene) -> Callable[[], Any]:
    grads = scene.gradients()
    return lambda: scene.opt.step(grads)


def sitting_out(scene: Scene) -> Callable[[], Any]:
    grads = scene.gradients()
    grads[1] = None if scene.seed % 2 else grads[1]
    return lambda: scene.opt.step(grads)


def in_bfloat16(scene: Scene) -> Callable[[], Any]:
    kind = ml_dtypes.bfloat16 if scene.seed > 2 else np.float32  # found out anew after the warm-up
    grads = [g.astype(kind) for g in scene.gradients()]
    return lambda: scene.opt.step(grads)


def overflowing(scene: Scene) -> Callable[[], Any]:
    grads = scene.gradients()
    grads[0][1, 1] = np.inf
    return lambda: scene.opt.step(grads)


def many(params: list[Any]) -> fastopt.Optimizer:
    return fastopt.Adam(params, ema=0.9, nonfinite="skip", gradient_accumulation_steps=9)


def flush(scene: Scene) -> Callable[[], Any]:
    grads = scene.gradients()
    if scene.seed == 4:  # after the warm-up, which has added two up
        return lambda: scene.opt.flush()
    return lambda: scene.opt.accumulate(grads, weight=scene.seed)


def accumulate(scene: Scene) -> Callable[[], Any]:
    grads = scene.gradients()
    return lambda: scene.opt.accumulate(grads)


CASES = {
    "plain": (plain, step),
    "scheduled": (scheduled, step),
    "carried": (carried, step),
    "None": (plain, sitting_out),
    "cast": (casting, in_bfloat16),
    "everything": (everything, step),
    "skipped": (everything, overflowing),
    "accumulated": (everything, accumulate),
    "flushed": (many, flush),
}


def interrupted(call: Callable[[], Any], place: int) -> bool:
    """Call, and raise at the so-many-th place; say whether it came to that."""
    seen = 0

    def profile(frame: Any, event: str, what: Any) -> None:
        nonlocal seen
        if event in ("call", "c_return"):
            seen += 1
            if seen == place:
                sys.setprofile(None)
                raise Interrupt

    sys.setprofile(profile)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.setprofile(None)
    assert seen < place, f"what the handler raised at the place {place} is lost"
    return False


@pytest.mark.parametrize("case", CASES)
def test_wherever_a_handler_raises_the_step_is_whole(case: str) -> None:
    make, prepare = CASES[case]
    if fastopt.build_info()["backend"] != "native":
        pytest.skip("the sweep of the other backends is Python, and can be interrupted")
    before_sweep = behind_it = 0
    for place in count(1):
        scene, twin = Scene(make), Scene(make)
        for warm_up in (scene, twin):
            for _ in range(2):
                prepare(warm_up)()
        before = scene.digest()
        call = prepare(scene)
        if not interrupted(call, place):
            break
        after = scene.digest()
        if after == before:
            before_sweep += 1
            call()  # the optimizer is not stuck, and takes the step now
        else:
            behind_it += 1
        prepare(twin)()
        assert scene.digest() == twin.digest(), place
        scene.seed = twin.seed
        for each in (scene, twin):
            prepare(each)()
        assert scene.digest() == twin.digest(), place
    assert before_sweep > 2  # places in Python before the one call
    assert behind_it > 0


@pytest.fixture
def quick_collections() -> Iterator[None]:
    """Let the collector look at what the test makes alone, and not at all that others have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collections")
def test_averages_leave_the_parameters_wherever_a_handler_raises() -> None:
    for place in count(1):
        scene = Scene(everything)
        for _ in range(4):
            accumulate(scene)()
        before = scene.digest()

        def look(opt: Any = scene.opt) -> None:
            with opt.averaged():
                pass

        if not interrupted(look, place):
            break
        gc.collect()  # a with block that was not left is left now
        assert scene.digest() == before, place
        accumulate(scene)()
    assert place > 10
