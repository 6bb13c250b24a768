"""Parameters of 16 bits and states in few bits in fastopt.torch: the bits of fastopt on arrays."""

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fastopt

torch = pytest.importorskip("torch")
ml_dtypes = pytest.importorskip("ml_dtypes")

from fastopt import torch as fused  # noqa: E402 - which imports torch

SHAPES = [(70, 65), (5, 5), (300,)]
SHORT = [torch.bfloat16, torch.float16]
STEPS = 20


def array(t: Any) -> Any:
    """View a tensor as an array."""
    t = t.detach()
    if t.dtype == torch.bfloat16:
        return t.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return t.numpy()


def drawn(dtype: Any, seed: int) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).to(dtype) for shape in SHAPES]


def parameters(dtype: Any) -> list[Any]:
    return [torch.nn.Parameter(t) for t in drawn(dtype, 0)]


def stepped(optimizer: Any, params: list[Any], gradients: list[Any]) -> None:
    for p, g in zip(params, gradients, strict=True):
        p.grad = g
    optimizer.step()


def loaded(optimizer: Any, params: list[Any], **options: Any) -> Any:
    """Save and load by the ways of torch."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    found = type(optimizer)(params, **options)
    found.load_state_dict(torch.load(file))
    return found


CASES: list[tuple[str, Any, dict[str, Any]]] = [
    *[(name, dtype, {}) for name in ("Adam", "SGD", "Lion", "Adafactor", "LAMB") for dtype in SHORT],
    ("Adam", torch.bfloat16, {"master_weights": False}),
    ("SGD", torch.bfloat16, {"master_weights": False, "momentum": 0.9}),
    ("SGD", torch.bfloat16, {"master_weights": False, "rounding_seed": 7}),
    ("Lion", torch.bfloat16, {"master_weights": False, "stochastic_rounding": False}),
    ("Adam", torch.float32, {"state_dtype": "8bit", "min_8bit_size": 100}),
    ("Adam", torch.bfloat16, {"state_dtype": "8bit"}),
    ("Adam", torch.float16, {"state_dtype": "bfloat16", "amsgrad": True}),
    ("SGD", torch.float32, {"state_dtype": "bfloat16", "momentum": 0.9}),
]


@pytest.mark.parametrize(("name", "dtype", "options"), CASES)
def test_the_bits_of_fastopt(name: str, dtype: Any, options: dict[str, Any]) -> None:
    """Also across saved states, copies and pickles, and where a parameter sits out."""
    arrays = [array(t) for t in drawn(dtype, 0)]
    opt = getattr(fastopt, name)(arrays, lr=0.01, **options)
    params = parameters(dtype)
    optimizer = getattr(fused, name)(params, lr=0.01, **options)
    for step in range(STEPS):
        given = drawn(dtype, 1 + step)
        if step == 3:
            given[1] = None
        opt.step([None if g is None else array(g) for g in given])
        stepped(optimizer, params, given)
        for p, a in zip(params, arrays, strict=True):
            assert array(p).tobytes() == a.tobytes(), step
        if step == 5:
            optimizer = loaded(optimizer, params, lr=0.01, **options)
        elif step == 10:
            optimizer = pickle.loads(pickle.dumps(optimizer))
            params = optimizer.param_groups[0]["params"]
        elif step == 14:
            optimizer = copy.deepcopy(optimizer)
            params = optimizer.param_groups[0]["params"]


@pytest.mark.parametrize("dtype", SHORT)
@pytest.mark.parametrize("gradients", ["16 bits", "float32"])
def test_masters_are_those_of_float32(dtype: Any, gradients: str) -> None:
    params = parameters(dtype)
    masters = [p.detach().float() for p in params]
    short = fused.AdamW(params, lr=0.01, global_clipnorm=1.0, ema=0.9)
    single = fused.AdamW(masters, lr=0.01, global_clipnorm=1.0, ema=0.9)
    for step in range(STEPS):
        given = drawn(dtype, 1 + step)
        if gradients == "float32":  # which torch assigns to parameters of another dtype by .data alone
            for p, g in zip(params, given, strict=True):
                p.grad = g
                p.grad.data = g.float()
            short.step()
        else:
            stepped(short, params, given)
        stepped(single, masters, [g.float() for g in given])
    for p, m in zip(params, masters, strict=True):
        assert torch.equal(short.state[p]["exp_avg"], single.state[m]["exp_avg"])
        assert torch.equal(short.state[p]["ema"], single.state[m]["ema"])
        if dtype == torch.float16:
            assert torch.equal(short.state[p]["master"], m)
            assert torch.equal(p.detach(), m.half())
        else:
            low = short.state[p]["master"].int()
            high = p.detach().view(torch.int16).int() << 16
            assert torch.equal((high + low).view(torch.float32), m)


def test_versions_and_memory() -> None:
    p = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    where, version = p.data_ptr(), p._version
    stepped(fused.AdamW([p]), [p], [torch.ones(3, dtype=torch.bfloat16)])
    assert p._version > version
    assert p.data_ptr() == where
    assert p.dtype == torch.bfloat16


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda t: t.t(),
    "permuted": lambda t: t.reshape(-1, 5, 7).permute(1, 2, 0),
    "with gaps": lambda t: t[:, ::2],
    "empty": lambda t: t[:0],
    "without axes": lambda t: t[0, 0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", [{}, {"state_dtype": "8bit", "min_8bit_size": 0}])
def test_layouts(layout: str, options: dict[str, Any]) -> None:
    """A contiguous parameter has the same bits, where blocks have the same elements."""
    results = []
    for dense in (False, True):
        t = LAYOUTS[layout](drawn(torch.bfloat16, 0)[0])
        if dense and layout != "with gaps" and options:
            continue  # blocks are in the order of memory
        p = torch.nn.Parameter(t.contiguous() if dense else t)
        optimizer = fused.Adam([p], lr=0.01, **options)
        for step in range(4):
            g = LAYOUTS[layout](drawn(torch.bfloat16, 1 + step)[0])
            stepped(optimizer, [p], [g])
            if step == 1:
                optimizer = loaded(optimizer, [p], lr=0.01, **options)
        results.append((p.detach().clone(), optimizer.state[p]["master"].clone()))
        if len(results) == 1:  # a state that is taken over is the same state
            before = {key: value.clone() for key, value in optimizer.state[p].items()}
            optimizer.state[p]["step"] = optimizer.state[p]["step"].clone()
            p.grad = None
            optimizer._followed()
            for key, value in before.items():
                assert torch.equal(optimizer.state[p][key], value), key
    for found in results[1:]:
        assert torch.equal(found[0], results[0][0])
        assert torch.equal(found[1], results[0][1])


def test_a_state_of_torch_is_widened() -> None:
    params, theirs = parameters(torch.bfloat16), parameters(torch.bfloat16)
    there = torch.optim.AdamW(theirs, lr=0.01)
    for step in range(3):
        stepped(there, theirs, drawn(torch.bfloat16, step))
    for p, t in zip(params, theirs, strict=True):
        p.data.copy_(t.data)
    opt = fused.AdamW(params)
    opt.load_state_dict(there.state_dict())
    wide = [p.detach().float() for p in params]
    single = fused.AdamW(wide)
    single.load_state_dict(there.state_dict())
    given = drawn(torch.bfloat16, 9)
    stepped(opt, params, given)
    stepped(single, wide, [g.float() for g in given])
    assert opt.state[params[0]]["step"] == 4
    for p, w in zip(params, wide, strict=True):
        assert torch.equal(opt.state[p]["exp_avg_sq"], single.state[w]["exp_avg_sq"])
        assert (p.detach().float() - w).abs().max() <= 2**-8 * w.abs().max()


@pytest.mark.parametrize("dtype", SHORT)
def test_a_state_moves_to_arrays(dtype: Any) -> None:
    """But for the masters, which torch does not have: those of the arrays stay."""
    params = parameters(dtype)
    optimizer = fused.Adam(params, lr=0.01)
    stepped(optimizer, params, drawn(dtype, 1))
    saved = copy.deepcopy(optimizer.state_dict())
    for entry in saved["state"].values():
        entry.pop("master")
    arrays = [array(p.detach().clone()) for p in params]
    opt = fastopt.Adam(arrays)
    fastopt.convert.from_torch(opt, saved)
    for p, state in zip(params, opt.state.values(), strict=True):
        assert state["m"].tobytes() == array(optimizer.state[p]["exp_avg"]).tobytes()
    for a, master in zip(arrays, opt.master_params(), strict=True):
        assert np.array_equal(master, a.astype(np.float32))


def test_states_change_their_format() -> None:
    """By ``state_dtype`` of a group: what was stored is stored again, and read."""
    (p, *_) = parameters(torch.float32)
    optimizer = fused.Adam([p], lr=0.01)
    stepped(optimizer, [p], drawn(torch.float32, 1)[:1])
    exact = optimizer.state[p]["exp_avg"].clone()
    for dtype, bound in (("bfloat16", 2**-8), ("8bit", 2**-3), ("float32", 0.0)):
        optimizer.param_groups[0]["state_dtype"] = dtype
        stepped(optimizer, [p], [torch.zeros_like(p)])
        exact = exact * 0.9
        if dtype == "8bit":
            assert optimizer.state[p]["exp_avg.codes"].dtype == torch.uint8
            continue
        found = optimizer.state[p]["exp_avg"].float()
        assert (found - exact).abs().max() <= (bound + 2**-3) * exact.abs().max()
    assert optimizer.state[p]["exp_avg"].dtype == torch.float32
    assert "exp_avg.codes" not in optimizer.state[p]


def test_parameters_change_their_dtype() -> None:
    model = torch.nn.Linear(3, 3)
    torch.nn.init.uniform_(model.weight, 50.0, 100.0)
    optimizer = fused.AdamW(model.parameters(), lr=0.01)
    for dtype in (torch.bfloat16, torch.float16, torch.bfloat16, torch.float32):
        model.to(dtype)
        before = model.weight.detach().float()
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.param_groups[0]["lr"] = 0.0
        optimizer.step()
        assert torch.equal(model.weight.detach().float(), before)
        master = optimizer.state[model.weight].get("master")
        if dtype == torch.bfloat16:
            assert not master.any()  # nothing of the one that had another dtype
        assert (master is None) == (dtype == torch.float32)


def test_states_by_the_names_of_torch() -> None:
    (p, *_) = parameters(torch.bfloat16)
    optimizer = fused.Adam([p], state_dtype={"exp_avg": "8bit", "exp_avg_sq": "bfloat16"})
    stepped(optimizer, [p], drawn(torch.bfloat16, 1)[:1])
    dtypes = {key: value.dtype for key, value in optimizer.state[p].items()}
    assert dtypes["exp_avg.codes"] == torch.uint8
    assert dtypes["exp_avg_sq"] == torch.bfloat16
    assert dtypes["master"] == torch.int16


def test_options_of_groups() -> None:
    first, second = parameters(torch.float32)[0], parameters(torch.bfloat16)[0]
    optimizer = fused.Adam([first], lr=0.01, state_dtype="8bit")
    stepped(optimizer, [first], drawn(torch.float32, 1)[:1])
    optimizer.add_param_group({"params": [second], "state_dtype": "float32"})
    stepped(optimizer, [first, second], [torch.ones_like(first), torch.ones_like(second)])
    assert "exp_avg.codes" in optimizer.state[first]
    assert optimizer.state[second]["exp_avg"].dtype == torch.float32


def test_gradient_scaler_and_closure() -> None:
    params, plain = parameters(torch.float16), parameters(torch.float16)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    ours, other = fused.AdamW(params, lr=0.01), fused.AdamW(plain, lr=0.01)
    given = drawn(torch.float16, 1)
    for p, g in zip(params, given, strict=True):
        p.grad = g * 8
    scaler.scale(torch.ones(()))
    scaler.step(ours)
    scaler.update()

    def closure() -> float:
        for p, g in zip(plain, given, strict=True):
            p.grad = g
        return 1.0

    assert other.step(closure) == 1.0
    for p, q in zip(params, plain, strict=True):
        assert torch.equal(p, q)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small matrices take far longer on several threads that others need."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_what_needs_more_than_16_bits() -> None:
    p = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    p.grad = torch.ones_like(p)
    for name, options in (("AdaHessian", {}), ("SGD", {"grokfast": 0.9}), ("AdamW", {"l1": 0.1})):
        optimizer = getattr(fused, name)([("w", p)], lr=0.1, **options)
        if name == "AdamW":
            optimizer.step()
            continue
        with pytest.raises(TypeError, match=r"parameter w \(bfloat16, .*autocast"):
            optimizer.step()
    moved = fused.AdamWScheduleFree([("w", p)])
    moved.step()
    before = p.detach().clone()
    with pytest.raises(TypeError, match=r"parameter w \(bfloat16, .*functional_call"):
        moved.eval()
    assert torch.equal(p.detach(), before)


def trained(make: Callable[..., Any]) -> tuple[float, float]:
    """Train a model in bfloat16; return its first and its last loss."""
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    y = x.sum(dim=1, keepdim=True)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    model.to(torch.bfloat16)
    optimizer = make(model.parameters(), lr=5e-4, weight_decay=0.0)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x.bfloat16()).float(), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def test_small_updates_arrive(one_thread: None) -> None:
    """They are less than half of the last bit of most weights, and vanish without masters."""
    first, ours = trained(fused.AdamW)
    _, theirs = trained(torch.optim.AdamW)
    assert ours < 0.9 * first
    assert ours < theirs
