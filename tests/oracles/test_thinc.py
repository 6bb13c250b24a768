"""`fastopt.thinc` beside thinc's own optimizers, alone and in models."""

import copy
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt

pytest.importorskip("thinc")

from thinc import api
from thinc.api import Config, registry

import fastopt.thinc as door

Array = NDArray[Any]
POINTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
    "entry-points"
]["thinc_optimizers"]

CASES: list[tuple[str, dict[str, Any]]] = [
    ("Adam", {}),
    (
        "Adam",
        {"learn_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "L2": 0.1, "grad_clip": 0.3},
    ),
    ("Adam", {"L2": 0.1, "L2_is_weight_decay": False, "use_averages": False}),
    ("Adam", {"learn_rate": [0.1, 0.01, 0.001], "beta1": [0.5, 0.9], "grad_clip": 0.0}),
    ("SGD", {"learn_rate": 0.1}),
    ("SGD", {"learn_rate": 0.1, "L2": 0.2, "grad_clip": 0.2}),
    ("SGD", {"learn_rate": 0.1, "L2": 0.2, "L2_is_weight_decay": False, "grad_clip": 0.2}),
]


def run(optimizer: Any, start: dict[Any, Array], copies: bool = False) -> dict[Any, Array]:
    """Call as models do: each array in turn, the second at half the rate, schedules in between."""
    arrays = {key: p.copy() for key, p in start.items()}
    rng = np.random.default_rng(1)
    for _ in range(30):
        for i, key in enumerate(arrays):
            p = arrays[key].copy() if copies else arrays[key]
            g = rng.standard_normal(p.shape).astype("f4")
            given = g.copy()
            arrays[key], zeroed = optimizer(key, p, given, lr_scale=0.5 if i else 1.0)
            assert not zeroed.any()
        optimizer.step_schedules()
    return arrays


START = {(1, "W"): np.ones((4, 3), "f4"), (2, "b"): np.linspace(-1, 1, 5, dtype="f4")}


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps_and_averages_are_thincs(name: str, options: dict[str, Any], copies: bool) -> None:
    """To what single precision leaves of weights near 1 after 30 steps, also in memory that moves."""
    ours, theirs = getattr(door, name)(**options), getattr(api, name)(**options)
    found, expected = run(ours, START, copies), run(theirs, START)
    for key in START:
        np.testing.assert_allclose(found[key], expected[key], atol=2e-6)
    assert (ours.averages is None) == (theirs.averages is None)
    for key, average in (theirs.averages or {}).items():
        np.testing.assert_allclose(ours.averages[key], average, atol=2e-6)
    assert isinstance(ours, api.Optimizer)
    assert (ours.step, dict(ours.nr_update)) == (theirs.step, dict(theirs.nr_update))


@pytest.mark.parametrize("name", ["adamw", "lion", "lamb", "sm3", "adamwschedulefree"])
def test_any_algorithm_by_its_options(name: str) -> None:
    optimizer = door.optimizer(
        name, 0.01, options={"eps": 1e-3} if name == "adamw" else None, grad_clip=0.0
    )
    found = run(optimizer, START)
    rng = np.random.default_rng(1)
    p, q = (a.copy() for a in START.values())
    given: dict[str, Any] = {"eps": 1e-3} if name == "adamw" else {}
    opts = [fastopt.get(name, {"weights": a}, lr=lr, **given) for a, lr in ((p, 0.01), (q, 0.005))]
    for _ in range(30):
        for a, opt in zip((p, q), opts, strict=True):
            opt.step({"weights": rng.standard_normal(a.shape).astype("f4")})
    np.testing.assert_array_equal(found[1, "W"], p)
    np.testing.assert_array_equal(found[2, "b"], q)


def trained(make: Callable[[], Any]) -> list[float]:
    """Train a small network, and return its losses, of which the last is that of the averages."""
    api.fix_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 6)).astype("f4")
    y = np.eye(3, dtype="f4")[np.argmax(x[:, :3], axis=1)]
    model = api.chain(api.Relu(8), api.Softmax()).initialize(X=x, Y=y)
    optimizer = make()
    losses = []
    for _ in range(40):
        out, back = model.begin_update(x)
        losses.append(float(((out - y) ** 2).sum()))
        back(out - y)
        model.finish_update(optimizer)
        optimizer.step_schedules()
    with model.use_params(optimizer.averages):
        losses.append(float(((model.predict(x) - y) ** 2).sum()))
    return losses


def resolved(config: str) -> Any:
    return registry.resolve(Config().from_str(f"[optimizer]\n{config}"))["optimizer"]


@pytest.fixture
def registered() -> Any:
    """Register what the installed package does by its entry points."""
    for name, place in POINTS.items():
        page, _, function = place.partition(":")
        registry.optimizers.register(name, func=getattr(import_module(page), function))


def test_one_line_of_a_config(registered: None) -> None:
    """The losses of thinc's own, to 1e-5, with a schedule in the config."""
    rest = '"\n[optimizer.learn_rate]\n@schedules = "warmup_linear.v1"\n'
    rest += "warmup_steps = 5\ntotal_steps = 100\ninitial_rate = 0.02\n"
    theirs = trained(lambda: resolved('@optimizers = "Adam.v1' + rest))
    ours = trained(lambda: resolved('@optimizers = "fastopt.Adam.v1' + rest))
    # Of the first loss: what single precision leaves at a step, the network makes ten times larger.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * theirs[0])
    assert ours[-2] < 0.7 * ours[0]
    lion = '@optimizers = "fastopt.Optimizer.v1"\nalgorithm = "lion"\nlearn_rate = 0.01\n'
    losses = trained(lambda: resolved(lion + 'options = {"betas": [0.8, 0.9]}'))
    assert losses[-2] < losses[0] / 2


def test_every_entry_point_is_there() -> None:
    assert {place.partition(":")[2] for place in POINTS.values()} == {"Adam", "SGD", "optimizer"}


def test_copies_go_on_alike() -> None:
    optimizer = door.Adam(0.01)
    arrays = run(optimizer, START)
    other = copy.deepcopy(optimizer)
    for key, p in run(optimizer, arrays).items():
        np.testing.assert_array_equal(run(copy.deepcopy(other), arrays)[key], p)


def test_what_is_refused() -> None:
    numbers: Any = [1.0]
    with pytest.raises(TypeError, match="takes more than gradients"):
        door.optimizer("momo", 0.1)
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        door.optimizer("adm", 0.1)
    with pytest.raises(TypeError, match=r"thinc\.api\.require_cpu\(\)"):
        door.Adam()((1, "W"), numbers, numbers)
    empty = np.empty((0, 2), "f4")
    assert door.Adam()((1, "W"), empty, empty)[0] is empty
