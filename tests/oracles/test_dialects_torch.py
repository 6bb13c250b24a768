"""like="torch" against torch.optim: the cases of the dialects. `test_torch` has every combination."""

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from support.peers import STEPS, cases, complete, side_by_side
from transcribed import Options
from transcribed.torch import DEFAULTS

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

torch = pytest.importorskip("torch")

# As in test_torch: the same operations in another order. The largest measured is 2.9e-15.
TOLERANCE = 1e-12

SWITCHES = {"params", "foreach", "capturable", "differentiable", "fused"}  # how, not what


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def torch_class(name: str) -> Any:
    (found,) = {
        cls for key, cls in vars(torch.optim).items() if key.lower() == name and isinstance(cls, type)
    }
    return found


class Torch:
    def __init__(self, name: str, options: Options, start: Mapping[str, Any]) -> None:
        self.now = {key: torch.tensor(p) for key, p in start.items()}
        h = vars(complete("torch", name, options))
        self.optimizer = torch_class(name)([*self.now.values()], **h, foreach=False)

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        (group,) = self.optimizer.param_groups
        group["lr"] = lr
        for key, p in self.now.items():
            p.grad = torch.from_numpy(grads[key])
            state = self.optimizer.state[p]
            if "eta" in state:  # of ASGD, which torch has made of the learning rate of the step before
                state["eta"].copy_(lr / (1.0 + group["lambd"] * lr * state["step"]) ** group["alpha"])
        self.optimizer.step()

    def parameters(self) -> Mapping[str, Any]:
        return {key: p.numpy() for key, p in self.now.items()}


@cases("torch")
def test_the_rule(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=False)
    peer = Torch(name, options, some.parameters())
    for where, ours, theirs in side_by_side("torch", name, options, peer, some.grads):
        assert difference(ours, theirs) <= TOLERANCE, where


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults(name: str) -> None:
    signature = inspect.signature(torch_class(name)).parameters
    theirs = {key: p.default for key, p in signature.items() if key not in SWITCHES}
    assert theirs == DEFAULTS[name]
