"""`extra=`: what scripts have comes back equal and of its type; all else is refused by its place."""

import io
import json
import random
import re
from collections import Counter, OrderedDict, namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from support.checkpoint_samples import SUFFIXES

import fastopt
from fastopt import CheckpointError, checkpoint
from fastopt.state import packed, unpacked

VALUES: list[Any] = [
    *(None, True, 3, -(10**40), 0.1, -0.0, 5e-324, "", "é\ud800", [], {}, (), [[], ({},)]),
    *(float("inf"), -float("inf"), float("nan"), complex(-0.0, float("nan")), b"", b"\0\xff"),
    *({1, 2, "a", (3, 4)}, frozenset({1, frozenset({2})}), set()),
    *(
        {1: 2, None: 3, (1, "a"): {2.5: [4]}},
        {"tuple:": [1]},
        {"array:": 1, "b": 2},
        {"dict:": {"dict:": 1}},
    ),
    *(np.float64(0.1), np.float32(0.1), np.float16("nan"), np.longdouble("0.1"), np.int8(-1)),
    *(np.uint64(2**64 - 1), np.True_, np.complex64(1j), np.str_("é"), np.str_(""), np.bytes_(b"x")),
    *(np.datetime64("2026-11-30T09:00", "ns"), np.timedelta64(3, "s")),
    *(
        np.arange(6).reshape(2, 3),
        np.array([0.1, np.nan, -0.0], np.float32),
        np.array(3.0),
        np.zeros((0, 2)),
    ),
    *(np.array([True, False]), np.array(["a", "bc"]), np.array([b"x", b""]), np.zeros(2, ">f4")),
    *(np.asfortranarray(np.eye(3)[:2]), np.array([1j]), np.array(["2026-11-30"], "datetime64[D]")),
    *(Path("runs/~/1"), date(2026, 11, 30), timedelta(-1, 2, 3), datetime(2026, 11, 30, 9, 5, 1, 7)),
    *(datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5.5)))),
]


def same(a: Any, b: Any) -> bool:
    """Return whether two values are of one type and equal, to the bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a, b)) and all(map(same, a.values(), b.values()))
    if isinstance(a, (np.ndarray, np.generic)):
        by_value = a.dtype.kind in "SU" or type(a) is np.longdouble  # which has bytes that mean nothing
        return a.shape == b.shape and (bool(np.all(a == b)) if by_value else same_bits(a, b))
    return bool(a == b) or repr(a) == repr(b)


def same_bits(a: Any, b: Any) -> bool:
    return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())


def through(extra: Any) -> Any:
    opt = fastopt.SGD(np.ones(2))
    opt.save(file := io.BytesIO(), extra=extra)
    file.seek(0)
    return opt.load(file).extra


def test_what_scripts_have_comes_back() -> None:
    found = through({"values": VALUES, "tuple": tuple(VALUES)})
    for value, list_, tuple_ in zip(VALUES, found["values"], found["tuple"], strict=True):
        assert same(value, list_), value
        assert same(value, tuple_), value


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_random_states_go_on(suffix: str, tmp_path: Path) -> None:
    kinds = [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64]
    rngs, old, legacy = [np.random.Generator(kind(3)) for kind in kinds], random.Random(3), np.random
    rngs[0].standard_normal(5, np.float32)
    old.gauss(0, 1)
    state = np.random.RandomState(3)
    state.standard_normal()
    extra = {
        "numpy": [rng.bit_generator.state for rng in rngs],
        "python": old.getstate(),
        "legacy": state.get_state(),
    }
    opt = fastopt.SGD(np.ones(2))
    opt.save(path := tmp_path / f"run{suffix}", extra=extra)
    wanted = [rng.random() for rng in rngs], old.gauss(0, 1), state.standard_normal()
    for rng in rngs:
        rng.random(100)
    found = opt.load(path).extra
    for rng, each in zip(rngs, found["numpy"], strict=True):
        rng.bit_generator.state = each
    old.setstate(found["python"])
    fresh = legacy.RandomState(0)
    fresh.set_state(found["legacy"])
    assert wanted == ([rng.random() for rng in rngs], old.gauss(0, 1), fresh.standard_normal())


def test_what_json_holds_is_written_as_it_is() -> None:
    """For readers of 0.1, which give it back as it is written."""
    extra = {"epoch": 3, "order": [2, 0, 1], "best": None, "é": 0.1, "deep": [{"a": {}}]}
    opt = fastopt.SGD(np.ones(2))
    opt.save(file := io.BytesIO(), extra=extra)
    file.seek(0)
    with checkpoint.Reader(file) as reader:
        assert reader.manifest["extra"] == extra


def rewritten(extra: Any, **more: Any) -> Any:
    """Make a checkpoint whose manifest has something else for extra."""
    fastopt.SGD(np.ones(2)).save(file := io.BytesIO())
    file.seek(0)
    with checkpoint.Reader(file) as reader:
        manifest = {**reader.manifest, "extra": extra, **more}
    if more == {"extra_form": None}:
        del manifest["extra_form"]
    checkpoint.write(found := io.BytesIO(), manifest, {})
    found.seek(0)
    return found


def test_what_0_1_wrote_comes_back_as_it_was() -> None:
    extra = {"tuple:": [1], "x": {"array:": 3}, "y": {"number:": "nan"}}
    assert fastopt.SGD(np.ones(2)).load(rewritten(extra, extra_form=None)).extra == extra


@pytest.mark.parametrize(
    "extra",
    [
        {"array:": ["|O", [1], "AAAAAAAAAAA="]},
        {"array:": ["|V8", [1], "AAAAAAAAAAA="]},
        {"array:": ["<f8", [10**15], ""]},
        {"array:": ["<f8", [2], "AAAAAAAAAAA="]},
        {"scalar:": ["<f8", ""]},
        {"scalar:": 3},
        {"number:": "one"},
        {"set:": [[1]]},
        {"dict:": [[[1], 2]]},
        {"dict:": 3},
        {"datetime:": "tomorrow"},
        {"complex:": "1j"},
        {"path:": [1]},
    ],
)
def test_what_cannot_have_been_written_is_refused(extra: Any) -> None:
    opt = fastopt.SGD(p := np.ones(2), lr=0.5)
    with pytest.raises(CheckpointError, match=r"does not fit: .* is not what a checkpoint holds: "):
        opt.load(rewritten([extra]))
    assert (opt.lr, p.tolist()) == (0.5, [1.0, 1.0])


def test_a_form_of_later_is_refused() -> None:
    with pytest.raises(CheckpointError, match="its extra has the form 2, of a newer fastopt"):
        fastopt.SGD(np.ones(2)).load(rewritten({}, extra_form=2))


class Color(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


class Subclass(np.ndarray[Any, Any]):
    pass


def an_array(value: Any) -> Any:
    class Arraylike:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.asarray(value)

    return Arraylike()


Point = namedtuple("Point", "x y")
REMEDIES: list[tuple[Any, str, Callable[[Any], Any]]] = [
    (OrderedDict(a=1), "dict(...)", dict),
    (Counter("ab"), "dict(...)", dict),
    (Point(1, 2), "tuple(...)", tuple),
    (Level.LOW, "int(...)", int),
    (Color.RED, "repr(...)", repr),
    (Decimal("0.1"), "repr(...)", repr),
    (PurePosixPath("x"), "repr(...)", repr),
    (np.random.default_rng(0), "its .bit_generator.state", lambda x: x.bit_generator.state),
    (random.Random(0), "its .getstate()", lambda x: x.getstate()),
    (np.array([None]), ".tolist()", lambda x: x.tolist()),
    (np.zeros(2, "f4,i4"), ".tolist()", lambda x: x.tolist()),
    (np.ma.array([1, 2], mask=[False, True]), ".tolist()", lambda x: x.tolist()),
    (np.zeros(2).view(Subclass), "np.array(...)", np.array),
    (an_array([1.0]), "np.asarray(...)", np.asarray),
    (datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")), ".astimezone(", lambda x: x.astimezone(UTC)),
    (len, "a name by which to find it again", lambda x: x.__name__),
]


@pytest.mark.parametrize(("value", "words", "mend"), REMEDIES, ids=lambda x: None)
def test_what_is_refused_is_named_and_the_remedy_works(
    value: Any, words: str, mend: Callable[[Any], Any]
) -> None:
    opt = fastopt.SGD(np.ones(2))
    file = io.BytesIO()
    with pytest.raises(TypeError, match=re.escape("extra['model'][1]['fn'] is ")) as caught:
        opt.save(file, extra={"model": (0, {"fn": value})})
    assert f": give {words}" in str(caught.value)
    assert file.getvalue() == b""
    assert same(through(mend(value)), mend(value))


def test_a_key_and_a_loop_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^a key of extra\['a'\] is <Color"):
        packed({"a": {Color.RED: 1}})
    loop: Any = []
    loop.append(loop)
    with pytest.raises(ValueError, match=r"^extra contains itself, or is nested too deeply$"):
        packed(loop)


def test_json_holds_what_is_packed() -> None:
    found = packed(VALUES)
    assert same(unpacked(json.loads(json.dumps(found, allow_nan=False))), VALUES)
