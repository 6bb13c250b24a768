"""Parts of a state: parameters of another shape, `skip=`, `names=`, from dicts and from files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoint_samples import SUFFIXES
from support.resume_runs import digest

import fastopt

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers
SHAPES: dict[str, tuple[int, ...]] = {
    "body.w": (3, 2),
    "body.b": (2,),
    "head.w": (2, 4),
    "head.b": (4,),
}
Load = Callable[..., Any]


def model(seed: float, **shapes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(int(seed))
    return {name: rng.standard_normal(shape) for name, shape in {**SHAPES, **shapes}.items()}


def trained(params: dict[str, Any], steps: int, **options: Any) -> Any:
    opt = Adam(params, **options)
    for k in range(steps):
        opt.step({name: np.full(p.shape, 0.5 + k) for name, p in params.items()})
    return opt


@pytest.fixture(params=[*SUFFIXES, "dict"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Load:
    """Load a state from a dict, or from a file with the parameters; return missing and unexpected."""

    def run(into: Any, source: Any, **options: Any) -> Any:
        if request.param == "dict":
            return tuple(into.load_state_dict(source.state_dict(), **options))
        source.save(path := tmp_path / f"run{request.param}", params=True)
        return tuple(into.load(path, **options))[1:]

    run.files = request.param != "dict"  # type: ignore[attr-defined]
    return run


def same(opt: Any, name: str, other: Any, was: str, values: bool) -> bool:
    """Return whether a parameter has the state, and the values, of another one, to the bit."""
    here, there = opt.state_dict()["parameters"][name], other.state_dict()["parameters"][was]
    mine = {key: array.tobytes() for key, array in here.pop("arrays").items()}
    theirs = {key: array.tobytes() for key, array in there.pop("arrays").items()}
    equal = opt.params[name].tobytes() == other.params[was].tobytes() or not values
    return bool(mine == theirs and here == there and equal)


def kept(opt: Any, name: str, twin: Any) -> bool:
    return same(opt, name, twin, name, True)


OTHER: dict[str, Any] = {"head.w": (2, 5), "head.b": (5,)}


def test_what_has_another_shape_stays_as_it_is(load: Any) -> None:
    source = trained(model(0), 3)
    opt, twin = (trained(model(1, **OTHER), 1) for _ in range(2))
    found = load(opt, source, strict=False)
    unexpected = ["head.w as float64 of shape (2, 4)", "head.b as float64 of shape (4,)"]
    assert found == (["head.w", "head.b"], unexpected)
    assert all(same(opt, name, source, name, load.files) for name in ("body.w", "body.b"))
    assert all(kept(opt, name, twin) for name in OTHER)
    assert opt.step_count == 3
    opt.step({name: np.ones(p.shape) for name, p in opt.params.items()})


def test_another_dtype_and_a_rule_without_state(tmp_path: Path) -> None:
    p = {"a": np.ones(3), "b": np.ones(3)}
    fastopt.SGD(p, lr=0.5).save(path := tmp_path / "run.npz", params=True)
    others: dict[str, Any] = {"a": np.zeros(3), "b": np.zeros(3, np.float32)}
    opt = fastopt.SGD(others)
    with pytest.raises(fastopt.CheckpointError, match=r"value of 'b' is .*skip='b'\) leaves it"):
        opt.load(path)
    assert not others["a"].any()
    assert opt.load(path, strict=False)[1:] == (["b"], ["b as float64 of shape (3,)"])
    assert (others["a"].tolist(), others["b"].tolist(), opt.lr) == ([1.0] * 3, [0.0] * 3, 0.5)
    others["a"][...] = 0.0
    assert opt.load(path, skip="b") == (None, [], [])
    assert (others["a"].tolist(), others["b"].tolist()) == ([1.0] * 3, [0.0] * 3)


SKIPS: list[Any] = ["head.*", ["head.w", "head.b"], re.compile(r"head\..*"), lambda n, p: "head" in n]


@pytest.mark.parametrize("skip", SKIPS)
def test_what_is_skipped_is_neither_loaded_nor_missed(load: Any, skip: Any) -> None:
    source = trained(model(0), 3)
    opt, twin = (trained(model(1, **OTHER), 1) for _ in range(2))
    assert load(opt, source, skip=skip) == ([], [])
    assert all(same(opt, name, source, name, load.files) for name in ("body.w", "body.b"))
    assert all(kept(opt, name, twin) for name in OTHER)


def test_skip_of_what_is_on_one_side(load: Any) -> None:
    small = {name: shape for name, shape in SHAPES.items() if "head" not in name}
    source = trained(model(0), 3)
    opt = Adam({name: np.ones(shape) for name, shape in small.items()})
    assert load(opt, source, skip="head.*") == ([], [])
    assert same(opt, "body.w", source, "body.w", load.files)
    big = trained(model(1), 1)
    assert load(big, opt, skip=("head.b", "*.w")) == ([], [])
    assert same(big, "body.b", opt, "body.b", load.files)
    assert not same(big, "body.w", opt, "body.w", False)


def test_a_group_of_which_nothing_is_loaded_keeps_its_values(load: Any) -> None:
    source = trained(model(0), 2, lr=0.1, groups={"head.*": {"lr": 0.2}})
    opt = trained(model(1), 1, lr=0.3, groups={"head.*": {"lr": 0.4}})
    load(opt, source, skip="head.*")
    assert [group["lr"] for group in opt.groups] == [0.1, 0.4]
    load(opt, source)
    assert [group["lr"] for group in opt.groups] == [0.1, 0.2]
    groups: Any = [{"params": {}, "lr": 0.5}, {"params": {"a": np.ones(2)}, "lr": 0.6}]
    here: Any = [{"params": {"a": np.ones(2)}, "lr": 0.7}, {"params": {}, "lr": 0.8}]
    opt = Adam(here)
    load(opt, Adam(groups))
    assert [group["lr"] for group in opt.groups] == [0.6, 0.8]


NAMES: list[Any] = [
    {"body.w": "encoder.w", "body.b": "encoder.b"},
    lambda name: name.replace("body", "encoder"),
]


@pytest.mark.parametrize("names", NAMES)
def test_other_names(load: Any, names: Any) -> None:
    source = trained(model(0), 3, groups={"*.b": {"lr": 0.5}})
    params = {name.replace("body", "encoder"): p for name, p in model(1).items()}
    opt = trained(params, 1, groups={"*.b": {"lr": 0.7}})
    assert load(opt, source, names=names) == ([], [])
    for was, name in zip(SHAPES, params, strict=True):
        assert same(opt, name, source, was, load.files)
    assert [group["lr"] for group in opt.groups] == [1e-3, 0.5]


def test_names_change_places(load: Any) -> None:
    square: Any = {"head.w": (3, 2)}
    source, opt = trained(model(0, **square), 3), trained(model(1, **square), 1)
    load(opt, source, names={"head.w": "body.w", "body.w": "head.w"})
    assert same(opt, "head.w", source, "body.w", load.files)
    assert same(opt, "body.w", source, "head.w", load.files)


def test_names_and_skip_and_none(load: Any) -> None:
    square: Any = {"head.w": (3, 2)}
    source = trained(model(0, **square), 3)
    opt, twin = (trained(model(1, **square), 1) for _ in range(2))
    assert load(opt, source, names={"head.w": "body.w", "body.w": None}, skip="head.*") == ([], [])
    assert same(opt, "body.w", source, "head.w", load.files)
    assert all(kept(opt, name, twin) for name in OTHER)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"skip": "haed.*"}, ValueError, "skip has 'haed.*', which matches no parameter: did you mean"),
        ({"skip": 3}, TypeError, r"skip has 3 \(int\); it must be a pattern of names"),
        ({"names": 3}, TypeError, r"names is 3 \(int\); it must be a dict of saved names"),
        ({"names": {"bdy.w": "body.w"}}, ValueError, "'bdy.w', and the state has no .* mean 'body.w'"),
        (
            {"names": {"body.w": "x"}},
            ValueError,
            "names has 'x', and the optimizer has no such",
        ),
        ({"names": lambda name: "y"}, ValueError, "both 'body.w' and 'body.b' to 'y'; map one .* None"),
        (
            {"names": {"head.b": "body.b"}},
            ValueError,
            "both 'body.b' and 'head.b' to 'body.b'; map",
        ),
        (
            {"names": lambda name: 3},
            TypeError,
            r"names gives 3 \(int\) for 'body.w'; it must be",
        ),
        ({"names": lambda name: name + "x"}, ValueError, "missing: body.w, .*; unexpected: body.wx, "),
        ({"names": {"body.w": None}}, ValueError, "missing: body.w"),
    ],
)
def test_what_is_refused_changes_nothing(
    load: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    opt = trained(model(1), 1)
    before = digest(opt, opt.params)
    with pytest.raises(error, match=words):
        load(opt, trained(model(0), 3), **options)
    assert digest(opt, opt.params) == before


def test_the_remedies_for_another_shape(load: Any) -> None:
    opt = trained(model(1, **OTHER), 1)
    with pytest.raises(ValueError, match=r"; opt\.load.*\(.*, skip='head\.w'\) leaves it"):
        load(opt, trained(model(0), 3))
    load(opt, trained(model(0), 3), skip=["head.w", "head.b"])
