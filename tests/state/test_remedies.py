"""The lines that messages about states and configurations give are run as they stand, and work."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers


class Mine(fastopt.Adam):
    """An optimizer of the user."""


def model(**more: Any) -> dict[str, Any]:
    return {"w": np.ones((2, 3)), "b": np.zeros(3), **more}


def saved(cls: Any = Adam, **options: Any) -> Any:
    opt = cls(model(), **options)
    opt.step({"w": np.ones((2, 3)), "b": np.ones(3)})
    return opt


def falling(step: int) -> float:
    return 0.1


LINE = re.compile(
    r"(?:opt = [\w.]+\(params\); )?(?:opt|\w+)\.(?:load|load_state_dict|from_config)\([^()]*\)"
)

MAKE, FROM = "fastopt.load(path, params)", "from_config(config, params)"
# The optimizer that was saved, the parameters, what is done with them, and what the line ends with.
CASES: dict[str, tuple[Callable[[], Any], dict[str, Any], str, str]] = {
    "missing": (saved, model(new=np.ones(2)), "OPT", "strict=False)"),
    "another shape": (saved, model(w=np.ones((3, 3))), "OPT", "skip='w')"),
    "another ema": (lambda: saved(ema=0.5), model(), "OPT", "strict=False)"),
    "a function": (lambda: saved(lr=falling), model(), "OPT", "hyperparameters=False)"),
    "other groups": (
        lambda: saved(groups={"b": {"lr": 0.5}}),
        model(),
        "OPT",
        "hyperparameters=False)",
    ),
    "all new": (saved, model(new=np.ones(2)), MAKE, "strict=False)"),
    "all of another shape": (
        saved,
        model(w=np.ones((3, 3))),
        MAKE,
        "skip='w')",
    ),
    "own": (
        lambda: saved(Mine),
        model(),
        MAKE,
        "opt = Mine(params); opt.load(path)",
    ),
    "own config": (lambda: saved(Mine), model(), f"fastopt.{FROM}", f"Mine.{FROM}"),
    "another config": (saved, model(), f"fastopt.SGD.{FROM}", f"fastopt.{FROM}"),
    "another own": (lambda: saved(Mine), model(), f"fastopt.SGD.{FROM}", f"Mine.{FROM}"),
}


@pytest.mark.parametrize("load", ["opt.load(path)", "opt.load_state_dict(state)"])
@pytest.mark.parametrize("name", CASES)
def test_the_line_works(name: str, load: str, tmp_path: Path) -> None:
    make, params, done, ends = CASES[name]
    params = {key: p.copy() for key, p in params.items()}
    opt, before = Adam(params), make()
    before.save(path := tmp_path / "run.npz")
    known = {"fastopt": fastopt, "Mine": Mine, "opt": opt, "params": params, "path": path}
    known |= {"state": before.state_dict(), "__builtins__": {}}
    if "config" in done:
        known["config"] = before.get_config()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the line is looked for below
        exec(done.replace("OPT", load), known)
    [line] = LINE.findall(str(caught.value))
    assert line.endswith(ends)
    exec(line, known)
    assert known["opt"].step_count == (0 if "config" in done else 1)


@pytest.mark.parametrize("option", ["strict", "hyperparameters", "skip", "names"])
def test_fastopt_load_makes_all_there_is(option: str, tmp_path: Path) -> None:
    saved().save(path := tmp_path / "run.npz")
    with pytest.raises(TypeError, match=rf"{option} is for .*: opt\.load\(path, {option}=\.\.\.\)"):
        fastopt.load(path, model(), **{option: None})


def test_an_option_that_is_in_the_checkpoint_is_set_afterwards(tmp_path: Path) -> None:
    saved(lr=0.5).save(path := tmp_path / "run.npz")
    with pytest.raises(TypeError, match=r"lr is in the checkpoint: .* opt\.lr = \.\.\."):
        fastopt.load(path, model(), lr=0.25)
    opt = fastopt.load(path, model())
    opt.lr = 0.25
    assert opt.lr == 0.25


def test_a_function_is_given_again(tmp_path: Path) -> None:
    saved(lr=falling).save(path := tmp_path / "run.npz")
    with pytest.raises(TypeError, match=r"fastopt\.load\(path, params, lr=\.\.\.\)"):
        fastopt.load(path, model())
    assert fastopt.load(path, model(), lr=falling).lr == 0.1
    with pytest.raises(ValueError, match=r"lr=\.\.\., when the optimizer is made"):
        Adam(model()).load(path)
    Adam(model(), lr=falling).load(path)


def test_parameters_that_are_not_there_are_saved(tmp_path: Path) -> None:
    opt = saved()
    opt.save(path := tmp_path / "run.npz")
    with pytest.raises(fastopt.CheckpointError, match=r"opt\.save\(path, params=True\) writes them"):
        opt.load(path, params=True)
    opt.save(path, params=True)
    opt.load(path, params=True)
