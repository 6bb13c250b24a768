"""nonfinite="raise" and "skip" leave every byte as it was; "propagate" takes what comes."""

from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from support.by_hand import Array, bfloat16, copies_for, gradients, model

import fastopt

BAD = [np.inf, -np.inf, np.nan]
EVERYTHING: dict[str, Any] = {
    "global_clipnorm": 1.0,
    "clipvalue": 0.5,
    "weight_decay": 0.1,
    "ema": lambda step: 1 - 1 / (step + 1),
    "ema_bias_correction": True,
    "lookahead_steps": 1,
    "stats": True,
}


def digest(*trees: Any) -> str:
    """Hash every byte of arrays in dicts."""
    found = sha256()
    for tree in trees:
        for name, a in tree.items():
            found.update(f"{name} {a.dtype} {a.shape} {a.strides}".encode() + a.tobytes("A"))
    return found.hexdigest()


class Scene:
    """An optimizer with everything on that has taken a step, and its twin, which never sees the bad."""

    def __init__(self, nonfinite: str, dtype: Any, backend: str, **more: Any) -> None:
        options = {"nonfinite": nonfinite, "zero_grads": True, "cast_grads": True, **EVERYTHING, **more}
        self.dtype = dtype
        self.params, self.opts, self.copies = [], [], []
        for _ in range(2):
            p = model(dtype)
            copy = copies_for(p, bfloat16)
            self.params.append(p)
            self.copies.append(copy)
            self.opts.append(fastopt.AdamW(p, backend=backend, cast_to=copy, **options))
        for opt in self.opts:
            opt.step(gradients(dtype, 1))
        self.opt = self.opts[0]

    def digest(self, k: int = 0) -> str:
        opt = self.opts[k]
        states = opt.state.values()
        followers = (opt.ema_state, opt.slow_state, self.copies[k])
        return digest(self.params[k], *states, *followers) + str(opt.step_count)

    def goes_on(self) -> None:
        for seed in (3, 4):
            for opt in self.opts:
                assert opt.step(gradients(self.dtype, seed))
        assert self.digest(0) == self.digest(1)
        assert self.opts[0].report() == self.opts[1].report()


# Where the first bad entry is, in the order of the indices.
PLACES: dict[str, tuple[int, ...]] = {"w": (36, 52), "f": (0, 30), "b": (), "long": (4999,)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PLACES)
def test_raise_changes_no_byte_and_says_where(name: str, dtype: Any, backend: str) -> None:
    scene = Scene("raise", dtype, backend)
    for value in BAD:
        g = gradients(dtype, 2)
        g[name][PLACES[name]] = value
        before, given, norm, report = scene.digest(), digest(g), scene.opt.grad_norm, scene.opt.report()
        with pytest.raises(FloatingPointError) as caught:
            scene.opt.step(g)
        assert str(caught.value).startswith(
            f"the gradient of {name!r} is not finite: 1 of {g[name].size} entries are infinite or NaN"
            + (f", the first at {PLACES[name]}. " if PLACES[name] else ". ")
        )
        assert "Nothing has been updated; nonfinite='skip'" in str(caught.value)
        assert (scene.digest(), digest(g)) == (before, given)
        assert (scene.opt.grad_norm, scene.opt.skipped) == (norm, 0)
        assert scene.opt.report() == report
    scene.goes_on()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PLACES)
def test_skip_changes_nothing_but_the_gradients(name: str, dtype: Any, backend: str) -> None:
    scene = Scene("skip", dtype, backend)
    for k, value in enumerate(BAD):
        g = gradients(dtype, 2)
        g[name][PLACES[name]] = value
        before = scene.digest()
        assert scene.opt.step(g) is False
        assert scene.digest() == before
        assert all(array.tobytes() == bytes(array.nbytes) for array in g.values())
        assert scene.opt.skipped == k + 1
        assert not np.isfinite(np.float64(scene.opt.grad_norm))
        with pytest.raises(RuntimeError, match="there is no report"):
            scene.opt.report()
    scene.goes_on()
    assert scene.opt.skipped == 3
    assert scene.opt.step_count == 3


def test_skip_leaves_the_gradients_unless_they_are_to_be_zeroed(backend: str) -> None:
    scene = Scene("skip", np.float32, backend, zero_grads=False)
    g = gradients(np.float32, 2)
    g["w"][0, 0] = np.nan
    given = digest(g)
    assert not scene.opt.step(g)
    assert digest(g) == given
    scene.goes_on()


def test_a_message_for_several(backend: str) -> None:
    scene = Scene("raise", np.float32, backend)
    g = gradients(np.float32, 2)
    g["long"][::1000] = np.nan
    g["f"][3:5, 2] = np.inf
    g["f"][7, 1] = np.nan
    words = r"gradient of 'f' is not finite: 3 of 620 .* the first at \(3, 2\), and 1 other gradients"
    with pytest.raises(FloatingPointError, match=words):
        scene.opt.step(g)


@pytest.mark.parametrize("kind", [np.float16, bfloat16, np.float64], ids=lambda kind: kind.__name__)
def test_casts_are_looked_at_too(kind: Any, backend: str) -> None:
    p = np.ones((5, 6), np.float32)
    opt = fastopt.SGD(p, cast_grads=True, nonfinite="raise", backend=backend)
    opt.step(np.ones((5, 6), kind))
    g = np.ones((5, 6), kind)
    g[2, 3] = np.nan
    before = p.tobytes()
    with pytest.raises(FloatingPointError, match=r"1 of 30 .* the first at \(2, 3\)"):
        opt.step(g)
    assert p.tobytes() == before


def test_what_is_infinite_once_rounded(backend: str) -> None:
    p = np.ones(3, np.float32)
    opt = fastopt.SGD(p, lr=1.0, cast_grads=True, nonfinite="raise", backend=backend)
    with pytest.raises(FloatingPointError, match=r"1 of 3 entries .* the first at \(1,\)"):
        opt.step(np.array([1.0, 1e39, 1.0]))
    assert p.tolist() == [1.0] * 3
    opt.nonfinite = "skip"
    assert not opt.step(np.array([1.0, -1e39, 1.0]))
    assert p.tolist() == [1.0] * 3
    q = np.ones(3)
    fastopt.SGD(q, lr=1.0, cast_grads=True, nonfinite="raise", backend=backend).step(np.full(3, 1e39))


@pytest.mark.parametrize("limit", ["global_clipnorm", "clipnorm"])
def test_squares_out_of_range_are_finite(limit: str, backend: str) -> None:
    options: dict[str, Any] = {limit: 5.0, "nonfinite": "raise", "stats": True}
    p = np.zeros(2)
    opt = fastopt.SGD(p, lr=1.0, backend=backend, **options)
    assert opt.step(np.array([3e200, -4e200]))
    assert opt.grad_norm == pytest.approx(5e200)
    np.testing.assert_allclose(p, [-3.0, 4.0])
    assert opt.report()[0].nonfinite == 0
    assert opt.report()[0].clip_factor == pytest.approx(1e-200)


def test_squares_out_of_range_in_some_arrays(backend: str) -> None:
    p: list[Array] = [np.zeros(2), np.zeros((2, 1)), np.zeros(1, np.float32)]
    opt = fastopt.SGD(p, lr=1.0, global_clipnorm=13.0, nonfinite="raise", backend=backend)
    assert opt.step([np.array([3e180, 4e180]), np.full((2, 1), 0.0), np.ones(1, np.float32)])
    assert opt.grad_norm == pytest.approx(5e180)
    np.testing.assert_allclose(p[0], [-3.0 * 13 / 5, -4.0 * 13 / 5])
    assert p[2][0] == pytest.approx(-13.0 / 5e180, abs=1e-44)


@pytest.mark.parametrize("value", BAD)
def test_propagate_takes_them(value: float, backend: str) -> None:
    p, q = np.ones(2), np.ones(1)
    opt = fastopt.SGD([p, q], lr=1.0, stats=True, backend=backend)
    with np.errstate(all="raise"):
        assert opt.step([np.array([value, 1.0]), np.ones(1)])
    assert not np.isfinite(p[0])
    assert (p[1], q[0]) == (0.0, 0.0)
    assert opt.report()[0].nonfinite == 1
    assert opt.step_count == 1


def test_the_choice_can_change(backend: str) -> None:
    p, bad = np.ones(2), np.array([np.inf, 1.0])
    opt = fastopt.SGD(p, backend=backend)
    opt.nonfinite = "raise"
    with pytest.raises(FloatingPointError):
        opt.step(bad)
    opt.nonfinite = "skip"
    assert not opt.step(bad)
    opt.nonfinite = "propagate"
    assert opt.step(bad)
    assert np.isinf(p[0])


def test_without_a_gradient_nothing_is_wrong(backend: str) -> None:
    p = [np.ones(2), np.ones(0), np.ones(2)]
    opt = fastopt.SGD(p, nonfinite="raise", backend=backend)
    assert opt.step([None, np.ones(0), np.ones(2)])
    with pytest.raises(FloatingPointError, match="gradient of '2'"):
        opt.step([None, None, np.array([1.0, np.nan])])
    assert opt.step_count == 1
