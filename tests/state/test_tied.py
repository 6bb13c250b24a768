"""Tied arrays through what changes, copies and saves an optimizer."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt


def random(shape: tuple[int, ...], seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def model() -> dict[str, Any]:
    w = random((5, 3), 0)
    return {"embed": w, "b": random((3,), 1), "head": w.T}


def gradients(seed: int, params: dict[str, Any]) -> dict[str, Any]:
    return {key: random(p.shape, seed + i) for i, (key, p) in enumerate(params.items())}


def adam(params: Any, **options: Any) -> Any:
    return fastopt.Adam(params, lr=0.05, tied="add", **options)


def goes_on_as(opt: Any, twin: Any) -> None:
    """Take a step with both, and compare all that is of the first place."""
    grads = gradients(77, opt.params)
    opt.step(grads)
    twin.step(grads)
    assert opt.names == twin.names
    for name, p in opt.named_parameters().items():
        assert p.tobytes() == twin.named_parameters()[name].tobytes()
        for key, state in opt.state[name].items():
            assert state.tobytes() == twin.state[name][key].tobytes()


def test_places_that_come_and_go(backend: str) -> None:
    """A later place joins a parameter that goes on; all of them leave with it."""
    params = model()
    del params["head"]
    opt, whole = adam(params, backend=backend), adam(model(), backend=backend)
    before, head = opt.state["embed"]["m"], params["embed"].T
    opt.add_params({"head": head})
    assert opt.names == ["embed", "b"]
    assert np.shares_memory(opt.state["embed"]["m"], before)
    goes_on_as(opt, whole)
    with pytest.raises(ValueError, match="'other' is tied to 'embed'"):
        opt.add_params({"other": params["embed"]}, lr=1.0)
    assert list(params) == ["embed", "b", "head"]
    goes_on_as(opt, whole)
    assert opt.remove_params("embed") == ["embed"]
    assert list(params) == ["b"]
    with pytest.raises(ValueError, match="remove_params has 'head', which matches no parameter"):
        whole.remove_params("head")


def test_a_mask_of_what_is_added_beside_a_later_place() -> None:
    params = {"embed": random((5, 3), 0)}
    opt, mask = adam(params), np.array([True, False])
    more = {"head": params["embed"].T, "b": np.ones(2, np.float32)}
    with pytest.raises(ValueError, match="mask has something for 'head'"):
        opt.add_params(more, mask={"head": np.ones((3, 1), bool), "b": None})
    assert list(params) == ["embed"]
    opt.add_params(more, mask={"head": None, "b": mask})
    opt.step({"embed": None, "head": None, "b": np.ones(2, np.float32)})
    assert params["b"][0] != 1.0
    assert params["b"][1] == 1.0


def test_replaced_in_all_places(backend: str) -> None:
    params = model()
    params["again"] = params["embed"]
    opt = adam(params, backend=backend)
    opt.step(gradients(0, params))
    m = opt.state["embed"]["m"].copy()
    new = np.concatenate([params["embed"], random((2, 3), 5)])
    opt.replace("embed", new, rows=[0, 1, 2, 3, 4, -1, -1])
    assert params["embed"] is params["again"] is new
    assert params["head"].base is new
    assert params["head"].shape == (3, 7)
    assert opt.names == ["embed", "b"]
    assert opt.state["embed"]["m"][:5].tobytes() == m.tobytes()
    assert opt.step(gradients(10, params))


def test_what_cannot_be_replaced_in_all_places() -> None:
    params = model()
    params["flat"] = params["embed"].reshape(-1)
    opt, before = adam(params), dict(params)
    with pytest.raises(ValueError, match="'flat' is tied to 'embed' as a view that is neither"):
        opt.replace("embed", random((5, 3), 5))
    opt = adam(params)
    with pytest.raises(ValueError, match="rows are numbers from"):
        opt.replace("embed", random((5, 3), 5), rows=[9, 9, 9, 9, 9])
    assert all(params[key] is p for key, p in before.items())
    opt.step(gradients(0, params))
    opt.remove_params("embed")
    new = random((5, 3), 5)
    opt.add_params({"embed": new, "flat": new.reshape(-1)})
    assert opt.names == ["b", "embed"]
    assert not opt.state["embed"]["m"].any()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_copies_of_an_array_in_both_places(copied: Any, backend: str) -> None:
    params = model()
    params["head"] = params["embed"]
    opt = adam(params, backend=backend)
    opt.step(gradients(0, params))
    params, other = copied((params, opt))
    assert other.params is params
    assert params["head"] is params["embed"] is other.named_parameters()["embed"]
    assert params["embed"] is not opt.params["embed"]
    goes_on_as(other, opt)


def test_a_view_is_not_copied_but_saved(tmp_path: Path) -> None:
    opt, others, path = adam(model()), model(), tmp_path / "opt.npz"
    for copied in (copy.deepcopy, pickle.dumps):
        with pytest.raises(ValueError, match=r"'head' is tied to 'embed' as a view.*opt\.save"):
            copied(opt)
    opt.step(gradients(0, opt.params))
    opt.save(path, params=True)
    goes_on_as(fastopt.load(path, others), opt)


def test_saved_and_loaded(tmp_path: Path, backend: str) -> None:
    opt, path = adam(model(), ema=0.9, backend=backend), tmp_path / "opt.safetensors"
    opt.step(gradients(0, opt.params))
    opt.save(path, params=True)
    other = adam(model(), ema=0.9, backend=backend)
    other.load(path)
    goes_on_as(other, opt)
    assert list(opt.state_dict()["parameters"]) == ["embed", "b"]
    with pytest.raises(ValueError, match="tied='add', and this optimizer has None") as caught:
        fastopt.Adam({"embed": random((5, 3), 0), "b": np.ones(3, np.float32)}, ema=0.9).load(path)
    assert "strict=False" in str(caught.value)
    untied = fastopt.Adam({"embed": random((5, 3), 0), "b": np.ones(3, np.float32)}, ema=0.9)
    untied.load(path, strict=False)
    assert untied.state_dict()["parameters"]["embed"]["steps"] == 1


def test_the_config_has_it() -> None:
    groups = {("embed", "head"): {"lr": 0.5}}
    opt = adam(model(), groups=groups)
    config = json.loads(json.dumps(opt.get_config()))
    assert config["settings"]["tied"] == "add"
    other = fastopt.from_config(config, model())
    assert [group["lr"] for group in other.groups] == [0.05, 0.5]
    goes_on_as(other, opt)
