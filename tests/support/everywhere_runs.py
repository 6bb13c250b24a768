"""Short runs through all that fastopt does: the same bits with the extension and without it.

As a script it prints the hash of each, by backend.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from fastopt import schedules
from fastopt.followers.averages import SWAPPED
from support.own_momentum import Own

Run = Callable[[str], Iterator[Any]]
RUNS: list[Run] = []


def model(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "w": rng.standard_normal((30, 40)).astype(np.float32),
        "f": np.asfortranarray(rng.standard_normal((300, SWAPPED // 200))),
        "b": np.asarray(rng.standard_normal(())),
        "none": np.zeros((0, 3)),
    }


def run(function: Run) -> Run:
    RUNS.append(function)
    return function


@run
def averages(backend: str) -> Iterator[Any]:
    options: list[dict[str, Any]] = [
        {"ema": 0.9},
        {"ema": 0.9, "ema_bias_correction": True},
        {"swa_start": 1, "swa_every": 2},
    ]
    for each in options:
        params = model(0)
        opt = fastopt.SGD(params, lr=0.1, backend=backend, **each)
        for seed in range(1, 5):
            opt.step(model(seed))
            with opt.averaged():
                yield params
            yield params
            try:
                with opt.averaged():
                    raise ZeroDivisionError
            except ZeroDivisionError:
                yield params


@run
def powers(backend: str) -> Iterator[Any]:
    for name in ("adam", "nadam", "adamax", "adamwschedulefree", "sgdschedulefree"):
        params = model(0)
        options = {"warmup_steps": 3, "r": 0.5} if "free" in name else {}
        opt = fastopt.get(name, params, backend=backend, **options)
        state = opt.state_dict()
        for each in state["parameters"].values():
            each["steps"] = 1_000_003
        state["steps"] = 1_000_003
        opt.load_state_dict(state)
        for seed in range(1, 4):
            opt.step(model(seed))
        yield [params, opt.state]


@run
def left_out(backend: str) -> Iterator[Any]:
    params = model(0)
    opt = fastopt.AdamW(params, nonfinite="skip", loss_scale="dynamic", backend=backend)
    wrong = model(1)
    wrong["w"][3, 4] = np.inf
    for grads in (model(2), wrong, model(3)):
        opt.step(grads)
        yield [params, opt.state, float(opt.loss_scale), opt.skipped, opt.step_count]


@run
def other_places(backend: str) -> Iterator[Any]:
    params = model(0)
    opt: Any = fastopt.SGD(params, lr=0.1, momentum=0.9, backend=backend)
    for seed in range(1, 4):
        with opt.at_nesterov_point():
            yield params
        with opt.perturbed(model(seed), rho=0.5):
            yield params
        opt.step(model(seed))
    free: Any = fastopt.AdamWScheduleFree(params, backend=backend)
    free.step(model(4))
    with free.averaged():
        yield params
    yield params


@run
def the_whole_step(backend: str) -> Iterator[Any]:
    params = model(0)
    opt: Any = fastopt.Adam(
        params,
        lr=schedules.linear(0.1, 10, 0.0),
        global_clipnorm=1.0,
        stats=True,
        lookahead_steps=2,
        gradient_accumulation_steps=2,
        zero_grads=True,
        backend=backend,
    )
    for seed in range(1, 7):
        opt.accumulate(model(seed))
    yield [params, opt.state, opt.grad_norm, list(opt.report()[0])]
    with tempfile.TemporaryDirectory() as folder:
        opt.save(Path(folder) / "state.npz", params=True)
        again = fastopt.load(Path(folder) / "state.npz", model(9), backend=backend)
    again.accumulate(model(7))
    yield [again.params, again.state]


@run
def own_rule(backend: str) -> Iterator[Any]:
    params = model(0)
    made: Any = Own
    opt = made(params, lr=0.1, weight_decay=0.1, backend="numba" if backend == "native" else backend)
    for seed in range(1, 4):
        opt.step(model(seed))
    yield [params, opt.state]


@run
def smoothing(backend: str) -> Iterator[Any]:
    signal = np.random.default_rng(0).standard_normal((50, 3, 4))
    for corrected in (False, True):
        yield fastopt.ema(signal, 0.9, corrected, axis=1, backend=backend)


def hashed(tree: Any) -> bytes:
    """Bytes of arrays, and numbers as they are."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list):
        return b"".join(map(hashed, tree))
    return tree.tobytes() if isinstance(tree, np.ndarray) else repr(tree).encode()


def outcomes(backend: str) -> dict[str, str]:
    """Hash each run, whenever it gives something."""
    return {
        each.__name__: sha256(b"".join(map(hashed, each(backend)))).hexdigest()[:16] for each in RUNS
    }


if __name__ == "__main__":
    print(json.dumps({backend: outcomes(backend) for backend in sys.argv[1:]}))
