"""What the documents say can be done is done: their code blocks are run."""

import re
from pathlib import Path

import pytest

import fastopt
from fastopt.algorithm import stages

# What the documents show has a model that learns.
pytestmark = pytest.mark.filterwarnings("error:nothing refers to:UserWarning")

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: str, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall((ROOT / document).read_text()) if kind == language]


PAGES = sorted(p.name for p in ROOT.glob("docs/*.md") if p.name != "README.md")


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{page}" for page in PAGES)])
def test_python_blocks_run(
    document: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """In the order of the document, in one namespace; a text block is what has been printed."""
    monkeypatch.chdir(tmp_path)  # they may write files
    assert blocks(document, "python")
    for library in re.findall(r"^(?:import|from) (torch|thinc)\b", (ROOT / document).read_text(), re.M):
        pytest.importorskip(library)
    namespace: dict[str, object] = {"__name__": "document"}
    for kind, text in BLOCK.findall((ROOT / document).read_text()):
        if kind == "python":
            capsys.readouterr()
            exec(compile(text, document, "exec"), namespace)
        elif kind == "text":
            assert capsys.readouterr().out == text


def test_the_index_names_every_page_once() -> None:
    assert sorted(re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs/README.md").read_text())) == PAGES


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {fastopt.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_readme_begins_with_the_two_lines_of_set_up() -> None:
    kind, text = BLOCK.findall((ROOT / "README.md").read_text())[0]
    assert kind == ""
    lines = text.splitlines()
    assert len(lines) == 2
    assert "python -m fastopt compare" in lines[0]
    assert "pytest" in lines[1]
    assert all(line.startswith("pip install ") for line in lines)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_block_is_of_a_kind_that_is_run(document: str) -> None:
    """Python here and in test_contributing, which also compiles C++; shell lines are looked through."""
    kinds = {kind for kind, _ in BLOCK.findall((ROOT / document).read_text())}
    assert kinds <= {"", "python", "text", "cpp"}


def test_the_commands_of_contributing_are_there() -> None:
    block, instrumented = blocks("CONTRIBUTING.md", "")
    install, make, check = block.splitlines()
    extra = re.fullmatch(r"pip install -e '\.\[(\w+)\]'", install)[1]  # type: ignore[index]
    assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text()
    verbs = re.findall(r"^(\w+): ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(make.split()[1:]) <= set(verbs)
    assert check == ".ci/run"  # not in the sdist
    for line in instrumented.splitlines():
        for name in re.findall(r"^(?:python )?(tools/[\w.]+)|--preset (\w+)", line):
            tool, preset = name
            assert not tool or (ROOT / tool).exists()
            assert not preset or f'"name": "{preset}"' in (ROOT / "CMakePresets.json").read_text()


def test_the_example_of_a_new_algorithm_is_what_the_house_takes() -> None:
    """The header and the class of CONTRIBUTING agree in names, scalars and states."""
    header, module = blocks("CONTRIBUTING.md", "cpp")[0], blocks("CONTRIBUTING.md", "python")[0]
    namespace: dict[str, object] = {"__name__": "fastopt.optimizers.example"}
    exec(compile(module, "CONTRIBUTING.md", "exec"), namespace)
    name = re.search(r"FASTOPT_RULE\((\w+)\)", header)[1]  # type: ignore[index]
    scalars = re.search(r"    T (.*?);", header)[1].split(", ")  # type: ignore[index]
    assert name in namespace
    assert namespace["DampedCoefficients"]._fields == tuple(scalars)  # type: ignore[attr-defined]


def test_the_example_of_a_new_stage_is_what_the_house_takes() -> None:
    header, module = blocks("CONTRIBUTING.md", "cpp")[1], blocks("CONTRIBUTING.md", "python")[1]
    namespace = dict(vars(stages))
    exec(compile(module, "CONTRIBUTING.md", "exec"), namespace)
    name = re.search(r"struct (\w+)", header)[1]  # type: ignore[index]
    neutral = stages.NOTHING._replace(threshold=0.25)
    assert namespace[f"before_{name}"](1.0, -2.0, neutral) == (1.0, -1.75)
