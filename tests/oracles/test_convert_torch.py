"""State to torch.optim and back, in the middle of training: the trajectory of never having moved.

Every algorithm that both have, in float64, with the options of torch's dialect, and with every option
that we have: what torch cannot do is an error, and nothing else is.
"""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import cases
from support.variants import Variant, label, variants
from transcribed import Options
from transcribed.torch import DEFAULTS

import fastopt
from fastopt import convert, schedules
from fastopt.optimizers import CLASSES

if TYPE_CHECKING:
    from oracles.conftest import Difference, Problem, ProblemMaker

torch = pytest.importorskip("torch")

# The steps in torch are rounded otherwise than ours, as test_torch says. The largest measured is
# 4.7e-14.
TOLERANCE = 1e-12

STAGE = 40  # steps between two moves


@pytest.fixture
def doubles() -> Iterator[None]:
    """Let torch keep NAdam's product and ASGD's rate in double, where it makes them."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def in_torch(opt: fastopt.Optimizer, params: Sequence[Mapping[str, Any]], **switches: Any) -> Any:
    """Make torch's optimizer of the same name and groups, with hyperparameters of its own."""
    groups = [{"params": [*map(torch.tensor, part.values())]} for part in params]
    return getattr(torch.optim, type(opt).__name__)(groups, lr=0.5, **switches)


def torch_steps(oracle: Any, names: list[str], grads: list[dict[str, Any]]) -> dict[str, Any]:
    """Take steps, and give the parameters."""
    tensors = [p for group in oracle.param_groups for p in group["params"]]
    for step in grads:
        for name, p in zip(names, tensors, strict=True):
            p.grad = None if step[name] is None else torch.from_numpy(step[name])
        oracle.step()
    return {name: p.numpy() for name, p in zip(names, tensors, strict=True)}


def journey(
    make: Callable[[dict[str, Any]], fastopt.Optimizer],
    problem: "Problem",
    difference: "Difference",
    *,
    stage: int = STAGE,
    **loading: Any,
) -> None:
    """Take a third of the steps here, a third in torch, and a third here in another optimizer."""
    still, moved = problem.parameters(), problem.parameters()
    opt = make(moved)
    names = [name for group in opt.state_dict()["groups"] for name in group["names"]]
    stages = [problem.grads[k * stage : (k + 1) * stage] for k in range(3)]
    for grads in stages[0]:
        opt.step(grads)
    state = convert.to_torch(opt)
    parts = [{n: moved[n] for n in group["names"]} for group in opt.state_dict()["groups"]]
    oracle = in_torch(opt, parts)
    oracle.load_state_dict(pickle.loads(pickle.dumps(state)))
    for name, p in torch_steps(oracle, names, stages[1]).items():
        moved[name][...] = p
    back = make(moved)
    convert.from_torch(back, oracle.state_dict(), **loading)
    if "steps" not in loading and type(opt) is not fastopt.SGD:
        assert back.step_count == 2 * stage
    for grads in stages[2]:
        back.step(grads)
    stayed = make(still)
    for grads in problem.grads[: 3 * stage]:
        stayed.step(grads)
    for name in names:
        off = difference(moved[name], still[name])
        assert off <= TOLERANCE, f"parameter {name!r}: {off:.2e}"
        lr = np.float64(stayed.groups[0]["lr"])
        for key, array in stayed.state[name].items():
            if key == "b" and stayed.groups[0]["lr_in_buffer"] != back.groups[0]["lr_in_buffer"]:
                array = array / lr
            off = difference(back.state[name][key], array)
            assert off <= TOLERANCE, f"state {key!r} of {name!r}: {off:.2e}"


@pytest.mark.usefixtures("doubles")
@cases("torch")
def test_there_and_back(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    journey(lambda p: fastopt.get(name, p, **options), problem(3 * STAGE), difference)


@cases("torch")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_bit_changes_on_the_way(
    name: str, options: Options, dtype: type[np.floating[Any]], problem: "ProblemMaker"
) -> None:
    """Without a step in torch; whose scalars are float32 by default."""
    some = problem(STAGE, rounded=True)
    opt = fastopt.get(name, some.parameters(dtype), **options)
    for grads in some.grads:
        opt.step({key: None if g is None else g.astype(dtype) for key, g in grads.items()})
    other = fastopt.get(name, some.parameters(dtype))
    convert.from_torch(other, convert.to_torch(opt), steps=STAGE)
    before, after = opt.state_dict(), other.state_dict()
    for key, entry in before["parameters"].items():
        if name != "sgd":  # torch does not count its steps
            assert after["parameters"][key]["steps"] == entry["steps"]
        assert after["parameters"][key]["carried"] == entry["carried"]
        for state, array in entry["arrays"].items():
            np.testing.assert_array_equal(after["parameters"][key]["arrays"][state], array)
    for state in (before, after):
        del state["parameters"]
    assert after == before


def shared() -> list[Any]:
    return [
        pytest.param(variant, id=label(variant)) for variant in variants() if variant[0] in DEFAULTS
    ]


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("variant", shared())
def test_every_option_goes_or_is_refused_by_name(
    variant: Variant, problem: "ProblemMaker", difference: "Difference"
) -> None:
    name, options = variant
    some = problem(3 * STAGE)

    def make(params: dict[str, Any]) -> fastopt.Optimizer:
        return fastopt.get(name, params, **options)

    opt = make(some.parameters())
    try:
        convert.to_torch(opt)
    except ValueError as error:
        (refused,) = [key for key in opt.hyperparameters if f" like {key}=" in str(error)]
        assert getattr(opt, refused) != opt.hyperparameters[refused].default or (
            name == "adamw" and refused == "decoupled_weight_decay"
        )
    else:
        journey(make, some, difference)


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_torch_has_is_never_refused(name: str) -> None:
    """The test above would pass if all were refused."""
    given = {
        key: value
        for key, value in DEFAULTS[name].items()
        if key in ("maximize", "amsgrad", "centered", "decoupled_weight_decay")
    }
    for key in given:
        convert.to_torch(fastopt.get(name, [np.ones(3)], **{key: True}))
    if "weight_decay" in DEFAULTS[name]:
        convert.to_torch(fastopt.get(name, [np.ones(3)], weight_decay=0.1))


def grouped(name: str, params: Mapping[str, Any]) -> fastopt.Optimizer:
    """Three groups, of which two have options of their own; names are not in the order of params."""
    given: Options = {"weight_decay": 0.02} if "weight_decay" in DEFAULTS[name] else {}
    if name in ("sgd", "rmsprop"):
        given["momentum"] = 0.9
    groups = {"rare": {"lr": 2e-3, "maximize": True}, "[vs]*": {"multiply": {"lr": 0.5}}}
    return fastopt.get(name, params, groups=groups, **given)


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("name", DEFAULTS)
def test_groups(name: str, problem: "ProblemMaker", difference: "Difference") -> None:
    some = problem(3 * STAGE)
    opt = grouped(name, some.parameters())
    assert [len(group["names"]) for group in opt.state_dict()["groups"]] == [3, 1, 2]
    journey(lambda p: grouped(name, p), some, difference)


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("name", DEFAULTS)
def test_a_schedule_is_its_value(name: str, problem: "ProblemMaker", difference: "Difference") -> None:
    """One that stays where it is while the state is in torch; here it goes on."""
    falls = schedules.piecewise([STAGE, 2 * STAGE], [0.01, 0.004, 0.001])

    def make(params: dict[str, Any]) -> fastopt.Optimizer:
        return fastopt.get(name, params, lr=falls, groups={"*": {"multiply": {"lr": 0.3}}})

    some = problem(3 * STAGE)
    opt = make(some.parameters())
    for grads in some.grads[:STAGE]:
        opt.step(grads)
    assert convert.to_torch(opt)["param_groups"][0]["lr"] == 0.004 * 0.3
    journey(make, some, difference, hyperparameters=False, steps=2 * STAGE)


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("switches", [{"foreach": True}, {"fused": True}], ids=["foreach", "fused"])
@pytest.mark.usefixtures("doubles")
def test_a_run_that_begins_in_torch(
    name: str, switches: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    """With the dict that torch itself makes, whichever of its implementations has trained."""
    if "fused" in switches and name not in ("sgd", "adagrad", "adam", "adamw"):
        pytest.skip("torch has no fused implementation")
    # A fused SGD with momentum fails where gradients are None, in torch 2.13.
    some = problem(2 * STAGE, absent="fused" not in switches)
    ours = some.parameters()
    opt = fastopt.get(name, ours, like="torch")
    oracle = in_torch(opt, [ours], **switches)
    given = {"weight_decay": 0.01, "momentum": 0.9}
    for group in oracle.param_groups:
        group.update({key: value for key, value in given.items() if key in group})
    for key, p in torch_steps(oracle, opt.names, some.grads[:STAGE]).items():
        ours[key][...] = p
    convert.from_torch(opt, oracle.state_dict())
    assert opt.lr == 0.5
    assert opt.weight_decay == (0.01 if "weight_decay" in DEFAULTS[name] else 0.0)
    for grads in some.grads[STAGE:]:
        opt.step(grads)
    for key, p in torch_steps(oracle, opt.names, some.grads[STAGE:]).items():
        assert difference(ours[key], p) <= TOLERANCE


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_form_is_torchs(name: str) -> None:
    """Keys, types and dtypes of a dict that we write are those of torch's own."""
    params = {"w": np.ones((3, 2), np.float32), "b": np.ones(4, np.float32)}
    options = {"momentum": 0.9} if "momentum" in DEFAULTS[name] else {}
    opt = fastopt.get(name, params, **options)
    oracle = in_torch(opt, [params], **options)
    for p in oracle.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    oracle.step()
    opt.step({key: np.ones_like(p) for key, p in params.items()})
    ours, theirs = convert.to_torch(opt), oracle.state_dict()
    assert list(ours) == list(theirs)
    (mine,), (group,) = ours["param_groups"], theirs["param_groups"]
    assert mine.keys() == group.keys()
    assert {**mine, "lr": 0.5} == group
    assert ours["state"].keys() == theirs["state"].keys()
    for index, entry in theirs["state"].items():
        assert ours["state"][index].keys() == entry.keys()
        for key, tensor in entry.items():
            found = ours["state"][index][key]
            assert found.shape == tensor.shape
            doubles = ("mu_product", "eta", "mu")
            assert found.dtype == (torch.float64 if key in doubles else tensor.dtype)


def test_tensors_share_nothing(problem: "ProblemMaker") -> None:
    some = problem(2, absent=False)
    opt = fastopt.Adam(some.parameters())
    opt.step(some.grads[0])
    before = convert.to_torch(opt)
    kept = pickle.dumps(before)
    opt.step(some.grads[1])
    assert pickle.dumps(before) == kept
    other = fastopt.Adam(some.parameters())
    convert.from_torch(other, before)
    before["state"][0]["exp_avg"].zero_()
    assert other.state["matrix"]["m"].any()


def test_fortran_order_goes_and_comes() -> None:
    p = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    g = np.asfortranarray(np.arange(6.0).reshape(2, 3) ** 2)
    opt = fastopt.Adam([p])
    opt.step([g])
    state = convert.to_torch(opt)
    np.testing.assert_array_equal(state["state"][0]["exp_avg"].numpy(), opt.state["0"]["m"])
    other = fastopt.Adam([np.zeros((2, 3), order="F")])
    convert.from_torch(other, state)
    np.testing.assert_array_equal(other.state["0"]["m"], opt.state["0"]["m"])


def trained(name: str = "adam", **options: Any) -> tuple[fastopt.Optimizer, dict[str, Any]]:
    """An optimizer that has taken a step, and its state as torch's."""
    opt = fastopt.get(name, {"w": np.ones((3, 2)), "b": np.ones(4)}, **options)
    opt.step({"w": np.ones((3, 2)), "b": np.ones(4)})
    return opt, convert.to_torch(opt)


def test_names_go_before_order() -> None:
    opt, _ = trained()
    w, b = torch.ones(4, dtype=torch.float64), torch.full((3, 2), 2.0, dtype=torch.float64)
    oracle = torch.optim.Adam([("b", w), ("w", b)])
    w.grad, b.grad = torch.ones_like(w), torch.full_like(b, 5.0)
    oracle.step()
    convert.from_torch(opt, oracle.state_dict())
    np.testing.assert_array_equal(opt.state["b"]["m"], w.grad.numpy() * (1 - 0.9))
    np.testing.assert_allclose(opt.state["w"]["m"], 0.5, rtol=1e-15)
    with pytest.raises(ValueError, match=r"'m' of 'w' is float64 of shape \(4,\)|m of 'w' is"):
        convert.from_torch(opt, oracle.state_dict(), by_name=False)


def test_a_tensor_can_be_a_hyperparameter() -> None:
    opt, state = trained()
    state["param_groups"][0]["lr"] = torch.tensor(0.25)
    state["param_groups"][0]["betas"] = (torch.tensor(0.5), torch.tensor(0.75))
    state["param_groups"][0]["initial_lr"] = 3.0  # what schedulers leave there
    convert.from_torch(opt, state)
    assert opt.groups[0]["lr"] == 0.25
    assert opt.groups[0]["betas"] == (0.5, 0.75)


def test_older_versions_of_torch_say_less() -> None:
    for name, decoupled in (("adam", False), ("adamw", True)):
        opt, state = trained(name)
        for key in ("maximize", "foreach", "fused", "decoupled_weight_decay"):
            del state["param_groups"][0][key]
        state["state"][0]["step"] = 7
        convert.from_torch(opt, state)
        assert opt.step_count == 7
        assert opt.decoupled_weight_decay is decoupled


def test_adamw_of_torch_goes_on_as_adam_too() -> None:
    _, state = trained("adamw", weight_decay=0.1)
    opt, _ = trained("adam")
    convert.from_torch(opt, state)
    assert opt.decoupled_weight_decay is True
    assert opt.weight_decay == 0.1


def test_clipping_and_settings_stay() -> None:
    _, state = trained()
    opt = fastopt.Adam(
        {"w": np.ones((3, 2)), "b": np.ones(4)}, like="keras", clipnorm=2.0, ema=0.5, zero_grads=True
    )
    before = {name: e.copy() for name, e in opt.ema_state.items()}
    convert.from_torch(opt, state)
    assert opt.clipnorm == 2.0
    assert opt.zero_grads is True
    assert opt.eps_placement == "outside"
    assert opt.eps == 1e-8
    assert {name: e.tolist() for name, e in opt.ema_state.items()} == {
        name: e.tolist() for name, e in before.items()
    }


def test_hyperparameters_can_stay() -> None:
    _, state = trained(lr=0.5)
    opt, _ = trained(lr=0.25, groups={"b": {"multiply": {"lr": 0.1}}})
    with pytest.raises(ValueError, match="the same groups"):
        convert.from_torch(opt, state, hyperparameters=False)
    opt, _ = trained(lr=0.25, clipnorm=None)
    opt.clipnorm = 3.0
    convert.from_torch(opt, state, hyperparameters=False)
    assert opt.lr == 0.25
    assert opt.clipnorm == 3.0
    opt.eps_placement = "hat"
    with pytest.raises(ValueError, match="nothing like eps_placement='hat'"):
        convert.from_torch(opt, state, hyperparameters=False)


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_the_learning_rate_goes_into_the_buffer_and_out(name: str) -> None:
    opt, state = trained(name, momentum=0.9, lr=0.25)
    inside, there = trained(name, momentum=0.9, lr=0.25, lr_in_buffer=True)
    for index, key in enumerate(("w", "b")):
        buffers = [each["state"][index]["momentum_buffer"].numpy() for each in (state, there)]
        np.testing.assert_array_equal(*buffers)
        np.testing.assert_array_equal(inside.state[key]["b"], opt.state[key]["b"] / 4)
    inside.lr = 0.5  # that of the next step
    convert.from_torch(inside, state, hyperparameters=False)
    np.testing.assert_array_equal(inside.state["w"]["b"], opt.state["w"]["b"] / 2)
    inside.lr = 0.0
    with pytest.raises(ValueError, match="lr=0"):
        convert.to_torch(inside)


def test_a_buffer_that_torch_does_not_have_yet_begins_undamped() -> None:
    opt = fastopt.SGD([np.ones(3)], lr=1.0, momentum=0.9, dampening=0.5)
    assert convert.to_torch(opt)["state"] == {}
    state = torch.optim.SGD([torch.ones(3)], momentum=0.9, dampening=0.5).state_dict()
    state["state"][0] = {"momentum_buffer": None}
    convert.from_torch(opt, state, steps=5)
    assert opt.step_count == 5
    opt.step([np.full(3, 4.0)])
    np.testing.assert_array_equal(opt.state["0"]["b"], 4.0)


def test_lengths_begin_in_the_first_step_there() -> None:
    opt = fastopt.Rprop([np.ones(3)], lr=0.5)
    state = convert.to_torch(opt)
    assert state["state"] == {}
    p = torch.ones(3, dtype=torch.float64)
    oracle = torch.optim.Rprop([p])
    oracle.load_state_dict(state)
    p.grad = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    oracle.step()
    assert p.tolist() == [0.5, 1.5, 1.0]


def test_steps_beyond_a_float32_need_a_float64() -> None:
    opt, _ = trained()
    state = opt.state_dict()
    for entry in state["parameters"].values():
        entry["steps"] = 2**24 + 1
    opt.load_state_dict(state)
    with pytest.raises(ValueError, match="set_default_dtype"):
        convert.to_torch(opt)
    torch.set_default_dtype(torch.float64)
    try:
        assert int(convert.to_torch(opt)["state"][0]["step"]) == 2**24 + 1
    finally:
        torch.set_default_dtype(torch.float32)


REFUSED: list[tuple[str, Options, str]] = [
    ("sgd", {"weight_decay": 0.1, "decoupled_weight_decay": True}, "decoupled_weight_decay"),
    ("sgd", {"momentum": 0.9, "dampening": 0.5, "dampen_first": True}, "dampen_first"),
    ("adam", {"like": "keras"}, "eps_placement='hat'"),
    ("adam", {"amsgrad": True, "amsgrad_corrected": True}, "amsgrad_corrected"),
    ("adam", {"clipvalue": 1.0}, "clipvalue=1.0"),
    ("adam", {"groups": {"w": {"clipnorm": 2.0}}}, r"opt.groups\[1\]\['clipnorm'\] = None"),
    ("adamw", {"decoupled_weight_decay": "after"}, "decoupled_weight_decay='after'"),
    ("adamw", {"decoupled_weight_decay": False}, "decoupled_weight_decay=False"),
    ("nadam", {"momentum_decay": None}, "momentum_decay=None"),
    ("rmsprop", {"nesterov": True, "momentum": 0.5}, "nesterov"),
    ("adafactor", {"beta1": 0.9}, "beta1=0.9"),
    ("adafactor", {"eps0": 1e-30, "relative_step": False}, "eps0=1e-30"),
    ("adam", {"global_clipnorm": 1.0}, "opt.global_clipnorm = None"),
    ("adam", {"loss_scale": "dynamic"}, "opt.loss_scale = 1.0"),
]


@pytest.mark.parametrize(("name", "options", "said"), REFUSED)
def test_what_torch_does_not_have(name: str, options: Options, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trained(name, **options)


def test_gradients_that_are_being_added_up_have_no_place() -> None:
    opt = fastopt.SGD([np.ones(3)], gradient_accumulation_steps=2)
    opt.accumulate([np.ones(3)])
    with pytest.raises(ValueError, match="the sum of 1 gradients waits"):
        convert.to_torch(opt)


def test_a_state_that_was_asked_for_since_the_last_step_travels() -> None:
    opt, _ = trained()
    opt.amsgrad = True
    for entry in convert.to_torch(opt)["state"].values():
        assert not entry["max_exp_avg_sq"].any()


class Own(fastopt.Adam):
    """A subclass, whose rule nobody knows."""


@pytest.mark.parametrize(
    "opt", [Own([np.ones(3)]), fastopt.SGDScheduleFree([np.ones(3)]), torch.optim.Adam([torch.ones(3)])]
)
def test_other_optimizers(opt: Any) -> None:
    with pytest.raises(TypeError, match=r"no counterpart in torch|an optimizer of fastopt"):
        convert.to_torch(opt)
    with pytest.raises(TypeError, match=r"no counterpart in torch|an optimizer of fastopt"):
        convert.from_torch(opt, {})


def spoil(state: dict[str, Any], **group: Any) -> dict[str, Any]:
    return {**state, "param_groups": [{**state["param_groups"][0], **group}]}


def entries(state: dict[str, Any], **entry: Any) -> dict[str, Any]:
    changed = {**state["state"][0], **entry}
    return {
        **state,
        "state": {**state["state"], 0: {k: v for k, v in changed.items() if v is not None}},
    }


BAD: list[tuple[str, Callable[[dict[str, Any]], Any], type[Exception], str]] = [
    ("no dict", lambda s: [1, 2], TypeError, "what the state_dict"),
    ("an optimizer", lambda s: torch.optim.Adam([torch.ones(3)]), TypeError, "what the state_dict"),
    ("SGD's", lambda s: trained("sgd")[1], ValueError, "has no betas.* like that of SGD"),
    ("NAdam's", lambda s: trained("nadam")[1], ValueError, "has no amsgrad.* like that of NAdam"),
    ("Adamax's", lambda s: trained("adamax")[1], ValueError, "has no amsgrad.* like that of Adamax"),
    ("no lr", lambda s: {**s, "param_groups": [{"params": [0, 1]}]}, ValueError, "has no lr"),
    ("no params", lambda s: {**s, "param_groups": [{"lr": 0.1}]}, TypeError, "each with 'params'"),
    ("a parameter less", lambda s: spoil(s, params=[0]), ValueError, r"\[1\] parameters in torch"),
    ("names", lambda s: spoil(s, param_names=["w", "c"]), ValueError, "by_name=False"),
    ("lr", lambda s: spoil(s, lr=-1.0), ValueError, "lr is -1.0"),
    ("eps", lambda s: spoil(s, eps="small"), TypeError, "eps is 'small'"),
    ("no step", lambda s: entries(s, step=None), ValueError, "of 'w', number 0, lacks 'step'"),
    (
        "half a step",
        lambda s: entries(s, step=torch.tensor(1.5)),
        TypeError,
        "the step of 'w', number 0, is 1.5",
    ),
    ("no moment", lambda s: entries(s, exp_avg=None), ValueError, "'w' lacks exp_avg"),
    ("no maximum", lambda s: spoil(s, amsgrad=True), ValueError, "lacks max_exp_avg_sq"),
    ("a state more", lambda s: entries(s, prev=torch.ones(3, 2)), ValueError, "has 'prev'"),
    ("a shape", lambda s: entries(s, exp_avg=torch.ones(2, 3)), ValueError, r"shape \(2, 3\)"),
    ("a dtype", lambda s: entries(s, exp_avg=torch.ones(3, 2)), ValueError, "float32"),
    ("bfloat16", lambda s: entries(s, exp_avg=torch.ones(3, 2).bfloat16()), ValueError, "float32"),
]


@pytest.mark.parametrize(
    ("spoiled", "error", "said"), [case[1:] for case in BAD], ids=[c[0] for c in BAD]
)
def test_bad_input_changes_nothing(
    spoiled: Callable[[dict[str, Any]], Any], error: type[Exception], said: str
) -> None:
    opt, _ = trained(lr=0.125)
    _, state = trained(lr=0.5)
    before = pickle.dumps(opt.state_dict())
    with pytest.raises(error, match=said) as caught:
        convert.from_torch(opt, spoiled(state))
    assert "opt.load" not in str(caught.value)  # the state is not ours
    assert pickle.dumps(opt.state_dict()) == before


@pytest.mark.parametrize("steps", [-1, 1.0, "5", True])
def test_steps_are_a_whole_number(steps: Any) -> None:
    opt, state = trained("sgd", momentum=0.9)
    with pytest.raises((TypeError, ValueError), match=r"steps is .*a whole number >= 0"):
        convert.from_torch(opt, state, steps=steps)


def test_every_class_that_torch_has_is_in_the_table() -> None:
    for name, cls in CLASSES.items():
        if hasattr(torch.optim, name) and name != "LBFGS":
            convert.to_torch(cls([np.ones((3, 2))]))


# Of states in other shapes than the parameter's, without a number of steps.
OTHERS: list[tuple[str, Options]] = [
    ("adafactor", {}),
    (
        "adafactor",
        {"lr": 0.3, "beta2_decay": -0.6, "d": 1.5, "eps1": 0.01, "eps2": 0.1, "weight_decay": 0.3}
        | {"maximize": True},
    ),
    ("muon", {}),
    (
        "muon",
        {"lr": 0.02, "weight_decay": 0.3, "momentum": 0.8, "nesterov": False, "eps": 1e-3}
        | {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
    ),
]


def newton_schulz(g: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """Iterate in float64; torch does in bfloat16."""
    a, b, c = coefficients
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / max(float(x.norm()), eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if g.shape[0] > g.shape[1] else x


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize(("name", "options"), OTHERS, ids=str)
def test_there_and_back_of_other_shapes(
    name: str, options: Options, monkeypatch: pytest.MonkeyPatch, difference: "Difference"
) -> None:
    """At step 50 to torch, at step 100 back to here."""
    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", newton_schulz)
    shapes = {"w": (5, 4), "wide": (3, 7)} | ({} if name == "muon" else {"k": (2, 3, 4), "b": (6,)})

    def arrays(step: int) -> dict[str, Any]:
        rng = np.random.default_rng(step)
        return {key: np.asarray(rng.standard_normal(shape)) for key, shape in shapes.items()}

    still, moved = arrays(0), arrays(0)
    opt, stayed = fastopt.get(name, moved, **options), fastopt.get(name, still, **options)
    for step in range(1, 51):
        opt.step(arrays(step))
    tensors = [*map(torch.tensor, moved.values())]
    oracle = getattr(torch.optim, type(opt).__name__)(tensors)
    oracle.load_state_dict(pickle.loads(pickle.dumps(convert.to_torch(opt))))
    there = torch_steps(oracle, [*moved], [arrays(step) for step in range(51, 101)])
    for key, p in there.items():
        moved[key][...] = p
    back = fastopt.get(name, moved)
    convert.from_torch(back, oracle.state_dict(), steps=100)
    for step in range(101, 151):
        back.step(arrays(step))
    for step in range(1, 151):
        stayed.step(arrays(step))
    for key in options:
        assert getattr(back, key) == getattr(stayed, key)
    assert back.step_count == 150
    for key, p in still.items():
        assert difference(moved[key], p) <= TOLERANCE
        for state, array in stayed.state[key].items():
            assert difference(back.state[key][state], array) <= TOLERANCE


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("name", ["adafactor", "muon"])
def test_the_form_of_other_shapes_is_torchs(name: str) -> None:
    p, g = np.ones((3, 2), np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)
    opt = fastopt.get(name, [p])
    opt.step([g])
    oracle = in_torch(opt, [{"p": p}])
    oracle.param_groups[0]["params"][0].grad = torch.tensor(g)
    oracle.step()
    ours, theirs = convert.to_torch(opt), oracle.state_dict()
    given = {"lr": 0.5} | ({"adjust_lr_fn": None} if name == "muon" else {})
    assert {**ours["param_groups"][0], **given} == theirs["param_groups"][0]
    assert ours["state"][0].keys() == theirs["state"][0].keys()
    for key, tensor in theirs["state"][0].items():
        assert ours["state"][0][key].shape == tensor.shape
        assert ours["state"][0][key].dtype == tensor.dtype


def test_neither_package_is_needed_to_come(run_python: Callable[..., str]) -> None:
    """Arrays can be NumPy's own, and nothing is imported."""
    script = """
    import sys
    import numpy as np
    import fastopt

    opt = fastopt.Adagrad([np.ones(3)])
    group = {"lr": 0.1, "lr_decay": 0.0, "eps": 1e-10, "weight_decay": 0.0,
             "initial_accumulator_value": 0.0, "params": [0]}
    state = {"state": {0: {"step": 3.0, "sum": np.full(3, 2.0)}}, "param_groups": [group]}
    fastopt.convert.from_torch(opt, state)
    print(opt.state["0"]["a"].tolist(), opt.step_count, "torch" in sys.modules)
    """
    assert run_python(script) == "[2.0, 2.0, 2.0] 3 False"


MUON: list[tuple[Options, str]] = [
    ({"ns_coefficients": "quintic"}, "opt.ns_coefficients = 'jordan'"),
    ({"maximize": True}, "opt.maximize = False"),
    ({"decoupled_weight_decay": False}, "opt.decoupled_weight_decay = True"),
]


@pytest.mark.parametrize(("options", "said"), MUON)
def test_what_muon_of_torch_does_not_have(options: Options, said: str) -> None:
    opt = fastopt.Muon([np.ones((2, 2))], **options)
    with pytest.raises(ValueError, match=said):
        convert.to_torch(opt)


def test_coefficients_that_only_torch_has_are_refused() -> None:
    state = convert.to_torch(fastopt.Muon([np.ones((2, 2))]))
    state["param_groups"][0]["ns_coefficients"] = (3.0, -4.0, 2.0)
    with pytest.raises((TypeError, ValueError), match=r"ns_coefficients is \(3.0, -4.0, 2.0\)"):
        convert.from_torch(fastopt.Muon([np.ones((2, 2))]), state)


def test_a_factor_of_another_shape_is_refused() -> None:
    opt = fastopt.Adafactor([np.ones((3, 2))])
    opt.step([np.ones((3, 2))])
    state = convert.to_torch(opt)
    state["state"][0]["row_var"] = torch.ones((2, 1), dtype=torch.float64)
    with pytest.raises(ValueError, match=r"r of '0' is float64 of shape \(2, 1\).*shape \(3, 1\)"):
        convert.from_torch(opt, state)
    del state["state"][0]["row_var"]
    with pytest.raises(ValueError, match="'0' lacks row_var"):
        convert.from_torch(opt, state)
