"""``python -m fastopt compare``: run an experiment, and show which optimizer does what."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from difflib import get_close_matches
from importlib.util import find_spec
from textwrap import fill, indent
from typing import Any

import fastopt
from fastopt.demo import arguments, experiments, results
from fastopt.demo.arguments import UsageError
from fastopt.demo.experiment import Experiment, Settings

SUMMARY = "train with every optimizer, and show which does what"
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
    add("--experiment", default="breast-cancer", metavar="NAME", help="one of "
        f"{', '.join(experiments.EXPERIMENTS)}; default: %(default)s")  # fmt: skip
    add(
        "--optimizers",
        nargs="+",
        metavar="NAME",
        help="names, or all; by default as below",
    )
    add("--backend", help="native, numba or numpy; by default the first one installed")
    add("--steps", type=arguments.positive_int, help="the number of steps of each optimizer")
    add("--batch", type=arguments.positive_int, help="the number of samples in a mini-batch")
    add("--last", choices=("drop", "keep"), help="drop or keep the incomplete batch at the end of "
        "an epoch")  # fmt: skip
    add("--lr", type=arguments.positive_float, nargs="+", help="one learning rate for all of them, "
        "or several: a sweep")  # fmt: skip
    add("--clipnorm", type=arguments.positive_float, metavar="NORM",
        help="limit the L2 norm of each array's gradient")  # fmt: skip
    add("--seed", type=arguments.seed, help="for the split, the initial weights and the batches; "
        "default: 0")  # fmt: skip
    add("--out", type=arguments.writable_path, nargs="+", metavar="FILE", default="compare.png",
        help=f"{', '.join(arguments.PICTURES)} for the picture, {', '.join(RESULTS)} for the results; "
        "default: compare.png")  # fmt: skip


def hint(word: str) -> str:
    """Return the option that a word which stands alone may have been meant for, or nothing."""
    options = {"--experiment": [*experiments.EXPERIMENTS], "--optimizers": fastopt.names()}
    for option, names in options.items():
        if close := get_close_matches(experiments.spelled(word), names, n=1):
            return f"; did you mean {option} {close[0]}?"
    return ""


def run(args: Namespace) -> None:
    """Check everything, run the experiment, then write the files and print the tables."""
    experiment = experiments.find(args.experiment)
    settings = _settings(experiment, args)
    paths = args.out if isinstance(args.out, list) else [args.out]
    pictures, tables = arguments.divided(paths, RESULTS)
    needed = {**experiment.packages, **({"matplotlib": "matplotlib"} if pictures else {})}
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise UsageError(f"this needs {' and '.join(missing)}: pip install {' '.join(missing)}")

    outcome = experiment.run(settings)
    if pictures:
        figure = outcome.draw()
        for path in pictures:
            figure.savefig(path)
    heeded = {name: getattr(outcome.settings, name) for name in (*GENERAL, *experiment.defaults)}
    for path in tables:
        results.save(path, outcome.records, {"experiment": experiment.name, "settings": heeded})
    notes = [outcome.note] if outcome.note else []
    for what, files in ((outcome.shows, pictures), ("results", tables)):
        if files:
            notes.append(f"The {what} are in {' and '.join(map(str, files))}.")
    print(outcome.text, fill(" ".join(notes), 79, break_on_hyphens=False), sep="\n\n")


def _settings(experiment: Experiment, args: Namespace) -> Settings:
    """Merge the options that were given with the experiment's own."""
    given = {name: value for name in (*GENERAL, *PARTICULAR)
             if (value := getattr(args, name)) is not None}  # fmt: skip
    heeded = [*experiment.defaults, *GENERAL]
    for name in given:
        if name not in heeded:
            listed = ", ".join(f"--{option}" for option in heeded)
            raise UsageError(f"{experiment.name} has no use for --{name}; it heeds {listed}")
    if "optimizers" in given:
        given["optimizers"] = arguments.words(given["optimizers"])
    if "lr" in given:
        given["lr"] = tuple(dict.fromkeys(given["lr"]))
    return Settings(**{**experiment.defaults, **given}, given=frozenset(given))


def _described(experiment: Experiment) -> str:
    options = [f"--{name} {_as_typed(value)}".rstrip() for name, value in experiment.defaults.items()]
    text = "; ".join(filter(None, (experiment.summary, ", ".join(options))))
    return f"  {experiment.name}\n{indent(fill(text, 73, break_on_hyphens=False), ' ' * 6)}"


def _as_typed(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(each if isinstance(each, str) else f"{each:g}" for each in value)
    return str(value or "")
