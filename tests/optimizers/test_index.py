"""The index of algorithms: it is what the tool writes, and a family is imported when it is named."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import fastopt
from fastopt.optimizers import CLASSES

TOOL = Path(__file__).parents[2] / "tools/write_stubs.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_stubs", TOOL)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_index_and_stub_are_what_the_tool_writes(tool: ModuleType) -> None:
    for path, text in tool.texts().items():
        assert path.read_text() == text, path.name


def test_every_class_is_found_and_shipped() -> None:
    for name, cls in CLASSES.items():
        assert (cls.__name__, getattr(fastopt, name), cls.is_ours()) == (name, cls, True)


def test_dir_is_what_is_public() -> None:
    assert dir(fastopt) == sorted(fastopt.__all__)
    for page in (fastopt.schedules, fastopt.training, fastopt.convert, fastopt.rules):
        assert dir(page) == sorted(page.__all__)
    assert len(set(fastopt.__all__)) == len(fastopt.__all__)
    assert set(CLASSES) < set(fastopt.__all__)
    for name in fastopt.__all__:
        assert getattr(fastopt, name) is not None
    with pytest.raises(AttributeError, match="module 'fastopt' has no attribute 'Adm'"):
        fastopt.Adm  # noqa: B018
    with pytest.raises(AttributeError, match=r"module 'fastopt.optimizers' has no attribute 'Adm'"):
        fastopt.optimizers.Adm  # type: ignore[attr-defined] # noqa: B018


LOADED = "[n for n in sys.modules if n.startswith('fastopt.optimizers.') and n[19:] != 'index']"


@pytest.mark.parametrize(
    ("line", "loaded"),
    [
        ("dir(fastopt), fastopt.names(), list(fastopt.optimizers.CLASSES)", []),
        ("fastopt.AdamW", ["adam"]),
        ("fastopt.get('Adagrad', numpy.ones(2))", ["adagrad"]),
        ("fastopt.get('nesterov', numpy.ones(2))", ["sgd"]),
    ],
)
def test_a_family_is_imported_when_it_is_named(
    line: str, loaded: list[str], run_python: Callable[..., str]
) -> None:
    found = run_python(f"import sys, numpy, fastopt, fastopt.optimizers\n{line}\nprint({LOADED})")
    assert found == str([f"fastopt.optimizers.{name}" for name in loaded])


def test_nothing_is_imported_before_it_is_named(run_python: Callable[..., str]) -> None:
    named = "[n.split('.')[1] for n in sys.modules if n.startswith('fastopt.')]"
    found = run_python(
        f"import sys, fastopt\ndir(fastopt), fastopt.__version__\nprint(*sorted({{*{named}}}))"
    )
    assert found == "_native convert elementwise hyperparameters optimizers runtime version"


def test_a_family_that_is_imported_by_itself_is_ours(run_python: Callable[..., str]) -> None:
    line = "from fastopt.optimizers.adam import Adam\nprint(Adam.is_ours())"
    assert run_python(line) == "True"


def test_all_names_can_be_imported_at_once(run_python: Callable[..., str]) -> None:
    lines = "import fastopt\nfrom fastopt import *\nprint(all(n in globals() for n in fastopt.__all__))"
    assert run_python(lines) == "True"
