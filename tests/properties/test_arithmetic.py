"""What has to come out by the meaning of a setting: turned round, limited by nothing, scaled back."""

from typing import Any

import numpy as np
from by_hand import LR, MOMENTUM, ByHand, assert_same as assert_same_model
from hypothesis import given
from hypothesis import strategies as st
from scenes import ELEMENTWISE, VARIANTS, Arrays, Scene, assert_same, finite, anything, scenes, tame, written

import fastopt


def negated(grads: list[Any]) -> list[Any]:
    return [None if g is None else -g for g in grads]


@given(scenes())
def test_maximizing_is_minimizing_with_the_gradient_turned_round(scene: Scene) -> None:
    turned = not scene.variant[1].get("maximize", False)
    params = scene.params()
    opt = scene.with_options(maximize=turned).make(params)
    for k in range(1, 4):
        opt.step(negated(scene.grads(k)))
    assert_same(written(opt, params), scene.train())


@given(scenes(values=[tame]))
def test_learning_rate_of_nothing_moves_nothing(scene: Scene) -> None:
    """Except for weight decay that does not know of it. Equal as numbers: -0 can become +0."""
    if scene.variant[1].get("decoupled_weight_decay") == "fixed":
        scene = scene.with_options(weight_decay=0.0)
    params = scene.params()
    opt = scene.with_options(lr=0.0).make(params)
    for k in range(1, 4):
        opt.step(scene.grads(k))
    for p, was in zip(params, scene.params(), strict=True):
        assert np.array_equal(p, was)


@given(scenes(values=[tame]), st.sampled_from(["global_clipnorm", "clipnorm", "clipvalue"]))
def test_limit_that_nothing_reaches(scene: Scene, limit: str) -> None:
    scene = scene.with_options(clipnorm=None, clipvalue=None)
    assert_same(scene.with_options(**{limit: 1e38}).train(), scene.train())


@given(scenes(values=[tame]), st.integers(-30, 30), st.booleans())
def test_loss_scale_of_a_power_of_two(scene: Scene, power: int, late: bool) -> None:
    """Nothing is rounded where it is put in and taken out."""
    params = scene.params()
    scale = 2.0**power
    opt = scene.make(params, **({} if late else {"loss_scale": scale}))
    if late:
        opt.loss_scale = scale
    for k in range(1, 4):
        opt.step([None if g is None else g * g.dtype.type(scale) for g in scene.grads(k)])
    assert_same(written(opt, params), scene.train())
