"""What decides the noise that is rounded by, and what it is good for."""

from typing import Any

import numpy as np
import pytest
from support.by_hand import bfloat16, same
from support.formats import FORMATS, differing, gradients, model, states, written
from support.variants import Options

import fastopt
from fastopt.numerics import STORAGES


@pytest.mark.parametrize("form", ["split", "noise", "8 bits", "bfloat16 states"])
def test_other_parameters_change_no_bits(form: str) -> None:
    """Neither how many there are nor where a parameter stands; a name of its own rounds otherwise."""
    dtype, options = FORMATS[form]
    found = []
    for names in (("w", "f", "long"), ("long", "row", "b", "w"), ("w",)):
        whole = model(dtype)
        params = {name: whole[name] for name in names}
        opt = fastopt.Adam(params, **options)
        for step in (0, 1):
            grads = gradients(np.float32, step)
            opt.step({name: grads[name] for name in names})
        found.append({k: v for k, v in written(opt).items() if k.split()[-1] == "w"})
    for other in found[1:]:
        assert differing(other, found[0]) == []


def two(names: tuple[str, str], **options: Any) -> list[Any]:
    """Train the same array under two names, or with two seeds."""
    found = []
    for name in names:
        p = np.linspace(1.0, 2.0, 512).astype(bfloat16)
        opt = fastopt.SGD({name: p}, lr=1e-4, master_weights=False, **options)
        opt.step({name: np.ones(512, np.float32)})
        found.append(p)
    return found


def test_names_and_seeds_decide_the_noise() -> None:
    a, again = two(("a", "a"))
    assert same(a, again)
    _, b = two(("a", "b"))
    other, _ = two(("a", "a"), rounding_seed=1)
    assert not same(a, b)
    assert not same(a, other)
    nearest, also = two(("a", "b"), rounding_seed=1, stochastic_rounding=False)
    assert same(nearest, also)
    assert same(nearest, np.linspace(1.0, 2.0, 512).astype(bfloat16))  # so that it never moves


def test_steps_that_are_lost_to_nearest_arrive_by_noise() -> None:
    """A tenth of half a last place each: after 1,000 steps, where float32 is, within four errors."""
    p = np.full(4096, 1.0, bfloat16)
    opt = fastopt.SGD({"w": p}, lr=1e-4, master_weights=False)
    for _ in range(1000):
        opt.step({"w": np.ones(4096, np.float32)})
    off = p.astype(float) - 0.9
    # Each step has a variance of at most a quarter of a place, of 2^-8, squared.
    assert abs(off.mean()) < 4 * (1000 * 2.0**-18 / 4096) ** 0.5
    assert off.std() < (1000 * 2.0**-18) ** 0.5


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({"state_dtype": "bfloat16"}, 0.95, 1.05),
        ({"state_dtype": "8bit"}, 0.95, 1.05),
        ({"state_dtype": "bfloat16", "stochastic_rounding": False}, 3.0, 4.0),
        ({"state_dtype": "8bit", "stochastic_rounding": False}, 3.0, 4.0),
    ],
)
def test_second_moments_follow_gradients_that_become_small(
    options: Options, low: float, high: float
) -> None:
    """Which is why noise is the default: rounded to nearest, a mean that decays slowly stays.

    Every second gradient, as a block of 8 bits falls with its largest, however it is rounded.
    """
    rng, size = np.random.default_rng(4), np.ones(4096, np.float32)
    params, single = (np.zeros(4096, np.float32) for _ in range(2))
    opt, twin = fastopt.Adam({"w": params}, **options), fastopt.Adam({"w": single})
    for step in range(4000):
        size[::2] = 1.0 if step < 1500 else 0.1
        g = {"w": rng.standard_normal(4096, np.float32) * size}
        opt.step(g)
        twin.step(g)
    stored = states(opt)["w"]
    if options["state_dtype"] == "8bit":
        v = STORAGES["unsigned8"].decoded(stored["v"], stored["v.scales"])
    else:
        v = STORAGES["bfloat16"].decoded(stored["v"].view(np.uint16), None)
    ratio = np.sqrt(v.astype(float) / states(twin)["w"]["v"])[::2].mean()
    assert low < ratio < high


def test_portions_leave_the_bits_of_what_they_hold(backend: str) -> None:
    """No rounding by noise moves what takes nothing of the step."""
    p = np.linspace(1.0, 2.0, 640).astype(bfloat16)
    before, mask = p.copy(), np.arange(640) % 2 == 0
    opt = fastopt.Adam({"w": p}, lr=0.1, mask={"w": mask}, master_weights=False, backend=backend)
    for _ in range(3):
        opt.step({"w": np.ones(640, np.float32)})
    assert same(p[~mask], before[~mask])
    assert (p[mask] != before[mask]).all()
