"""Moves of optimizers whose groups have different algorithms: each group goes where its own goes."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.training import fit

SGD: Any = fastopt.SGD  # to type checkers, options of groups are no keywords
GROUPS = {"b": {"algorithm": "sgdschedulefree"}, "c": {"algorithm": "adamwschedulefree"}}


def model(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(6).astype(np.float32) for name in "abc"}


def bits(params: dict[str, Any]) -> dict[str, bytes]:
    return {name: p.tobytes() for name, p in params.items()}


def trained(opt: Any, keys: str = "abc") -> Any:
    for seed in range(1, 4):
        opt.step({name: g for name, g in model(seed).items() if name in keys})
    return opt


def averages_apart(backend: str) -> dict[str, bytes]:
    """Return where optimizers of their own take ``b`` and ``c`` in eval mode."""
    found: dict[str, bytes] = {}
    for name in "bc":
        params = {name: model()[name]}
        algorithm = str(GROUPS[name]["algorithm"])
        opt: Any = trained(fastopt.get(algorithm, params, backend=backend), name)
        opt.eval()
        found |= bits(params)
    return found


def test_eval_moves_those_that_have_averages(backend: str) -> None:
    opt = trained(SGD(params := model(), momentum=0.9, groups=GROUPS, backend=backend))
    before = bits(params)
    expected = {"a": before["a"], **averages_apart(backend)}
    opt.eval()
    assert bits(params) == expected
    assert expected["b"] != before["b"]
    assert expected["c"] != before["c"]
    with pytest.raises(RuntimeError, match=r"is in eval mode: call its train\(\) first"):
        opt.step(model(9))
    opt.train()
    assert bits(params) == before
    with opt.averaged():
        assert bits(params) == expected
    assert bits(params) == before
    # It is the same where the optimizer itself is Schedule-Free, and a group is not.
    twin = model()
    groups = {"a": {"algorithm": "momentum"}, "c": GROUPS["c"]}
    with trained(fastopt.SGDScheduleFree(twin, groups=groups, backend=backend)).averaged():
        assert {name: bits(twin)[name] for name in "bc"} == {name: expected[name] for name in "bc"}


def test_averages_of_algorithms_come_before_ema() -> None:
    opt = trained(SGD(params := model(), groups=GROUPS, ema=0.5))
    before, ema = bits(params), opt.ema_state["a"].tobytes()
    with opt.averaged():
        assert bits(params) == {"a": before["a"], **averages_apart(opt.backend)}
    assert ema != before["a"]
    plain = trained(SGD(params := model(), groups={"b": {"algorithm": "adam"}}, ema=0.5))
    expected = {name: e.tobytes() for name, e in plain.ema_state.items()}
    with plain.averaged():
        assert bits(params) == expected


def test_who_has_no_averages() -> None:
    opt = trained(SGD(params := model(), groups={"b": {"algorithm": "adam"}}))
    with pytest.raises(TypeError, match="SGD keeps no averages of its own, as Schedule-Free") as error:
        opt.eval()
    assert "make the optimizer with ema=0.999" in str(error.value)
    opt.train()
    opt.step(model(5))
    with trained(SGD(params, ema=0.999)).averaged():
        pass


def test_nesterov_s_point_is_that_of_each_group(backend: str) -> None:
    options: dict[str, Any] = {"momentum": 0.5}
    groups = {"b": {"algorithm": "rmsprop", **options}, "c": {"algorithm": "rmsprop", "momentum": 0.75}}
    opt = trained(SGD(params := model(), **options, groups=groups, backend=backend))
    before = bits(params)
    expected: dict[str, bytes] = {}
    for name, algorithm, momentum in (("a", "sgd", 0.5), ("b", "rmsprop", 0.5), ("c", "rmsprop", 0.75)):
        alone = {name: model()[name]}
        one = fastopt.get(algorithm, alone, momentum=momentum, backend=backend)
        with trained(one, name).at_nesterov_point():
            expected |= bits(alone)
    with opt.at_nesterov_point():
        assert bits(params) == expected
    assert bits(params) == before
    assert all(expected[name] != before[name] for name in "abc")


@pytest.mark.parametrize(
    ("own", "error", "words"),
    [
        ({"algorithm": "adam"}, TypeError, "Adam has no momentum to look ahead along; .* (group 1)"),
        ({"algorithm": "rmsprop"}, ValueError, "at_nesterov_point needs momentum > 0 .* (group 1)"),
    ],
)
def test_a_group_without_a_point_is_named(own: Any, error: type[Exception], words: str) -> None:
    opt = trained(SGD(params := model(), momentum=0.5, groups={"b": own}))
    before = bits(params)
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        opt.at_nesterov_point().__enter__()
    assert bits(params) == before
    opt.step(model(5))


def test_sharpness_and_restarts(backend: str) -> None:
    opt = trained(SGD(params := model(), groups=GROUPS, lookahead_steps=2, ema=0.5, backend=backend))
    before = bits(params)
    with opt.perturbed(model(4), rho=0.5):
        assert all(bits(params)[name] != before[name] for name in "abc")
    assert bits(params) == before
    opt.restart_averages()
    assert {name: e.tobytes() for name, e in opt.ema_state.items()} == before
    opt.step(model(5))


def test_reports_are_of_each_group() -> None:
    opt = trained(SGD(model(), groups=GROUPS, stats=True))
    assert len(opt.report()) == 3


def test_fit_trains_groups_of_different_algorithms() -> None:
    def loss_and_grad(params: dict[str, Any], target: Any) -> tuple[float, Any]:
        return sum(float(((p - target) ** 2).sum()) for p in params.values()), {
            name: 2.0 * (p - target) for name, p in params.items()
        }

    opt = SGD(params := model(), lr=0.1, groups=GROUPS)
    losses: list[float] = []
    watch: Callable[[Any], object] = lambda o: losses.append(loss_and_grad(params, 1.0)[0])  # noqa: E731
    opt.after_step(watch)
    fit(loss_and_grad, params, opt, [np.float32(1.0)] * 5, epochs=2, progress=False)
    assert losses[-1] < losses[0]
    assert re.match(r"SGD\(3 arrays", repr(opt))
