"""The table of faults fits the code as it is, and tools/mutants tells what tests notice and what not.

That is tried on a project of one file and two tests.
"""

import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tools.mutants import __main__ as command
from tools.mutants import project, trials
from tools.mutants.table import Mutant, mutants
from tools.mutants.tree import StopError, Tree
from tools.mutants.trials import try_out

import fastopt

ROOT = Path(__file__).parents[2]
FAULTS = mutants()
source = pytest.mark.skipif(
    not (ROOT / "python").exists(), reason="the package is installed, and its source is not here"
)


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 100
    assert len({fault[:3] for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.file}: {fault.old[:40]}")
@source
def test_a_fault_has_one_place(fault: Mutant) -> None:
    assert (ROOT / fault.file).read_text().count(fault.old) == 1
    assert fault.old != fault.new


@pytest.mark.parametrize("tests", sorted({fault.tests for fault in FAULTS}))
def test_the_tests_that_are_named_are_there(tests: Sequence[str]) -> None:
    named = [test for test in tests if test.startswith("tests/")]
    assert named
    for test in named:
        assert (ROOT / test.partition("::")[0]).exists()


@pytest.mark.parametrize(
    ("version", "whole"), [(fastopt.__version__, ""), ("1.2.3rc4", "1.2.3"), ("12.0.dev1", "12.0")]
)
def test_the_extension_is_built_with_the_version_of_the_package(
    version: str, whole: str, tmp_path: Path
) -> None:
    """Else tests fail whatever is planted, and nothing can survive."""
    (tmp_path / "python" / "fastopt").mkdir(parents=True)
    file = tmp_path / "python" / "fastopt" / "version.py"
    file.write_text(f'"""The version."""\n\n__version__ = "{version}"\n')
    assert project.versions(tmp_path) == [
        f"-DSKBUILD_PROJECT_VERSION={whole or version}",
        f"-DSKBUILD_PROJECT_VERSION_FULL={version}",
    ]


@source
def test_the_file_with_the_version_is_read() -> None:
    assert project.versions(ROOT)[1].endswith(f"={fastopt.__version__}")


# A project in which faults can be planted.

CODE = """\
def total(a, b):  # of two numbers
    return a + b


def double(a):
    return 2 * a
"""
TESTS = {
    "test_total": "from arithmetic import total\n\n\ndef test_total():\n    assert total(2, 3) == 5\n",
    "test_double": "from arithmetic import double\n\n\ndef test_double():\n    assert double(3) == 6\n",
}
TOTAL, DOUBLE, WHOLE = ("tests/test_total.py",), ("tests/test_double.py",), ("tests",)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "tests").mkdir()
    (tmp_path / "arithmetic.py").write_text(CODE)
    for name, text in TESTS.items():
        (tmp_path / "tests" / f"{name}.py").write_text(text)
    return Tree(tmp_path, sys.executable)


def fault(old: str, new: str, tests: tuple[str, ...] = TOTAL) -> Mutant:
    return Mutant("arithmetic.py", old, new, tests)


NOTHING = [fault("of two numbers", "of both"), fault("a + b", "b + a")]  # change nothing
NOTICED = [
    fault("a + b", "a - b"),
    fault("a + b", "a * b"),  # of the same size, in the same second
    fault("def total", "def totals"),  # nothing can be imported
]
OTHERS = [fault("2 * a", "3 * a")]


def test_what_becomes_of_a_fault(tree: Tree) -> None:
    said: list[str] = []
    assert not try_out([*NOTHING, *NOTICED, *OTHERS], [tree], WHOLE, said.append)
    passing, found, end = said[:2], said[2:8], said[8:]
    assert [line[:19] for line in passing] == ["passes with no fault"[:19]] * 2
    kinds = [line[:15].strip() for line in found]
    assert kinds == [*[trials.SURVIVED] * 2, *[trials.NAMED] * 3, trials.OTHERS]
    assert found[3].endswith(f"[4/6] {NOTICED[1].label}")
    assert end == [
        "6 faults planted: 3 noticed by the tests named, 1 by others alone, 2 survived",
        "not by the tests named: arithmetic.py: 2 * a -> 3 * a\n    but by FAILED "
        "tests/test_double.py::test_double - assert 9 == 6",
        "SURVIVED: arithmetic.py: of two numbers -> of both",
        "SURVIVED: arithmetic.py: a + b -> b + a",
    ]
    assert (tree.root / "arithmetic.py").read_text() == CODE


def test_two_at_once(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "tree"
    shutil.copytree(tree.root, other)
    assert try_out(NOTICED[:2], [tree, Tree(other, sys.executable)], None, lambda line: None)


def test_quickly_the_others_are_not_asked(tree: Tree) -> None:
    (tree.root / "tests" / "test_other.py").write_text("def test():\n    assert False\n")
    said: list[str] = []
    assert not try_out([*NOTICED[:1], *OTHERS], [tree], None, said.append)
    assert [line[:15].strip() for line in said[1:3]] == [trials.NAMED, trials.SURVIVED]
    assert "0 by others alone, 1 survived" in said[3]


@pytest.mark.parametrize(
    ("tests", "text"),
    [
        (TOTAL, "def test():\n    assert False\n"),  # others fail
        (("tests/test_other.py",), "def test():\n    assert False\n"),
        (("tests/test_other.py",), "import missing\n"),
        (("tests/test_other.py",), "import pytest\n\npytest.skip('', allow_module_level=True)\n"),
        (("tests/test_other.py", "-k", "nothing"), "def test():\n    pass\n"),
        (("tests/test_missing.py",), "def test():\n    pass\n"),
    ],
    ids=["others fail", "fails", "has no module", "is skipped", "selects nothing", "is not there"],
)
def test_no_fault_is_planted_where_the_tree_fails_as_it_is(
    tests: tuple[str, ...], text: str, tree: Tree
) -> None:
    (tree.root / "tests" / "test_other.py").write_text(text)
    said: list[str] = []
    whole = WHOLE if tests == TOTAL else None
    with pytest.raises(StopError, match="with no fault planted, this does not pass: pytest tests"):
        try_out([fault("a + b", "a - b", tests)], [tree], whole, said.append)
    assert not any("[1/1]" in line for line in said)


def test_a_fault_with_which_tests_hang(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they have started is stopped with them."""
    monkeypatch.setattr(trials, "AT_LEAST", 3.0)
    monkeypatch.setattr(trials, "PATIENCE", 0)
    sleep = "__import__('subprocess').run(['sleep', '1000'])"
    said: list[str] = []
    assert try_out([fault("a + b", sleep)], [tree], None, said.append)
    assert said[1].startswith(trials.NAMED)


def test_an_interrupt_ends_the_tests_that_run(tree: Tree) -> None:
    """They are in a session of their own, which Ctrl-C does not reach."""
    (tree.root / "tests" / "test_other.py").write_text(
        "import time\n\n\ndef test():\n    time.sleep(1000)\n"
    )
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(3.0, signal.pthread_kill, [main, signal.SIGINT]).start()
    begun = time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            try_out(
                [fault("a + b", "a - b", ("tests/test_other.py",))], [tree], None, lambda line: None
            )
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 100


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(fault("a / b", ""), "is out of date"), (fault("return", ""), "is out of date")],
)
def test_a_table_that_is_out_of_date(wrong: Mutant, words: str, tree: Tree) -> None:
    with pytest.raises(StopError, match=words):
        try_out([wrong], [tree], None, lambda line: None)


def test_a_fault_that_does_not_compile(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are tried."""
    built = iter([False, True])
    monkeypatch.setattr(tree, "build", lambda: next(built))
    said: list[str] = []
    assert not try_out(NOTICED[:2], [tree], None, said.append)
    assert [line[:15].strip() for line in said[1:3]] == [trials.BROKEN, trials.NAMED]
    assert said[-1] == "does not compile, and shows nothing: arithmetic.py: a + b -> a - b"
    assert (tree.root / "arithmetic.py").read_text() == CODE


@pytest.mark.parametrize(("outcome", "status"), [(True, 0), (False, 1), (StopError("said"), 2)])
@pytest.mark.parametrize("quick", [False, True])
def test_the_command(
    quick: bool,
    outcome: Any,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[Any] = []

    def answer(*arguments: Any) -> Any:
        asked.extend(arguments)
        if isinstance(outcome, StopError):
            raise outcome
        return outcome

    monkeypatch.setattr(command, "try_out", answer)
    monkeypatch.setattr(command, "Project", lambda folder: folder.name)
    only = [
        "--only",
        "csrc/kernels/gather.hpp",
        "--skip",
        "1",
        "--jobs",
        "2",
        *(["--quick"] if quick else []),
    ]
    monkeypatch.setattr(sys, "argv", ["mutants", *only])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert command.main() == status
    chosen, trees, whole, _ = asked
    assert chosen == [fault for fault in FAULTS if fault.file == "csrc/kernels/gather.hpp"][1:]
    assert chosen
    assert trees == ["0", "1"]
    assert (whole is None) is quick
    assert capsys.readouterr().err == ("said\n" if status == 2 else "")
