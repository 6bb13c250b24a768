"""The presets of `compare`: each runs, and its files hold what they say."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("mlxtend")
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

from support.demo_runs import compare

from fastopt.__main__ import main
from fastopt.demo import data, plot, rates
from fastopt.demo.contestants import Contestant
from fastopt.demo.experiments import EXPERIMENTS, breast_cancer, five_points, mnist, smoothing
from fastopt.demo.train import train
from fastopt.registry import names_from_gradients

Capture = pytest.CaptureFixture[str]
FEW = {name: ["--steps", "3"] if "steps" in e.defaults else [] for name, e in EXPERIMENTS.items()}


def runs_of(path: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(path.read_text())["runs"]
    return runs


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_shows_a_table_and_saves_files(
    name: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.image import imread

    figures: list[Any] = []
    new_figure = plot.new_figure

    def kept(*size: float) -> Any:
        figures.append(new_figure(*size))
        return figures[-1]

    monkeypatch.setattr(plot, "new_figure", kept)
    monkeypatch.chdir(tmp_path)
    outs = ["a.png", "b.csv", "c.json"]
    assert main(["compare", "--experiment", name, *FEW[name], "--seed", "1", "--out", *outs]) == 0
    said = capsys.readouterr()
    content = json.loads(Path("c.json").read_text())
    trained = 0 if name == "smoothing" else len(content["runs"])
    assert len(said.err.splitlines()) == trained  # a line for each training
    assert max(map(len, [*said.out.splitlines(), *said.err.splitlines()])) <= 80
    assert said.out.endswith(".\n")
    assert all(out in said.out for out in outs)
    assert imread("a.png").shape[1] == 1000
    (figure,) = figures
    for axes in figure.axes:
        lines = axes.get_lines()
        looks = {(str(line.get_color()), str(line._dash_pattern)) for line in lines}
        assert len(looks) == len(lines) > 2  # no two look the same
    rule = "Learning rates, by one rule for all: of 0.0001, 0.0003, 0.001, ..., 10 the one with"
    below = " ".join(figure._supxlabel.get_text().split()) if figure._supxlabel else ""
    for said_where in (below, " ".join(said.out.split())):
        assert (rule in said_where) == (name in ("breast-cancer", "mnist"))

    assert content["experiment"] == name
    assert set(content["settings"]) == {"seed", "backend", *EXPERIMENTS[name].defaults}
    assert content["settings"]["seed"] == 1
    with Path("b.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    points = [
        {
            **{k: v for k, v in run.items() if k != "curve"},
            **dict(zip(run["curve"], values, strict=True)),
        }
        for run in content["runs"]
        for values in zip(*run["curve"].values(), strict=True)
    ]
    assert len(rows) == len(points)
    for row, point in zip(rows, points, strict=True):
        assert list(row) == list(point)
        for column in row:
            value = point[column]
            if value is None:
                assert row[column] in ("", "nan", "inf")
            elif isinstance(value, int | float) and not isinstance(value, bool):
                assert float(row[column]) == value
            else:
                assert row[column] == str(value)


def test_96_styles_differ() -> None:
    styles = plot.styles(map(str, range(96))).values()
    assert len({(style["color"], str(style["linestyle"])) for style in styles}) == 96
    assert len(names_from_gradients()) <= 96


def test_several_files_are_written_at_once(tmp_path: Path, capsys: Capture) -> None:
    outs = [str(tmp_path / name) for name in ("a.svg", "b.PDF", "c.csv")]
    main(["compare", "--experiment", "smoothing", "--out", *outs])
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    assert (tmp_path / "b.PDF").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "c.csv").read_text().startswith("beta,bias_correction,x,cosine,signal,smoothed")
    said = " ".join(capsys.readouterr().out.split())
    assert f"{outs[0]} and {outs[1]}. The results are in {outs[2]}." in said


# Each of them.


def test_smoothing_is_that_of_the_formula(tmp_path: Path) -> None:
    runs = runs_of(compare(tmp_path, "--experiment", "smoothing"))
    assert [(run["beta"], run["bias_correction"]) for run in runs] == [
        (beta, corrected) for beta in (0.1, 0.9, 0.999) for corrected in (False, True)
    ]
    for run in runs:
        curve, s = run["curve"], 0.0
        assert len(curve["x"]) == smoothing.POINTS == 200
        for t, (x, smoothed) in enumerate(zip(curve["signal"], curve["smoothed"], strict=True), 1):
            s = run["beta"] * s + (1 - run["beta"]) * x
            whole = 1 - run["beta"] ** t if run["bias_correction"] else 1.0
            assert smoothed == pytest.approx(s / whole, rel=1e-10, abs=1e-12)  # cancels near zero


def test_a_large_step_collapses_the_boston_network_and_clipnorm_saves_it(tmp_path: Path) -> None:
    out = compare(
        tmp_path, "--experiment", "boston", "--lr", "1e-3", "--optimizers", "gradient-descent"
    )
    free, clipped = runs_of(out)
    assert (free["clipnorm"], clipped["clipnorm"]) == (None, 2.0)
    assert free["batch"] is clipped["batch"] is None  # all of the data
    assert all(loss is not None for loss in free["curve"]["validation_loss"])
    y_test, y_train = data.boston(0).y_test, data.boston(0).y_train
    mean = float(((y_test - y_train.mean()) ** 2).mean())
    assert free["curve"]["test_loss"][-1] == pytest.approx(mean, rel=0.05)  # not yet quite the mean
    assert clipped["curve"]["test_loss"][-1] < 0.7 * mean


def test_boston_sweeps_the_rates(tmp_path: Path, capsys: Capture) -> None:
    runs = runs_of(compare(tmp_path, "--experiment", "boston", "--steps", "2"))
    assert len(runs) == 2 * 4 * 7
    assert {run["lr"] for run in runs} == {float(f"1e-{k}") for k in range(3, 10)}
    assert {run["batch"] for run in runs if run["optimizer"] != "gradient-descent"} == {32}
    said = capsys.readouterr().out
    assert said.count("1e-09") == 2


def test_five_points_train_until_the_goal(tmp_path: Path, capsys: Capture) -> None:
    runs = runs_of(compare(tmp_path, "--experiment", "five-points"))
    assert [run["panel"].split()[-1] for run in runs[::4]] == ["0.001", "0.01", "0.1", "1"]
    for run in runs:
        losses = run["curve"]["training_loss"]
        reached = losses[-1] < five_points.GOAL
        assert reached or run["curve"]["step"][-1] == 1000
        assert min(losses[:-1]) >= five_points.GOAL
    assert sum(run["curve"]["step"][-1] < 1000 for run in runs) > 10
    assert "(" in capsys.readouterr().out  # the loss of one that did not get there


def test_mnist_takes_three_epochs_and_learns(tmp_path: Path, capsys: Capture) -> None:
    arguments = ("--experiment", "mnist", "--optimizers", "adam", "rmsprop", "--batch", "500")
    out = compare(tmp_path, *arguments)
    for run in runs_of(out):
        assert run["curve"]["step"][-1] == 3 * 8
        assert run["curve"]["training_loss"][-1] < 0.7 * run["curve"]["training_loss"][0]
    assert json.loads(out.read_text())["settings"]["steps"] == 24
    assert "--steps 705" in capsys.readouterr().out


def test_mnist_keeps_the_last_batch(tmp_path: Path) -> None:
    arguments = ("--experiment", "mnist", "--optimizers", "sgd", "--batch", "3000", "--last", "keep")
    assert runs_of(compare(tmp_path, *arguments))[0]["curve"]["step"][-1] == 3 * 2


# Options.


def test_a_sweep_draws_a_panel_for_each_rate(tmp_path: Path) -> None:
    arguments = ("--steps", "5", "--optimizers", "adam", "sgd", "--lr", "0.1", "0.01", "0.1", "1")
    runs = runs_of(compare(tmp_path, *arguments))
    assert [(run["lr"], run["optimizer"]) for run in runs] == [
        (lr, name) for lr in (0.1, 0.01, 1.0) for name in ("adam", "sgd")
    ]
    assert len({run["panel"] for run in runs}) == 3
    compare(tmp_path, *arguments, out="three.png")


def test_clipnorm_is_heeded(tmp_path: Path) -> None:
    arguments = ("--steps", "5", "--optimizers", "sgd")
    free, clipped = (
        runs_of(compare(tmp_path, *arguments, *more))[0] for more in ((), ("--clipnorm", "1e-3"))
    )
    assert clipped["clipnorm"] == 1e-3
    fall = [
        run["curve"]["training_loss"][0] - run["curve"]["training_loss"][-1] for run in (free, clipped)
    ]
    assert 0 < fall[1] < 0.1 * fall[0]


def test_an_experiment_is_found_however_it_is_written(tmp_path: Path) -> None:
    for name in ("Smoothing", "SMOOTHING"):
        assert len(runs_of(compare(tmp_path, "--experiment", name))) == 6
    assert len(runs_of(compare(tmp_path, "--experiment", "five_points", "--steps", "1"))) == 16


def test_the_rule_of_rates_names_who_has_none() -> None:
    listed, other = Contestant("listed", "sgd", {"lr": 0.1}), Contestant("other", "sgd")
    assert "default" not in rates.rule([listed], 7)
    assert "after 7 steps" in rates.rule([listed], 7)
    assert rates.rule([listed, other], 7).endswith(" At its default: other.")


def test_every_optimizer_has_a_learning_rate_of_the_grid() -> None:
    """New ones can do without, and the page then says so."""
    assert {*breast_cancer.LEARNING_RATES.values()} <= {*rates.GRID}
    assert {rate for pair in mnist.LEARNING_RATES.values() for rate in pair} <= {*rates.GRID}


def test_a_rate_is_that_of_the_rule() -> None:
    """The rates beside it, three times as large and as small, have higher validation losses."""
    (own,) = (c for c in breast_cancer.roster() if c.label == "adadelta")
    held = [data.hold_out(data.breast_cancer(seed), seed) for seed in rates.SEEDS]
    at = rates.GRID.index(own.hyperparameters["lr"])
    losses = [
        sum(
            train(
                own.having(lr=rates.GRID[k]),
                breast_cancer.NETWORK,
                held[seed],
                steps=breast_cancer.STEPS,
                seed=seed,
                points=1,
            ).validation_losses[-1]
            for seed in rates.SEEDS
        )
        for k in (at - 1, at, at + 1)
    ]
    assert min(losses) == losses[1]


def test_the_library_has_what_the_experiments_name() -> None:
    assert {c.label for c in mnist.FORMS} <= {*names_from_gradients()}
