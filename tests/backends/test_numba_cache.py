"""Compiled code on disk: found again where it is the same, and never where anything has changed."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastopt
from fastopt.algorithm import Rule
from fastopt.rules import sign

numba = pytest.importorskip("numba")
folder = pytest.importorskip("fastopt.backends.numba_cache").folder
digest = pytest.importorskip("fastopt.backends.numba_digest").digest
kernel = pytest.importorskip("fastopt.backends.numba_kernel").kernel

FACTOR = 2.0
HELPER: Any = numba.njit(lambda x: x + x)
ARRAY = np.ones(1)


class Scalars(NamedTuple):
    lr: float


def plain(p: Any, g: Any, c: Any) -> Any:
    return p - c.lr * g


def closed_over(factor: Any) -> Callable[..., Any]:
    return lambda p, g, c: p - factor * g


def of_globals(body: Callable[..., Any], **changed: Any) -> Any:
    return FunctionType(body.__code__, {**globals(), **changed}, body.__name__)


def with_factor(p: Any, g: Any, c: Any) -> Any:
    return p - FACTOR * g


def with_helper(p: Any, g: Any, c: Any) -> Any:
    return p - HELPER(g) * sign(g) * np.sqrt(g) * math.pi


def with_array(p: Any, g: Any, c: Any) -> Any:
    return p - ARRAY[0] * g


def with_function(p: Any, g: Any, c: Any) -> Any:
    return plain(p, g, c)


def in_text(text: str) -> Any:
    names: dict[str, Any] = {"__name__": "somewhere"}
    exec(f"def rule(p, g, c): {text}", names)
    return names["rule"]


def test_the_same_text_has_the_same_digest() -> None:
    assert digest(in_text("return p - g")) == digest(in_text("return p - g")) != ""
    assert digest(in_text("\n\n\n    return p - g")) == digest(in_text("return p - g"))
    assert digest(with_helper) == digest(of_globals(with_helper)) != ""


DIFFERENT: list[tuple[Any, Any]] = [
    (in_text("return p - g"), in_text("return p + g")),
    (in_text("return p - c.a * g"), in_text("return p - c.b * g")),
    (in_text("return p - 1.0 * g"), in_text("return p - 1.5 * g")),
    (in_text("return p - 1.0 * g"), in_text("return p - True * g")),
    (in_text("return (lambda x: x)(p)"), in_text("return (lambda x: -x)(p)")),
    (closed_over(1.0), closed_over(2.0)),
    (closed_over(np.float32(1.0)), closed_over(np.float64(1.0))),
    (with_factor, of_globals(with_factor, FACTOR=3.0)),
    (with_helper, of_globals(with_helper, HELPER=numba.njit(lambda x: x * x))),
    (with_helper, of_globals(with_helper, HELPER=numba.njit(fastmath=True)(HELPER.py_func))),
]


@pytest.mark.parametrize("pair", DIFFERENT)
def test_whatever_a_function_refers_to_changes_it(pair: tuple[Any, Any]) -> None:
    one, other = map(digest, pair)
    assert one
    assert other
    assert one != other


@pytest.mark.parametrize("rule", [with_array, with_function, closed_over([1.0]), closed_over(os)])
def test_what_cannot_be_told_has_no_digest(rule: Any) -> None:
    assert digest(rule) == ""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep compiled code in a folder of the test's own."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    found: Path = folder()
    return found


def made(update: Callable[..., Any]) -> Any:
    """Make a kernel as a new process does, with nothing in its memory."""
    return kernel.__wrapped__(Rule(update, "rule", (), Scalars), 0, np.dtype(np.float64))


def test_found_again_and_not_where_the_rule_is_another(cache: Path) -> None:
    assert made(closed_over(3.0))._cache_hits == 0
    assert made(closed_over(3.0))._cache_hits == 1
    assert made(closed_over(4.0))._cache_hits == 0
    assert len(list(cache.iterdir())) == 2


def test_a_file_that_is_not_whole_is_compiled_again(cache: Path) -> None:
    made(plain)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for broken in (b"", whole[:-1], whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:]):
        file.write_bytes(broken)
        assert made(plain)._cache_hits == 0
        assert made(plain)._cache_hits == 1


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there are no such modes")
def test_nothing_is_read_where_others_can_write(cache: Path) -> None:
    made(plain)
    cache.chmod(0o777)
    assert made(plain)._cache_hits == 0
    cache.chmod(0o700)
    assert made(plain)._cache_hits == 1


def test_no_place_for_files(cache: Path) -> None:
    cache.parent.rmdir()
    cache.parent.write_text("a file, where the folder would be")
    assert made(plain)._cache_hits == 0
    assert made(plain)._cache_hits == 0


def test_what_cannot_be_told_is_not_kept(cache: Path) -> None:
    made(closed_over(5.0))
    assert made(with_array)._cache_hits == 0
    assert made(with_array)._cache_hits == 0
    assert len(list(cache.iterdir())) == 1


PROCESS = """
import sys
from typing import NamedTuple
import numpy as np
import fastopt
from fastopt.backends import numba_elementwise

class Scalars(NamedTuple):
    lr: float

def rule(p, g, c):
    return p - {factor} * (c.lr * g)

class Own(fastopt.Optimizer):
    rule = staticmethod(rule)
    coefficients = staticmethod(lambda h, t: Scalars(h.lr))

p, q = np.ones(3), np.ones(3, np.float32)
Own(p, lr=0.5, backend="numba").step(np.ones(3))
opt = fastopt.Adam([q], lr=0.5, backend="numba")
opt.step([np.ones(3, np.float32)])
print(p[0], q[0], numba_elementwise.piece.cache_info().misses)
"""


def test_the_next_process_compiles_nothing_that_is_the_same(
    tmp_path: Path, run_python: Callable[..., str]
) -> None:
    def run(**given: Any) -> list[str]:
        script = PROCESS.replace("{factor}", "(-np.sqrt(c.lr))" if given else "np.sqrt(c.lr)")
        return run_python(script, NUMBA_CACHE_DIR=str(tmp_path)).split()

    first = run()
    files = {file.name for file in folder_in(tmp_path).iterdir()}
    assert run() == first
    assert {file.name for file in folder_in(tmp_path).iterdir()} == files
    changed = run(changed=True)
    assert changed[1] == first[1]
    assert float(changed[0]) > 1.0 > float(first[0])


def folder_in(place: Path) -> Path:
    return place / "fastopt"


def test_an_optimizer_runs_on_what_was_found(cache: Path) -> None:
    found: list[bytes] = []
    for _ in range(2):
        kernel.cache_clear()
        p = np.linspace(-1, 1, 50, dtype=np.float32)
        opt = fastopt.RMSprop([p], lr=0.25, backend="numba")
        opt.step([np.linspace(3, 2, 50, dtype=np.float32)])
        found.append(p.tobytes())
    assert found[0] == found[1]
