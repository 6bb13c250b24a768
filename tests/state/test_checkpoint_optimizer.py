"""`save`, `load` and `fastopt.load`: whatever is wrong with a file, the live optimizer is as it was."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from support.checkpoint_samples import SUFFIXES
from support.resume_runs import digest, everything, gradients, model

import fastopt
from fastopt import CheckpointError, checkpoint, schedules
from fastopt.algorithm.hyperparameters import Values
from fastopt.checkpoint import manifest

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers
MEGABYTES = 64  # that saving and loading may take beside the state


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"run{request.param}"


def trained(steps: int = 5) -> tuple[Any, dict[str, Any]]:
    """Make an optimizer in the middle of everything."""
    run = everything("nadam")
    opt = run.make(params := model(0))
    for k in range(steps):
        run.act(opt, params, k)
    return opt, params


def live() -> tuple[Any, dict[str, Any]]:
    """Make another one, of another model, somewhere else."""
    run = everything("nadam")
    opt = run.make(params := model(1))
    for k in range(3):
        run.act(opt, params, k)
    return opt, params


def rewritten(path: Path, change: Callable[[Any], None]) -> None:
    """Change what the manifest says, and seal it anew."""
    with checkpoint.Reader(path) as file:
        content = file.manifest
        arrays = {name: file.read(name) for name in file.describe()}
    change(content)
    checkpoint.write(path, content, arrays)


# There and back.


def test_there_and_back(path: Path) -> None:
    opt, params = trained()
    extra = {"epoch": 3, "order": [2, 0, 1], "best": None, "é": 0.1}
    opt.save(path, params=True, extra=extra)
    other, others = live()
    assert other.load(path) == (extra, [], [])
    assert digest(other, others) == digest(opt, params)
    again = fastopt.load(path, fresh := model(2), cast_to=everything("nadam").unsaved()["cast_to"])
    assert digest(again, fresh) == digest(opt, params)
    assert type(again) is fastopt.NAdam


def test_parameters_only_where_they_are_wanted(path: Path) -> None:
    opt, params = trained()
    opt.save(path, params=True)
    other, others = live()
    before = {name: p.tobytes() for name, p in others.items()}
    assert other.load(path, params=False).extra is None
    assert {name: p.tobytes() for name, p in others.items()} == before
    assert other.state["f"]["m"].tobytes() == opt.state["f"]["m"].tobytes()
    opt.save(path)
    other, others = live()
    now = digest(other, others)
    with pytest.raises(CheckpointError, match=r"without parameters: .*\(path, params=True\) writes"):
        other.load(path, params=True)
    assert digest(other, others) == now
    other.load(path)
    assert {name: p.tobytes() for name, p in others.items()} == before
    for name, p in params.items():
        others[name][...] = p
    other.load(path)  # and writes the copies of cast_to anew
    assert digest(other, others) == digest(opt, params)


def test_a_parameter_in_another_memory_order(path: Path) -> None:
    opt, params = trained()
    opt.save(path, params=True)
    turned = {n: np.array(p, order="C" if n == "f" else "F") for n, p in model(2).items()}
    other: Any = fastopt.load(path, turned)
    for name, p in params.items():
        assert (turned[name] == p).all()
        assert (other.state[name]["v"] == opt.state[name]["v"]).all()
        assert other.state[name]["v"].flags.f_contiguous == turned[name].flags.f_contiguous


@pytest.mark.parametrize(
    "names", [("a/b", "a"), ("é", "e\u0301"), ("..", "*params/x"), ("m", "*average/m"), ("", " ")]
)
def test_names_of_parameters(path: Path, names: tuple[str, str]) -> None:
    params = {name: np.array([float(i)]) for i, name in enumerate(names)}
    opt = Adam(params, ema=0.5)
    opt.step({name: np.ones(1) * (i + 1) for i, name in enumerate(names)})
    opt.save(path, params=True)
    other = fastopt.load(path, others := {name: np.zeros(1) for name in names})
    assert digest(other, others) == digest(opt, params)


def test_what_a_rule_begins_with_is_made_of_the_loaded_parameters(path: Path) -> None:
    """A state that the checkpoint lacks, as no step has been taken, is not one of the old values."""

    class Coefficients(NamedTuple):
        lr: float

    def pulled(p: Any, g: Any, anchor: Any, c: Any) -> Any:
        return p - c.lr * (g + (p - anchor)), anchor

    class Pulled(fastopt.Optimizer):
        rule = staticmethod(pulled)

        @classmethod
        def initial_state(cls, h: Values, name: str, p: Any) -> Any:
            return p

        @staticmethod
        def coefficients(h: Values, t: int) -> NamedTuple:
            return Coefficients(h.lr)

    Pulled(np.array([1.0, 2.0]), backend="numpy").save(path, params=True)

    def forget(content: Any) -> None:
        content["state"]["parameters"]["params"]["arrays"] = []

    rewritten(path, forget)
    other = Pulled(p := np.zeros(2), backend="numpy")
    other.load(path)
    assert p.tolist() == other.state["params"]["anchor"].tolist() == [1.0, 2.0]


# fastopt.load.


def test_load_takes_what_no_file_can_hold(path: Path) -> None:
    def lr(step: int) -> float:
        return 0.1 / (step + 1)

    groups = {"b": {"lr": 0.5, "frozen": True}, "f": {"betas": (lr, 0.9), "multiply": {"lr": 2.0}}}
    opt = Adam(params := model(0), lr=lr, ema=lr, groups=groups)
    opt.step(gradients(1))
    opt.save(path, params=True)
    for given, name in (({}, "lr"), ({"lr": lr}, "betas"), ({"lr": lr, "betas": (lr, 0.9)}, "ema")):
        words = rf"{name} was a function \(lr\).* again, fastopt.load\(path, params, {name}=\.\.\.\)"
        with pytest.raises(TypeError, match=words):
            fastopt.load(path, model(1), **given)
    other = fastopt.load(path, others := model(1), lr=lr, betas=(lr, 0.9), ema=lr, backend="numpy")
    assert other.backend == "numpy"
    assert [group.given["lr"] for group in other.groups] == [lr, 0.5, lr]
    for o in (opt, other):
        o.step(gradients(2))
    assert digest(other, others) == digest(opt, params)


def test_load_gives_a_schedule_to_hand(path: Path) -> None:
    made = [schedules.reduce_on_plateau(0.4, 0.5, patience=0) for _ in range(3)]
    opt = Adam(model(0), lr=made[0], groups={"b": {"multiply": {"lr": 0.5}}})
    made[0].observe(1.0)
    made[0].observe(1.0)
    opt.save(path)
    other = fastopt.load(path, model(1), lr=made[1])
    assert [group.given["lr"] is made[1] for group in other.groups] == [True, True]
    made[1].observe(1.0)
    assert (opt.lr, other.lr, made[2](0)) == (0.2, 0.1, 0.4)


@pytest.mark.parametrize("given", [0.3, schedules.constant(0.1), lambda step: 0.1])
def test_load_refuses_what_the_file_has(path: Path, given: Any) -> None:
    Adam(model(0), lr=schedules.constant(0.2)).save(path)
    with pytest.raises(TypeError, match=r"lr is in the checkpoint: set it .* opt\.lr = \.\.\."):
        fastopt.load(path, model(1), lr=given)
    with pytest.raises(TypeError, match="no hyperparameter 'lrr'"):
        fastopt.load(path, model(1), lrr=given)


@pytest.mark.parametrize(
    "groups",
    [
        None,
        {},
        {"*.bias": {"multiply": {"lr": 0.5}}},
        {"*": {"frozen": True, "multiply": {"lr": 2.0}}},
        {"b": {"lr": schedules.cosine(1.0, 9)}, "l.*": {"maximize": True}},
    ],
)
def test_load_makes_the_groups(path: Path, groups: Any) -> None:
    opt = Adam(params := model(0), groups=groups)
    opt.step(gradients(2))
    opt.save(path, params=True)
    other = fastopt.load(path, others := model(1))
    assert digest(other, others) == digest(opt, params)
    if groups is None:
        assert other.get_config() == opt.get_config()
    assert [sorted(g) for g in other._core.bound.parameters.names_of_groups()] == [
        sorted(g) for g in opt._core.bound.parameters.names_of_groups()
    ]


def test_load_with_a_list_of_groups(path: Path) -> None:
    def groups(seed: int) -> Any:
        p = model(seed)
        return [{"params": {"b": p["b"]}, "lr": 0.3}, {"params": {}}, {"params": {"f": p["f"]}}]

    def step(opt: Any) -> None:
        g = gradients(2)
        opt.step([{"b": g["b"]}, {}, {"f": g["f"]}])

    opt = Adam(groups(0))
    step(opt)
    opt.save(path, params=True)
    listed, by_name = (fastopt.load(path, p) for p in (groups(1), {n: model(1)[n] for n in "bf"}))
    for other in (listed, by_name):
        assert other.state_dict()["parameters"].keys() == {"b", "f"}
        assert [group["lr"] for group in other.groups] == [0.3, 1e-3]
        assert other.state["f"]["m"].tobytes("A") == opt.state["f"]["m"].tobytes("A")


def test_load_and_the_parameters(path: Path) -> None:
    opt = Adam(model(0), groups={"b": {"lr": 0.5}})
    opt.step(gradients(0))
    opt.save(path, params=True)
    with pytest.raises(
        CheckpointError,
        match=r"missing: new\. .* opt\.load\(path, strict=False\) takes",
    ):
        fastopt.load(path, {**model(1), "new": np.ones(2)})
    with pytest.raises(ValueError, match=r"the names \['b'\], which matches no parameter"):
        fastopt.load(path, {name: p for name, p in model(1).items() if name != "b"})
    with pytest.raises(TypeError, match=r"l\.w"):
        fastopt.load(path, {**model(1), "l.w": [1.0]})


def test_load_of_an_optimizer_of_the_user(path: Path) -> None:
    class Mine(fastopt.Adam):
        pass

    Mine(model(0), lr=0.5).save(path)
    with pytest.raises(CheckpointError, match=r"no optimizer 'Mine'.* opt = Mine\(params\); opt\.load"):
        fastopt.load(path, model(1))
    opt = Mine(model(1))
    opt.load(path)
    assert opt.lr == 0.5


# What does not fit.


def differing(**more: Any) -> Any:
    return {**{name: p for name, p in model(1).items() if name not in more}, **more}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fastopt.SGD(model(1)), r"state of Adam, and this optimizer is SGD: .* Adam\(\.\.\.\)"),
        (lambda: Adam(differing(new=np.ones(2))), "missing: new"),
        (lambda: Adam({"b": model(1)["b"]}), "unexpected: l.w, l.bias, f, none, late"),
        (lambda: Adam(differing(f=np.ones((3, 4)))), r"m of 'f' is float64 of shape \(4, 3\); its"),
        (lambda: Adam(differing(f=np.ones((4, 3), np.float32))), "m of 'f' is float64 of"),
        (lambda: Adam(model(1), ema=0.5), "saved with ema=None, and this optimizer has 0.5"),
        (
            lambda: Adam(model(1), groups={"b": {"lr": 1.0}}),
            "the group of b, f, l.*, .* the group of f, l.b",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any], words: str
) -> None:
    opt = Adam(model(0))
    opt.step(gradients(2))
    opt.save(path, params=True)
    other = make()
    other.step({name: np.ones_like(p) for name, p in other.params.items()})
    before = digest(other, other.params)
    monkeypatch.delattr("fastopt.checkpoint.Reader.read_all")
    with pytest.raises(CheckpointError, match=words) as caught:
        other.load(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value.__cause__, (TypeError, ValueError))
    assert digest(other, other.params) == before


def test_what_fits(path: Path) -> None:
    opt = Adam(model(0), ema=0.5)
    opt.step(gradients(2))
    opt.save(path, params=True, extra=7)
    params = {**{name: p for name, p in model(1).items() if name != "b"}, "new": np.ones(2)}
    other = Adam(params, lr=0.5)
    found = other.load(path, strict=False, hyperparameters=False)
    names = [name for name in params if name != "new"]
    assert found == (7, ["new"], ["b", *(f"average of {name}" for name in names)])
    assert other.lr == 0.5
    for name in names:
        assert params[name].tobytes() == opt.params[name].tobytes()
        assert other.state[name]["m"].tobytes() == opt.state[name]["m"].tobytes()
    assert (params["new"] == 1.0).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("state"), "it is no state (KeyError('state'))"),
        (lambda c: c.pop("params"), "it is no state (KeyError('params'))"),
        (lambda c: c.update(state=[]), "a state is what state_dict() gives; this is []"),
        (lambda c: c["state"].pop("groups"), "state has no 'groups'"),
        (lambda c: c["state"].update(steps=-1), "the number of steps is -1"),
        (lambda c: c["state"]["parameters"].update(f=3), "state['parameters']['f'] is 3"),
        (lambda c: c["state"]["parameters"]["f"]["arrays"].remove("v"), "missing: v of f"),
        (lambda c: c["state"]["parameters"]["f"].update(steps=None), "the number of steps of 'f'"),
        (lambda c: c["state"]["groups"][0]["hyperparameters"].update(lr="x"), "lr of group 0 is 'x'"),
    ],
)
def test_a_file_of_something_else(path: Path, change: Callable[[Any], Any], words: str) -> None:
    opt, params = live()
    trained()[0].save(path)
    rewritten(path, change)
    before = digest(opt, params)
    with pytest.raises(CheckpointError, match=re.escape(words)):
        opt.load(path)
    with pytest.raises((CheckpointError, TypeError)):
        fastopt.load(path, params)
    assert digest(opt, params) == before


def test_an_array_that_the_file_does_not_have(path: Path) -> None:
    opt, params = live()
    source, _ = trained()
    source.save(path, params=True)
    with checkpoint.Reader(path) as file:
        content = file.manifest
        arrays = {name: file.read(name) for name in file.describe()}
    before = digest(opt, params)
    for gone, words in (("m/f", "missing: m of f"), ("*params/b", "it has no array '*params/b'")):
        checkpoint.write(path, content, {name: a for name, a in arrays.items() if name != gone})
        with pytest.raises(CheckpointError, match=re.escape(words)):
            opt.load(path)
        assert digest(opt, params) == before


def test_a_newer_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opt, params = live()
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "VERSION", 2)
        patch.setattr(manifest, "__version__", "7.0")
        trained()[0].save(path)
    before = digest(opt, params)
    for load in (opt.load, lambda path: fastopt.load(path, params)):
        with pytest.raises(CheckpointError, match=r"was written by fastopt 7\.0, which is newer"):
            load(path)
    assert digest(opt, params) == before


def test_a_damaged_file(path: Path) -> None:
    """Cut, and with single bits flipped, at random places; the files have their own test of all."""
    trained()[0].save(path, params=True)
    whole = path.read_bytes()
    opt, params = live()
    before = digest(opt, params)
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 150):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(place % 8)
        for damaged in (whole[:place], bytes(flipped)):
            path.write_bytes(damaged)
            try:
                opt.load(path)
            except CheckpointError:
                refused += 1
                assert digest(opt, params) == before
            else:  # a bit that no reader looks at
                assert digest(opt, params) == digest(*trained())
                opt, params = live()
    assert refused > 250


def test_no_file(path: Path) -> None:
    opt, params = live()
    for load in (opt.load, lambda path: fastopt.load(path, params)):
        with pytest.raises(FileNotFoundError, match="there is no checkpoint at") as caught:
            load(path)
        assert isinstance(caught.value, CheckpointError)
    with pytest.raises(ValueError, match=r"has the suffix '\.pt'"):
        opt.save(path.with_suffix(".pt"))


# What fails midway.


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_no_memory_while_loading(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    trained()[0].save(path, params=True)
    opt, params = live()
    before, config = digest(opt, params), opt.get_config()

    def fail(*args: Any) -> None:
        raise error("no more memory")

    for place, raised in (
        ("fastopt.arrays.allocation.Arena.like", CheckpointError if error is MemoryError else error),
        (f"fastopt.backends.{opt.backend}.make_plan", error),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, fail)
            with pytest.raises(raised, match="no more memory"):
                opt.load(path)
        assert digest(opt, params) == before
        assert opt.get_config() == config
    run = everything("nadam")
    twin, others = live()
    for k in range(3, 8):
        run.act(opt, params, k)
        run.act(twin, others, k)
    assert digest(opt, params) == digest(twin, others)


@pytest.mark.parametrize(
    ("extra", "error", "words"),
    [
        (object(), TypeError, "extra is <object object at"),
        ({"a": [1, {2: len}]}, TypeError, r"extra\['a'\]\[1\]\[2\] is <built-in function len>"),
        ("x" * (128 << 20), ValueError, "the manifest takes"),
    ],
)
def test_an_extra_that_cannot_be_written(
    path: Path, extra: Any, error: type[Exception], words: str
) -> None:
    opt, _ = trained()
    opt.save(path, extra=json.loads(json.dumps({"epoch": 1})))
    before = path.read_bytes()
    with pytest.raises(error, match=words):
        opt.save(path, extra=extra)
    assert path.read_bytes() == before
    opt.accumulate(gradients(0))


def test_when_it_cannot_be(path: Path) -> None:
    opt, params = trained()
    opt.save(path)
    for block, words in (
        (opt.averaged, "has its averages in the parameters"),
        (lambda: opt.perturbed(gradients(2)), "has its parameters perturbed"),
    ):
        with block():
            before = path.read_bytes(), {name: p.tobytes() for name, p in params.items()}
            with pytest.raises(RuntimeError, match=words):
                opt.save(path)
            with pytest.raises(RuntimeError, match=words):
                opt.load(path)
            assert before == (path.read_bytes(), {name: p.tobytes() for name, p in params.items()})
    opt.load(path)


def test_a_full_disk_leaves_file_and_optimizer(path: Path, run_python: Callable[..., str]) -> None:
    """The limit on the size of files stands for a full disk."""
    script = f"""
        import os, resource, signal
        import numpy as np
        import fastopt
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        path = {str(path)!r}
        opt = fastopt.Adam(p := np.ones(1_000_000))
        opt.step(np.ones(1_000_000))
        opt.save(path)
        before = open(path, "rb").read(), p.tobytes()
        opt.step(np.ones(1_000_000))
        after = p.tobytes()
        for limit in [0, 5_000, 8_000_100]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                opt.save(path, params=True)
            except fastopt.CheckpointError as error:
                assert "what the path held before is unchanged" in str(error)
            assert (open(path, "rb").read(), p.tobytes()) == (before[0], after)
            assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        opt.save(path, params=True)
        print(fastopt.load(path, np.zeros(1_000_000)).step_count)
    """
    assert run_python(script) == "2"


# What it takes.


def test_memory_beside_the_state(path: Path, run_python: Callable[..., str]) -> None:
    script = f"""
        import resource
        import numpy as np
        import fastopt

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        path = {str(path)!r}
        fastopt.Adam(np.ones(10)).save(path)
        p = {{"one": np.ones((1000, 8_000), np.float32), "two": np.ones((2000, 2000)).T}}
        g = {{name: np.full_like(p[name], 0.5) for name in p}}
        opt = fastopt.Adam(p)
        opt.step(g)
        before = peak()
        opt.save(path)
        saving = peak() - before
        state = sum(a.nbytes for each in opt.state.values() for a in each.values()) / 2**20
        other = fastopt.Adam({{name: np.ones_like(each) for name, each in p.items()}})
        params = sum(each.nbytes for each in p.values()) / 2**20
        before = peak()
        other.load(path)
        print(state, saving, peak() - before - state - params)
    """
    state, saving, loading = map(float, run_python(script).split())
    assert state > 120
    assert saving < MEGABYTES
    assert loading < MEGABYTES
