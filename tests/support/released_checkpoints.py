"""Checkpoints as each release has written them: what is in them, and how they are written.

After a release ``python tests/support/released_checkpoints.py`` writes those of its version, once; they
are committed, and every later version reads them.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastopt
from fastopt import schedules
from fastopt.registry import ALGORITHMS, optimizer_class
from support.steps import take_step

Arrays = dict[str, NDArray[Any]]
DATA = Path(__file__).parents[1] / "data" / "checkpoints"
DIGESTS = "digests.json"
SUFFIXES = (".npz", ".safetensors")
EXTRA = {"epoch": 3, "note": "é"}

# One for every optimizer, and between them every array that follows the parameters.
OPTIONS: dict[str, dict[str, Any]] = {
    **{
        name: {"groups": fastopt.vectors_by_adamw} if optimizer_class(name).scratch else {}
        for name in ALGORITHMS
    },
    "sgd": {"lr": schedules.step(0.1, 2, 0.5), "momentum": 0.9, "nesterov": True},
    "adagrad": {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "swa_start": 1},
    "adadelta": {"rho": 0.8, "weight_decay": 0.01},
    "rmsprop": {"momentum": 0.5, "centered": True, "like": "torch"},
    "adam": {"amsgrad": True, "ema": 0.99, "global_clipnorm": 1.0},
    "adamw": {"groups": {"*.bias": {"weight_decay": 0.0, "lr": 0.01}}, "lookahead_steps": 2},
    "adamax": {"eps": 1e-4, "l1": 0.01},
    "nadam": {"momentum_decay": 1e-2, "maximize": True},
    "sgdschedulefree": {"momentum": 0.8, "warmup_steps": 2},
    "adamwschedulefree": {"weight_lr_power": 1.0, "r": 0.5},
    "ademamix": {"t_alpha": 4.0, "t_beta3": 3.0},
    "simplifiedademamix": {"alpha": 2.0},
    "qhm": {"nu": 0.5},
    "qhadam": {"nus": (0.5, 0.75)},
    "rprop": {"lr": 0.1},
    "asgd": {"t0": 1.0},
    "aggmo": {"betas": (0.5, 0.75)},
    "ftrl": {"l1_regularization_strength": 0.125},
    "optimisticsgd": {"alpha": 0.5},
    "optimisticadam": {"nesterov": False},
    "acprop": {"eps_root": 1e-4},
    "smorms3": {"lr": 0.1},
    "cocob": {"alpha": 10.0},
    "madgrad": {"momentum": 0.5},
    "diffgrad": {"eps": 1e-4},
    "adamatan2": {"b": 0.5},
    "radamschedulefree": {"silent_sgd_phase": False},
}


def model(seed: int) -> Arrays:
    """Make parameters of both dtypes and both orders, without dimension, and without elements."""
    rng = np.random.default_rng(seed)
    return {
        "l.w": rng.standard_normal((3, 5)).astype(np.float32),
        "l.bias": rng.standard_normal(5).astype(np.float32),
        "f": np.asfortranarray(rng.standard_normal((4, 3))),
        "b": np.array(rng.standard_normal()),
        "none": np.zeros((0, 3), np.float32),
    }


def digest(opt: Any, params: Arrays) -> str:
    """Give the SHA-256 of all that a checkpoint holds: arrays to the bit, numbers as JSON."""
    state = opt.state_dict()
    arrays = {f"{p}/{k}": a for p, s in state["parameters"].items() for k, a in s["arrays"].items()}
    found = hashlib.sha256()
    for name, array in sorted((arrays | params).items()):
        little = np.asarray(array, array.dtype.newbyteorder("<"))
        found.update(f"{name} {array.dtype.str[1:]} {array.shape}".encode() + little.tobytes())
    counts = {p: s["steps"] for p, s in state["parameters"].items()}
    found.update(json.dumps([state["optimizer"], state["steps"], counts], sort_keys=True).encode())
    return found.hexdigest()


def write(folder: Path) -> None:
    """Write the checkpoints of this version, and what they have to give when they are read."""
    folder.mkdir(parents=True)
    digests = {}
    for name, options in OPTIONS.items():
        params = model(0)
        opt = fastopt.get(name, params, **options)
        for k in range(3):
            take_step(opt, model(1 + k))
        for suffix in SUFFIXES:
            opt.save(folder / f"{name}{suffix}", params=True, extra=EXTRA, progress=False)
        digests[name] = digest(opt, params)
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    if "dev" in fastopt.__version__:
        sys.exit(f"{fastopt.__version__} is no release: only what users have written has to be read")
    write(DATA / fastopt.__version__)
