"""The picture of a history."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.smoothing import ema

_DRAWN = 2000  # points of a curve at most
_REACH = 50  # a smoothed curve follows a 50th of all steps; shorter ones need no smoothing
_DECADE = 10.0  # losses that range farther are drawn on a logarithmic scale
_COLOURS = ("#cc3311", "#228833", "#aa3377", "#ee7733", "#33bbee", "#222222")


def draw(
    losses: NDArray[np.float64], epochs: dict[str, list[Any]], best: tuple[str, int] | None, ax: Any
) -> Any:
    """Draw the columns of a history on axes, or on a new figure; `best` is a metric and an epoch."""
    if not losses.size:
        raise ValueError("the history is empty: there is nothing to draw before the first step")
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(layout="constrained")[1]
    steps = np.arange(1, losses.size + 1)
    smoothed = _smoothed(losses)
    kept = slice(None, None, -(-losses.size // _DRAWN))
    blue = "#4477aa"
    if smoothed is None:
        ax.plot(steps[kept], losses[kept], color=blue, label="loss")
    else:
        ax.plot(steps[kept], losses[kept], color=blue, alpha=0.3, linewidth=0.8, label="loss")
        ax.plot(steps[kept], smoothed[kept], color=blue, label="loss, smoothed")
    _draw_metrics(epochs, best, ax)
    drawn = np.concatenate([line.get_ydata() for line in ax.lines])
    finite = drawn[np.isfinite(drawn)]
    if finite.size and finite.min() > 0 and finite.max() > _DECADE * finite.min():
        ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.grid(color="0.85")
    return ax


def _draw_metrics(epochs: dict[str, list[Any]], best: tuple[str, int] | None, ax: Any) -> None:
    """Draw metrics at the ends of the epochs, a ring at the best one, and the legend of all."""
    right: Any = None
    lines, axes = list(ax.lines), {"loss": ax}
    for name, colour in zip(list(epochs)[3:], _COLOURS * len(epochs), strict=False):
        is_loss = "loss" in name.lower()
        if not is_loss and right is None:
            right = ax.twinx()
            right.set_ylabel("metrics")
        axes[name] = ax if is_loss else right
        look = {"color": colour, "marker": ".", "label": name}
        lines += axes[name].plot(epochs["step"], epochs[name], **look)
    if best is not None and len(epochs["epoch"]) > 1:
        name, epoch = best
        at = epochs["step"][epoch - 1], epochs[name][epoch - 1]
        ring = {"s": 80, "facecolors": "none", "edgecolors": "black", "zorder": 3}
        lines.append(axes[name].scatter(*at, **ring, label=f"best epoch: {epoch}"))
    if len(lines) > 1:
        above = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
        ax.legend(handles=lines, ncols=3, frameon=False, **above)  # where no curve is


def _smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Smooth over what is finite; nothing where there are few steps."""
    finite = np.isfinite(losses)
    if finite.sum() <= _REACH:
        return None
    found = np.full(losses.shape, np.nan)
    found[finite] = ema(losses[finite], 1.0 - 1.0 / (1.0 + finite.sum() / _REACH))
    return found
