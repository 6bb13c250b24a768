"""Checks of fastopt.torch for all that torch's optimizers do besides the update."""

import copy
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fastopt

torch = pytest.importorskip("torch")

from torch.optim import optimizer as optimizers  # noqa: E402

from fastopt import torch as fused  # noqa: E402 - which imports torch
from fastopt.torch import states, tensors  # noqa: E402

TOLERANCE = 1e-12  # as in test_torch_trajectories
Pair = tuple[Any, Any]


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


OPTIONS = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": True}


class Twins:
    """The same parameters under both optimizers, and the same gradients."""

    def __init__(self, *make: Callable[[], Any]) -> None:
        self.params = [[torch.nn.Parameter(each()) for each in make] for _ in range(2)]
        self.ours = fused.AdamW(self.params[0], foreach=False, **OPTIONS)
        self.theirs = torch.optim.AdamW(self.params[1], foreach=False, **OPTIONS)
        self.steps = 0

    def both(self, change: Callable[[Any, list[Any]], object]) -> None:
        change(self.ours, self.params[0])
        change(self.theirs, self.params[1])

    def step(self, times: int = 3, laid: Callable[[Any], Any] = lambda g: g) -> None:
        for _ in range(times):
            self.steps += 1
            for optimizer, params in zip((self.ours, self.theirs), self.params, strict=True):
                generator = torch.Generator().manual_seed(self.steps)
                for p in params:
                    g = torch.randn(p.shape, generator=generator, dtype=p.dtype)
                    p.grad = laid(g)
                optimizer.step()
            self.check()

    def check(self) -> None:
        for p, q in zip(*self.params, strict=True):
            torch.testing.assert_close(p, q, rtol=TOLERANCE, atol=TOLERANCE)
            for key, value in self.theirs.state[q].items():
                mine = self.ours.state[p][key]
                torch.testing.assert_close(mine, value, rtol=TOLERANCE, atol=TOLERANCE)


def ramp(*shape: int) -> Any:
    return torch.linspace(-1.0, 1.0, torch.Size(shape).numel()).reshape(shape)


@pytest.fixture
def twins() -> Twins:
    found = Twins(lambda: ramp(3, 4), lambda: ramp(5), lambda: ramp())
    found.step()
    return found


# Memory.


def test_memory_replaced_behind_its_back(twins: Twins) -> None:
    twins.both(lambda _, params: setattr(params[0], "data", params[0].data * 2))
    twins.step()
    twins.both(lambda o, params: setattr(o.state[params[0]]["exp_avg"], "data", ramp(3, 4)))
    twins.step()
    twins.both(lambda o, params: o.state[params[1]]["exp_avg_sq"].share_memory_())
    twins.step()


def test_no_mark_is_left_on_tensors(twins: Twins) -> None:
    for p in twins.params[0]:
        p.grad.untyped_storage().resize_(0)
        p.untyped_storage().resize_(0)


def test_gradients_stay_as_they_are(twins: Twins) -> None:
    before = [(p.grad, p.grad.clone()) for p in twins.params[0]]
    twins.ours.step()
    for p, (g, values) in zip(twins.params[0], before, strict=True):
        assert p.grad is g
        assert torch.equal(g, values)


def test_autograd_sees_the_write(twins: Twins) -> None:
    (p, *_), _ = twins.params
    loss = (p * p).sum()
    twins.ours.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_only_what_was_written_has_another_version(twins: Twins) -> None:
    first, second, _ = twins.params[0]
    first.grad = None
    before = first._version, second._version
    twins.ours.step()
    assert first._version == before[0]
    assert second._version > before[1]


LAYOUTS: dict[str, Callable[[], Any]] = {
    "channels_last": lambda: ramp(2, 3, 4, 4).to(memory_format=torch.channels_last),
    "transposed": lambda: ramp(4, 3).t(),
    "permuted": lambda: ramp(2, 3, 4).permute(1, 2, 0),
    "with gaps": lambda: ramp(4, 3, 2)[..., 0],
    "reversed rows of a larger one": lambda: ramp(6, 3)[1:4],
    "complex": lambda: torch.complex(ramp(3, 4), ramp(3, 4).flip(0)),
    "empty": lambda: torch.zeros(0, 3),
    "one of each": lambda: ramp(1, 5, 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parameters_of_any_layout(layout: str) -> None:
    twins = Twins(LAYOUTS[layout], lambda: ramp(5))
    twins.step(5)
    assert twins.params[0][0].stride() == twins.params[1][0].stride()


@pytest.mark.parametrize("layout", ["transposed", "with gaps"])
def test_a_matrix_algorithm_sees_the_shape(layout: str) -> None:
    laid, dense = [
        torch.nn.Parameter(each) for each in (LAYOUTS[layout](), LAYOUTS[layout]().contiguous())
    ]
    for p in (laid, dense):
        optimizer = fused.Shampoo([p], lr=0.1)
        for k in range(3):
            p.grad = ramp(*p.shape) + k
            optimizer.step()
    torch.testing.assert_close(laid, dense, rtol=1e-12, atol=1e-12)  # sums in another order


@pytest.mark.parametrize(
    "laid",
    [
        lambda g: g.mT.contiguous().mT if g.dim() > 1 else g,
        lambda g: g.flip(0)[:1].expand(g.shape) if g.dim() else g,
        lambda g: torch.stack([g, g], -1)[..., 1],
    ],
)
def test_gradients_of_any_layout(twins: Twins, laid: Callable[[Any], Any]) -> None:
    twins.step(3, laid)


# The state.


def test_states_written_by_hand(twins: Twins) -> None:
    twins.both(lambda o, params: o.state[params[0]]["exp_avg"].fill_(0.5))
    twins.step()
    twins.both(lambda o, params: o.state[params[0]]["step"].fill_(40))
    twins.step()
    twins.both(lambda o, params: o.state[params[1]].update(exp_avg=ramp(5) * 3))
    twins.step()
    twins.both(lambda o, params: o.state[params[1]].update(exp_avg=ramp(5, 2)[:, 0]))
    twins.step()
    twins.both(lambda o, params: o.state.pop(params[0]))
    twins.step()
    twins.both(lambda o, params: o.state.clear())
    twins.step()


def test_steps_are_tensors_of_their_own(twins: Twins) -> None:
    steps = [state["step"] for state in twins.ours.state.values()]
    steps[0] += 5
    assert [each.item() for each in steps] == [8, 3, 3]
    assert [each.dtype for each in steps] == [torch.float64] * 3


def test_no_state_before_the_first_gradient() -> None:
    p, q = torch.nn.Parameter(ramp(3)), torch.nn.Parameter(ramp(3))
    optimizer = fused.Adam([p, q])
    optimizer.step()
    assert not optimizer.state
    q.grad = ramp(3)
    optimizer.step()
    assert list(optimizer.state) == [q]
    sgd = fused.SGD([p, q], lr=0.1)
    sgd.step()
    assert not sgd.state


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_alone(twins: Twins, copied: Callable[[Any], Any]) -> None:
    before = [p.detach().clone() for p in twins.params[0]]
    params, optimizer = copied((twins.params[0], twins.ours))
    for p, g in zip(params, twins.params[0], strict=True):
        p.grad = g.grad.clone()
    optimizer.step()
    for p, was in zip(twins.params[0], before, strict=True):
        assert torch.equal(p, was)
    twins.step(1)
    assert optimizer.state[params[0]]["step"] == 4


def test_a_group_that_comes_later(twins: Twins) -> None:
    def add(optimizer: Any, params: list[Any]) -> None:
        params.append(torch.nn.Parameter(ramp(2, 2)))
        optimizer.param_groups[0]["params"] = params[:3]
        optimizer.add_param_group({"params": params[3:], "lr": 0.01})

    twins.both(add)
    twins.step()


def test_wrappers_replace_class_and_states(twins: Twins) -> None:
    """As Lightning does."""
    twins.ours.__class__ = type("Wrapped", (type(twins.ours),), {})
    for state in twins.ours.state.values():
        for key, value in state.items():
            if key != "step":
                state[key] = value.clone()
    twins.step()


def test_a_state_that_is_not_needed_for_a_time(twins: Twins) -> None:
    twins.both(lambda o, _: o.param_groups[0].update(amsgrad=False))
    twins.step()
    twins.both(lambda o, _: o.param_groups[0].update(amsgrad=True))
    twins.step()


def test_groups_without_parameters() -> None:
    assert fused.AdamW([{"params": []}]).step(lambda: 3) == 3
    p = torch.nn.Parameter(ramp(3))
    p.grad = ramp(3)
    optimizer = fused.AdamW([{"params": []}, {"params": [p], "lr": 0.5}])
    optimizer.step()
    optimizer.param_groups[1]["lr"] = 0.25
    optimizer.step()
    assert optimizer.state[p]["step"] == 2


# What is around the step.


def test_hooks_and_what_is_returned(twins: Twins) -> None:
    seen: list[str] = []
    twins.ours.register_step_pre_hook(lambda *_: seen.append("before"))
    twins.ours.register_step_post_hook(lambda *_: seen.append("after"))
    assert twins.ours.step() is None
    assert twins.ours.step(lambda: 3) == 3
    assert seen == ["before", "after"] * 2
    assert repr(twins.ours) == repr(twins.theirs)


def test_hooks_of_all_optimizers_and_the_profiler(twins: Twins) -> None:
    """They are called and seen as those of torch, though a step that has none does without."""
    seen: list[str] = []
    hooks = [
        optimizers.register_optimizer_step_pre_hook(lambda *_: seen.append("before")),
        optimizers.register_optimizer_step_post_hook(lambda *_: seen.append("after")),
    ]
    twins.ours.step()
    for hook in hooks:
        hook.remove()
    assert seen == ["before", "after"]
    for register in (twins.ours.register_step_pre_hook, twins.ours.register_step_post_hook):
        hook = register(lambda *_: seen.append("alone"))
        twins.ours.step()
        hook.remove()
    assert seen[2:] == ["alone"] * 2
    with torch.profiler.profile() as profile:
        twins.ours.step()
    assert "Optimizer.step#AdamW.step" in [event.name for event in profile.events()]


def test_a_closure_has_gradients_enabled(twins: Twins) -> None:
    with torch.no_grad():
        assert twins.ours.step(torch.is_grad_enabled)


def test_grad_scaler() -> None:
    torch.set_default_dtype(torch.float32)
    both = [torch.nn.Parameter(ramp(6).float()) for _ in range(2)]
    optimizers = [
        fused.SGD(both[:1], lr=0.5, momentum=0.9),
        torch.optim.SGD(both[1:], lr=0.5, momentum=0.9),
    ]
    scalers = [torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2) for _ in both]
    for step in range(8):
        for p, optimizer, scaler in zip(both, optimizers, scalers, strict=True):
            optimizer.zero_grad()
            scaler.scale((p * p).sum()).backward()
            if step == 3:
                p.grad[0] = float("inf")
            scaler.step(optimizer)
            scaler.update()
        torch.testing.assert_close(*both, rtol=1e-6, atol=1e-7)  # rounded to float32 in another order
        assert scalers[0].get_scale() == scalers[1].get_scale()


def test_averaged_model() -> None:
    model = torch.nn.Linear(3, 2)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    optimizer = fused.Lion(model.parameters(), lr=0.1)
    seen = []
    for _ in range(3):
        optimizer.zero_grad()
        model(ramp(4, 3)).square().sum().backward()
        optimizer.step()
        averaged.update_parameters(model)
        seen.append(model.weight.detach().clone())
    torch.testing.assert_close(averaged.module.weight, sum(seen) / 3)


def test_switches_make_no_difference(twins: Twins) -> None:
    twins.ours.param_groups[0].update(capturable=True, foreach=True, fused=True)
    twins.step()


def test_a_loss_from_the_closure_or_by_keyword() -> None:
    both = [torch.nn.Parameter(ramp(6)) for _ in range(2)]
    by_closure, by_keyword = fused.PolyakSGD(both[:1]), fused.PolyakSGD(both[1:])

    def closure() -> Any:
        by_closure.zero_grad()
        loss = (both[0] ** 2).sum()
        loss.backward()
        return loss

    for _ in range(3):
        by_closure.step(closure)
        by_keyword.zero_grad()
        loss = (both[1] ** 2).sum()
        loss.backward()
        by_keyword.step(loss=loss)
    assert torch.equal(*both)
    with pytest.raises(TypeError, match="needs the loss"):
        by_keyword.step()


def test_averages_of_the_algorithm() -> None:
    params = [torch.nn.Parameter(ramp(3, 4)), torch.nn.Parameter(LAYOUTS["with gaps"]())]
    arrays = [p.detach().clone().contiguous().numpy() for p in params]
    optimizer, opt = fused.AdamWScheduleFree(params, lr=0.1), fastopt.AdamWScheduleFree(arrays, lr=0.1)
    for step in range(4):
        for p in params:
            p.grad = torch.cos(p.detach() + step)
        opt.step([p.grad for p in params])
        optimizer.step()
        for move in ("eval", "train"):
            for each in (optimizer, opt):
                getattr(each, move)()
            for p, a in zip(params, arrays, strict=True):
                assert torch.equal(p.detach(), torch.from_numpy(a))
    optimizer.eval()
    with pytest.raises(RuntimeError, match="train"):
        optimizer.step()
    optimizer.state.clear()
    with pytest.raises(RuntimeError, match=r"call opt\.train\(\) first"):
        optimizer.step()
    optimizer.train()
    optimizer.step()


def test_each_backend_and_no_extension(
    twins: Twins, backend: str, default_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a torch that has no table of functions for its tensors."""
    fastopt.use_backend(backend)
    monkeypatch.setattr(tensors, "native", None)
    monkeypatch.setattr(states, "native", None)
    twins.both(lambda o, params: setattr(params[0], "data", params[0].data * 2))
    twins.step()
    twins.both(lambda o, params: o.state[params[0]].update(exp_avg=ramp(3, 4)))
    twins.step()


@pytest.mark.filterwarnings("error:nothing refers to:UserWarning")
def test_no_array_counts_as_unseen() -> None:
    Twins(*LAYOUTS.values()).step(4)


# What ours have besides.


def clipped(params: list[Any], largest: float) -> None:
    """Limit the norm of all gradients; `torch.nn.utils.clip_grad_norm_` adds 1e-6 to the norm."""
    norm = torch.sqrt(sum(p.grad.square().sum() for p in params))
    for p in params:
        p.grad.mul_(min(1.0, largest / norm.item()))


@pytest.mark.parametrize("name", ["AdamW", "SGD", "NAdam"])
def test_limits_of_gradients_are_keywords(name: str) -> None:
    """Also after the state of torch's own optimizer, which knows none, has been loaded."""
    params = [[torch.nn.Parameter(each) for each in (ramp(3, 4), ramp(5))] for _ in range(2)]
    options = {"lr": 0.05, "weight_decay": 0.1}
    theirs = getattr(torch.optim, name)(params[0], **options)
    ours = getattr(fused, name)(params[1], **options, global_clipnorm=0.5)
    for step in range(12):
        generator = torch.Generator().manual_seed(step)
        for p, q in zip(*params, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        clipped(params[0], 0.5)
        theirs.step()
        ours.step()
        if step == 6:
            ours.load_state_dict(copy.deepcopy(theirs.state_dict()))
            ours = pickle.loads(pickle.dumps(ours))
            params[1] = ours.param_groups[0]["params"]
            ours.load_state_dict(copy.deepcopy(theirs.state_dict()))
            assert ours.param_groups[0]["global_clipnorm"] == 0.5
        for p, q in zip(*params, strict=True):
            torch.testing.assert_close(p, q, rtol=TOLERANCE, atol=TOLERANCE)


def test_options_of_groups_that_torch_does_not_have() -> None:
    params = [torch.nn.Parameter(ramp(3, 4)), torch.nn.Parameter(ramp(5))]
    groups = [{"params": params[:1], "clipnorm": 0.1}, {"params": params[1:]}]
    optimizer = fused.SGD(groups, lr=1.0, l1=0.25)
    assert "clipnorm" in inspect.signature(fused.SGD).parameters
    for p in params:
        p.grad = torch.ones_like(p)
    before = [p.detach().clone() for p in params]
    optimizer.step()
    limited = 0.1 / 12**0.5
    steps = [p.detach() - b for p, b in zip(params, before, strict=True)]
    torch.testing.assert_close(steps[0], -limited - 0.25 * before[0].sign())
    torch.testing.assert_close(steps[1], -1.0 - 0.25 * before[1].sign())
    optimizer.param_groups[1]["clipvalue"] = 0.5
    optimizer.step()
    torch.testing.assert_close(
        params[1].detach(), before[1] + steps[1] - 0.5 - 0.25 * (before[1] + steps[1]).sign()
    )


def test_a_limit_of_all_is_changed_for_all() -> None:
    params = [torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(5))]
    optimizer = fused.SGD([{"params": [p]} for p in params], lr=1.0, global_clipnorm=3.0)
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    for group in optimizer.param_groups:
        group["global_clipnorm"] = 0.3
    optimizer.step()
    for p in params:
        torch.testing.assert_close(p.detach(), torch.full_like(p, -1.1))


def test_the_page_is_there_without_an_import_of_its_own() -> None:
    code = (
        "import sys, fastopt\n"
        "assert 'torch' not in sys.modules and 'torch' not in dir(fastopt)\n"
        "print(fastopt.torch.AdamW.__mro__[2].__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "torch.optim.adamw\n"
