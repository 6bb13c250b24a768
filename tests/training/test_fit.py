"""fit against the same loop by hand; its history, its callbacks' order, its data, what it refuses."""

from collections.abc import Iterator
from functools import wraps
from typing import Any

import numpy as np
import pytest
from support.training_cases import X, Y, bits, loss_and_grad, start, validation

import fastopt
from fastopt.training import Batches, EarlyStopping, Run


def adam(params: Any = None, **options: Any) -> fastopt.Adam:
    return fastopt.Adam(start() if params is None else params, lr=0.05, **options)


def by_hand(opt: fastopt.Optimizer, batches: Any, epochs: int) -> tuple[list[float], list[list[Any]]]:
    """Give the losses and the columns of the history."""
    losses: list[float] = []
    rows: list[list[Any]] = []
    for epoch in range(1, epochs + 1):
        own = []
        for x, y in batches:
            loss, grads = loss_and_grad(opt.params, x, y)
            opt.step(grads)
            own.append(loss)
        losses += own
        rows.append([epoch, len(losses), float(np.mean(own)), *validation(opt.params).values()])
    return losses, [list(column) for column in zip(*rows, strict=True)]


# Against the loop by hand.


@pytest.mark.parametrize("drop_last", [False, True])
def test_same_bits_as_a_loop_by_hand(backend: str, drop_last: bool) -> None:
    hand, ours = adam(amsgrad=True, backend=backend), adam(amsgrad=True, backend=backend)
    losses, columns = by_hand(hand, Batches((X, Y), 4, seed=2, drop_last=drop_last), 3)
    data = Batches((X, Y), 4, seed=2, drop_last=drop_last)
    history = fastopt.fit(
        loss_and_grad, ours.params, ours, data, 3, validation=validation, progress=False
    )
    assert bits(ours.params, *ours.state.values()) == bits(hand.params, *hand.state.values())
    assert ours.step_count == hand.step_count == 3 * len(data)
    assert history.losses.tolist() == losses
    assert history.losses.dtype == np.float64
    names = ["epoch", "step", "loss", "validation loss", "largest"]
    assert history.epochs == dict(zip(names, columns, strict=True))
    assert data.state_dict()["epoch"] == 3


def test_accumulation_takes_a_step_for_several_batches() -> None:
    hand = adam(gradient_accumulation_steps=4)
    ours = adam(gradient_accumulation_steps=4)
    for _ in range(2):
        for x, y in Batches((X, Y), 4, seed=1):  # epoch 0 twice, of 6 batches
            hand.accumulate(loss_and_grad(hand.params, x, y)[1])
        assert hand.flush()
    data = Batches((X, Y), 4, seed=1)
    for _ in range(2):
        data.load_state_dict(Batches((X, Y), 4, seed=1).state_dict())
        history = fastopt.fit(loss_and_grad, ours.params, ours, data)
    assert bits(ours.params) == bits(hand.params)
    assert (ours.step_count, history.steps) == (4, 6)


def test_each_epoch_ends_with_its_sums() -> None:
    """Before the validation, which shows what the whole epoch has done."""
    hand, ours = adam(gradient_accumulation_steps=4), adam(gradient_accumulation_steps=4)
    data, seen, expected = Batches((X, Y), 4, seed=1), [], []
    for _ in range(2):
        for x, y in data:
            hand.accumulate(loss_and_grad(hand.params, x, y)[1])
        assert hand.flush()
        expected.append(bits(hand.params))

    def look(params: Any) -> dict[str, float]:
        seen.append(bits(params))
        return {"val": 0.0}

    fastopt.fit(loss_and_grad, ours.params, ours, Batches((X, Y), 4, seed=1), 2, validation=look)
    assert (seen, ours.step_count) == (expected, 4)


def test_a_second_fit_goes_on_with_the_next_epoch() -> None:
    once, twice = adam(), adam()
    fastopt.fit(loss_and_grad, once.params, once, Batches((X, Y), 5), 4)
    data = Batches((X, Y), 5)
    for _ in range(2):
        history = fastopt.fit(loss_and_grad, twice.params, twice, data, 2)
    assert bits(once.params) == bits(twice.params)
    assert history.epochs["epoch"] == [1, 2]  # of this run


# Data of every kind.


@pytest.mark.parametrize("epochs", [1, 3])
def test_arrays_are_one_batch(epochs: int) -> None:
    hand, ours, named = adam(), adam(), adam()
    for _ in range(epochs):
        hand.step(loss_and_grad(hand.params, X, Y)[1])
    assert fastopt.fit(loss_and_grad, ours.params, ours, (X, Y), epochs).steps == epochs
    fastopt.fit(loss_and_grad, named.params, named, {"y": Y, "x": X}, epochs)
    assert bits(hand.params) == bits(ours.params) == bits(named.params)


def test_batches_are_passed_as_they_are_built() -> None:
    given: list[Any] = []

    def record(params: Any, *batch: Any, **named: Any) -> tuple[float, Any]:
        given.append((batch, named))
        return 0.0, [np.zeros(1)]

    params = [np.zeros(1)]
    opt = fastopt.SGD(params)
    batches = [(1, 2), [3, 4], {"x": 5}, np.array(6), (), 7]
    fastopt.fit(record, params, opt, batches)
    assert given == [((1, 2), {}), ((3, 4), {}), ((), {"x": 5}), ((6,), {}), ((), {}), ((7,), {})]
    given.clear()
    fastopt.fit(record, params, opt, ((1, 2), (3, 4)), epochs=2)  # a tuple of batches
    assert [batch for batch, _ in given] == [(1, 2), (3, 4)] * 2
    given.clear()
    fastopt.fit(record, params, opt, iter([(8,)]))
    assert given == [((8,), {})]


def test_params_can_be_another_container_of_the_same_arrays() -> None:
    params, frozen = start(), np.ones(2)
    opt = fastopt.SGD([{"params": [params["w"]]}, {"params": [params["b"]], "lr": 0.1}])

    def grouped(given: Any, x: Any, y: Any) -> Any:
        assert given["frozen"] is frozen
        loss, grads = loss_and_grad(given, x, y)
        return loss, [[grads["w"]], [grads["b"]]]

    fastopt.fit(grouped, {**params, "frozen": frozen}, opt, (X, Y))
    hand = start()
    _, grads = loss_and_grad(hand, X, Y)
    fastopt.SGD([hand["w"]]).step([grads["w"]])
    fastopt.SGD([hand["b"]], lr=0.1).step([grads["b"]])
    assert bits(params) == bits(hand)


# Losses and metrics.


def test_losses_of_every_kind_are_numbers() -> None:
    losses = iter([1, np.float32(2.5), np.array(3.0), np.nan, -np.inf, np.inf])

    def lossy(params: Any) -> tuple[Any, Any]:
        return next(losses), np.zeros(1)

    params = np.zeros(1)
    history = fastopt.fit(lossy, params, fastopt.SGD(params), [()] * 6)
    expected = [1.0, 2.5, 3.0, np.nan, -np.inf, np.inf]
    assert history.losses.tobytes() == np.array(expected).tobytes()
    assert np.isnan(history.epochs["loss"][0])


def test_nonfinite_gradients_are_for_the_optimizer_to_decide() -> None:
    x = X.copy()
    x[0] = np.nan
    opt = adam(nonfinite="skip")
    history = fastopt.fit(loss_and_grad, opt.params, opt, Batches((x, Y), 4, shuffle=False))
    assert (opt.skipped, opt.step_count, history.steps) == (1, 5, 6)
    assert np.isnan(history.losses).tolist() == [True] + [False] * 5
    opt = adam(nonfinite="raise")
    with pytest.raises(FloatingPointError, match="'w'"):
        fastopt.fit(loss_and_grad, opt.params, opt, Batches((x, Y), 4, shuffle=False))
    assert bits(opt.params) == bits(start())


def test_a_validation_that_gives_a_number() -> None:
    opt = adam()
    history = fastopt.fit(
        loss_and_grad, opt.params, opt, (X, Y), 2, validation=lambda params: np.float32(0.5)
    )
    assert history.epochs["validation"] == [0.5, 0.5]


# Callbacks.


class Recorder:
    """Writes down each event, and what there is to see."""

    def __init__(self, events: list[Any], stop_at: tuple[str, int] | None = None) -> None:
        self.events = events
        self.stop_at = stop_at

    def _record(self, event: str, run: Run) -> bool:
        self.events.append((event, run.epoch, run.step, list(run.metrics)))
        return (event, run.step) == self.stop_at

    def on_begin(self, run: Run) -> bool:
        return self._record("begin", run)

    def on_step(self, run: Run) -> bool:
        assert run.loss == run.history.losses[-1]
        return self._record("step", run)

    def on_epoch(self, run: Run) -> np.bool_:
        return np.bool_(self._record("epoch", run))

    def on_end(self, run: Run) -> bool:
        return self._record("end", run)


def test_callbacks_are_called_in_order() -> None:
    opt, events = adam(), list[Any]()
    fastopt.fit(loss_and_grad, opt.params, opt, Batches((X, Y), 11), 2, [Recorder(events)])
    assert events == [
        ("begin", 0, 0, []),
        ("step", 1, 1, []),
        ("step", 1, 2, []),
        ("epoch", 1, 2, ["loss"]),
        ("step", 2, 3, ["loss"]),
        ("step", 2, 4, ["loss"]),
        ("epoch", 2, 4, ["loss"]),
        ("end", 2, 4, ["loss"]),
    ]


@pytest.mark.parametrize(
    ("stop_at", "last", "rows"),
    [
        (("step", 1), ("step", 1, 1), 0),
        (("step", 2), ("step", 1, 2), 0),  # before the epoch is written down
        (("epoch", 2), ("epoch", 1, 2), 1),
        (("step", 3), ("step", 2, 3), 1),
    ],
)
def test_one_that_returns_true_ends_the_training(
    stop_at: tuple[str, int], last: tuple[str, int, int], rows: int
) -> None:
    opt, events, others = adam(), list[Any](), list[Any]()
    callbacks = [Recorder(events, stop_at), Recorder(others)]
    history = fastopt.fit(loss_and_grad, opt.params, opt, Batches((X, Y), 11), 5, callbacks)
    assert events == others  # all of them see the last event
    assert events[-2][:3] == last
    assert events[-1][0] == "end"
    assert len(history.epochs["epoch"]) == rows
    assert opt.step_count == history.steps == last[2]


def test_a_function_is_called_after_each_epoch() -> None:
    opt, seen = adam(), list[int]()

    def function(run: Run) -> Any:
        assert (run.opt, run.params) == (opt, opt.params)
        seen.append(run.epoch)
        return run.epoch  # neither 1 nor 2 means stop

    fastopt.fit(loss_and_grad, opt.params, opt, (X, Y), 3, [function])
    assert seen == [1, 2, 3]


def test_exceptions_are_passed_on_after_a_whole_step() -> None:
    hand, ours, events = adam(), adam(), list[Any]()

    def interrupted(params: Any, x: Any, y: Any) -> Any:
        if ours.step_count == 4:
            raise ZeroDivisionError
        return loss_and_grad(params, x, y)

    with pytest.raises(ZeroDivisionError) as caught:
        fastopt.fit(interrupted, ours.params, ours, Batches((X, Y), 4), 2, [Recorder(events)])
    for _, (x, y) in zip(range(4), Batches((X, Y), 4), strict=False):
        hand.step(loss_and_grad(hand.params, x, y)[1])
    assert bits(ours.params) == bits(hand.params)
    assert events[-1][0] == "step"
    assert not hasattr(caught.value, "history")


# What is refused.


def given(**changes: Any) -> dict[str, Any]:
    opt = adam()
    good = {"loss_and_grad": loss_and_grad, "params": opt.params, "opt": opt, "data": (X, Y)}
    return good | changes


class Used:
    """An iterator, which gives its batches once."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise StopIteration


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"opt": "adam"}, TypeError, r"opt is 'adam' .* such as fastopt.Adam\(params\)"),
        (
            {"params": start()},
            ValueError,
            "opt updates a parameter 'w' that is not in params: .* opt.pa",
        ),
        ({"params": None}, ValueError, "opt updates a parameter 'w'"),
        ({"loss_and_grad": 3}, TypeError, r"loss_and_grad is 3 \(int\); it must be a function"),
        ({"loss_and_grad": None}, TypeError, "loss_and_grad is None"),
        ({"validation": X[0]}, TypeError, "validation is .* it must be a function"),
        ({"data": 5}, TypeError, r"data is 5 \(int\); it must be fastopt.Batches"),
        ({"data": ()}, ValueError, "data has no arrays"),
        ({"data": (X, Y[1:])}, ValueError, r"data\[0\] has 22 samples and data\[1\] 21"),
        ({"data": (X, [1.0])}, TypeError, r"data\[1\] is \[1.0\]"),
        ({"data": {"x": X, "y": None}}, TypeError, r"data\['y'\] is None"),
        ({"data": iter([]), "epochs": 2}, ValueError, "an iterator, which is used up after one epoch"),
        ({"data": []}, ValueError, "data has no batch in epoch 1"),
        ({"data": Used()}, ValueError, "data has no batch in epoch 1"),
        ({"epochs": 0}, ValueError, "epochs is 0"),
        ({"epochs": 1.5}, TypeError, "epochs is 1.5"),
        ({"callbacks": EarlyStopping()}, TypeError, r"callbacks is .* a list: callbacks=\[...\]"),
        (
            {"callbacks": [EarlyStopping]},
            TypeError,
            r"callbacks\[0\] is a class; make one: EarlyStopping",
        ),
        (
            {"callbacks": [print, 3]},
            TypeError,
            r"callbacks\[1\] is 3 \(int\); it must be a function of",
        ),
        ({"progress": 1}, TypeError, "progress is 1"),
        ({"loss_and_grad": lambda p, x, y: 0.5}, TypeError, "returned 0.5 .* return loss, grads"),
        ({"loss_and_grad": lambda p, x, y: (1, 2, 3)}, TypeError, r"returned \(1, 2, 3\)"),
        (
            {"loss_and_grad": lambda p, x, y: (x, p)},
            TypeError,
            r"the loss is .* such as losses.mean\(\)",
        ),
        ({"loss_and_grad": lambda p, x, y: ("1", p)}, TypeError, "the loss is '1'"),
        ({"loss_and_grad": lambda p, x, y: (True, p)}, TypeError, "the loss is True"),
        ({"loss_and_grad": lambda p, x, y: (1j, p)}, TypeError, "the loss is 1j"),
        ({"loss_and_grad": lambda p, x, y: (1.0, None)}, TypeError, "there are no gradients"),
        ({"loss_and_grad": lambda p, x, y: (1.0, {})}, ValueError, "grads must have the keys"),
    ],
)
def test_bad_input_changes_nothing(changes: Any, error: type[Exception], words: str) -> None:
    arguments = given(**changes)
    params = arguments["params"] if isinstance(arguments["params"], dict) else start()
    with pytest.raises(error, match=words):
        fastopt.fit(**arguments)
    assert bits(params) == bits(start())


def of_one(params: Any, batch: Any) -> Any:
    return loss_and_grad(params, *batch)


@pytest.mark.parametrize(
    ("function", "data", "words"),
    [
        (
            loss_and_grad,
            [X, Y],
            r"loss_and_grad\(params, x, y\) cannot be called with the first batch of data, as "
            r"loss_and_grad\(params, array of shape \(22, 3\)\): missing a required argument: 'y'. "
            r"In a list each array is a batch by itself; arrays of one batch are a tuple, \(x, y\)",
        ),
        (
            of_one,
            (X, Y),
            r"too many positional arguments. A batch that is a tuple is passed as several",
        ),
        (of_one, Batches((X, Y), 4), r"\(params, array of shape \(4, 3\), array of shape \(4, 1\)\)"),
        (loss_and_grad, {"x": X, "z": Y}, r"as loss_and_grad\(params, x=..., z=...\): .*'y'"),
        (loss_and_grad, iter([X]), r"missing a required argument: 'y'. A batch that is a tuple"),
    ],
)
def test_a_function_that_does_not_fit_the_batches(function: Any, data: Any, words: str) -> None:
    calls: list[Any] = []

    @wraps(function)
    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return function(*arguments)

    with pytest.raises(TypeError, match=words) as caught:
        fastopt.fit(**given(loss_and_grad=counted, data=data))
    assert not calls
    assert caught.value.__cause__ is None


def test_a_function_without_a_signature_is_called() -> None:
    with pytest.raises(TypeError, match="loss_and_grad returned"):
        fastopt.fit(**given(loss_and_grad=max, data=[()]))


@pytest.mark.parametrize(
    ("validation", "error", "words"),
    [
        (lambda params: "good", TypeError, "the metric 'validation' is 'good'"),
        (lambda params: {"a": [1]}, TypeError, r"the metric 'a' is \[1\]"),
        (lambda params: {1: 2}, TypeError, r"a key .* is 1 \(int\); it must be the name"),
        (lambda params: {"loss": 2}, ValueError, "returns 'loss', .* call it 'validation loss'"),
        (lambda params: {str(params["w"][0]): 2}, ValueError, "in the epochs before it returned"),
    ],
)
def test_bad_validations(validation: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fastopt.fit(**given(validation=validation, epochs=2))


def test_an_unknown_attribute_of_the_package() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        fastopt.fitt  # noqa: B018
