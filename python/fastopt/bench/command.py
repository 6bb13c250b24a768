"""``python -m fastopt bench``: measure this machine, print tables, draw a picture, write JSON."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import fastopt
from fastopt import registry
from fastopt.bench import machine
from fastopt.bench.arrays import shape
from fastopt.bench.peers import LIBRARIES, is_installed, of_libraries
from fastopt.bench.run import everything
from fastopt.bench.settings import QUICK_ALGORITHMS, QUICK_SHAPES, SHAPES, Settings, quickly
from fastopt.demo import UsageError, arguments
from fastopt.runtime import threads

SUMMARY = "measure the steps on this machine, beside NumPy, Numba and other libraries"
DEFAULT_OUT = ("bench.png", "bench.json")
SPARE = 6  # arrays of temporary values that a step in plain NumPy or its library makes


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="measure less: three algorithms, four sizes; under two "
        "minutes instead of under ten")  # fmt: skip
    add("--algorithms", nargs="+", metavar="NAME", help="names, or all; by default "
        f"{', '.join(registry.DOZEN)}, or with --quick {', '.join(QUICK_ALGORITHMS)}")  # fmt: skip
    add("--sizes", nargs="+", type=shape, metavar="SIZE", help="elements of an array, or 1000x1e3 "
        f"for many arrays; by default {', '.join(SHAPES)}, or with --quick "
        f"{', '.join(QUICK_SHAPES)}")  # fmt: skip
    add("--threads", type=thread_count, metavar="N", help="the largest number of threads of a step; "
        "by default as many as it uses anyway")  # fmt: skip
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--peers", nargs="+", metavar="LIBRARY", help="the libraries to compare "
        f"with: {', '.join(LIBRARIES)}; by default those that are installed")  # fmt: skip
    either.add_argument("--no-peers", action="store_true", help="only NumPy and Numba")
    add("--out", nargs="+", type=arguments.writable_path, metavar="FILE",
        help=f"{', '.join(arguments.PICTURES)} for the picture, .json for all figures; by default "
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
    algorithms, shapes = registry.DOZEN, SHAPES
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
    names = arguments.words(given or ())
    if names == ("all",):
        return tuple(registry.names_from_gradients())
    if given is not None:
        arguments.check_names(
            names, "optimizer", registry.names_from_gradients(), "--algorithms names none"
        )
    return names


def _libraries(given: list[str] | None) -> tuple[str, ...]:
    if given is None:
        return tuple(filter(is_installed, LIBRARIES))
    names = arguments.words(given)
    none = "--peers names none; --no-peers does without them"
    arguments.check_names(names, "peer", LIBRARIES, none)
    for name in names:
        if not is_installed(name):
            raise UsageError(f"{name} is not installed: leave it out, or pip install {name}")
    return names


def _paths(given: list[Path] | None) -> list[Path]:
    has_matplotlib = find_spec("matplotlib") is not None
    if given is None:
        try:
            paths = [arguments.writable_path(name) for name in DEFAULT_OUT]
        except ArgumentTypeError as error:
            raise UsageError(f"{error}; choose other files with --out") from None
        return paths if has_matplotlib else paths[1:]
    pictures, _ = arguments.divided(given, [".json"])
    if pictures and not has_matplotlib:
        raise UsageError("a picture needs matplotlib: pip install matplotlib")
    return given


def _check_memory(settings: Settings, chosen: bool) -> None:
    """Refuse what would not fit into the memory."""
    there = machine.memory()
    largest = max(settings.shapes, key=lambda shape: shape.total)
    needed = 4 * largest.total * (4 * (4 + len(settings.peers)) + SPARE)  # four arrays each
    if there is not None and needed > 0.9 * there:
        with_them = " beside so many others" if settings.peers else ""
        raise UsageError(
            f"{largest} elements{with_them} need {needed / 2**30:,.1f} GiB of memory; here "
            f"are {there / 2**30:,.1f}: " + ("choose smaller --sizes" if chosen else "choose --sizes")
        )


def _say(text: str) -> None:
    """Overwrite the line on the terminal that says how far it has come."""
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
