"""What messages tell people to do works: each row of `faults.told` is done, and none is missing."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.doing import Outcome, tried
from faults.sites import sites, tells
from faults.told import TABLES, Told, rows

import fastopt

ROWS = {table.stem: rows(table) for table in TABLES}
ALL = [row for each in ROWS.values() for row in each]
OF_STEPS = [*ROWS["arrays"], *ROWS["steps"]]

# By file and function: where a test of its own does as the message says, and where no test can.
ELSEWHERE = {
    ("arrays/fingerprint.py", "check"): "tests/arrays/test_lifetime.py",
    ("arrays/lifetime.py", "_show"): "tests/arrays/test_lifetime.py",
    ("backends/numba_elementwise.py", "check_enabled"): "tests/backends/test_numba_switched_off.py",
    ("frameworks/keras/arrival.py", "checked"): "tests/oracles/test_convert_keras.py",
    ("frameworks/keras/arrival.py", "_groups"): "tests/oracles/test_convert_keras.py",
    ("frameworks/keras/departure.py", "_check_fit"): "tests/oracles/test_convert_keras.py",
    ("frameworks/keras/departure.py", "_chosen"): "tests/oracles/test_convert_keras.py",
    ("frameworks/keras/departure.py", "to_keras"): "tests/oracles/test_convert_keras.py",
    ("frameworks/optax/arrival.py", "from_optax"): "tests/oracles/test_convert_optax.py",
    ("frameworks/optax/departure.py", "_filled"): "tests/oracles/test_convert_optax.py",
    ("frameworks/together.py", "common"): "tests/oracles/test_convert_optax.py",
    ("frameworks/together.py", "departing"): "tests/oracles/test_convert_keras.py",
    ("numerics/environment.py", "_warn_once"): "tests/numerics/test_floating_point_environment.py",
}
NEVER = {
    ("checkpoint/manifest.py", "parse"),  # install a later fastopt
    ("state/saving.py", "_extra"),
    ("backends/python_binding.py", "_doubtful"),  # for those who change fastopt
    ("step/bound.py", "__setattr__"),
    ("torch/checks.py", "_check"),  # a device besides the processor; the others have their rows
}


@cache
def outcome(row: Told) -> Outcome:
    """Do a row, once in a process."""
    with TemporaryDirectory() as folder:
        return tried(row, Path(folder))


def is_there(row: Told) -> bool:
    return not row.needs or find_spec(row.needs) is not None


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.wrong)
def test_what_the_message_says_works(row: Told) -> None:
    if not is_there(row):
        pytest.skip(f"{row.needs} is not installed")
    assert not outcome(row).complaint


@pytest.mark.parametrize("row", OF_STEPS, ids=lambda row: row.wrong)
def test_on_each_backend(row: Told, backend: str, default_settings: None, tmp_path: Path) -> None:
    fastopt.use_backend(backend)
    assert not tried(row, tmp_path).complaint


def test_every_message_with_a_remedy_has_a_row() -> None:
    lines = set().union(*(outcome(row).lines for row in ALL if is_there(row)))
    left = {site for site in sites() if lines.isdisjoint((site.file, n) for n in site.lines())}
    gone = {row.needs for row in ALL if not is_there(row)}  # whose files have their names
    left = {site for site in left if not any(name in site.file for name in gone)}
    known = {site for site in (*ELSEWHERE, *NEVER) if not any(name in site[0] for name in gone)}
    assert [str(site) for site in left if (site.file, site.function) not in known] == []
    assert known <= {(site.file, site.function) for site in left}
    assert all((Path(__file__).parents[2] / path).exists() for path in ELSEWHERE.values())


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("raise ValueError(f'{x} is 3: give {y}')", True),
        ("raise ValueError(f'{x} is wrong: {remedy}')", True),
        ("raise TypeError('it must be a number, such as 0.5')", True),
        ("raise gate.busy() from None", True),
        ("warn('it is so; call that')", True),
        ("raise ValueError(f'{x} is wrong; opt.flush() takes it')", True),
        ("raise ValueError(f'{x} is wrong: {y}=0.5 and {z!r} do')", True),
        ("raise ValueError(f'{x} is 3, and y is given: {y}={z!r}')", False),
        ("raise NotImplementedError", False),
        ("raise", False),
    ],
)
def test_what_is_a_remedy(line: str, found: bool) -> None:
    [statement] = ast.parse(line).body
    node = statement.value if isinstance(statement, ast.Expr) else statement
    assert isinstance(node, ast.Raise | ast.Call)
    assert tells(node) is found
