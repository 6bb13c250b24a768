"""What has to come out by the meaning of a setting: turned round, limited by nothing, scaled back."""

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from support.by_hand import LR, MOMENTUM, ByHand, bfloat16, copies_for, portions_for
from support.scenes import Scene, assert_same, scenes, tame, written
from support.steps import take_step

import fastopt


def negated(grads: list[Any]) -> list[Any]:
    return [None if g is None else -g for g in grads]


@given(scenes())
def test_maximizing_is_minimizing_with_the_gradient_turned_round(scene: Scene) -> None:
    turned = not scene.variant[1].get("maximize", False)
    params = scene.params()
    opt = scene.with_options(maximize=turned).make(params)
    for k in range(1, 4):
        take_step(opt, negated(scene.grads(k)))
    assert_same(written(opt, params), scene.train())


# Steps have a least length besides, a learning rate of 0 is refused, or p is mixed with where it began.
WITHOUT_ZERO = {"adabound", "dadaptadagrad", "dadaptsgd", "ftrl", "madgrad", "rprop"}


@given(scenes(values=[tame]))
def test_learning_rate_of_nothing_moves_nothing(scene: Scene) -> None:
    """Except for weight decay that does not know of it. Equal as numbers: -0 can become +0."""
    assume(scene.variant[0] not in WITHOUT_ZERO)
    params = scene.params()
    opt = scene.with_options(lr=0.0).make(params)
    if opt.decoupled_weight_decay == "fixed":  # an option, or what a dialect means
        opt.weight_decay = 0.0
    for k in range(1, 4):
        take_step(opt, scene.grads(k))
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
        take_step(opt, [None if g is None else g * g.dtype.type(scale) for g in scene.grads(k)])
    assert_same(written(opt, params), scene.train())


OF_THE_PIPELINE: dict[str, list[Any]] = {
    "clipvalue": [None, 0.3],
    "loss_scale": [1.0, 3.0, 1024.0],
    "weight_decay": [0.0, 0.1],
    "decoupled_weight_decay": [False, True],
    "maximize": [False, True],
    "zero_grads": [False, True],
    "stats": [False, True],
    "lookahead_steps": [None, 1, 2],
    "cast_to": [None, np.float16, bfloat16],
    "mask": [None, "full", "rows"],
    "lr_scale": [None, "full", "rows"],
}
LIMITS: list[dict[str, Any]] = [{}, {"global_clipnorm": 1.0}, {"clipnorm": 0.5}]
AVERAGES: list[dict[str, Any]] = [
    {},
    {"ema": 0.9},
    {"ema": 0.9, "ema_bias_correction": True},
    {"swa_start": 1},
]
pipelines = st.builds(
    lambda each, limit, average: {**each, **limit, **average},
    st.fixed_dictionaries({name: st.sampled_from(v) for name, v in OF_THE_PIPELINE.items()}),
    st.sampled_from(LIMITS),
    st.sampled_from(AVERAGES),
)


@given(scenes(values=[tame], most=12), pipelines)
def test_pipeline_is_its_stages_one_after_the_other(scene: Scene, options: dict[str, Any]) -> None:
    """One sweep does what plain NumPy does in a pass for each setting."""
    names = [f"p{i}" for i in range(len(scene.shapes))]
    params = dict(zip(names, scene.params(), strict=True))
    for setting in ("mask", "lr_scale"):
        options[setting] = portions_for(params, options[setting], setting)
    by_hand = ByHand(params, **options)
    kind = options["cast_to"]
    copies = None if kind is None else copies_for(params, kind)
    opt = fastopt.SGD(params, lr=LR, momentum=MOMENTUM, **{**options, "cast_to": copies})
    for k in range(1, 4):
        grads = dict(zip(names, scene.grads(k), strict=True))
        by_hand.step({name: None if g is None else g.copy(order="K") for name, g in grads.items()})
        opt.step(grads)
    assert_same(list(params.values()), list(by_hand.p.values()))
    assert_same([s["b"] for s in opt.state.values()], list(by_hand.b.values()))
    if copies is not None:
        assert_same(list(copies.values()), list(by_hand.copies.values()))
    if options["lookahead_steps"] is not None:
        assert_same(list(opt.slow_state.values()), list(by_hand.slow.values()))
    for setting in ("ema", "swa"):
        if options.get("ema" if setting == "ema" else "swa_start") is not None:
            averages = getattr(opt, f"{setting}_state")
            assert_same(list(averages.values()), list(by_hand.e.values()))
