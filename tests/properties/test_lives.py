"""Whole lives of an optimizer, in any order of events, beside a twin on the NumPy backend."""

import hashlib
import os
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.scenes import OF_TORCH, assert_same, dtypes, seeds, shapes, tame, written
from support.steps import take_step

import fastopt

Model = dict[str, Any]
TWINS = ("native", "numpy")
MOST = 8  # parameters


class Life(RuleBasedStateMachine):
    """Everything is done to both; after each event all arrays and counts must be equal."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = fastopt.get_num_threads()
        self.kept: list[Any] = []

    def teardown(self) -> None:
        fastopt.set_num_threads(self.threads)

    # Beginnings.

    @initialize(
        variant=st.sampled_from(OF_TORCH),
        arrays=st.lists(st.tuples(shapes, dtypes), min_size=1, max_size=4),
        settings=st.sampled_from([{}, {"ema": 0.9}, {"lookahead_steps": 2}, {"swa_start": 1}]),
        seed=seeds,
    )
    def begin(self, variant: Any, arrays: Any, settings: Any, seed: int) -> None:
        self.variant, self.settings = variant, settings
        self.born = len(arrays)
        self.shapes = {f"p{i}": array for i, array in enumerate(arrays)}
        start = {name: self.array(name, seed) for name in self.shapes}
        self.models = [{k: p.copy(order="K") for k, p in start.items()} for _ in TWINS]
        self.opts = [self.make(m, twin) for m, twin in zip(self.models, TWINS, strict=True)]

    def make(self, model: Model, backend: str) -> fastopt.Optimizer:
        name, options = self.variant
        return fastopt.get(name, model, backend=backend, **{**options, **self.settings})

    def array(self, name: str, seed: int) -> Any:
        """Draw an array for a parameter; the same one whenever it is asked for."""
        shape, dtype = self.shapes[name]
        rng = np.random.default_rng([seed, int(name[1:])])
        values = tame(rng, int(np.prod(shape, dtype=int)), dtype).reshape(shape)
        return np.asfortranarray(values) if int(name[1:]) % 3 == 2 else values

    def grads(self, seed: int, absent: bool) -> Model:
        drawn: Model = {name: self.array(name, seed) for name in self.models[0]}
        if absent:
            drawn[sorted(drawn)[seed % len(drawn)]] = None
        return drawn

    # Steps.

    @rule(seed=seeds, absent=st.booleans())
    def step(self, seed: int, absent: bool) -> None:
        for opt in self.opts:
            take_step(opt, self.grads(seed, absent))

    @rule(seed=seeds, what=st.sampled_from(["shape", "dtype", "missing", "nan"]))
    def bad_step(self, seed: int, what: str) -> None:
        for opt in self.opts:
            grads = self.grads(seed, False)
            name = sorted(grads)[seed % len(grads)]
            if what == "missing":
                del grads[name]
            elif what == "shape":
                grads[name] = np.zeros((3, 5, 7, 2), grads[name].dtype)
            elif what == "dtype":
                grads[name] = grads[name].astype(np.float16)
            else:
                grads[name] = np.full_like(grads[name], np.nan)
            before = self.digest(opt)
            opt.nonfinite = "raise"
            if what == "nan" and not grads[name].size:
                del grads[name]  # it holds no NaN
            error = FloatingPointError if what == "nan" and name in grads else (TypeError, ValueError)
            if name in opt.frozen and name in grads:
                opt.nonfinite = "propagate"  # what sits out is not looked at
                continue
            with pytest.raises(error):
                take_step(opt, grads)
            opt.nonfinite = "propagate"
            assert self.digest(opt) == before

    @rule(seed=seeds)
    def step_in_a_child(self, seed: int) -> None:
        """A forked child takes the step that the parent takes after it."""
        grads = self.grads(seed, False)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:  # nothing of pytest may run here
            try:
                take_step(self.opts[0], grads)
                os.write(writing, self.digest(self.opts[0]).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            found = pipe.read()
        assert os.waitpid(child, 0)[1] == 0
        for opt in self.opts:
            take_step(opt, grads)
        assert found == self.digest(self.opts[0])

    # Changes.

    @rule(lr=st.sampled_from([0.0, 1e-3, 0.3]), decay=st.sampled_from([0.0, 0.1]))
    def change_hyperparameters(self, lr: float, decay: float) -> None:
        for opt in self.opts:
            if type(opt).hyperparameters["lr"].validator.holds(lr):  # FTRL divides by it
                opt.lr = lr
            opt.groups[0].update(weight_decay=decay)

    @rule(threads=st.integers(1, 5))
    def change_threads(self, threads: int) -> None:
        fastopt.set_num_threads(threads)

    @rule(which=st.integers(0, 99), out=st.booleans())
    def freeze(self, which: int, out: bool) -> None:
        name = sorted(self.models[0])[which % len(self.models[0])]
        for opt in self.opts:
            (opt.freeze if out else opt.unfreeze)(name)

    @precondition(lambda self: len(self.models[0]) < MOST)
    @rule(array=st.tuples(shapes, dtypes), seed=seeds)
    def add(self, array: Any, seed: int) -> None:
        name = f"p{self.born}"
        self.born += 1
        self.shapes[name] = array
        for opt in self.opts:
            opt.add_params({name: self.array(name, seed)})

    @precondition(lambda self: len(self.models[0]) > 1)
    @rule(which=st.integers(0, 99))
    def remove(self, which: int) -> None:
        name = sorted(self.models[0])[which % len(self.models[0])]
        for opt in self.opts:
            assert opt.remove_params(name) == [name]

    @rule(which=st.integers(0, 99))
    def replace_and_put_back(self, which: int) -> None:
        """Put another array into the container: no step is taken until the old one is there again."""
        for opt, model in zip(self.opts, self.models, strict=True):
            name = sorted(model)[which % len(model)]
            bound, model[name] = model[name], model[name].copy(order="K")
            with pytest.raises((TypeError, ValueError), match=name):
                take_step(opt, self.grads(which, False))
            model[name] = bound

    @rule(which=st.integers(0, 99))
    def resize(self, which: int) -> None:
        """NumPy does not give other memory to an array that somebody holds."""
        for model in self.models:
            p = model[sorted(model)[which % len(model)]]
            with pytest.raises(ValueError, match="resize"):
                p.resize((p.size + 7,))

    # State.

    @rule()
    def save(self) -> None:
        self.kept.append(
            (
                [{k: p.copy(order="K") for k, p in model.items()} for model in self.models],
                [opt.state_dict() for opt in self.opts],
            )
        )

    @precondition(lambda self: self.kept)
    @rule(which=st.integers(0, 99), anew=st.booleans())
    def load(self, which: int, anew: bool) -> None:
        """Go back to where some state was taken, with a new optimizer or with this one."""
        models, states = self.kept[which % len(self.kept)]
        if anew or set(models[0]) != set(self.models[0]):
            self.models = [{k: p.copy(order="K") for k, p in model.items()} for model in models]
            self.opts = [self.make(m, twin) for m, twin in zip(self.models, TWINS, strict=True)]
        for opt, model, was, state in zip(self.opts, self.models, models, states, strict=True):
            for name, p in model.items():
                p[...] = was[name]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the state has entries that are not finite")
                opt.load_state_dict(state)

    # What must hold.

    def digest(self, opt: fastopt.Optimizer) -> str:
        """Hash all that an optimizer is."""
        state = opt.state_dict(copy=False)
        arrays = written(opt, list(opt.params.values()))
        arrays += [a for entry in state["parameters"].values() for a in entry.pop("arrays").values()]
        found = hashlib.sha256(repr((state["steps"], state["parameters"])).encode())
        for array in arrays:
            found.update(array.tobytes("A"))
        return found.hexdigest()

    @invariant()
    def twins_are_equal(self) -> None:
        if not hasattr(self, "opts"):
            return
        states = [opt.state_dict(copy=False)["parameters"] for opt in self.opts]
        arrays, counts = [], []
        for model, state in zip(self.models, states, strict=True):
            own = [a for entry in state.values() for _, a in sorted(entry["arrays"].items())]
            arrays.append([*(model[name] for name in state), *own])
            counts.append([(e["steps"], e["carried"], e["frozen"]) for e in state.values()])
        assert_same(*arrays)
        assert counts[0] == counts[1]
        assert self.opts[0].step_count == self.opts[1].step_count


Life.TestCase.settings = settings(stateful_step_count=30)
TestLife = Life.TestCase
