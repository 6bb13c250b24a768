"""``python -m fastopt bench``: what it says, what it writes, and what it refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.__main__ import main
from fastopt.bench import beside, ceiling, command, handwritten, machine, peers, picture, turns
from fastopt.bench.arrays import Shape
from fastopt.bench.settings import Settings, quickly
from fastopt.bench.steps import Step
from fastopt.bench.turns import Call, Prepared
from fastopt.registry import names_from_gradients

Capture = pytest.CaptureFixture[str]
HAS_NUMBA = not fastopt.backends.backend("numba").why_not()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Go to an empty folder, where turns are short and products small."""
    monkeypatch.setattr(turns, "SETTLE", 0.0)
    monkeypatch.setattr(beside, "SETTLE", 0.0)
    monkeypatch.setattr(beside, "PAIRS", ((8, 100), (16, 200)))
    monkeypatch.setattr(
        command, "quickly", lambda settings: replace(quickly(settings), seconds=1e-4, turns=2)
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quick(*arguments: str, out: str = "bench.json") -> dict[str, Any]:
    assert main(["bench", "--quick", *arguments, "--out", *out.split()]) == 0
    found: dict[str, Any] = json.loads(Path(out.split()[-1]).read_text())
    return found


def test_a_quick_run_says_and_writes_all(tiny: Path, capsys: Capture) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    before = fastopt.get_num_threads()
    sizes = ["--sizes", "100", "2e3", "3x50"]
    few = ["--no-peers", "--algorithms", "SGD,adam", "momentum", "--threads", "2"]
    found = quick(*few, *sizes, out="bench.png bench.json")
    assert fastopt.get_num_threads() == before
    said = capsys.readouterr()
    assert said.err == ""  # how far it has come is for terminals
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    for title in (
        "ONE STEP",
        "HOW MANY TIMES AS FAST",
        "ALL OF A TRAINING STEP",
        "IN FEWER BITS",
        "THREADS",
    ):
        assert title in lines
    assert lines[-1] == "The files: bench.png and bench.json."
    assert imread("bench.png").shape[1] == 1000

    assert found["settings"]["rounds"] >= 7
    assert found["machine"]["fastopt"] == fastopt.__version__
    assert found["machine"]["packages"]["numpy"] == np.__version__
    steps = {(row["algorithm"], row["arrays"], row["elements"]): row for row in found["steps"]}
    assert set(steps) == {
        (name, *size) for name in ("sgd", "adam", "momentum") for size in ((1, 100), (1, 2000), (3, 50))
    }
    adam = steps["adam", 3, 50]
    contestants = {"fastopt", "NumPy"} | ({"ceiling"} if HAS_NUMBA else set())
    assert set(adam["seconds"]) - {"Numba"} == contestants
    assert adam["bytes_moved"] == 150 * 4 * 7  # g and p read, p written; two states both
    assert adam["bytes_resident"] == 150 * 4 * 4
    assert adam["ns_per_element"] == pytest.approx(adam["seconds"]["fastopt"] * 1e9 / 150)
    assert adam["gb_per_s"] == pytest.approx(150 * 28 / adam["seconds"]["fastopt"] / 1e9)
    ratio = adam["seconds"]["NumPy"] / adam["seconds"]["fastopt"]
    assert adam["faster_than"]["NumPy"] == pytest.approx(ratio)
    stages = [row["stages"] for row in found["pipelines"]]
    assert stages == 2 * [["clip", "adamw"]] + 2 * [["clip", "zero", "ema", "cast", "adamw"]]
    stored = found["formats"][-1]
    assert stored["bytes_resident"]["float32"] == 16
    assert stored["bytes_moved"]["bfloat16, masters"] == 26
    assert {"8-bit states", "alone, 8-bit states"} < set(stored["seconds"])
    assert [set(row["speed_up"]) for row in found["threads"]] == 3 * [{"1", "2"}]
    assert [row["matmul"] for row in found["beside_products"]] == [8, 16]
    one = found["beside_products"][0]
    assert set(one["seconds_in_turn"]) - set(one["seconds_alone"]) == {beside.NOTHING}
    for row in found["steps"] + found["pipelines"]:
        assert all(0 < value < 10 for value in row["seconds"].values())


def test_every_name_of_the_registry_can_be_measured(tiny: Path, capsys: Capture) -> None:
    found = quick(
        "--algorithms", *names_from_gradients(), "--sizes", "10", "--no-peers", "--threads", "1"
    )
    assert [row["algorithm"] for row in found["steps"]] == names_from_gradients()
    by_hand = [row["algorithm"] for row in found["steps"] if "NumPy" in row["seconds"]]
    assert by_hand == sorted(handwritten.BY_NAME)
    assert found["threads"] == []
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_many_peers_and_long_numbers_fit_in_80_columns() -> None:
    from fastopt.bench import report
    from fastopt.bench.arrays import Shape
    from fastopt.bench.steps import Step

    slow = dict.fromkeys(report.RIVALS, 0.0123456)
    found = [
        Step(name, Shape(1000, 1000), 2, {"fastopt": 1e-6, **slow}) for name in names_from_gradients()
    ]
    lines = report.rivals(found).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[3].split("x ")[:2] == ["  1,000 ", "1,000  >9999"]


# Peers.


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", peers.PEERS)
def test_a_peer_takes_steps_and_leaves_our_arrays_alone(label: str) -> None:
    peer = peers.PEERS[label]
    if peer.library == "deepspeed":
        pytest.skip("it takes a minute to compile")
    pytest.importorskip(peer.module)
    params, grads = [np.ones(7, np.float32)], [np.full(7, 2, np.float32)]
    names = [*names_from_gradients(), "none"]
    makers: list[Callable[[], Call | Prepared | None]]
    makers = [partial(peer.step, name, params, grads, 1) for name in names]
    if peer.sequence is not None:
        makers.append(partial(peer.sequence, ("clip", "zero", "ema", "cast"), params, grads, 1))
    made = [peers.tried(make) for make in makers]
    assert [why for _, why in made if why] == []
    assert made[names_from_gradients().index("adam")][0] is not None
    assert made[len(names_from_gradients())][0] is None
    np.testing.assert_array_equal(params[0], 1)
    np.testing.assert_array_equal(grads[0], 2)


def test_peers_that_are_missing_are_left_out(
    tiny: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in peers.LIBRARIES.values():
        monkeypatch.setitem(sys.modules, module, None)
    found = quick("--algorithms", "adam", "--sizes", "10")
    assert found["settings"]["peers"] == []
    assert "   fused" not in capsys.readouterr().out


def test_a_peer_that_fails_is_left_out_with_its_reason(
    tiny: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: Any) -> None:
        print("compiling")
        raise RuntimeError("no compiler\nat all")

    monkeypatch.setattr(peers, "PEERS", {"thinc": peers.Peer("thinc", "json", fails)})
    monkeypatch.setattr(peers, "LIBRARIES", {"thinc": "json"})
    monkeypatch.setattr(command, "LIBRARIES", {"thinc": "json"})
    found = quick("--algorithms", "adam", "--sizes", "10", "--peers", "thinc")
    assert found["left_out"] == {"thinc": "RuntimeError: no compiler"}
    said = capsys.readouterr().out
    assert "thinc is left out of some rows: RuntimeError: no compiler." in said
    assert "compiling" not in said


def test_a_peer_that_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "TOO_LONG", 0.01)
    made, why = peers.tried(lambda: lambda: sleep(0.02))
    assert made is None
    assert why.startswith("a step took ")


# The ceiling.


@pytest.mark.skipif(not HAS_NUMBA, reason="its rule is compiled by Numba")
@pytest.mark.parametrize("states", range(4))
def test_the_ceiling_adds_over_as_many_states(states: int) -> None:
    p, g = np.zeros(5, np.float32), np.arange(5, dtype=np.float32)
    step = ceiling.adder(states, [p], [g])
    assert step is not None
    step()
    step()
    np.testing.assert_array_equal(p, g * (3 if states else 2))


@pytest.mark.skipif(not HAS_NUMBA, reason="its rule is compiled by Numba")
def test_there_is_no_ceiling_over_more_states_than_it_has_rules_for() -> None:
    assert ceiling.adder(4, [np.zeros(5, np.float32)], [np.zeros(5, np.float32)]) is None


def test_without_numba_there_is_no_ceiling_and_one_line_says_so(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from fastopt.bench import beside, turns\n"
        "beside.PAIRS, beside.SETTLE, turns.SETTLE = ((8, 100),), 0.0, 0.0\n"
        "from dataclasses import replace\n"
        "from fastopt.bench import command\n"
        "quickly = command.quickly\n"
        "command.quickly = lambda given: replace(quickly(given), seconds=1e-4, turns=2)\n"
        "from fastopt.__main__ import main\n"
        "main('bench --quick --algorithms adam --sizes 10 --no-peers --out b.json'.split())"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # where only NumPy is left, it warns
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "There is no ceiling, as numba" in done.stdout
    assert "of ceiling" not in done.stdout
    assert "Numba " not in done.stdout.split("\n\n", 2)[2].replace("the Numba backend", "")
    row = json.loads((tmp_path / "b.json").read_text())["steps"][0]
    assert set(row["seconds"]) == {"fastopt", "NumPy"}
    assert row["share_of_ceiling"] is None


def test_the_picture_names_ceilings_apart_and_warns_of_a_busy_machine() -> None:
    pytest.importorskip("matplotlib")
    sizes = {"sgd": 0, "momentum": 1, "adam": 2, "nadam": 2}
    found = [
        Step(name, Shape(1, count), states, {"fastopt": 1e-6, "ceiling": 1e-6})
        for name, states in sizes.items()
        for count in (10, 1000)
    ]
    about = {"fastopt": "1", "processor": "P", "caches": []}
    settings = Settings((*sizes,), (), 2, {})
    figure = picture.draw(found, about, settings, "The machine is busy.")
    assert figure._suptitle.get_text().endswith("\nThe machine is busy.")
    labels = {f"ceiling, {count} bytes each" for count in (12, 20, 28)}
    assert labels <= {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    lines = figure._supxlabel.get_text().splitlines()
    assert {line.split(":")[0] for line in lines} == labels
    assert lines[2].endswith(": adds over gradient, parameters, 2 arrays of state; for adam, nadam")
    assert "busy" not in picture.draw(found, about, settings)._suptitle.get_text()


# The machine.


def test_caches_are_counted_by_their_sharers(tmp_path: Path) -> None:
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for cpu in known:
        for index, (level, kind, size, sharers) in enumerate(
            [
                (1, "Data", "48K", str(cpu)),
                (1, "Instruction", "32K", str(cpu)),
                (3, "Unified", "32768K", "all"),
            ]
        ):
            folder = tmp_path / f"cpu{cpu}" / "cache" / f"index{index}"
            folder.mkdir(parents=True)
            for name, text in (("level", level), ("type", kind), ("size", size)):
                (folder / name).write_text(f"{text}\n")
            (folder / "shared_cpu_list").write_text(f"{sharers}\n")
    found = machine.caches(str(tmp_path))
    if known:
        assert found == [(1, 48 << 10, len(known)), (3, 32 << 20, 1)]
    assert machine.caches(str(tmp_path / "nowhere")) == []


# What is refused.

WRONG = {
    "--algorithms adm": "there is no optimizer 'adm': did you mean 'adam'?",
    "--algorithms ,": "--algorithms names none",
    "--sizes 0": "'0' is not a size such as 1000, 25e6 or 1000x1e3",
    "--sizes 1.5": "'1.5' is not a size",
    "--sizes -5": "'-5' is not a size",
    "--sizes 2x3x4": "'2x3x4' is not a size",
    "--sizes inf": "'inf' is not a size",
    "--sizes nan": "'nan' is not a size",
    "--sizes x": "'x' is not a size",
    "--sizes 1e13": "GiB of memory; here are",
    "--threads 0": "'0' is not a whole number from 1 on",
    "--threads 257": "257 threads are more than 256",
    "--peers troch": "there is no peer 'troch': did you mean 'torch'?",
    "--peers ,": "--peers names none; --no-peers does without them",
    "--peers torch --no-peers": "not allowed with argument",
    "--out bench.txt": "must end in .png or .pdf or .svg or .json",
    "--out no/such/folder/b.png": "cannot write 'no/such/folder/b.png'",
    "--quick 5": "unrecognized arguments: 5",
    "--quik": "unrecognized arguments: --quik",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_arguments_end_with_one_line(line: str, tiny: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", *line.split()])
    said = capsys.readouterr()
    assert end.value.code == 2
    assert said.out == ""
    assert said.err.startswith("python -m fastopt bench: ") or "unrecognized" in said.err
    assert said.err.count("\n") == 1
    assert WRONG[line] in said.err
    assert not list(tiny.iterdir())


def test_a_peer_that_is_asked_for_must_be_there(
    tiny: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "thinc", None)
    with pytest.raises(SystemExit):
        main(["bench", "--peers", "thinc"])
    assert "thinc is not installed: leave it out, or pip install thinc" in capsys.readouterr().err


def test_a_picture_needs_matplotlib(
    tiny: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit):
        main(["bench", "--out", "b.svg"])
    assert "a picture needs matplotlib: pip install matplotlib" in capsys.readouterr().err
    command_line = "bench --quick --algorithms sgd --sizes 10 --no-peers --threads 1"
    assert main(command_line.split()) == 0
    assert [path.name for path in tiny.iterdir()] == ["bench.json"]
    assert "The files: bench.json." in capsys.readouterr().out
