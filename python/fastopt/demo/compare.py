"""``python -m fastopt compare``: run an experiment, and show which optimizer does what."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from importlib.util import find_spec
from textwrap import fill, indent
from typing import Any

from fastopt.demo import arguments, experiments, plot, results
from fastopt.demo.arguments import UsageError
from fastopt.demo.experiment import Experiment, Settings

SUMMARY = "train with every optimizer, and show which does what"
PICTURES = plot.FORMATS
RESULTS = (".csv", ".json")
GENERAL = ("seed", "backend")  # options that every experiment heeds
PARTICULAR = ("optimizers", "steps", "batch", "last", "lr", "clipnorm")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; those that are not given are None, for the experiment has its own."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = "experiments, the options that they heed, and the defaults of these:\n" + "\n".join(
        map(_described, experiments.EXPERIMENTS.values())
    )
    add = parser.add_argument
    add("--experiment", default="breast-cancer", metavar="NAME", help="which one: "
        f"{', '.join(experiments.EXPERIMENTS)}; default: %(default)s")  # fmt: skip
    add("--optimizers", nargs="+", metavar="NAME", help="which ones; by default all that the "
        "experiment has")  # fmt: skip
    add("--backend", help="native, numba or numpy; by default the first that is installed")
    add("--steps", type=arguments.positive_int, help="how many steps each optimizer takes")
    add("--batch", type=arguments.positive_int, help="how many samples there are in a mini-batch")
    add("--last", choices=("drop", "keep"), help="what happens to the incomplete batch at the end of "
        "an epoch")  # fmt: skip
    add("--lr", type=arguments.positive_float, nargs="+", help="one learning rate for all of them, "
        "or several: a sweep")  # fmt: skip
    add("--clipnorm", type=arguments.positive_float, metavar="NORM",
        help="limit the L2 norm of each array's gradient")  # fmt: skip
    add("--seed", type=arguments.seed, help="of the split, the initial weights and the batches; "
        "default: 0")  # fmt: skip
    add("--out", type=arguments.writable_path, nargs="+", metavar="FILE", default="compare.png",
        help=f"{', '.join(PICTURES)} get the picture, {', '.join(RESULTS)} the results; "
        "default: compare.png")  # fmt: skip


def run(args: Namespace) -> None:
    """Check everything, run the experiment, then write the files and print the tables."""
    experiment = experiments.find(args.experiment)
    settings = _settings(experiment, args)
    paths = args.out if isinstance(args.out, list) else [args.out]
    for path in paths:
        if path.suffix.lower() not in PICTURES + RESULTS:
            raise UsageError(f"--out {path} must end in {' or '.join(PICTURES + RESULTS)}")
    pictures = [path for path in paths if path.suffix.lower() in PICTURES]
    tables = [path for path in paths if path.suffix.lower() in RESULTS]
    needed = {**experiment.packages, **({"matplotlib": "matplotlib"} if pictures else {})}
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise UsageError(f"this needs {' and '.join(missing)}: pip install 'fastopt[demo]'")

    outcome = experiment.run(settings)
    if pictures:
        figure = outcome.draw()
        for path in pictures:
            figure.savefig(path)
    heeded = {name: getattr(outcome.settings, name) for name in (*GENERAL, *experiment.defaults)}
    for path in tables:
        results.save(path, outcome.records, {"experiment": experiment.name, "settings": heeded})
    notes = [outcome.note] if outcome.note else []
    if pictures:
        notes.append(f"The {outcome.shows} are in {' and '.join(map(str, pictures))}.")
    if tables:
        notes.append(f"The results are in {' and '.join(map(str, tables))}.")
    print(outcome.text, fill(" ".join(notes), 79, break_on_hyphens=False), sep="\n\n")


def _settings(experiment: Experiment, args: Namespace) -> Settings:
    """Merge the options that were given with the experiment's own."""
    given = {name: value for name in (*GENERAL, *PARTICULAR)
             if (value := getattr(args, name)) is not None}  # fmt: skip
    heeded = [*experiment.defaults, *GENERAL]
    for name in given:
        if name not in heeded:
            raise UsageError(f"{experiment.name} has no use for --{name}; it heeds "
                             + ", ".join(f"--{option}" for option in heeded))  # fmt: skip
    if "optimizers" in given:
        given["optimizers"] = tuple(" ".join(given["optimizers"]).replace(",", " ").split())
    if "lr" in given:
        given["lr"] = tuple(dict.fromkeys(given["lr"]))
    return Settings(**{**experiment.defaults, **given}, given=frozenset(given))


def _described(experiment: Experiment) -> str:
    options = ", ".join(
        f"--{name} {_as_typed(value)}".rstrip() for name, value in experiment.defaults.items()
    )
    text = "; ".join(filter(None, (experiment.summary, options)))
    return f"  {experiment.name}\n{indent(fill(text, 73, break_on_hyphens=False), ' ' * 6)}"


def _as_typed(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{item:g}" for item in value)
    return str(value or "")
