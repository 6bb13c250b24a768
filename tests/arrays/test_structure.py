"""Models of any structure: names, gradients that are None, arrays replaced behind our back."""

import sys
import threading
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import ANY_SHAPE, TOGETHER

import fastopt

Array = NDArray[Any]


class Layer(NamedTuple):
    w: Any
    b: Any


def values(seed: int, shape: tuple[int, ...] = (3, 5)) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (list, tuple)):
        for child in tree:
            yield from leaves(child)
    else:
        yield tree


def bits(*trees: Any) -> list[Any]:
    return [a.tobytes() for a in leaves(trees) if a is not None]


# Containers of five arrays made by f, and the names of those arrays.
CONTAINERS: dict[str, tuple[Callable[[Callable[[], Any]], Any], list[str]]] = {
    "list": (lambda f: [f(), f(), f(), f(), f()], ["0", "1", "2", "3", "4"]),
    "tuple": (lambda f: (f(), f(), f(), f(), f()), ["0", "1", "2", "3", "4"]),
    "dict": (lambda f: {k: f() for k in "vwxyz"}, list("vwxyz")),
    "integer keys": (lambda f: {3: f(), 1: f(), 2: f(), 0: f(), 9: f()}, ["3", "1", "2", "0", "9"]),
    "ordered dict": (lambda f: OrderedDict((k, f()) for k in "zyxwv"), list("zyxwv")),
    "list of dicts": (
        lambda f: [{"w": f(), "b": f()}, {"w": f()}, {"w": f(), "b": f()}],
        ["0.w", "0.b", "1.w", "2.w", "2.b"],
    ),
    "dict of lists": (
        lambda f: {"a": [f(), f()], "b": [], "c": [f()], "d": (f(), f())},
        ["a.0", "a.1", "c.0", "d.0", "d.1"],
    ),
    "nested": (
        lambda f: {"in": f(), "layers": [{"w": f(), "b": (f(),)}, {"w": f()}], "out": {"w": f()}},
        ["in", "layers.0.w", "layers.0.b.0", "layers.1.w", "out.w"],
    ),
    "tuple in a list in a tuple": (
        lambda f: ([(f(), f()), [f()]], f(), {}, {"w": f()}),
        ["0.0.0", "0.0.1", "0.1.0", "1", "3.w"],
    ),
    "groups": (
        lambda f: [{"params": [f(), f()]}, {"params": {"w": f(), "b": f()}}, {"params": f()}],
        ["0", "1", "w", "b", "params"],
    ),
}


def counter(first: int = 0) -> Callable[[], Any]:
    seeds = iter(range(first, first + 100))
    return lambda: values(next(seeds))


def gradients(container: str, first: int) -> Any:
    """Gradients in the structure of a container; those of groups stand in a list."""
    tree = CONTAINERS[container][0](counter(first))
    return [group["params"] for group in tree] if container == "groups" else tree


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_and_names(container: str, backend: str) -> None:
    make, names = CONTAINERS[container]
    params, plain = make(counter()), [values(k) for k in range(5)]
    opt = fastopt.get("adam", params, backend=backend)
    twin = fastopt.get("adam", plain, backend=backend)
    assert list(opt.names) == names
    for step in (10, 20):
        opt.step(gradients(container, step))
        twin.step([values(step + k) for k in range(5)])
    assert bits(params) == bits(plain) != bits([values(k) for k in range(5)])
    assert list(opt.state) == names
    assert bits(opt.state) == bits(twin.state)
    assert opt.step_count == 2


def test_a_single_array(backend: str) -> None:
    p, q = values(0), values(0)
    opt = fastopt.get("adam", p, backend=backend)
    twin = fastopt.get("adam", [q], backend=backend)
    opt.step(values(1))
    twin.step([values(1)])
    assert bits(p) == bits(q)
    assert list(opt.names) == ["params"]
    assert list(opt.state["params"]) == ["m", "v"]


def test_named_tuples_are_tuples(backend: str) -> None:
    params = Layer(values(0), [Layer(values(1), values(2))])
    plain = [values(0), values(1), values(2)]
    opt = fastopt.get("adam", params, backend=backend)
    opt.step(Layer(values(3), [Layer(values(4), values(5))]))
    opt.step((values(6), ([values(7), values(8)],)))
    twin = fastopt.get("adam", plain, backend=backend)
    for seed in (3, 6):
        twin.step([values(seed), values(seed + 1), values(seed + 2)])
    assert bits(params) == bits(plain)
    assert len(opt.names) == len(set(opt.names)) == 3


def test_gradients_come_in_any_order_and_container_of_the_kind(backend: str) -> None:
    params, plain = {"w": values(0), "b": values(1)}, {"w": values(0), "b": values(1)}
    opt, twin = (fastopt.get("adam", p, backend=backend) for p in (params, plain))
    made: defaultdict[str, Any] = defaultdict(lambda: None, b=values(5), w=values(4))
    for grads in ({"b": values(3), "w": values(2)}, OrderedDict(made), made):
        opt.step(grads)
    for seed in (2, 4, 4):
        twin.step({"w": values(seed), "b": values(seed + 1)})
    assert bits(params) == bits(plain)

    as_list, as_tuple = [values(0), values(1)], (values(0), values(1))
    fastopt.get("adam", as_list, backend=backend).step((values(2), values(3)))
    fastopt.get("adam", as_tuple, backend=backend).step([values(2), values(3)])
    assert bits(as_list) == bits(as_tuple)


def test_a_defaultdict_of_gradients_is_not_filled(backend: str) -> None:
    opt = fastopt.get("adam", {"w": values(0), "b": values(1)}, backend=backend)
    grads: defaultdict[str, Any] = defaultdict(lambda: values(3), w=values(2), x=values(3))
    with pytest.raises(ValueError, match="missing: 'b'; unknown: 'x'"):
        opt.step(grads)
    assert set(grads) == {"w", "x"}


# Gradients that are None.


@pytest.mark.parametrize("algorithm", [a for a in ANY_SHAPE if a not in TOGETHER])
def test_each_parameter_counts_its_own_steps(algorithm: str, backend: str) -> None:
    """With the bits of an optimizer that has this parameter alone and skips those steps."""
    present = [(1, 0, 1), (1, 0, 0), (1, 1, 1), (0, 0, 0), (0, 1, 1), (1, 1, 1), (1, 1, 1)]
    together, alone = ([values(k) for k in range(3)] for _ in range(2))
    options: dict[str, Any] = {"backend": backend, "weight_decay": 0.1}
    opt = fastopt.get(algorithm, together, **options)
    separate = [fastopt.get(algorithm, p, **options) for p in alone]
    for t, takes_part in enumerate(present):
        if t == 5:  # a change of hyperparameters must not mix up who has taken which steps
            for o in (opt, *separate):
                o.groups[0]["weight_decay"] = 0.2
        grads = [values(10 * t + k) if yes else None for k, yes in enumerate(takes_part)]
        take_step(opt, grads)
        for o, g in zip(separate, grads, strict=True):
            if g is not None:
                take_step(o, g)
    assert bits(together) == bits(alone)
    assert bits(opt.state) == bits([o.state for o in separate])
    assert opt.step_count == len(present)
    assert [o.step_count for o in separate] == [5, 4, 5]


@pytest.mark.parametrize("algorithm", [a for a in ANY_SHAPE if a not in TOGETHER])
def test_as_many_steps_are_not_the_same_steps(algorithm: str, backend: str) -> None:
    """Both have taken one step, with other hyperparameters: what they carry on differs."""
    together, alone = [values(0), values(1)], [values(0), values(1)]
    opt = fastopt.get(algorithm, together, backend=backend)
    separate = [fastopt.get(algorithm, p, backend=backend) for p in alone]
    has_betas = len(getattr(type(opt).hyperparameters.get("betas"), "default", ())) == 2
    name, changed = ("betas", (0.5, 0.75)) if has_betas else ("lr", 0.5)
    for t, takes_part in enumerate([(1, 0), (0, 1), (1, 1), (1, 1)]):
        if t == 1:
            for o in (opt, *separate):
                o.groups[0][name] = changed
        grads = [values(10 * t + k) if yes else None for k, yes in enumerate(takes_part)]
        take_step(opt, grads)
        for o, g in zip(separate, grads, strict=True):
            if g is not None:
                take_step(o, g)
    assert bits(together) == bits(alone)


def test_bias_correction_of_a_late_parameter() -> None:
    """Adam's first step has the size of the learning rate, whenever it is."""
    params = {"early": np.zeros(3), "late": np.zeros(3)}
    opt = fastopt.get("adam", params, lr=0.5, eps=0.0)
    for _ in range(50):
        opt.step({"early": np.ones(3), "late": None})
    assert not params["late"].any()
    opt.step({"early": np.ones(3), "late": np.full(3, 1e-3)})
    np.testing.assert_allclose(params["late"], -0.5, rtol=1e-12)


def test_whole_subtrees_sit_out(backend: str) -> None:
    make, _ = CONTAINERS["nested"]
    params = make(counter())
    before = make(counter())
    opt = fastopt.get("adam", params, backend=backend)
    opt.step({"in": None, "layers": None, "out": {"w": values(7)}})
    assert bits(params["in"], params["layers"]) == bits(before["in"], before["layers"])
    assert bits(params["out"]) != bits(before["out"])
    opt.step({"in": None, "layers": [None, {"w": values(8)}], "out": None})
    assert bits(params["layers"][0]) == bits(before["layers"][0])
    assert bits(params["layers"][1]) != bits(before["layers"][1])
    assert not any(a.any() for a in opt.state["in"].values())

    groups: list[dict[str, Any]] = [{"params": [values(0)]}, {"params": {"w": values(1)}}]
    opt = fastopt.get("adam", groups, backend=backend)
    opt.step([None, {"w": values(2)}])
    assert bits(groups[0]["params"]) == bits(values(0))
    assert bits(groups[1]["params"]) != bits(values(1))


def test_nobody_takes_part(backend: str) -> None:
    params = [values(0), values(1)]
    opt = fastopt.get("adam", params, backend=backend)
    opt.step([None, None])
    assert bits(params) == bits(values(0), values(1))
    assert opt.step_count == 1


# Gradients bound once.


@pytest.mark.parametrize("container", CONTAINERS)
def test_gradients_bound_once(container: str, backend: str) -> None:
    make, _ = CONTAINERS[container]
    params, twins, grads = make(counter()), make(counter()), gradients(container, 10)
    opt = fastopt.get("adam", params, grads=grads, backend=backend)
    assert bits(grads) == bits(gradients(container, 10))
    twin = fastopt.get("adam", twins, backend=backend)
    for seed in (10, 20, 30):
        for g, new in zip(leaves(grads), leaves(gradients(container, seed)), strict=True):
            g[...] = new
        opt.step()
        twin.step(gradients(container, seed))
    opt.step(gradients(container, 40))  # others, for once
    twin.step(gradients(container, 40))
    opt.step()
    twin.step(gradients(container, 30))
    assert bits(params, opt.state) == bits(twins, twin.state)


def test_bound_container_can_be_filled_anew(backend: str) -> None:
    params, twins = {"w": values(0), "b": values(1)}, {"w": values(0), "b": values(1)}
    grads: dict[str, Any] = {"w": values(2), "b": None}
    opt = fastopt.get("adam", params, grads=grads, backend=backend)
    twin = fastopt.get("adam", twins, backend=backend)
    for w, b in ((values(2), None), (values(3), values(4)), (None, values(5))):
        grads["w"], grads["b"] = w, b
        opt.step()
        twin.step({"w": w, "b": b})
    assert bits(params, opt.state) == bits(twins, twin.state)


def test_step_without_gradients(backend: str) -> None:
    opt = fastopt.get("adam", values(0), backend=backend)
    for nothing in ((), (None,)):
        with pytest.raises(TypeError, match=r"step\(grads\).*grads="):
            opt.step(*nothing)
    assert opt.step_count == 0


@pytest.mark.parametrize(
    ("grads", "error", "words"),
    [
        ({"w": values(1)}, ValueError, "missing: 'b'"),
        ({"w": values(1), "b": values(2, (5, 3))}, ValueError, "the gradient of 'b' has shape"),
        ({"w": values(1).astype(np.float64), "b": None}, TypeError, "the gradient of 'w' has dtype"),
        ([values(1), values(2)], TypeError, "grads is of type list"),
    ],
    ids=["missing", "shape", "dtype", "list"],
)
def test_bad_gradients_are_not_bound(
    grads: Any, error: type[Exception], words: str, backend: str
) -> None:
    params = {"w": values(0), "b": values(0)}
    with pytest.raises(error, match=words):
        fastopt.get("adam", params, grads=grads, backend=backend)
    assert bits(params) == bits(values(0), values(0))


def test_a_bound_gradient_that_shares_memory(backend: str) -> None:
    p = values(0)
    with pytest.raises(ValueError, match="the gradient of 'params' shares memory with parameter"):
        fastopt.get("adam", p, grads=p[::-1], backend=backend)


# Containers that have changed. What is done to the parameters, and what the error must say.


def rebind(container: Any, key: Any) -> None:
    container[key] = container[key] - 1


def in_list() -> Any:
    return [values(0), values(1)]


def in_dict() -> Any:
    return {"w": values(0), "b": values(1)}


def in_layers() -> Any:
    return {"layers": [{"w": values(0)}, {"w": values(1), "b": values(2)}]}


def in_groups() -> Any:
    return [{"params": [values(0)]}, {"params": values(1)}]


Change = tuple[str, Callable[[], Any], Callable[[Any], Any], tuple[str, ...]]
NEW = "make a new optimizer"

CHANGED: list[Change] = [
    ("list", in_list, lambda p: rebind(p, 1), ("params[1][...] =",)),
    ("dict", in_dict, lambda p: rebind(p, "b"), ("params['b'][...] =",)),
    ("one key", lambda: {"w": values(0)}, lambda p: rebind(p, "w"), ("params['w'][...] =",)),
    ("list in a tuple", lambda: (in_list(),), lambda p: rebind(p[0], 1), ("params[0][1][...] =",)),
    (
        "nested",
        in_layers,
        lambda p: rebind(p["layers"][1], "w"),
        ("params['layers'][1]['w'][...] =",),
    ),
    (
        "list of a group",
        in_groups,
        lambda p: rebind(p[0]["params"], 0),
        ("params[0]['params'][0][...] =",),
    ),
    (
        "array of a group",
        in_groups,
        lambda p: rebind(p[1], "params"),
        ("params[1]['params'][...] =",),
    ),
    (
        "whole list of a group",
        in_groups,
        lambda p: p[0].update(params=[values(0)]),
        ("params[0]['params'][0][...] =",),
    ),
    ("group added", in_groups, lambda p: p.append({"params": values(2)}), ("params", "3", "2", NEW)),
    ("group deleted", in_groups, lambda p: p.pop(), ("params", "1", "2", NEW)),
    ("group without params", in_groups, lambda p: p[1].pop("params"), ("params[1]['params']",)),
    ("group replaced", in_groups, lambda p: p.__setitem__(1, values(1)), ("params[1]",)),
    (
        "whole layer",
        in_layers,
        lambda p: p["layers"].__setitem__(0, {"w": values(0)}),
        ("params['layers'][0]['w'][...] =",),
    ),
    ("view", in_list, lambda p: p.__setitem__(0, p[0][:]), ("params[0][...] =",)),
    ("reordered", in_list, lambda p: p.reverse(), ("params[0]",)),
    ("None", in_list, lambda p: p.__setitem__(0, None), ("params[0]",)),
    ("grown", in_list, lambda p: p.append(values(2)), ("params", "3", "2", NEW)),
    ("shrunk", in_list, lambda p: p.pop(), ("params", "1", "2", NEW)),
    ("emptied", in_list, lambda p: p.clear(), ("params", "0", "2", NEW)),
    ("key deleted", in_dict, lambda p: p.pop("b"), ("params", "missing: 'b'", NEW)),
    ("key added", in_dict, lambda p: p.update(c=values(2)), ("params", "unknown: 'c'", NEW)),
    (
        "deep key deleted",
        in_layers,
        lambda p: p["layers"][1].pop("b"),
        ("params['layers'][1]", "missing: 'b'", NEW),
    ),
]


@pytest.mark.parametrize("case", CHANGED, ids=[case[0] for case in CHANGED])
def test_changed_containers_are_noticed(case: Change, backend: str) -> None:
    _, make, change, words = case
    params = make()
    opt = fastopt.get("adam", params, backend=backend)
    is_grouped = isinstance(params, list) and isinstance(params[0], dict)
    seen = list(leaves(params))
    grads = [group["params"] for group in make()] if is_grouped else make()
    opt.step(grads)
    change(params)
    before = bits(seen, params, opt.state, grads)
    with pytest.raises(ValueError, match="params") as caught:
        opt.step(grads)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value}"
    assert bits(seen, params, opt.state, grads) == before
    assert opt.step_count == 1


def test_the_remedy_is_one(backend: str) -> None:
    """After `params["w"][...] =` training goes on, as with an array that was never replaced."""
    params, twins = {"w": values(0), "b": values(1)}, {"w": values(0), "b": values(1)}
    opt, twin = (fastopt.get("adam", p, backend=backend) for p in (params, twins))
    grads = {"w": values(2), "b": values(3)}
    held = params["w"]
    params["w"] = params["w"] - 1
    with pytest.raises(ValueError, match="is not the array"):
        opt.step(grads)
    params["w"] = held
    params["w"][...] = params["w"] - 1
    twins["w"] -= 1  # in place, too
    opt.step(grads)
    twin.step(grads)
    assert bits(params) == bits(twins)


def test_it_is_noticed_before_the_gradients_are_blamed(backend: str) -> None:
    """A new array of another shape brings gradients of another shape."""
    params = {"w": values(0), "b": values(1)}
    opt = fastopt.get("adam", params, backend=backend)
    params["w"] = values(0, (4, 4))
    with pytest.raises(ValueError, match=r"params\['w'\] is not the array"):
        opt.step({"w": values(2, (4, 4)), "b": values(3)})


@pytest.mark.usefixtures("default_settings")
def test_gradients_live_as_long_as_the_step(backend: str) -> None:
    """Another thread may take a gradient out of the list while the step reads it.

    What is taken out is a view, so that a library that lets go of it is caught and not crashed.
    """
    memory = np.ones(3_000_000, np.float32)
    opt = fastopt.get("sgd", [np.zeros_like(memory)], backend=backend)
    opt.step([memory])
    fastopt.set_num_threads(1)  # leaves a processor to the other thread
    begin = threading.Barrier(2)
    in_step = False
    outcomes: list[tuple[bool, bool]] = []  # (in the middle of the step, the gradient is gone)

    def take_out(grads: list[Array], watched: weakref.ref[Array]) -> None:
        begin.wait()
        grads.clear()
        outcomes.append((in_step, watched() is None))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100.0)  # threads take turns only where the step releases the GIL
    try:
        for _ in range(200):
            grads = [memory[:]]
            thread = threading.Thread(target=take_out, args=(grads, weakref.ref(grads[0])))
            thread.start()
            begin.wait()
            in_step = True
            opt.step(grads)
            in_step = False
            thread.join()
            in_its_middle, gone = outcomes[-1]
            if in_its_middle:
                assert not gone, "a gradient was freed while the step read it"
                return
    finally:
        sys.setswitchinterval(interval)
    pytest.skip("no step was met in its middle")
