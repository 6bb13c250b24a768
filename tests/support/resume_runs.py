"""Runs that are saved at their steps, and resumed from there in a process that knows nothing of them.

``python -m support.resume_runs WHICH DIRECTORY BACKEND [STEP]`` resumes what `write` has written there,
each from every step or from one, and prints from which steps each has come out with other bits.
"""

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastopt
from fastopt import schedules
from fastopt.algorithm.base import SETTINGS
from fastopt.registry import optimizer_class
from support.steps import first_estimate, take_step
from support.variants import ANY_SHAPE, WITH_ALL, label, variants

PARTS = 4
STEPS = int(os.environ.get("FASTOPT_TEST_RESUME_STEPS", "8"))  # 200: at 199 of 199 points
SUFFIXES = (".npz", ".safetensors")  # in turns

Arrays = dict[str, NDArray[Any]]
Act = Callable[[Any, Arrays, int], object]


def model(seed: int) -> Arrays:
    """Parameters of both dtypes and orders, of no dimension, of no element, and one that sits out."""
    rng = np.random.default_rng(seed)
    found: Arrays = {
        "l.w": rng.standard_normal((3, 5)).astype(np.float32),
        "l.bias": rng.standard_normal(5).astype(np.float32),
        "f": np.asfortranarray(rng.standard_normal((4, 3))),
        "b": np.array(rng.standard_normal()),
        "none": np.zeros((0, 3), np.float32),
        "late": rng.standard_normal(7),
    }
    return found


def gradients(k: int) -> dict[str, Any]:
    """Gradients of a step, which are the same in every process; two of them are often not there."""
    found: dict[str, Any] = dict(model(1000 + k))
    for out in [("late",), ("late", "f"), ()][k % 3]:
        found[out] = None
    return found


def overflowing(k: int) -> dict[str, Any]:
    """Gradients that are infinite at some steps."""
    found = gradients(k)
    if k % 5 == 3:
        found["l.w"][1, 2] = np.inf
    return found


def step(opt: Any, params: Arrays, k: int) -> None:
    take_step(opt, gradients(k))


class Run:
    """An optimizer, and what is done with it; both are made anew in every process."""

    def __init__(self, algorithm: str, act: Act = step, unsaved: Any = dict, **options: Any) -> None:
        self.algorithm, self.act = algorithm, act
        self.points = range(1, STEPS)  # the steps before which it is saved
        self._options, self._unsaved = options, unsaved

    def options(self) -> dict[str, Any]:
        return {**self._options, **self.unsaved()}

    def unsaved(self) -> dict[str, Any]:
        """Options that have to be given again."""
        return {k: v() if isinstance(v, type) else v for k, v in self._unsaved().items()}

    def make(self, params: Arrays, **more: Any) -> fastopt.Optimizer:
        return fastopt.get(self.algorithm, params, **self.options(), **more)

    def fixed(self) -> dict[str, Any]:
        """Options without which a state does not fit; all others it brings with it."""
        names = {"groups", *(k for k, each in SETTINGS.items() if each.fixed)}
        return {k: v for k, v in self.options().items() if k in names} | self.unsaved()


def write(runs: Mapping[str, Run], directory: Path, backend: str) -> None:
    """Train, save before the steps of its points, and note what there was after each step."""
    digests = {}
    for i, run in enumerate(runs.values()):
        params = model(0)
        opt = run.make(params, backend=backend)
        noted = [digest(opt, params)]
        for k in range(STEPS):
            if k in run.points:
                opt.save(_path(directory, i, k), params=True, extra=[i, k])
            run.act(opt, params, k)
            noted.append(digest(opt, params))
        digests[str(i)] = noted
    directory.joinpath("digests.json").write_text(json.dumps(digests))


def resume(run: Run, path: Path, k: int, backend: str) -> tuple[fastopt.Optimizer, Arrays]:
    """Make the optimizer of a checkpoint, in turns by itself and for what it has been made."""
    params = model(7)
    if k % 2:
        return fastopt.load(path, params, **run.unsaved(), backend=backend), params
    opt = optimizer_class(run.algorithm)(params, **run.fixed(), backend=backend)
    assert opt.load(path).extra[1] == k
    return opt, params


def differing(
    run: Run, directory: Path, i: int, wanted: list[str], backend: str, points: list[int]
) -> list[int]:
    """List the steps from which training does not come out as it has without a stop."""
    others = []
    for k in points:
        opt, params = resume(run, _path(directory, i, k), k, backend)
        found = [digest(opt, params)]
        for later in range(k, STEPS):
            run.act(opt, params, later)
            found.append(digest(opt, params))
        if found != wanted[k:]:
            others.append(k)
    return others


def digest(opt: fastopt.Optimizer, params: Arrays) -> str:
    """Hash all that an optimizer is: parameters, state, averages, sums, copies, counts, settings."""
    state = opt.state_dict(copy=False)
    arrays = {f"*params/{name}": p for name, p in params.items()}
    for name, entry in state["parameters"].items():
        arrays |= {f"{key}/{name}": a for key, a in entry["arrays"].items()}
        entry["arrays"] = sorted(entry["arrays"])
    arrays |= {f"*copy/{name}": a for name, a in (opt.cast_to or {}).items()}
    now = [[repr(value) for key, value in group.items() if key != "params"] for group in opt.groups]
    found = hashlib.sha256(json.dumps([state, now], sort_keys=True).encode())
    for name in sorted(arrays):
        found.update(name.encode() + arrays[name].tobytes("A"))
    return found.hexdigest()


def _path(directory: Path, i: int, k: int) -> Path:
    return directory / f"{i}-{k}{SUFFIXES[(k // 2) % 2]}"


# The runs.


def of_variants(algorithm: str) -> dict[str, Run]:
    """Every variant of an algorithm: every rule, option and dialect.

    The first is saved before every step, the others before one or two of them, by turns.
    """
    found = [each for each in variants() if each[0] == algorithm]
    runs = {f"{label(each)} {i}": Run(each[0], **each[1]) for i, each in enumerate(found)}
    for i, run in enumerate(runs.values()):
        if i and STEPS == 8:
            run.points = run.points[i % 4 :: 4]
    return runs


def of_others(part: int) -> dict[str, Run]:
    """Those of one part of the other algorithms: a process for each would take longer to begin."""
    others = [name for name in ANY_SHAPE if name not in WITH_ALL]
    return {key: run for name in others[part::PARTS] for key, run in of_variants(name).items()}


def everything(algorithm: str) -> Run:
    """All settings at once."""

    def act(opt: Any, params: Arrays, k: int) -> None:
        grads = overflowing(k)
        for name, g in grads.items():
            grads[name] = None if g is None else g * opt.loss_scale
        first_estimate(opt, grads)
        opt.accumulate(grads)
        if k == 4:
            opt.freeze("f")

    return Run(
        algorithm,
        act,
        lambda: {"cast_to": {name: np.zeros(p.shape, np.float16, "F" if name == "f" else "C")
                             for name, p in model(0).items()}},
        lr=schedules.warmup_cosine(0.05, STEPS, STEPS // 4, start=0.01),
        weight_decay=schedules.linear(0.1, STEPS, 0.01),
        groups={**fastopt.no_decay, "l.*": {"multiply": {"lr": 0.5}}, "b": {"frozen": True}},
        ema=0.9,
        ema_bias_correction=True,
        loss_scale="dynamic",
        nonfinite="skip",
        zero_grads=True,
        global_clipnorm=2.0,
        gradient_accumulation_steps=2,
    )  # fmt: skip


def plateau(opt: Any, params: Arrays, k: int) -> None:
    opt.step(gradients(k))
    opt.groups[0].given["lr"].observe(1.0)


def with_perturbed(opt: Any, params: Arrays, k: int) -> None:
    with opt.perturbed(gradients(k), rho=0.1):
        there = gradients(k + 1) if k % 2 else gradients(k)
    opt.step(there)


def with_lookahead(opt: Any, params: Arrays, k: int) -> None:
    with opt.at_nesterov_point():
        there = {name: None if g is None else g + params[name] for name, g in gradients(k).items()}
    opt.step(there)


def with_averaged(opt: Any, params: Arrays, k: int) -> None:
    with opt.averaged():
        there = {name: None if g is None else g + params[name] for name, g in gradients(k).items()}
    opt.step(there)


def with_changes(opt: Any, params: Arrays, k: int) -> None:
    """Change by hand what can be changed, after the step."""
    opt.step(gradients(k))
    opt.lr = 0.1 / (k + 1)
    opt.groups[0].update(momentum=0.9 * (k % 3 == 1), dampening=0.3)


def accumulating(opt: Any, params: Arrays, k: int) -> None:
    opt.accumulate(overflowing(k))


def wrappers() -> dict[str, Run]:
    """One or two runs for each option and each way of training."""
    halves = schedules.multi_step(0.1, [2, 5, 100], 0.5)
    falling = schedules.linear(0.9, 5, 0.0)  # to no momentum at all, and so to another rule
    found = {
        "lr": Run("adam", lr=halves),
        "momentum": Run("sgd", lr=halves, momentum=falling),
        "rising momentum": Run("rmsprop", momentum=schedules.piecewise([3], [0.0, 0.8])),
        "betas": Run("adamw", betas=(falling * 0.9, 0.99), weight_decay=halves),
        "clip": Run("adagrad", clipnorm=halves, clipvalue=schedules.constant(0.3)),
        "averaged betas": Run("adamwschedulefree", with_averaged, betas=(halves, 0.9)),
        "plateau": Run(
            "adam", plateau, lambda: {"lr": schedules.reduce_on_plateau(0.1, 0.5, patience=1)}
        ),
        "functions": Run(
            "nadam",
            step,
            lambda: {
                "lr": lambda step: 0.1 / (step + 1),
                "betas": (0.8, lambda step: 0.9 + 0.01 / (step + 1)),
                "ema": lambda step: 1 - 1 / (step + 2),
            },
        ),
        "groups": Run(
            "nadam",
            lr=halves,
            groups={"*.bias": {"multiply": {"lr": 2.0, "eps": 3.0}}, "f": {"lr": 0.3, "frozen": True}},
        ),
        "ema": Run("sgd", ema=0.9, momentum=0.9),
        "corrected ema": Run("adamax", ema=0.9, ema_bias_correction=True),
        "swa": Run("nadam", with_averaged, swa_start=3, swa_every=2),
        "slow weights": Run("adam", ema=0.9, lookahead_steps=3, lookahead_alpha=0.3),
        "ema averaged": Run("adam", with_averaged, ema=0.9),
        "loss scale": Run(
            "adam", lambda opt, params, k: opt.step(overflowing(k)), loss_scale="dynamic"
        ),
        "skip": Run("adadelta", lambda opt, params, k: opt.step(overflowing(k)), nonfinite="skip"),
        "accumulation": Run("adam", accumulating, nonfinite="skip", gradient_accumulation_steps=3),
        "perturbed": Run("adam", with_perturbed),
        "lookahead": Run("sgd", with_lookahead, momentum=schedules.linear(0.9, 300, 0.1)),
        "changes": Run("sgd", with_changes, momentum=0.9),
        "averaged": Run("sgdschedulefree", with_averaged, warmup_steps=3.0),
    }
    return found


RUNS: dict[str, Callable[[], dict[str, Run]]] = {
    **{name: lambda name=name: of_variants(name) for name in WITH_ALL},  # type: ignore[misc]
    **{f"others-{k}": lambda k=k: of_others(k) for k in range(PARTS)},  # type: ignore[misc]
    "everything": lambda: {
        name: everything(name) for name, cls in ANY_SHAPE.items() if not cls.takes_loss
    },
    "wrappers": wrappers,
    "everything with nadam": lambda: {"nadam": everything("nadam")},
}


def main(which: str, directory: str, backend: str, *step: str) -> None:
    warnings.simplefilter("error")
    path = Path(directory)
    wanted = json.loads(path.joinpath("digests.json").read_text())
    points = [int(k) for k in step]
    found = {
        name: differing(run, path, i, wanted[str(i)], backend, points or list(run.points))
        for i, (name, run) in enumerate(RUNS[which]().items())
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
