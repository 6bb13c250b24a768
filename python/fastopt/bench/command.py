"""``python -m fastopt bench``: measure this machine, print tables, draw a picture, write JSON."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import fastopt
from fastopt import registry
from fastopt.bench import machine
from fastopt.bench.arrays import Shape, shape
from fastopt.bench.peers import LIBRARIES, is_installed, of_libraries
from fastopt.bench.run import everything
from fastopt.bench.settings import (
    QUICK_ALGORITHMS,
    QUICK_SHAPES,
    SHAPES,
    Settings,
    every_algorithm,
    quickly,
)
from fastopt.demo import arguments, plot
from fastopt.demo.arguments import UsageError
from fastopt.runtime import threads
from fastopt.runtime.arguments import suggest

SUMMARY = "measure the steps on this machine, beside NumPy, Numba and other libraries"
DEFAULT_OUT = ("bench.png", "bench.json")
FORMATS = (*plot.FORMATS, ".json")
SPARE = 6  # arrays of temporary values that a step in plain NumPy or its library makes


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="measure less: three algorithms, four sizes; under two "
        "minutes instead of under ten")  # fmt: skip
    add("--algorithms", nargs="+", metavar="NAME", help="which ones; by default all, or with "
        f"--quick {', '.join(QUICK_ALGORITHMS)}")  # fmt: skip
    add("--sizes", nargs="+", type=shape, metavar="SIZE", help="elements of an array, or 1000x1e3 "
        f"for many arrays; by default {', '.join(SHAPES)}, or with --quick "
        f"{', '.join(QUICK_SHAPES)}")  # fmt: skip
    add("--threads", type=thread_count, metavar="N", help="as many as a step may use; by default "
        "as many as it uses anyway")  # fmt: skip
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--peers", nargs="+", metavar="LIBRARY", help="the libraries to compare "
        f"with: {', '.join(LIBRARIES)}; by default those that are installed")  # fmt: skip
    either.add_argument("--no-peers", action="store_true", help="only NumPy and Numba")
    add("--out", nargs="+", type=arguments.writable_path, metavar="FILE",
        help=f"{', '.join(plot.FORMATS)} get the picture, .json all figures; by default "
        f"{' and '.join(DEFAULT_OUT)}")  # fmt: skip


def thread_count(text: str) -> int:
    """Read a number of threads."""
    count = arguments.positive_int(text)
    if count > threads.MOST:
        raise ArgumentTypeError(f"{text} threads are more than {threads.MOST}")
    return count


def run(args: Namespace) -> None:
    """Check everything, measure, and write the files."""
    settings = _settings(args)
    paths = _paths(args.out)
    _check_memory(settings, chosen=args.sizes is not None)
    before = fastopt.get_num_threads()
    try:
        with np.errstate(all="ignore"):
            everything(settings, paths)
    finally:
        fastopt.set_num_threads(before)


def _settings(args: Namespace) -> Settings:
    algorithms, shapes = every_algorithm(), SHAPES
    if args.quick:
        algorithms, shapes = QUICK_ALGORITHMS, QUICK_SHAPES
    settings = Settings(
        algorithms=_algorithms(args.algorithms) or algorithms,
        shapes=tuple(dict.fromkeys(args.sizes or map(shape, shapes))),
        threads=args.threads or fastopt.get_num_threads(),
        peers=of_libraries(() if args.no_peers else _libraries(args.peers)),
        say=_say if sys.stderr.isatty() else lambda text: None,
    )
    return quickly(settings) if args.quick else settings


def _algorithms(given: list[str] | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_words(given)))
    for name in names:
        if name not in registry.names():
            raise UsageError(f"there is no optimizer {name!r}: {suggest(name, registry.names())}")
    if given is not None and not names:
        raise UsageError("--algorithms names none")
    return names


def _libraries(given: list[str] | None) -> tuple[str, ...]:
    if given is None:
        return tuple(filter(is_installed, LIBRARIES))
    names = _words(given)
    for name in names:
        if name not in LIBRARIES:
            raise UsageError(f"there is no peer {name!r}: {suggest(name, LIBRARIES)}")
        if not is_installed(name):
            raise UsageError(f"{name} is not installed: leave it out, or pip install {name}")
    if not names:
        raise UsageError("--peers names none; --no-peers does without them")
    return tuple(names)


def _words(given: list[str] | None) -> list[str]:
    return " ".join(given or []).lower().replace(",", " ").split()


def _paths(given: list[Path] | None) -> list[Path]:
    if given is None:
        try:
            given = [arguments.writable_path(name) for name in DEFAULT_OUT]
        except ArgumentTypeError as error:
            raise UsageError(f"{error}; choose other files with --out") from None
        return given if find_spec("matplotlib") else given[1:]
    for path in given:
        if path.suffix.lower() not in FORMATS:
            raise UsageError(f"--out {path} must end in {' or '.join(FORMATS)}")
        if path.suffix.lower() != ".json" and find_spec("matplotlib") is None:
            raise UsageError("a picture needs matplotlib: pip install 'fastopt[bench]'")
    return given


def _check_memory(settings: Settings, chosen: bool) -> None:
    """Refuse what would not fit into the memory."""
    there = machine.memory()
    contestants = 4 + len(settings.peers)

    def needed(shape: Shape) -> int:
        return 4 * shape.total * (4 * contestants + SPARE)

    largest = max(settings.shapes, key=needed)
    if there is not None and needed(largest) > 0.9 * there:
        with_them = " beside so many others" if settings.peers else ""
        raise UsageError(
            f"{largest} elements{with_them} need {needed(largest) / 2**30:,.1f} GiB of memory; here "
            f"are {there / 2**30:,.1f}: " + ("choose smaller --sizes" if chosen else "choose --sizes")
        )


def _say(text: str) -> None:
    """Overwrite the line on the terminal that says how far it has come."""
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
