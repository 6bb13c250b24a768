"""Training that is saved and resumed in a fresh process has the bits of training without a stop.

Every algorithm, setting and way of training is resumed from every step but the first, and every
option of an algorithm from one or two of them, in turn. With ``FASTOPT_TEST_RESUME_STEPS=200`` all
are, at 199 points, which takes twenty minutes; see `resume_runs`.
"""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import resume_runs
from support.resume_runs import RUNS, STEPS, digest, everything, model

from fastopt.backends import backend as backend_named

Check = Callable[..., dict[str, list[int]]]
TESTS = str(Path(__file__).parents[1])


@pytest.fixture
def check(run_python: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """Resume in a new process; give the steps from which the bits are others, for each run."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # no power cut is tested here

    def run(*arguments: Any) -> dict[str, list[int]]:
        script = f"from support import resume_runs; resume_runs.main{tuple(map(str, arguments))}"
        steps = {"FASTOPT_TEST_RESUME_STEPS": str(STEPS)}
        timeout = 300 + 5 * STEPS
        text = run_python(script, timeout=timeout, PYTHONPATH=TESTS, **steps)
        found: dict[str, list[int]] = json.loads(text)
        return found

    return run


@pytest.mark.parametrize("which", [which for which in RUNS if " " not in which])
def test_every_run_from_every_step(which: str, check: Check, tmp_path: Path) -> None:
    runs = RUNS[which]()
    resume_runs.write(runs, tmp_path, "native")
    assert check(which, tmp_path, "native") == {name: [] for name in runs}


def test_a_fresh_process_for_every_step(check: Check, tmp_path: Path) -> None:
    which = "everything with nadam"
    resume_runs.write(RUNS[which](), tmp_path, "native")
    for k in range(1, STEPS):
        assert check(which, tmp_path, "native", k) == {"nadam": []}


@pytest.mark.parametrize("there", ["numba", "numpy"])
def test_on_another_backend(there: str, check: Check, tmp_path: Path) -> None:
    which = "everything with nadam"
    if why_not := backend_named(there).why_not():
        pytest.skip(why_not)
    resume_runs.write(RUNS[which](), tmp_path, there)
    assert check(which, tmp_path, "native") == {"nadam": []}
    resume_runs.write(RUNS[which](), tmp_path, "native")
    assert check(which, tmp_path, there) == {"nadam": []}


CHANGES: dict[str, Callable[[Any], None]] = {
    "steps": lambda s: s.update(steps=s["steps"] + 1),
    "skipped": lambda s: s.update(skipped=s["skipped"] + 1),
    "skipped in a row": lambda s: s.update(skipped_in_a_row=s["skipped_in_a_row"] + 1),
    "loss scale": lambda s: s["loss_scale"].update(value=s["loss_scale"]["value"] * 2),
    "good steps": lambda s: s["loss_scale"].update(good_steps=1999),
    "remains": lambda s: s["followers"]["average"].update(remains=0.5),
    "accumulated": lambda s: s.update(accumulated=0, accumulated_weight=0.0),
    "weight": lambda s: s.update(accumulated_weight=3.5),
    "steps of one": lambda s: s["parameters"]["late"].update(steps=1),
    "carried": lambda s: s["parameters"]["late"]["carried"].update(mu_product=0.125),
    "frozen": lambda s: s["parameters"]["late"].update(frozen=True),
    "hyperparameters": lambda s: s["groups"][0]["hyperparameters"].update(eps=1e-3),
    "factors": lambda s: s["groups"][0]["hyperparameters"].update(multiply={"eps": 3.0}),
    "settings": lambda s: s["settings"].update(global_clipnorm=None),
    **{
        f"array {key}": lambda s, key=key: s["parameters"]["l.w"]["arrays"][key].view("u4").__ixor__(1)  # type: ignore[misc]
        for key in ("m", "v", "*average", "*accumulated")
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_lost_is_seen(change: str) -> None:
    """What the tests compare is all that there is: the smallest change is another digest."""
    run = everything("nadam")
    params = model(0)
    opt = run.make(params)
    for k in range(5):
        run.act(opt, params, k)
    state = opt.state_dict()
    found: list[str] = []
    for changed in (state, copy.deepcopy(state)):
        if found:
            CHANGES[change](changed)
        other = run.make(again := {name: p.copy(order="K") for name, p in params.items()})
        other.load_state_dict(changed)
        found.append(digest(other, again))
    assert found[0] == digest(opt, params) != found[1]
