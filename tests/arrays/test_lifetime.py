"""An array that is bound cannot lose its memory; what is done to it in place is found before a step."""

import gc
import mmap
import sys
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.by_hand import bfloat16
from support.lifetime_rooms import ROOMS, SIZE, Arena, Array, full, gradients

import fastopt
from fastopt.arrays.fingerprint import chain

REPEATS = 12  # of 11 attempts x 3 uses x 3 backends: more than a thousand
USES = ("parameter", "copy", "gradient")


def digest(arrays: Any) -> str:
    found = sha256()
    for a in arrays:
        found.update(f"{a.dtype} {a.shape} {a.strides} {a.flags.writeable}".encode())
        found.update(a.tobytes())
    return found.hexdigest()


def all_of(state: dict[str, Any]) -> list[Array]:
    return [a for entry in state["parameters"].values() for a in entry["arrays"].values()]


def refill(a: Any, values: Any) -> None:
    """Put other memory under an array, as unpickling does."""
    a.__setstate__(values.__reduce__()[2])


def memory_of(a: Array) -> list[Any]:
    """Give what an array is a view of, or itself if it is none."""
    return list(chain(a))[1:] or [a]


def bind(room: Arena, use: str, backend: str) -> fastopt.Optimizer:
    """Make an optimizer with an array in that use, and take a step."""
    p = room.array if use == "parameter" else np.zeros(SIZE, np.float32)
    given: dict[str, Any] = {"cast_to": room.array} if use == "copy" else {}
    g = room.array if use == "gradient" else np.ones(SIZE, np.float32)
    opt = fastopt.Adam(p, grads=g, backend=backend, **given)
    assert opt.step()
    return opt


# Refused while it is bound, allowed afterwards.


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("make", ROOMS)
def test_memory_stays_until_the_end(
    make: Callable[[Any, Path], Arena], use: str, backend: str, tmp_path: Path
) -> None:
    room = make(bfloat16 if use == "copy" else np.float32, tmp_path)
    opt = bind(room, use, backend)
    for _ in range(REPEATS):
        for attempt, error in room.attempts:
            with pytest.raises(error):
                attempt()
        assert opt.step()
    assert opt.step_count == 1 + REPEATS
    opt.close()
    room.attempts[0][0]()


@pytest.mark.parametrize("make", ROOMS)
def test_memory_goes_with_the_optimizer(
    make: Callable[[Any, Path], Arena], backend: str, tmp_path: Path
) -> None:
    room = make(np.float32, tmp_path)
    gc.disable()
    try:
        opt = bind(room, "parameter", backend)
        attempt, error = room.attempts[0]
        with pytest.raises(error):
            attempt()
        del opt
        room.attempts[0][0]()
    finally:
        gc.enable()


def test_what_an_optimizer_makes_is_held_with_all_it_is_a_view_of(backend: str) -> None:
    opt, written = full(backend)
    count = 0
    for array in written.values():
        for link in memory_of(array):
            with pytest.raises(ValueError, match="resize"):
                link.resize(3, refcheck=False)
            assert weakref.getweakrefcount(link) == 1
            count += 1
    assert count == len(written)
    for seed in range(2, 8):
        opt.accumulate(gradients(seed))
    assert opt.step_count == 3
    opt.close()
    assert all(weakref.getweakrefcount(link) == 0 for a in written.values() for link in memory_of(a))


def test_what_a_later_rule_or_a_loaded_state_needs_is_held(backend: str, tmp_path: Path) -> None:
    p = np.ones(SIZE)
    opt = fastopt.SGD(p, lr=0.1, backend=backend)
    opt.momentum = 0.9
    opt.step(np.ones(SIZE))
    opt.save(tmp_path / "state.npz")
    for load in (
        lambda: None,
        lambda: opt.load(tmp_path / "state.npz"),
        lambda: opt.load_state_dict(opt.state_dict()),
    ):
        before = opt.state["params"]["b"].base
        load()
        owner: Any = opt.state["params"]["b"].base
        with pytest.raises(ValueError, match="resize"):
            owner.resize(3, refcheck=False)
        assert weakref.getweakrefcount(owner) == 1
        if before is not owner:
            assert weakref.getweakrefcount(before) == 0
    with pytest.raises(ValueError, match="resize"):
        p.resize(3, refcheck=False)


def test_parameters_that_come_are_held_and_those_that_go_are_free(backend: str) -> None:
    params = {"a": np.ones(SIZE), "b": np.ones(SIZE)}
    opt = fastopt.Adam(params, ema=0.9, backend=backend)
    opt.step({"a": np.ones(SIZE), "b": np.ones(SIZE)})
    c = np.ones(SIZE)
    opt.add_params({"c": c})
    with pytest.raises(ValueError, match="resize"):
        c.resize(3, refcheck=False)
    b = params["b"]
    opt.remove_params("b")
    assert weakref.getweakrefcount(b) == 0
    b.resize(3, refcheck=False)
    for name in ("a", "c"):
        for array in (params[name], opt.state[name]["v"], opt.ema_state[name]):
            assert all(weakref.getweakrefcount(link) == 1 for link in memory_of(array))
    assert opt.step({"a": np.ones(SIZE), "c": np.ones(SIZE)})


def test_parameters_that_are_refused_are_not_held(backend: str) -> None:
    params = {"a": np.ones(SIZE)}
    opt = fastopt.Adam(params, backend=backend)
    good, bad = np.ones(SIZE), np.ones(SIZE, int)
    with pytest.raises(TypeError, match="int64"):
        opt.add_params({"good": good, "bad": bad})
    gc.collect()  # the traceback
    good.resize(3, refcheck=False)
    with pytest.raises(ValueError, match="resize"):
        params["a"].resize(3, refcheck=False)


def test_another_thread_that_never_stops_trying(run_python: Callable[..., str], backend: str) -> None:
    printed = run_python(
        f"""
        import mmap, sys, threading
        import numpy as np
        import fastopt

        fastopt.set_num_threads(2)
        sys.setswitchinterval(1e-4)  # or a step waits 5 ms for the other thread at each call of NumPy's
        SIZE = 500_000

        def train(attempts=()):
            memory = mmap.mmap(-1, 4 * SIZE)
            owner = np.zeros(SIZE + 5, np.float32)
            p = [owner[5:], np.ndarray(SIZE, np.float32, memory), np.zeros(SIZE, np.float32)]
            g = [np.full(SIZE, i + 1.0, np.float32) for i in range(3)]
            opt = fastopt.Adam(p, grads=g, ema=0.9, backend={backend!r})
            opt.step()
            refused, stop, begun = 0, threading.Event(), threading.Event()

            def attack():
                nonlocal refused
                arrays = [owner, p[2], g[0], opt.state["0"]["m"].base, opt.ema_state[1].base]
                tries = [lambda a=a: a.resize(10, refcheck=False) for a in arrays] + [memory.close]
                while not stop.is_set():
                    for attempt in tries:
                        try:
                            attempt()
                        except (ValueError, BufferError):
                            refused += 1
                        else:
                            raise SystemExit("a memory went away")
                    begun.set()

            attacker = threading.Thread(target=attack)
            if attempts:
                attacker.start()
                begun.wait()
            steps = 0
            while steps < 20 or (attempts and refused < 1000):
                opt.step()
                steps += 1
                if steps == 20:
                    found = b"".join(a.tobytes() for a in p)
            stop.set()
            if attempts:
                attacker.join()
            return found, refused

        expected, _ = train()
        found, refused = train(attempts=True)
        assert found == expected
        print(refused)
        """
    )
    assert int(printed) >= 1000


# In-place edits.


def reshape(a: Any) -> None:
    a.shape = (4, 3)


def retype(a: Any) -> None:
    a.dtype = {4: np.int32, 2: np.int16}[a.itemsize]


def restride(a: Any) -> None:
    a.strides = (a.itemsize, 3 * a.itemsize)


def forbid(a: Array) -> None:
    a.setflags(write=False)


def enlarge(a: Array) -> None:
    refill(a, np.full((40, 50), 7, a.dtype))


EDITS: list[tuple[Callable[[Any], None], type[Exception] | tuple[type[Exception], ...], str]] = [
    (reshape, ValueError, "shape"),
    (retype, TypeError, "int"),
    (restride, ValueError, "contiguous|strides"),
    (forbid, ValueError, "read-only"),
    (enlarge, ValueError, "another shape"),
]

NAMES = list(full("numpy")[1])
OURS = [name for name in NAMES if "parameter" in name or "copy" in name]  # that a caller has
VIEWS = [name for name in NAMES if name not in OURS]


def edited(edit: Callable[[Any], None], array: Array) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy is about to give up some of these
        edit(array)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit[0].__name__)
@pytest.mark.parametrize("name", OURS)
def test_an_edit_in_place_is_an_error_that_names_the_array(name: str, edit: Any, backend: str) -> None:
    change, error, words = edit
    opt, written = full(backend)
    state = written[name].__reduce__()[2] if change is forbid else None
    edited(change, written[name])
    before = digest(written.values()), opt.step_count
    for call in (opt.accumulate, opt.step):
        with pytest.raises(error, match=words) as caught:
            call(gradients(2))
        assert name in str(caught.value)
        assert any(
            remedy in str(caught.value) for remedy in ("make a new", "give", "convert", "setflags")
        )
        assert (digest(written.values()), opt.step_count) == before
    if state is not None:
        written[name].setflags(write=True)
        goes_on(opt, full(backend)[0])


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit[0].__name__)
@pytest.mark.parametrize("name", VIEWS)
def test_what_becomes_of_a_view_does_nothing_to_the_optimizer(
    name: str, edit: Any, backend: str
) -> None:
    opt, written = full(backend)
    before = written[name].tobytes()
    edited(edit[0], written[name])
    assert (written[name].tobytes() == before) == (edit[0] not in (restride, enlarge))
    goes_on(opt, full(backend)[0])


@pytest.mark.parametrize("name", OURS)
def test_an_array_filled_anew_is_an_error_or_taken_as_it_is(name: str, backend: str) -> None:
    opt, written = full(backend)
    address = written[name].ctypes.data
    refill(written[name], np.full((3, 4), 7, written[name].dtype))
    if written[name].ctypes.data == address:  # it had memory of its own, and got it back
        twin, theirs = full(backend)
        theirs[name][...] = 7
        goes_on(opt, twin)
        return
    before = digest(written.values())
    with pytest.raises(ValueError, match=f"{name} has been given other memory"):
        opt.accumulate(gradients(2))
    assert digest(written.values()) == before


def goes_on(opt: fastopt.Optimizer, twin: fastopt.Optimizer) -> None:
    """Compare the bits of further steps with those of an optimizer that nobody has touched."""
    for each in (opt, twin):
        for seed in range(2, 6):
            each.accumulate(gradients(seed))
        each.flush()
        each.step(gradients(6))
    found, expected = (each.state_dict(copy=False) for each in (opt, twin))
    for name in opt.names:
        ours, theirs = (state["parameters"][name]["arrays"] for state in (found, expected))
        assert digest(ours.values()) == digest(theirs.values())
    assert digest(opt.params.values()) == digest(twin.params.values())


def test_an_owner_with_other_memory_is_an_error(backend: str) -> None:
    owner = np.zeros(2 * SIZE, np.float32)
    copies = np.zeros(2 * SIZE, bfloat16)
    p = owner[2:][:SIZE]
    for bad, what in [(owner, "parameter 'params'"), (copies, "the copy of 'params' in cast_to")]:
        opt = fastopt.Adam(p, cast_to=copies[:SIZE], backend=backend)
        opt.step(np.ones(SIZE, np.float32))
        kept = digest([p, *opt.state["params"].values()])
        refill(bad, np.zeros(5))
        with pytest.raises(ValueError, match=f"the array that {what} is a view of") as caught:
            opt.step(np.ones(SIZE, np.float32))
        assert "make a new optimizer" in str(caught.value)
        if bad is not owner:
            assert digest([p, *opt.state["params"].values()]) == kept
        p = np.zeros(SIZE, np.float32)


def test_the_owner_of_a_state_with_other_memory_is_an_error(backend: str) -> None:
    for name in VIEWS:
        opt, written = full(backend)
        refill(written[name].base, np.zeros(3))
        with pytest.raises(ValueError, match=r"the array that .* is a view of") as caught:
            opt.accumulate(gradients(2))
        named = str(caught.value).removeprefix("the array that ").partition(" is a view")[0]
        assert written[named].base is written[name].base  # small arrays share one
        assert opt.step_count == 1


def test_memory_of_the_same_address_and_less_of_it_is_an_error(backend: str) -> None:
    """An allocator may give what has just been freed."""
    for size in range(SIZE, 4 * SIZE):
        owner = np.zeros(4 * SIZE, np.float32)
        p = owner[:SIZE]
        opt = fastopt.Adam(p, backend=backend)
        refill(owner, np.zeros(size, np.float32))
        with pytest.raises(ValueError, match="is a view of"):
            opt.step(np.ones(SIZE, np.float32))


def test_an_edit_that_does_no_harm_is_no_error(backend: str) -> None:
    results = []
    for edits in (False, True):
        owner: Any = np.zeros((2, SIZE), np.float32)
        column = np.zeros((SIZE, 1), np.float32)
        opt = fastopt.Adam([owner[0], column], backend=backend)
        if edits:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                owner.shape = (SIZE, 2)
                owner.dtype = np.int32
                owner.setflags(write=False)
                column.strides = (4, 400)
        for seed in range(3):
            g = np.random.default_rng(seed).standard_normal((2, SIZE)).astype(np.float32)
            opt.step([g[0], g[1].reshape(-1, 1)])
        results.append([p.tobytes() for p in opt.params])
    assert results[0] == results[1]


def test_a_state_is_not_loaded_over_a_parameter_that_has_changed(backend: str, tmp_path: Path) -> None:
    opt, written = full(backend)
    opt.save(tmp_path / "state.npz", params=True)
    opt.flush()
    copies = written["the copy of 'a' in cast_to"]
    for bad in (written["parameter 'b'"], copies):
        bad.setflags(write=False)
        before = digest(written.values())
        with pytest.raises(ValueError, match="read-only"):
            opt.load(tmp_path / "state.npz")
        with pytest.raises(ValueError, match="read-only"):
            opt.load_state_dict(opt.state_dict())
        assert digest(written.values()) == before
        assert opt.step_count == 2
        bad.setflags(write=True)
    opt.load(tmp_path / "state.npz")
    assert opt.step_count == 1


def test_a_bound_gradient_is_looked_at_each_step(backend: str) -> None:
    for dtype in (np.float32, bfloat16):
        p, g = np.zeros((3, 4), np.float32), np.ones((3, 4), dtype)
        opt = fastopt.Adam(p, grads=g, cast_grads=True, zero_grads=True, backend=backend)
        opt.step()
        g[...] = 1
        for change, words in ((forbid, "read-only"), (reshape, "shape")):
            twin = g.copy()
            edited(change, g)
            before = digest([p, g, *opt.state["params"].values()])
            with pytest.raises(ValueError, match=f"gradient of 'params'.*{words}"):
                opt.step()
            assert digest([p, g, *opt.state["params"].values()]) == before
            g.setflags(write=True)
            edited(lambda a, twin=twin: setattr(a, "shape", twin.shape), g)  # type: ignore[misc]
        assert opt.step()
        assert not g.any()


# The end.


def test_after_close_nothing_is_trained_and_nothing_is_lost(backend: str, tmp_path: Path) -> None:
    opt, written = full(backend)
    before = digest(written.values())
    state = opt.state_dict()
    opt.close()
    opt.close()
    acts: list[Callable[[], Any]] = [
        lambda: opt.step(gradients(2)),
        lambda: opt.accumulate(gradients(2)),
        lambda: opt.flush(),
        lambda: opt.load_state_dict(state),
        lambda: opt.load(tmp_path / "state.npz"),
        lambda: opt.freeze("a"),
        lambda: opt.unfreeze("a"),
        lambda: opt.averaged().__enter__(),
        lambda: opt.perturbed(gradients(2)).__enter__(),
        lambda: opt.__enter__(),
    ]
    opt.save(tmp_path / "state.npz", params=True)
    for act in acts:
        with pytest.raises(RuntimeError, match="this optimizer is closed: make a new one"):
            act()
    opt.lr = 0.5
    opt.amsgrad = False  # another rule
    assert "lr=0.5" in repr(opt)
    assert [list(opt.state), opt.step_count] == [["a", "b"], 1]
    assert digest(written.values()) == before
    assert digest(all_of(opt.state_dict())) == digest(all_of(state))
    twin = full(backend)[0]
    twin.flush()
    twin.step(gradients(3))
    twin.load(tmp_path / "state.npz")
    assert digest(all_of(twin.state_dict())) == digest(all_of(state))
    assert digest(twin.params.values()) == digest(opt.params.values())
    assert all(weakref.getweakrefcount(link) == 0 for a in written.values() for link in memory_of(a))


def test_roster_of_a_closed_optimizer(backend: str) -> None:
    params = {"a": np.zeros(3), "b": np.zeros(3)}
    with fastopt.Adam(params, backend=backend) as opt:
        assert opt.step({"a": np.ones(3), "b": np.ones(3)})
    for act in (lambda: opt.add_params({"c": np.zeros(3)}), lambda: opt.remove_params("a")):
        with pytest.raises(RuntimeError, match="this optimizer is closed: make a new one"):
            act()
    assert list(params) == opt.names == ["a", "b"]


def test_a_with_block_closes_after_an_error_too(backend: str) -> None:
    p = np.zeros(3)
    with suppress(ZeroDivisionError), fastopt.Adam(p, backend=backend) as opt:
        opt.step(np.ones(3))
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="is closed"):
        opt.step(np.ones(3))
    p.resize(5, refcheck=False)


def test_close_waits_for_what_goes_on(backend: str) -> None:
    p = np.ones(3)
    opt = fastopt.AdamWScheduleFree(p, backend=backend)
    opt.step(np.ones(3))
    opt.eval()
    with pytest.raises(RuntimeError, match=r"train\(\) first"):
        opt.close()
    opt.train()
    with opt.averaged(), pytest.raises(RuntimeError, match="with block"):
        opt.close()
    with pytest.raises(ValueError, match="resize"):
        p.resize(5, refcheck=False)
    assert opt.step(np.ones(3))
    opt.before_step(lambda opt: opt.close())
    with pytest.raises(RuntimeError, match="is closed"):
        opt.step(np.ones(3))
    assert opt.step_count == 2
    opt.train()


def test_an_optimizer_leaves_nothing_behind(backend: str) -> None:
    p, g, c = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32), np.zeros(SIZE, np.float16)
    kept = [p, g, c]
    before = [sys.getrefcount(a) for a in kept]
    gc.collect()
    gc.disable()
    try:
        for end in ("del", "close"):
            opt = fastopt.Adam(p, grads=g, cast_to=c, ema=0.9, backend=backend)
            opt.step()
            state = opt.state["params"]["m"]
            found = weakref.ref(opt)
            if end == "close":
                opt.close()
                assert weakref.getweakrefcount(p) == weakref.getweakrefcount(state.base) == 0
            del opt
            assert found() is None
            assert [sys.getrefcount(a) for a in kept] == before
            assert [weakref.getweakrefcount(a) for a in (*kept, state, state.base)] == [0] * 5
            assert sys.getrefcount(state) == 2
    finally:
        gc.enable()


# Memory that has gone before, or that only its owner keeps.


def test_memory_that_has_been_let_go_of(backend: str, run_python: Callable[..., str]) -> None:
    memory = bytearray(8 * SIZE)
    p = np.frombuffer(memory)
    p.base.release()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="the memory of parameter 'params' has been let go of"):
        fastopt.Adam(p, ema=0.9, backend=backend)
    narrow = bytearray(2 * SIZE)
    copies = np.frombuffer(narrow, np.float16)
    copies.base.release()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="the memory of the copy of 'params' in cast_to has been let"):
        fastopt.Adam(np.zeros(SIZE), cast_to=copies, backend=backend)
    run_python(
        f"""
        import mmap
        import numpy as np
        import fastopt

        memory = mmap.mmap(-1, mmap.PAGESIZE)
        p = np.ndarray(12, buffer=memory)
        memory.close()
        try:
            fastopt.Adam(p, ema=0.9, backend={backend!r})
        except ValueError as error:
            assert "the memory of parameter 'params' has been let go of" in str(error)
        else:
            raise AssertionError
        """
    )


def test_a_mapping_of_the_file_stays_while_any_of_its_views_is_bound(backend: str) -> None:
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    params = [np.ndarray(SIZE, np.float32, memory, 64 * i) for i in range(3)]
    opts = [fastopt.Adam(p, backend=backend) for p in params]
    for opt in opts:
        with pytest.raises(BufferError):
            memory.close()
        opt.close()
    del params, opts, opt
    memory.close()


def test_a_tensor_is_kept_alive(backend: str) -> None:
    torch = pytest.importorskip("torch")
    p = torch.zeros(SIZE).numpy()  # nobody else has the tensor
    opt = fastopt.Adam(p, backend=backend)
    gc.collect()
    assert opt.step(np.ones(SIZE, np.float32))
    assert (p == p[0]).all()
    assert p[0] != 0
