"""Smoothing: a noisy cosine through exponential moving averages, with and without bias correction."""

from functools import partial
from typing import Any

import numpy as np

import fastopt
from fastopt.demo import plot, report
from fastopt.demo.arguments import UsageError
from fastopt.demo.data import Array
from fastopt.demo.experiment import Experiment, Outcome, Settings
from fastopt.demo.results import Record

POINTS = 200
BETAS = (0.1, 0.9, 0.999)
NOISE = 0.5  # the most that a point is off


def run(settings: Settings) -> Outcome:
    """Smooth with each beta; draw a panel for each."""
    x = np.linspace(0, 2 * np.pi, POINTS)
    cosine = np.cos(x)
    signal = cosine + np.random.default_rng(settings.seed).uniform(-NOISE, NOISE, POINTS)
    smoothed = {
        (beta, corrected): _ema(signal, beta, corrected, settings.backend)
        for beta in BETAS
        for corrected in (False, True)
    }
    text = (
        f"A noisy cosine of {POINTS} points: root mean square of the distance to the cosine\n\n"
        f"{_table(signal, cosine, smoothed)}"
    )
    records = [
        Record(
            {"beta": beta, "bias_correction": corrected},
            {"x": x.tolist(), "cosine": cosine.tolist(), "signal": signal.tolist(),
             "smoothed": values.tolist()},
        )
        for (beta, corrected), values in smoothed.items()
    ]  # fmt: skip
    picture = partial(_draw, x, signal, cosine, smoothed)
    return Outcome(settings, records, text, picture, note="", shows="smoothed signals")


def _ema(signal: Array, beta: float, corrected: bool, backend: str | None) -> Array:
    try:
        return fastopt.ema(signal, beta, bias_correction=corrected, backend=backend)
    except (ImportError, ValueError) as error:
        raise UsageError(str(error)) from None


def _table(signal: Array, cosine: Array, smoothed: dict[tuple[float, bool], Array]) -> str:
    rows = {"the signal itself": signal} | {
        f"beta {beta}, {'with' if corrected else 'without'} bias correction": values
        for (beta, corrected), values in smoothed.items()
    }
    distances = [
        [float(np.sqrt(np.mean((row - cosine)[part] ** 2))) for row in rows.values()]
        for part in (slice(None), slice(10))
    ]
    header = ("smoothed by", "all points", "first 10 points")
    columns = [[f"{distance:.3f}" for distance in column] for column in distances]
    return report.layout(header, list(rows), columns)


def _draw(x: Array, signal: Array, cosine: Array, smoothed: dict[tuple[float, bool], Array]) -> Any:
    figure = plot.new_figure(8.0)
    panels = figure.subplots(len(BETAS), 1, sharex=True, sharey=True)
    for axes, beta in zip(panels, BETAS, strict=True):
        axes.plot(x, signal, ".", color="0.7", markersize=4, label="signal")
        axes.plot(x, cosine, color="0.4", linewidth=1, label="cosine")
        for corrected, style in zip((False, True), plot.styles("ab").values(), strict=True):
            label = f"{'with' if corrected else 'without'} bias correction"
            axes.plot(x, smoothed[beta, corrected], **style, label=label)
        axes.set_title(f"beta {beta}", fontsize="medium")
        axes.set_ylabel("value")
        plot.add_grid(axes)
    panels[-1].set_xlabel("x")
    panels[-1].set_xlim(x[0], x[-1])
    figure.suptitle("A noisy cosine through exponential moving averages")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4,
                  frameon=False)  # fmt: skip
    return figure


EXPERIMENT = Experiment(
    "smoothing",
    "a noisy cosine and its exponential moving averages, with and without bias correction",
    {},
    run,
)
