"""States in few bits go to other frameworks decoded, and come from there rounded to nearest."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastopt
from fastopt import convert

SHAPE = (30, 9)


def trained(dtype: Any, **options: Any) -> tuple[fastopt.Optimizer, dict[str, Any]]:
    rng = np.random.default_rng(0)
    params = {"w": np.asfortranarray(rng.standard_normal(SHAPE).astype(dtype))}
    opt = fastopt.AdamW(params, min_8bit_size=0, cast_grads=True, **options)
    for _ in range(3):
        opt.step({"w": rng.standard_normal(SHAPE).astype(np.float32)})
    return opt, params


def kept(opt: fastopt.Optimizer) -> dict[str, Any]:
    arrays: dict[str, Any] = opt.state_dict()["parameters"]["w"]["arrays"]
    return arrays


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float16], ids=str)
@pytest.mark.parametrize("states", ["8bit", "bfloat16", {"v": "8bit"}], ids=str)
def test_to_torch_and_back(dtype: Any, states: Any) -> None:
    torch = pytest.importorskip("torch")
    opt, params = trained(dtype, state_dtype=states)
    exact, _ = trained(dtype)
    there = convert.to_torch(opt)["state"][0]
    for name, key in (("m", "exp_avg"), ("v", "exp_avg_sq")):
        values, true = there[key].numpy(), kept(exact)[name]
        assert there[key].dtype == torch.float32
        # A code of 8 bits is off by an eighth at most, at each of three steps; they may cancel.
        np.testing.assert_allclose(values, true, rtol=0.4, atol=0.05 * np.abs(true).max())
    assert there.keys() == {"step", "exp_avg", "exp_avg_sq"}
    back = fastopt.AdamW(params, min_8bit_size=0, cast_grads=True, state_dtype=states)
    convert.from_torch(back, convert.to_torch(opt))
    assert back.step_count == 3
    mine, theirs = kept(opt), kept(back)
    assert mine.keys() == theirs.keys()
    for key in mine.keys() - {"master", "m.scales", "v.scales"}:
        assert mine[key].tobytes("A") == theirs[key].tobytes("A"), key
    back.step({"w": np.ones(SHAPE, np.float32)})


def test_what_a_parameter_of_16_bits_lacks_stays_as_it_is() -> None:
    pytest.importorskip("torch")
    opt, _ = trained(ml_dtypes.bfloat16)
    before = kept(opt)["master"]
    assert before.any()
    convert.from_torch(opt, convert.to_torch(opt))
    assert kept(opt)["master"].tobytes() == before.tobytes()


def test_states_of_bfloat16_in_torch() -> None:
    torch = pytest.importorskip("torch")
    p = torch.nn.Parameter(torch.ones(SHAPE, dtype=torch.bfloat16))
    theirs = torch.optim.AdamW([p])
    p.grad = torch.linspace(-1, 1, p.numel()).reshape(SHAPE).bfloat16()
    theirs.step()
    w = np.ones(SHAPE, ml_dtypes.bfloat16)
    opt = fastopt.AdamW([w], state_dtype="bfloat16")
    convert.from_torch(opt, theirs.state_dict())
    arrays = opt.state_dict()["parameters"]["0"]["arrays"]
    bits = theirs.state[p]["exp_avg"].view(torch.int16).numpy().view(np.uint16)
    assert (arrays["m"] == bits).all()
    single = fastopt.AdamW([np.ones(SHAPE, np.float32)])
    convert.from_torch(single, theirs.state_dict())
    np.testing.assert_array_equal(
        single.state["0"]["m"], bits.view(ml_dtypes.bfloat16).astype(np.float32)
    )


def test_to_optax_and_back() -> None:
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    opt, params = trained(np.float32, state_dtype="8bit", like="optax", lr=1e-3)
    state = optax.adamw(1e-3).init({"w": jax.numpy.zeros(SHAPE)})
    found = convert.to_optax(opt, state)
    assert found[0].mu["w"].dtype == np.float32
    back = fastopt.AdamW(params, min_8bit_size=0, like="optax", lr=1e-3, state_dtype="8bit")
    convert.from_optax(back, found)
    for key in ("m", "v"):
        assert kept(back)[key].tobytes("A") == kept(opt)[key].tobytes("A")
