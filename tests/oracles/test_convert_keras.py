"""The state of Keras 3, in the middle of training, on its JAX backend and in float64."""

import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import cases, complete, few
from transcribed import Options
from transcribed.keras import DEFAULTS

import fastopt
from fastopt import convert

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

os.environ["KERAS_BACKEND"] = "jax"
jax = pytest.importorskip("jax")
keras = pytest.importorskip("keras")

# XLA orders and contracts the operations in its own way, as test_dialects_keras says. The largest
# measured is 3.1e-15.
TOLERANCE = 1e-12

STAGE = 30  # steps there, and then here


@pytest.fixture(scope="module", autouse=True)
def forks_stay_quiet() -> None:
    """Start JAX without the handler that warns at every later fork of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "register_at_fork", lambda **_: None)
        jax.devices("cpu")


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield
    keras.config.set_floatx(before)


def keras_options(name: str, options: Options) -> Options:
    """Give the options under Keras's names."""
    h = vars(complete("keras", name, options))
    names = {"lr": "learning_rate", "eps": "epsilon", "alpha": "rho"}
    given = {names.get(key, key): value for key, value in h.items() if key != "betas"}
    if "betas" in h:
        given["beta_1"], given["beta_2"] = h["betas"]
    return given


class Keras:
    """One of its optimizers, and the variables that it trains."""

    def __init__(self, name: str, start: Mapping[str, Any], **given: Any) -> None:
        (cls,) = {c for key, c in vars(keras.optimizers).items() if key.lower() == name}
        self.variables = {key: keras.Variable(p, name=key) for key, p in start.items()}
        self.optimizer = cls(**given)
        self.optimizer.build([*self.variables.values()])

    def steps(self, grads: list[dict[str, Any]]) -> dict[str, Any]:
        """Take steps, and give copies of the variables."""
        for step in grads:
            self.optimizer.apply([jax.numpy.asarray(step[key]) for key in self.variables])
        return {key: np.array(v.value) for key, v in self.variables.items()}


@cases("keras")
@pytest.mark.parametrize("dialect", [None, "keras"])
def test_training_goes_on(
    name: str, options: Options, dialect: str | None, problem: "ProblemMaker", difference: "Difference"
) -> None:
    """Whatever the optimizer was made like: the rule comes along, and the hyperparameters."""
    some = problem(2 * STAGE, absent=False)
    peer = Keras(name, few(some.start), **keras_options(name, options))
    ours = peer.steps(some.grads[:STAGE])
    opt = fastopt.get(name, ours, like=dialect)
    convert.from_keras(opt, peer.optimizer)
    assert opt.step_count == STAGE
    follow(opt, ours, peer, some.grads[STAGE:], difference)
    for key, value in vars(complete("keras", name, options)).items():
        assert opt.groups[0][key] == value


def follow(
    opt: fastopt.Optimizer,
    ours: dict[str, Any],
    peer: Keras,
    grads: list[dict[str, Any]],
    difference: "Difference",
) -> None:
    for step in grads:
        opt.step({key: step[key] for key in ours})
    for key, p in peer.steps(grads).items():
        assert difference(ours[key], p) <= TOLERANCE, key


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_schedule_is_its_value(name: str, problem: "ProblemMaker", difference: "Difference") -> None:
    """Of the step that comes, so that the first one agrees."""
    some = problem(STAGE + 1, absent=False)
    falls = keras.optimizers.schedules.ExponentialDecay(0.1, STAGE, 0.5)
    given = {"momentum": 0.9} if name in ("sgd", "rmsprop") else {}
    peer = Keras(name, few(some.start), learning_rate=falls, **given)
    ours = peer.steps(some.grads[:STAGE])
    opt = fastopt.get(name, ours)
    convert.from_keras(opt, peer.optimizer)
    assert opt.lr == pytest.approx(0.05, rel=1e-7)  # Keras computes it in float32
    follow(opt, ours, peer, some.grads[STAGE:], difference)


@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor"])
def test_what_is_done_to_gradients_comes_along(
    clip: str, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(2 * STAGE, absent=False)
    peer = Keras("sgd", few(some.start), learning_rate=0.1, **{clip: 0.3})
    ours = peer.steps(some.grads[:STAGE])
    opt = fastopt.SGD(ours)
    convert.from_keras(opt, peer.optimizer)
    follow(opt, ours, peer, some.grads[STAGE:], difference)


def test_weight_decay_spares_whom_keras_spares(
    problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(2 * STAGE, absent=False)
    peer = Keras("adamw", some.start, learning_rate=0.1, weight_decay=0.1)
    peer.optimizer.built = False
    peer.optimizer.exclude_from_weight_decay(var_names=["vector", "scalar"])
    peer.optimizer.built = True
    ours = peer.steps(some.grads[:STAGE])
    with pytest.raises(ValueError, match="excludes some parameters of group 0"):
        convert.from_keras(fastopt.AdamW(ours), peer.optimizer)
    opt = fastopt.AdamW(ours, groups={"vector": {"weight_decay": 0}, "scalar": {"weight_decay": 0}})
    convert.from_keras(opt, peer.optimizer)
    assert sorted(group["weight_decay"] for group in opt.groups) == [0.0, 0.0, 0.1]
    follow(opt, ours, peer, some.grads[STAGE:], difference)


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
@pytest.mark.parametrize("inside", [False, True])
def test_hyperparameters_can_stay(
    name: str, inside: bool, problem: "ProblemMaker", difference: "Difference"
) -> None:
    """The learning rate is taken out of the buffer for a rule that has it outside."""
    some = problem(2 * STAGE, absent=False)
    options: Options = {"momentum": 0.9, "lr": 0.02}
    peer = Keras(name, few(some.start), **keras_options(name, options))
    ours = peer.steps(some.grads[:STAGE])
    opt = fastopt.get(name, ours, like="keras", **options, lr_in_buffer=inside)
    convert.from_keras(opt, peer.optimizer, hyperparameters=False)
    assert opt.groups[0]["lr_in_buffer"] is inside
    follow(opt, ours, peer, some.grads[STAGE:], difference)


def test_a_rule_that_keras_does_not_have_is_refused() -> None:
    peer = Keras("adam", {"p": np.ones(3)})
    opt = fastopt.Adam([np.ones(3)], like="keras", eps_root=0.1)
    with pytest.raises(ValueError, match=r"Adam of keras has nothing like eps_root=0\.1"):
        convert.from_keras(opt, peer.optimizer, hyperparameters=False)
    convert.from_keras(opt, peer.optimizer)
    assert opt.eps_root == 0.0
    assert opt.eps_placement == "hat"


def test_gradients_that_were_accumulated() -> None:
    peer = Keras("sgd", {"p": np.ones(3)}, momentum=0.5, gradient_accumulation_steps=2)
    opt = fastopt.SGD([np.ones(3)])
    grads = [{"p": np.ones(3)}] * 3
    peer.steps(grads)
    with pytest.raises(ValueError, match="has accumulated 1 of 2 gradients"):
        convert.from_keras(opt, peer.optimizer)
    peer.steps(grads[:1])
    convert.from_keras(opt, peer.optimizer)
    assert opt.step_count == 2
    np.testing.assert_allclose(opt.state["0"]["b"], 0.015, rtol=1e-15)  # 0.5 * 0.01 + 0.01


BAD: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("no optimizer", lambda: {"a": 1}, TypeError, "keras.optimizers.Adam"),
    ("another", lambda: Keras("sgd", {"p": np.ones(3)}).optimizer, TypeError, "keras.optimizers.Adam"),
    ("ours", lambda: fastopt.Adam([np.ones(3)]), TypeError, "keras.optimizers.Adam"),
    ("not built", lambda: keras.optimizers.Adam(), ValueError, "no state yet"),
    (
        "averages",
        lambda: Keras("adam", {"p": np.ones(3)}, use_ema=True, ema_overwrite_frequency=3).optimizer,
        ValueError,
        "ema_overwrite_frequency=3",
    ),
    (
        "two",
        lambda: Keras("adam", {"p": np.ones(3), "q": np.ones(3)}).optimizer,
        ValueError,
        "has 2 variables, and opt 1",
    ),
    ("a shape", lambda: Keras("adam", {"p": np.ones(4)}).optimizer, ValueError, r"shape \(4,\)"),
]


@pytest.mark.parametrize(("make", "error", "said"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
def test_bad_input_changes_nothing(make: Callable[[], Any], error: type[Exception], said: str) -> None:
    opt = fastopt.Adam([np.ones(3)])
    opt.step([np.ones(3)])
    before = pickle.dumps(opt.state_dict())
    with pytest.raises(error, match=said):
        convert.from_keras(opt, make())
    assert pickle.dumps(opt.state_dict()) == before


def test_another_power_of_ftrl() -> None:
    """The message has the line that mends it."""
    peer = Keras("ftrl", {"p": np.ones(3)}, learning_rate_power=-0.25)
    opt = fastopt.FTRL([np.ones(3)])
    with pytest.raises(
        ValueError, match=r"is -0.25, and FTRL has -0.5 alone.* optimizer.learning"
    ) as e:
        convert.from_keras(opt, peer.optimizer)
    exec(str(e.value).partition(" set ")[2].removesuffix(" first"), {"optimizer": peer.optimizer})
    convert.from_keras(opt, peer.optimizer)


def test_averages_that_overwrite_no_more() -> None:
    optimizer = BAD[[case[0] for case in BAD].index("averages")][1]()
    with pytest.raises(ValueError, match="_frequency = None first"):
        convert.from_keras(fastopt.Adam([np.ones(3)]), optimizer)
    optimizer.ema_overwrite_frequency = None
    convert.from_keras(fastopt.Adam([np.ones(3)]), optimizer)


def test_only_optimizers_that_keras_has() -> None:
    with pytest.raises(TypeError, match="SGDScheduleFree has no counterpart in keras"):
        convert.from_keras(fastopt.SGDScheduleFree([np.ones(3)]), keras.optimizers.SGD())


@cases("keras")
def test_training_goes_on_there(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    """Whatever numbers the optimizer there was made with; and back again, nothing has changed."""
    some = problem(2 * STAGE, absent=False)
    ours = few(some.parameters())
    opt = fastopt.get(name, ours, like="keras", **options)
    for step in some.grads[:STAGE]:
        opt.step(few(step))
    switches = ("momentum", "amsgrad", "centered", "nesterov")
    given = {key: value for key, value in keras_options(name, options).items() if key in switches}
    peer = Keras(name, ours, **given)
    convert.to_keras(opt, peer.optimizer)
    again = fastopt.get(name, few(some.parameters()))
    convert.from_keras(again, peer.optimizer)
    for key, states in opt.state.items():
        for part, array in states.items():
            np.testing.assert_array_equal(again.state[key][part], array)
    assert again.step_count == STAGE
    follow(opt, ours, peer, some.grads[STAGE:], difference)


def ready(name: str = "adam", **given: Any) -> Any:
    return Keras(name, {"p": np.ones(3), "q": np.ones(2)}, **given).optimizer


def two(**given: Any) -> fastopt.Optimizer:
    return fastopt.Adam({"p": np.ones(3), "q": np.ones(2)}, like="keras", **given)


def test_settings_and_excluded_parameters_go_there(
    problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(2 * STAGE, absent=False)
    ours = few(some.parameters())
    opt = fastopt.AdamW(
        ours,
        like="keras",
        lr=fastopt.schedules.cosine(0.1, 1000),
        weight_decay=0.1,
        groups={"scalar": {"weight_decay": 0}},
        global_clipnorm=0.5,
        loss_scale=4.0,
    )
    for step in some.grads[:STAGE]:
        opt.step(few(step))
    peer = Keras("adamw", ours)
    with pytest.raises(ValueError, match=r"'scalar' is 0\.0, and would be 0\.1.*before build"):
        convert.to_keras(opt, peer.optimizer)
    peer.optimizer.built = False
    peer.optimizer.exclude_from_weight_decay(var_list=[peer.variables["scalar"]])
    peer.optimizer.built = True
    convert.to_keras(opt, peer.optimizer)
    assert float(peer.optimizer.learning_rate) == opt.groups[0].with_values({}).h.lr
    opt.lr = float(peer.optimizer.learning_rate)
    follow(opt, ours, peer, some.grads[STAGE:], difference)


def step_apart(opt: fastopt.Optimizer) -> fastopt.Optimizer:
    opt.step({"p": np.ones(3), "q": None})
    return opt


LEAVING: list[tuple[Callable[[], Any], Callable[[], Any], str, str]] = [
    (
        lambda: step_apart(two()),
        ready,
        "'q' has taken 0 steps and 'p' 1",
        "opt.step({'p': None, 'q': q})",
    ),
    (
        lambda: two(groups={"q": {"eps": 0.5}}),
        ready,
        "different values of eps",
        "opt.eps = 1e-07",
    ),
    (
        lambda: two(),
        lambda: ready(learning_rate=keras.optimizers.schedules.ExponentialDecay(0.1, 9, 0.5)),
        "make it with learning_rate=0.001",
        "optimizer = ready(learning_rate=0.001)",
    ),
    (
        lambda: two(amsgrad=True),
        ready,
        "lacks _velocity_hats.*amsgrad=True",
        "optimizer = ready(amsgrad=True)",
    ),
    (
        lambda: two(loss_scale="dynamic"),
        ready,
        r"opt\.loss_scale = 1\.0 first",
        "opt.loss_scale = 1.0",
    ),
    (
        lambda: fastopt.Adam([np.ones(2), np.ones(3)], like="keras"),
        ready,
        "_momentums of '0' is float64 of shape",
        "opt = two()",
    ),
    (
        lambda: fastopt.Adam([np.ones(3)] * 1),
        ready,
        "nothing like eps_placement|2 variables",
        "opt = two()",
    ),
]


@pytest.mark.parametrize(("make", "there", "said", "remedy"), LEAVING)
def test_what_keras_has_no_place_for(
    make: Callable[[], Any], there: Callable[[], Any], said: str, remedy: str
) -> None:
    """Nothing has changed there, and what the message says works."""
    known = {"opt": make(), "optimizer": there(), "ready": ready, "two": two, "q": np.ones(2)}
    before = [np.array(v.value) for v in known["optimizer"].variables]
    with pytest.raises(ValueError, match=said):
        convert.to_keras(known["opt"], known["optimizer"])
    for variable, was in zip(known["optimizer"].variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable.value), was)
    exec(remedy, known)
    convert.to_keras(known["opt"], known["optimizer"])


def test_gradients_that_wait_stay_here() -> None:
    opt = two(gradient_accumulation_steps=2)
    grads = {"p": np.ones(3), "q": np.ones(2)}
    opt.accumulate(grads)
    with pytest.raises(ValueError, match="convert after that step"):
        convert.to_keras(opt, ready())
    opt.accumulate(grads)
    convert.to_keras(opt, ready())
