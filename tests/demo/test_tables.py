"""The tables of the demonstration: figures in their rows, and asterisks at the lowest losses."""

from itertools import permutations
from math import inf, nan
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("mlxtend")
pytest.importorskip("tqdm")

from support.demo_runs import made_up

from fastopt.demo.experiments import five_points
from fastopt.demo.report import loss_text, starred, table
from fastopt.demo.run import Run
from fastopt.demo.sweep import table as sweep_table

LOSSES = (0.5, 0.25, 0.125, 0.0625)


def cells(text: str, columns: int) -> dict[str, list[str]]:
    """Read a table: the cells of each row, by its name."""
    rows = [line.split() for line in text.splitlines()[2:]]
    return {" ".join(row[:-columns]): row[-columns:] for row in rows}


@pytest.mark.parametrize("losses", [*permutations(LOSSES)])
@pytest.mark.parametrize("turn", range(4))
def test_the_lowest_losses_have_the_stars_of_their_columns(
    turn: int, losses: tuple[float, ...]
) -> None:
    """Training and test loss, in the same row and in different ones, in every order of the runs."""
    runs = []
    for k, loss in enumerate(losses):
        step = 1e-3 * (k + 1)
        options: dict[str, Any] = {
            "lr": 0.001 * (k + 1),
            "test_losses": [1.0, 2 * losses[(k + turn) % 4]],
            "seconds_of_step": step,
            "seconds_of_optimizer": step * (k + 1) / 10,
        }
        runs.append(made_up(f"run {k}", loss, accuracy=0.5 + k / 8, **options))
    found = cells(table(runs), 6)
    assert list(found) == [run.label for run in sorted(runs, key=lambda run: run.final_loss)]
    for k, run in enumerate(runs):
        assert found[run.label] == [
            f"{run.lr:.3g}",
            loss_text(run.final_loss) + "*" * (run.final_loss == min(LOSSES)),
            loss_text(run.test_losses[-1]) + "*" * (run.test_losses[-1] == 2 * min(LOSSES)),
            f"{0.5 + k / 8:.1%}",
            f"{1 / run.seconds_of_step:,.0f}",
            f"{(k + 1) / 10:.1%}",
        ]


def test_a_run_that_diverged_is_the_last_and_has_no_star_for_its_loss() -> None:
    runs = [made_up("lost", nan, accuracy=1.0), made_up("kept", 2.0), made_up("over", inf)]
    found = cells(table(runs), 6)
    assert list(found) == ["kept", "lost", "over"]
    assert [row[1] for row in found.values()] == ["2.00e+00*", "diverged", "diverged"]
    assert found["lost"][3] == "100.0%"


def test_stars() -> None:
    assert starred([3.0, 1.0, 2.0], "{:g}".format) == ["3 ", "1*", "2 "]
    assert starred([1.0, 2.0, 1.0], "{:g}".format) == ["1*", "2 ", "1*"]
    assert starred([1.01, 2.0, 1.02], "{:.1f}".format) == ["1.0*", "2.0 ", "1.0*"]  # written alike
    assert starred([2.0, 2.0], "{:g}".format) == ["2 ", "2 "]  # lowest of nothing
    assert starred([2.0], "{:g}".format) == ["2 "]
    assert starred([inf, 2.0, nan], "{:g}".format) == ["inf ", "2*", "nan "]
    assert starred([inf, nan], "{:g}".format) == ["inf ", "nan "]
    assert starred([inf, 2.0], "{:g}".format, otherwise=["(0.5)", "no"]) == ["(0.5) ", "2*"]
    assert starred([], "{:g}".format) == []


@pytest.mark.parametrize("steps", [*permutations((40, 30, 20))])
def test_the_table_of_five_points(steps: tuple[int, ...]) -> None:
    """The fewest steps of each column; in brackets the loss of a run that has not got there."""

    def team(counts: tuple[int, ...]) -> list[Run]:
        done = five_points.GOAL / 2
        runs = [made_up(f"run {k}", done, steps=[0, n]) for k, n in enumerate(counts)]
        return [*runs, made_up("run 3", 0.75, steps=[0, 10])]

    found = cells(five_points._table({"rate 1": team(steps), "rate 2": team(steps[::-1])}), 2)
    for k, counts in enumerate(zip(steps, steps[::-1], strict=True)):
        assert found[f"run {k}"] == [f"{n}{'*' * (n == 20)}" for n in counts]
    assert found["run 3"] == [f"({loss_text(0.75)})"] * 2


@pytest.mark.parametrize("lows", [*permutations((30.0, 20.0, 10.0))])
def test_the_table_of_a_sweep_is_chosen_on_the_validation_data(lows: tuple[float, ...]) -> None:
    """A column for each optimizer, a row for each rate, and no look at lower test losses."""
    runs = [
        made_up(label, lr=rate, test_losses=[90.0, low, 5.0], validation_losses=[9.0, 7.0, 8.0])
        for label, column in (("adam", lows), ("sgd", lows[::-1]))
        for rate, low in zip((0.1, 0.2, 0.3), column, strict=True)
    ]
    found = cells(sweep_table(runs), 2)
    for rate, *row in zip(("0.1", "0.2", "0.3"), lows, lows[::-1], strict=True):
        assert found[rate] == [f"{low:.1f}{'*' * (low == 10.0)}" for low in row]
