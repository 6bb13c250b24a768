"""``python -m fastopt compare``: train a classifier with every optimizer; show which does what."""

from argparse import ArgumentParser, Namespace
from importlib.util import find_spec

import numpy as np

from fastopt.demo import arguments, contestants, plot
from fastopt.demo.arguments import UsageError
from fastopt.demo.data import breast_cancer
from fastopt.demo.loss import binary_cross_entropy
from fastopt.demo.model import Network, leaky_relu, tanh
from fastopt.demo.report import table
from fastopt.demo.train import train

SUMMARY = "train a classifier with every optimizer, and show which does what"
PACKAGES = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "tqdm": "tqdm"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--optimizers", nargs="+", metavar="NAME", help="which ones; by default all: "
        + ", ".join(contestants.labels()))  # fmt: skip
    add("--backend", help="native, numba or numpy; by default the first that is installed")
    add("--steps", type=arguments.positive_int, default=1000, help="default: %(default)s")
    add("--batch", type=arguments.positive_int, default=128, help="default: %(default)s")
    add("--lr", type=arguments.positive_float, help="one learning rate for all of them; by default "
        "each has its own")  # fmt: skip
    add("--seed", type=arguments.seed, default=0, help="of the split, the initial weights and the "
        "batches; default: %(default)s")  # fmt: skip
    add("--out", type=arguments.writable_path, default="compare.png", metavar="FILE",
        help="where to draw the loss curves; default: %(default)s")  # fmt: skip


def run(args: Namespace) -> None:
    """Check everything, train, then save the figure and print the table."""
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise UsageError(f"this needs {' and '.join(missing)}: pip install 'fastopt[demo]'")
    if args.out.suffix.lower() not in plot.FORMATS:
        raise UsageError(f"--out {args.out} must end in {' or '.join(plot.FORMATS)}")
    network = Network((30, 20, 10, 1), (tanh, leaky_relu), binary_cross_entropy)
    chosen = _chosen(args, network)
    data = breast_cancer(args.seed)
    if args.batch > len(data.x_train):
        raise UsageError(f"--batch {args.batch} is more than the {len(data.x_train)} samples that "
                         "there are to train with")  # fmt: skip

    runs = [
        train(contestant, network, data, backend=args.backend, steps=args.steps,
              batch=args.batch, seed=args.seed)
        for contestant in chosen
    ]  # fmt: skip
    plot.save_curves(runs, args.out, "Breast-cancer classifier: training loss by optimizer")
    print(
        f"Breast cancer, network 30-20-10-1, batch {args.batch}, steps {args.steps}, "
        f"backend {runs[0].backend}\n\n{table(runs)}\n\n"
        f"* best of its column. The loss curves are in {args.out}."
    )


def _chosen(args: Namespace, network: Network) -> list[contestants.Contestant]:
    """Find the contestants, and see that each can be made."""
    names = args.optimizers
    if names is not None:
        names = " ".join(names).replace(",", " ").split()
    params = network.initialize(np.random.default_rng(args.seed))
    try:
        chosen = contestants.choose(names, args.lr)
        for contestant in chosen:
            contestant.optimizer(params, args.backend)
    except (ImportError, TypeError, ValueError) as error:
        raise UsageError(str(error)) from None
    if not chosen:
        raise UsageError("--optimizers names none")
    return chosen
