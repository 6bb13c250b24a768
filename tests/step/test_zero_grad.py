"""`opt.zero_grad()` zeroes bound gradients; the setting that had this name is `zero_grads` now."""

from typing import Any

import numpy as np
import pytest

import fastopt


def bound(backend: str, **options: Any) -> tuple[dict[str, Any], fastopt.Optimizer]:
    """Make an optimizer with gradients of two layouts, and one that is left out."""
    params = {"w": np.ones((3, 2)), "b": np.ones(2), "out": np.ones(4)}
    grads = {"w": np.full((2, 6), -2.0)[:, ::2].T, "b": np.full(2, 3.0), "out": None}
    return grads, fastopt.SGD(params, lr=0.5, grads=grads, backend=backend, **options)


def test_bound_gradients_are_zeroed_in_place(backend: str) -> None:
    grads, opt = bound(backend)
    w, b, wide = grads["w"], grads["b"], grads["w"].base
    assert opt.step()
    opt.zero_grad()
    assert grads["w"] is w
    assert grads["b"] is b
    assert b.tobytes() == bytes(16)
    assert not w.any()
    assert (wide[:, 1::2] == -2.0).all()  # what lies between is not theirs
    before = opt.params["b"].tobytes()
    b += 1.0
    assert opt.step()
    assert opt.params["b"].tobytes() != before


def test_gradients_of_another_dtype_are_zeroed(backend: str) -> None:
    g = np.full(3, 2.0, np.float16)
    opt = fastopt.SGD(np.ones(3, np.float32), grads=g, cast_grads=True, backend=backend)
    opt.zero_grad()
    assert g.tobytes() == bytes(6)


def test_sums_of_accumulate_stay(backend: str) -> None:
    grads, opt = bound(backend, gradient_accumulation_steps=2)
    for _ in range(2):
        grads["b"] += 1.0
        opt.accumulate()
        opt.zero_grad()
    assert opt.params["b"].tolist() == [1.0 - 0.5 * (4.0 + 1.0) / 2] * 2


def test_without_bound_gradients_the_message_says_what_to_do() -> None:
    p, g = np.ones(3), np.full(3, 2.0)
    opt = fastopt.SGD(p, lr=0.5)
    with pytest.raises(
        RuntimeError, match=r"the caller's.*g\[\.\.\.\] = 0, or set zero_grads=True"
    ) as e:
        opt.zero_grad()
    assert "\n" not in str(e.value)
    opt.zero_grads = True
    opt.step(g)
    assert not g.any()


@pytest.mark.parametrize("keyword", [{"set_to_none": True}, {"set_to_none": False}])
def test_nothing_is_taken_and_ignored(keyword: dict[str, bool], backend: str) -> None:
    grads, opt = bound(backend)
    with pytest.raises(TypeError, match="set_to_none"):
        opt.zero_grad(**keyword)
    assert grads["b"].tolist() == [3.0, 3.0]


def test_what_cannot_be_zeroed_changes_nothing(backend: str) -> None:
    grads, opt = bound(backend)
    grads["b"].setflags(write=False)
    with pytest.raises(
        ValueError, match=r"gradient of 'b' \(float64, shape \(2,\)\) is read-only.*np.array"
    ):
        opt.zero_grad()
    assert (grads["w"] == -2.0).all()
    grads["b"] = np.array(grads["b"])  # as it says
    opt.zero_grad()
    assert not grads["b"].any()
    grads["b"] = np.ones(3)
    with pytest.raises(ValueError, match="gradient of 'b'"):
        opt.zero_grad()
    assert grads["b"].all()


def test_where_parameters_are_elsewhere_for_a_time(backend: str) -> None:
    grads, opt = bound(backend)
    with opt.perturbed(rho=0.5):
        opt.zero_grad()
    assert not grads["w"].any()


def test_not_after_close(backend: str) -> None:
    grads, opt = bound(backend)
    opt.close()
    with pytest.raises(RuntimeError, match="is closed"):
        opt.zero_grad()
    assert (grads["w"] == -2.0).all()


# The setting under the name that it had in 0.1.


def test_the_old_name_works_with_a_warning() -> None:
    p, g = np.ones(3), np.full(3, 2.0)
    options: dict[str, Any] = {"zero_grad": True}
    with pytest.warns(DeprecationWarning, match="zero_grad= is zero_grads= now") as caught:
        opt: Any = fastopt.SGD(p, **options)
    assert caught[0].filename == __file__
    assert opt.settings["zero_grads"] is True
    with pytest.warns(DeprecationWarning, match="opt.zero_grads = ... now") as caught:
        opt.zero_grad = False
    assert caught[0].filename == __file__
    assert opt.zero_grads is False
    opt.step(g)
    assert (g == 2.0).all()
    with (
        pytest.warns(DeprecationWarning, match="now"),
        pytest.raises(TypeError, match="zero_grads is 1 "),
    ):
        opt.zero_grad = 1


def test_both_names_are_one_too_many() -> None:
    options: dict[str, Any] = {"zero_grad": True, "zero_grads": True}
    with pytest.raises(TypeError, match="zero_grads is given twice"):
        fastopt.SGD(np.ones(2), **options)


@pytest.mark.filterwarnings("error")
def test_states_and_configs_of_before_are_taken() -> None:
    opt = fastopt.Adam(np.ones(3), zero_grads=True)
    state, config = opt.state_dict(), opt.get_config()
    assert config["settings"] == {"zero_grads": True} == state["settings"]
    state["settings"] = config["settings"] = {"zero_grad": True}
    assert fastopt.from_config(config, np.ones(3)).zero_grads is True
    other = fastopt.Adam(np.ones(3))
    other.load_state_dict(state)
    assert other.zero_grads is True


def test_param_groups_are_the_groups() -> None:
    opt = fastopt.SGD([{"params": np.ones(2)}, {"params": np.ones(3), "lr": 0.25}])
    assert opt.param_groups is opt.groups
    for group in opt.param_groups:
        group["lr"] *= 0.5
    assert [group["lr"] for group in opt.groups] == [5e-4, 0.125]
    with pytest.raises(AttributeError, match="add_params"):
        opt.param_groups = []  # type: ignore[misc]
