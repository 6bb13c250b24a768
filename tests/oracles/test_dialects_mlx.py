"""like="mlx" against MLX, in float64 on its CPU device."""

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import STEPS, cases, complete, side_by_side
from transcribed import REQUIRED, Options
from transcribed.mlx import DEFAULTS

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

mx = pytest.importorskip("mlx.core")
optimizers = pytest.importorskip("mlx.optimizers")

# The same operations in another order: a few units of 1e-16 a step. The largest measured is 3.1e-15.
TOLERANCE = 1e-12
# MLX takes the powers of the bias corrections in float32 whatever the dtype: 1 - 0.999^t is then wrong
# by up to 6e-8 / 1e-3 at the first step, and by less and less. The largest measured is 1.7e-6.
IN_FLOAT32 = 1e-5

OURS = {"learning_rate": "lr"}


@pytest.fixture(autouse=True)
def on_the_cpu() -> Iterator[None]:
    before = mx.default_device()
    mx.set_default_device(mx.cpu)  # the one with doubles
    yield
    mx.set_default_device(before)


def mlx_class(name: str) -> Any:
    (found,) = {cls for key, cls in vars(optimizers).items() if key.lower() == name}
    return found


def double(x: Any) -> Any:
    return mx.array(x, dtype=mx.float64)


class Mlx:
    def __init__(self, name: str, options: Options, start: Mapping[str, Any]) -> None:
        h = vars(complete("mlx", name, options))
        keys = inspect.signature(mlx_class(name)).parameters
        self.optimizer = mlx_class(name)(**{key: h[OURS.get(key, key)] for key in keys})
        self.now = {key: double(p) for key, p in start.items()}

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        self.optimizer.learning_rate = double(lr)
        each = {key: double(g) for key, g in grads.items()}
        self.now = self.optimizer.apply_gradients(each, self.now)
        mx.eval(self.now, self.optimizer.state)

    def parameters(self) -> Mapping[str, Any]:
        return {key: np.array(p) for key, p in self.now.items()}


@cases("mlx")
def test_the_rule(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=False)
    peer = Mlx(name, options, some.parameters())
    bound = IN_FLOAT32 if options.get("bias_correction") else TOLERANCE
    for where, ours, theirs in side_by_side("mlx", name, options, peer, some.grads):
        assert theirs.dtype == np.float64
        assert difference(ours, theirs) <= bound, where


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults(name: str) -> None:
    theirs: dict[str, Any] = {}
    for key, parameter in inspect.signature(mlx_class(name)).parameters.items():
        value = parameter.default
        value = REQUIRED if value is inspect.Parameter.empty else value
        theirs[OURS.get(key, key)] = tuple(value) if isinstance(value, list) else value
    assert theirs == DEFAULTS[name]


def test_mlx_has_no_nadam() -> None:
    assert "nadam" not in {key.lower() for key in vars(optimizers)}
