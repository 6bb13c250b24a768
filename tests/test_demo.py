"""The demo: gradients, the same training on every backend, and what `compare` says and writes."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

import fastopt
from fastopt import backends
from fastopt.__main__ import main
from fastopt.demo import contestants
from fastopt.demo.data import Dataset, breast_cancer, minibatches
from fastopt.demo.loss import binary_cross_entropy
from fastopt.demo.model import Network, leaky_relu, tanh
from fastopt.demo.plot import save_curves
from fastopt.demo.report import table
from fastopt.demo.train import Run, train

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return breast_cancer(0)


@pytest.fixture(scope="module")
def network() -> Network:
    return Network((30, 20, 10, 1), (tanh, leaky_relu), binary_cross_entropy)


def made_up(label: str = "adam", loss: float = 0.5, **changes: float) -> Run:
    facts = {"lr": 0.001, "test_accuracy": 0.9, "seconds_of_step": 1e-4, **changes}
    return Run(
        label=label,
        backend="native",
        steps=[0, 100],
        losses=[1.0, loss],
        seconds_of_optimizer=1e-5,
        params={},
        **facts,
    )


# The pieces.


def test_data_are_split_and_standardized(data: Dataset) -> None:
    assert data.x_train.shape == (455, 30)
    assert data.x_test.shape == (114, 30)
    assert data.y_train.shape == (455, 1)
    assert {part.dtype for part in data} == {np.dtype(np.float32)}
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(data.x_train.std(axis=0), 1.0, atol=1e-5)
    assert abs(data.y_train.mean() - data.y_test.mean()) < 0.01


def test_minibatches_go_through_all_samples_in_a_new_order_each_epoch() -> None:
    x = np.arange(10.0).reshape(10, 1)
    batches = minibatches(x, x + 100, 5, np.random.default_rng(0))
    epochs = []
    for _ in range(2):
        parts = [next(batches), next(batches)]
        assert all(np.array_equal(y, x + 100) for x, y in parts)
        epochs.append(np.concatenate([x for x, _ in parts]).ravel())
        assert sorted(epochs[-1]) == list(range(10))
    assert not np.array_equal(epochs[0], epochs[1])


def test_what_does_not_fill_a_batch_is_dropped() -> None:
    x = np.arange(10.0).reshape(10, 1)
    batches = minibatches(x, x, 4, np.random.default_rng(0))
    epoch = np.concatenate([next(batches)[0] for _ in range(2)])
    assert len(np.unique(epoch)) == 8
    with pytest.raises(ValueError, match="batch of 11 cannot be drawn from 10"):
        next(minibatches(x, x, 11, np.random.default_rng(0)))


def test_gradients_agree_with_finite_differences(network: Network) -> None:
    rng = np.random.default_rng(3)
    params = network.initialize(rng, np.float64)
    for p in params.values():
        p += 0.1 * rng.standard_normal(p.shape)  # the biases too, which begin at zero
    x, y = rng.standard_normal((16, 30)), rng.integers(0, 2, (16, 1)).astype(np.float64)
    loss, grads = network.loss_and_gradients(params, x, y)
    assert loss == network.loss(network.output(params, x), y)[0]
    assert grads.keys() == params.keys()
    h = 1e-6
    for name, p in params.items():
        assert grads[name].shape == p.shape
        for at in np.ndindex(p.shape):
            middle, ends = p[at], []
            for p[at] in (middle - h, middle + h):
                ends.append(network.loss(network.output(params, x), y)[0])
            p[at] = middle
            slope = (ends[1] - ends[0]) / (2 * h)
            assert grads[name][at] == pytest.approx(slope, rel=1e-5, abs=1e-8), (name, at)


def test_cross_entropy_keeps_its_digits_where_the_network_is_sure() -> None:
    z = np.array([[-1e30], [-200.0], [-20.0], [20.0], [200.0], [1e30]], np.float32)
    for target in (0.0, 1.0):
        loss, gradient = binary_cross_entropy(z, np.full_like(z, target))
        assert np.isfinite(loss)
        assert np.isfinite(gradient).all()
    one = np.ones((1, 1), np.float32)
    loss, gradient = binary_cross_entropy(20 * one, one)
    assert loss == pytest.approx(np.log1p(np.exp(-20.0)), rel=1e-5)
    assert gradient.item() == pytest.approx(-1 / (1 + np.exp(20.0)), rel=1e-5)


def test_a_network_needs_an_activation_for_each_hidden_layer() -> None:
    with pytest.raises(ValueError, match="2 hidden layers have 1"):
        Network((3, 4, 5, 1), (tanh,), binary_cross_entropy)


# Training.


@pytest.mark.parametrize("label", contestants.labels())
def test_training_learns_with_every_optimizer(label: str, network: Network, data: Dataset) -> None:
    (contestant,) = contestants.choose([label])
    run = train(contestant, network, data, steps=300)
    assert run.steps[0] == 0
    assert run.steps[-1] == 300
    assert run.final_loss < run.losses[0]
    if label in contestants.LEARNING_RATES:  # defaults of others may be slow here
        assert run.final_loss < 0.1 * run.losses[0]
        assert run.test_accuracy > 0.9
    assert 0 < run.optimizer_share < 1


@pytest.mark.parametrize("label", contestants.labels())
def test_all_backends_end_with_the_same_bits(label: str, network: Network, data: Dataset) -> None:
    (contestant,) = contestants.choose([label])
    usable = [name for name in backends.NAMES if not backends.backend(name).why_not()]
    runs = [train(contestant, network, data, backend=name, steps=50) for name in usable]
    assert [run.backend for run in runs] == usable
    for run in runs[1:]:
        assert run.losses == runs[0].losses
        for name, p in run.params.items():
            assert p.tobytes() == runs[0].params[name].tobytes(), (run.backend, name)


def test_a_run_can_be_repeated(network: Network, data: Dataset) -> None:
    (adam,) = contestants.choose(["adam"])
    first, again, other = (train(adam, network, data, steps=20, seed=s) for s in (1, 1, 2))
    assert first.losses == again.losses
    assert first.losses != other.losses


def test_divergence_is_a_result(network: Network, data: Dataset) -> None:
    (sgd,) = contestants.choose(["sgd"], lr=1e6)
    run = train(sgd, network, data, steps=20)
    assert not np.isfinite(run.final_loss)
    assert run.test_accuracy == 0
    assert "diverged" in table([run])


def test_a_terminal_shows_a_progress_bar(
    network: Network, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    train(contestants.choose(["adam"])[0], network, data, steps=50)
    last = terminal.getvalue().rstrip("\n").split("\r")[-1]
    assert last.startswith("adam")
    assert "50/50 steps" in last
    assert "loss " in last
    assert len(last) < 80


# Who takes part.


def test_every_optimizer_takes_part() -> None:
    found = {contestant.label for contestant in contestants.choose()}
    assert found >= {*fastopt.names(), "momentum", "nesterov"}


def test_an_optimizer_without_a_rate_of_ours_has_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contestants, "LEARNING_RATES", {})
    (adamax,) = contestants.choose(["adamax"])
    assert adamax.optimizer(np.zeros(3), None).groups[0]["lr"] == 2e-3


def test_one_rate_for_all() -> None:
    assert {c.hyperparameters["lr"] for c in contestants.choose(lr=0.5)} == {0.5}


# The table and the figure.


def test_the_table_is_sorted_and_fits_in_80_columns() -> None:
    runs = [
        made_up("nan", float("nan"), lr=1.23456789e-300),
        made_up("sgd", 12345.678, seconds_of_step=1e-6),
        made_up("an_optimizer_with_a_very_long_name", 1e-30, test_accuracy=1.0),
        made_up("adam"),
    ]
    lines = table(runs).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0][:4] for line in lines[2:]] == ["an_o", "adam", "sgd", "nan"]
    assert "1.00e-30*" in lines[2]
    assert "100.0%*" in lines[2]
    assert "1,000,000*" in lines[4]
    assert "diverged" in lines[5]


def test_the_figure_can_have_many_curves_and_diverging_ones(tmp_path: Path) -> None:
    runs = [made_up(f"run {i}", 10.0**-i) for i in range(15)]
    runs += [made_up("nan", float("nan")), made_up("zero", 0.0), made_up("huge", 1e30)]
    save_curves(runs, tmp_path / "curves.png", "a title")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


# The command.


def test_compare_shows_a_table_and_saves_a_figure(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.image import imread

    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--steps", "60"]) == 0
    said = capsys.readouterr()
    assert said.err == ""  # no progress bar, as this is no terminal
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if line} >= set(contestants.labels())
    assert lines[-1].endswith("The loss curves are in compare.png.")
    picture = imread("compare.png")
    assert picture.shape[1] == 1000
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 50  # colours


def test_options_are_heeded(tmp_path: Path, capsys: Capture) -> None:
    arguments = "compare --optimizers adam,SGD nesterov --backend numpy --steps 5 --lr 0.25 --batch 7"
    main([*arguments.split(), "--seed", "3", "--out", str(tmp_path / "curves.svg")])
    said = capsys.readouterr().out
    assert re.findall(r"^(adam|sgd|nesterov) +0\.25 ", said, re.MULTILINE)
    assert len(re.findall(r" 0\.25 ", said)) == 3
    assert "batch 7, steps 5, backend numpy" in said
    assert (tmp_path / "curves.svg").read_text().startswith("<?xml")


WRONG = {
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
    "compare adam": "unrecognized arguments: adam",
    "compete": "invalid choice: 'compete'",
    "": "which command? There are compare, info",
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
    ("module", "package"), [("sklearn", "scikit-learn"), ("matplotlib", None), ("tqdm", None)]
)
def test_a_missing_package_is_named(
    module: str,
    package: str | None,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit) as end:
        main(["compare"])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert f"this needs {package or module}: pip install 'fastopt[demo]'" in said
    assert said.count("\n") == 1


def test_checking_the_path_leaves_what_is_there(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "curves.png"
    out.write_bytes(b"old")
    with pytest.raises(SystemExit):
        main(["compare", "--out", str(out), "--optimizers", "none"])
    assert out.read_bytes() == b"old"


def test_python_m_fastopt() -> None:
    command = [sys.executable, "-W", "error", "-m", "fastopt"]
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
        "assert not {'sklearn', 'matplotlib', 'tqdm', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
