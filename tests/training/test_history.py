"""History: columns, table, state, picture."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from fastopt import ema
from fastopt.training import History


def made_up(epochs: int, steps: int, **metrics: float) -> History:
    history = History()
    for epoch in range(epochs):
        for step in range(steps):
            history.add_step(1.0 / (1 + epoch * steps + step))
        history.add_epoch(steps, metrics)
    return history


def test_columns() -> None:
    history = made_up(2, 3, accuracy=0.5)
    losses = [1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]
    assert history.losses.tolist() == losses
    assert history.epochs == {
        "epoch": [1, 2],
        "step": [3, 6],
        "loss": [np.mean(losses[:3]), np.mean(losses[3:])],
        "accuracy": [0.5, 0.5],
    }
    assert history.last_metrics == {"loss": np.mean(losses[3:]), "accuracy": 0.5}
    history.losses[:] = 0  # a copy
    history.epochs["loss"].clear()
    assert history.losses.tolist() == losses
    assert len(history.epochs["loss"]) == 2


def test_it_is_read_like_a_dict() -> None:
    history = made_up(2, 1, accuracy=0.5)
    assert list(history) == ["epoch", "step", "loss", "accuracy"]
    assert history["loss"] == [1.0, 0.5]
    assert dict(history) == history.epochs
    assert ("accuracy" in history, "val_loss" in history, len(history)) == (True, False, 4)
    history["loss"].clear()  # a copy
    assert history["loss"] == [1.0, 0.5]
    with pytest.raises(KeyError, match=r"no metric 'acuracy': did you mean 'accuracy'. there are acc"):
        history["acuracy"]
    with pytest.raises(TypeError):
        history["loss"] = []  # type: ignore[index]


def test_two_of_the_same_numbers_are_two() -> None:
    one, two = made_up(1, 1), made_up(1, 1)
    assert one != two
    assert len({one, two, one}) == 2


def test_a_habit_from_keras() -> None:
    history = made_up(1, 1)
    with pytest.raises(AttributeError, match=r"write history\['loss'\] for history.history\['loss'\]"):
        history.history  # type: ignore[attr-defined] # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'loses'$"):
        history.loses  # type: ignore[attr-defined] # noqa: B018
    assert not hasattr(history, "_ipython_canary_method_should_not_exist_")


# The best epoch.


def of_metrics(**metrics: list[float]) -> History:
    history = History()
    for row in zip(*metrics.values(), strict=True):
        values = dict(zip(metrics, row, strict=True))
        history.add_step(values.pop("loss", 1.0))
        history.add_epoch(1, values)
    return history


@pytest.mark.parametrize(
    ("metrics", "monitor", "best"),
    [
        ({"loss": [3.0, 1.0, 2.0]}, "loss", 2),
        ({"loss": [3.0, 1.0, 2.0], "acc": [0.5, 0.5, 1.0]}, "loss", 2),
        ({"loss": [3.0, 2.0, 1.0], "acc": [1.0, 2.0, 3.0], "val_Loss": [2.0, 1.0, 1.0]}, "val_Loss", 2),
        ({"loss": [np.nan, 2.0, np.nan]}, "loss", 2),
        ({"loss": [np.nan, np.nan]}, "loss", None),
        ({"loss": [np.inf, np.inf]}, "loss", 1),
        ({}, "loss", None),
    ],
)
def test_the_best_epoch_is_that_of_the_least_loss(metrics: Any, monitor: str, best: Any) -> None:
    history = of_metrics(**metrics)
    assert (history.monitor, history.best_epoch) == (monitor, best)


def test_the_best_epoch_of_early_stopping_comes_first() -> None:
    history = of_metrics(loss=[3.0, 2.0, 1.0], acc=[1.0, 3.0, 2.0])
    history.mark_best("acc", 2)
    assert (history.monitor, history.best_epoch) == ("acc", 2)
    assert repr(history).startswith("History(3 epochs, 3 steps), best epoch 2: acc 3\n")
    history.mark_best("acc", 0)
    assert history.best_epoch is None
    assert repr(history).startswith("History(3 epochs, 3 steps)\n")


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("epochs", "ended after all epochs"),
        ("interrupted", "interrupted"),
        ("stopped", "stopped"),
        ("EarlyStopping", "ended by EarlyStopping"),
    ],
)
def test_repr_says_why_it_has_ended(ended: str, words: str) -> None:
    history = of_metrics(loss=[1.0])
    history.ended = ended
    assert repr(history).startswith(f"History(1 epochs, 1 steps), {words}, best epoch 1: loss 1\n")


def rows_of(html: str) -> list[list[str]]:
    """Read a table as a browser does."""
    return [[cell.text or "" for cell in row] for row in ElementTree.fromstring(html).iter("tr")]


@pytest.mark.parametrize(
    ("epochs", "best", "row"), [(3, 2, 2), (12, 2, None), (12, 3, 2), (12, 12, 11)]
)
def test_html_is_the_same_table(epochs: int, best: int, row: int | None) -> None:
    history = made_up(epochs, 1000, **{"<b>&": 0.25})
    history.mark_best("loss", best)
    html = history._repr_html_()
    lines = repr(history).splitlines()
    caption = ElementTree.fromstring(html).find("caption")
    assert caption is not None
    assert caption.text == lines[0]
    assert rows_of(html) == [line.split() if line != "..." else ["..."] * 4 for line in lines[1:]]
    found = list(ElementTree.fromstring(html).iter("tr"))
    assert [i for i, each in enumerate(found[1:], 1) if each.find("th") is not None] == (
        [] if row is None else [row]
    )


def test_empty() -> None:
    history = History()
    assert history.losses.shape == (0,)
    assert history.losses.dtype == np.float64
    assert np.isnan(history.last_loss)
    assert history.last_metrics == {}
    assert repr(history) == "History(0 epochs, 0 steps)"


def test_repr_is_a_table() -> None:
    assert repr(made_up(2, 1000, accuracy=1 / 3)) == (
        "History(2 epochs, 2000 steps), best epoch 2: loss 0.0006929\n"
        "epoch  step       loss  accuracy\n"
        "    1  1000   0.007485    0.3333\n"
        "    2  2000  0.0006929    0.3333"
    )


def test_repr_of_many_epochs_shows_the_last() -> None:
    head, columns, dots, *rows = repr(made_up(12, 1)).splitlines()
    assert head.startswith("History(12 epochs, 12 steps), best epoch 12: loss 0.0")
    assert dots == "..."
    assert columns.split() == ["epoch", "step", "loss"]
    assert [row.split()[0] for row in rows] == [str(epoch) for epoch in range(3, 13)]


def test_state_there_and_back() -> None:
    history = made_up(2, 3, accuracy=np.nan)
    history.add_step(np.inf)
    again = History()
    again.load_state_dict(history.state_dict())
    assert again.losses.tobytes() == history.losses.tobytes()
    assert repr(again) == repr(history)
    assert [type(value) for value in again.epochs["epoch"]] == [int, int]
    for other in (history, again):
        other.add_step(0.5)
        other.add_epoch(2, {"accuracy": 1.0})
    assert repr(again) == repr(history)
    assert np.isinf(again.epochs["loss"][-1])


@pytest.mark.parametrize("state", ["state", {}, {"losses": []}])
def test_bad_states(state: Any) -> None:
    history = made_up(1, 2)
    with pytest.raises(TypeError, match="the state of a History is what state_dict"):
        history.load_state_dict(state)
    assert history.steps == 2


def test_the_mean_of_infinite_losses_is_no_warning() -> None:
    history = History()
    history.add_step(np.inf)
    history.add_step(-np.inf)
    history.add_epoch(2, {})
    history.add_step(1e308)
    history.add_step(1e308)
    history.add_epoch(2, {})
    nan, infinite = history.epochs["loss"]
    assert np.isnan(nan)
    assert np.isinf(infinite)


def test_metrics_keep_their_names() -> None:
    history = made_up(1, 2, accuracy=0.5)
    before = repr(history)
    for metrics in ({}, {"acc": 1.0}, {"accuracy": 1.0, "more": 2.0}):
        with pytest.raises(ValueError, match="before it returned 'accuracy': it must return the same"):
            history.add_epoch(2, metrics)
    with pytest.raises(ValueError, match=r"returns 'step', .* call it 'validation step'"):
        history.add_epoch(2, {"step": 1.0})
    assert repr(history) == before


# The picture.


@pytest.fixture
def pyplot() -> Iterator[Any]:
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_a_curve_with_its_average_and_the_metrics(pyplot: Any) -> None:
    history = made_up(4, 25, **{"validation loss": 0.5, "accuracy": 0.75})
    axes = history.plot()
    raw, smooth, validation = axes.lines
    assert raw.get_xydata().tolist() == [[i + 1, loss] for i, loss in enumerate(history.losses)]
    assert smooth.get_ydata().tolist() == ema(history.losses, 1 - 1 / (1 + 100 / 50)).tolist()
    assert validation.get_xydata().tolist() == [[25 * i, 0.5] for i in (1, 2, 3, 4)]
    (right,) = (other for other in axes.figure.axes if other is not axes)
    (accuracy,) = right.lines
    assert accuracy.get_ydata().tolist() == [0.75] * 4
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["loss", "loss, smoothed", "validation loss", "accuracy", "best epoch: 1"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss")
    assert axes.get_yscale() == "log"
    axes.figure.canvas.draw()


def test_a_short_history_on_axes_of_the_caller(pyplot: Any) -> None:
    axes = pyplot.figure().subplots()
    assert made_up(1, 5).plot(axes) is axes
    assert len(axes.lines) == 1
    assert axes.get_legend() is None
    assert axes.get_yscale() == "linear"
    assert len(pyplot.get_fignums()) == 1


def test_what_is_not_finite_is_left_out(pyplot: Any) -> None:
    history = History()
    losses = np.tile([np.nan, np.inf, 2.0, -np.inf], 60)
    for loss in losses:
        history.add_step(loss)
    history.add_epoch(240, {"validation loss": np.inf})
    history.add_epoch(240, {"validation loss": 3.0})
    raw, smooth, _ = history.plot().lines
    for line in (raw, smooth):
        assert np.array_equal(np.isfinite(line.get_ydata()), np.isfinite(losses))
    over_finite = ema(losses[2::4], 1 - 1 / (1 + 60 / 50))
    assert smooth.get_ydata()[2::4].tolist() == over_finite.tolist()
    raw.figure.canvas.draw()


def test_a_ring_is_at_the_best_epoch(pyplot: Any) -> None:
    history = of_metrics(loss=[4.0, 3.0, 2.0], acc=[1.0, 3.0, 2.0])
    (ring,) = history.plot().collections
    assert ring.get_offsets().tolist() == [[3.0, 2.0]]
    history.mark_best("acc", 2)
    axes = history.plot()
    assert not axes.collections
    (right,) = (other for other in axes.figure.axes if other is not axes)
    (ring,) = right.collections
    assert ring.get_offsets().tolist() == [[2.0, 3.0]]
    assert ring.get_label() == "best epoch: 2"
    history.mark_best("acc", 0)
    assert not any(other.collections for other in history.plot().figure.axes)


def test_long_histories_are_drawn_with_few_points(pyplot: Any) -> None:
    raw, smooth = made_up(1, 100_001).plot().lines
    assert len(raw.get_xdata()) == len(smooth.get_xdata()) <= 2001


def test_nothing_to_draw(pyplot: Any) -> None:
    with pytest.raises(ValueError, match="the history is empty: there is nothing to draw"):
        History().plot()
    assert not pyplot.get_fignums()
