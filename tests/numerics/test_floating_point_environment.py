"""Beside a library built with -ffast-math, which lets its thread take subnormal numbers for zero."""

import ctypes
import shutil
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.numerics import environment as fpenv

Run = Callable[..., str]

# What GCC's crtfastmath.o does as such a library is loaded, and two ways to look at it.
SOURCE = """
#if defined(__x86_64__)
static unsigned control_word(void) { return __builtin_ia32_stmxcsr(); }
static void set_control_word(unsigned word) { __builtin_ia32_ldmxcsr(word); }
enum { flush = 0x8040, status = 0x3f };
#else
static unsigned control_word(void) {
    unsigned long word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return (unsigned)word;
}
static void set_control_word(unsigned word) {
    unsigned long wide = word;
    __asm__ volatile("msr fpcr, %0" : : "r"(wide));
}
enum { flush = 1 << 24, status = 0 };
#endif
unsigned control(void) { return control_word() & ~(unsigned)status; }
void keep_subnormals(void) { set_control_word(control_word() & ~(unsigned)flush); }
__attribute__((constructor)) void fast_math(void) { set_control_word(control_word() | flush); }
"""


@pytest.fixture(scope="module")
def library_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("fast_math")
    (folder / "fast.c").write_text(SOURCE)
    built = folder / "libfast.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, folder / "fast.c"], check=True)
    return built


@contextmanager
def fast_math_in(library_file: Path) -> Iterator[Callable[[], int]]:
    """Have it in this thread; give what reads the control word."""
    library: Any = ctypes.CDLL(str(library_file))
    library.fast_math()
    try:
        yield library.control
    finally:
        library.keep_subnormals()


def flushed() -> bool:
    return bool(np.float32(1e-40) * np.float32(1.0) == 0.0)


def test_the_library_does_what_it_is_made_for(library_file: Path) -> None:
    with fast_math_in(library_file):
        assert flushed()
        assert not fpenv.keeps_subnormals()
    assert not flushed()
    assert fpenv.keeps_subnormals()


LARGE = 530_000  # elements: enough for two threads on every backend


@cache  # made before the library is there
def values(key: str, *shape: int) -> Any:
    """Give numbers that are subnormal in float32."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    return np.asarray(1e-39 * rng.standard_normal(shape), np.float32)


@pytest.fixture(scope="module", autouse=True)
def problem() -> None:
    train("numpy", LARGE)
    smooth("numpy")


def train(backend: str, size: int = 1000, **options: Any) -> list[bytes]:
    """Train numbers with scalars, all of them subnormal."""
    params = [values("p", size).copy(), values("q", 30, 40).copy()]
    copies = [np.zeros(p.shape, np.uint16) for p in params]
    settings = {"weight_decay": 0.1, "ema": 0.9, "cast_to": copies, **options}
    opt = fastopt.Adam(params, lr=1e-40, eps=1e-41, backend=backend, **settings)
    for k in range(2):
        opt.step([values(f"g{k}", size), values(f"h{k}", 40, 30).T])
    arrays = [*params, *copies, *opt.ema_state, *(a for s in opt.state.values() for a in s.values())]
    return [a.tobytes() for a in arrays]


def smooth(backend: str) -> bytes:
    return fastopt.ema(values("signal", 50, 7), 0.9, backend=backend).tobytes()


def test_bits_are_the_same(backend: str, library_file: Path) -> None:
    cases: list[tuple[int, dict[str, Any]]] = [(LARGE, {}), (1000, {"clipnorm": 1e-39, "stats": True})]
    expected = [train(backend, size, **options) for size, options in cases]
    smoothed = smooth(backend)
    with fast_math_in(library_file) as control:
        before = control()
        assert [train(backend, size, **options) for size, options in cases] == expected
        assert smooth(backend) == smoothed
        assert control() == before
        assert flushed()  # it is the caller's choice


def test_whatever_the_thread_that_computes(backend: str, library_file: Path) -> None:
    """Workers that were made before, and a caller that inherits the mode of who made it."""
    expected = train(backend, LARGE)
    found: list[Any] = []
    with fast_math_in(library_file):
        caller = threading.Thread(target=lambda: found.extend([train(backend, LARGE), flushed()]))
        caller.start()
        caller.join()
    assert found == [expected, True]


WITHOUT_A_WAY = """
    import ctypes, sys, warnings
    import numpy as np
    import fastopt
    from fastopt.numerics import environment as fpenv

    fpenv._library = lambda: None
    ctypes.CDLL({library!r})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            fastopt.SGD(np.ones(3), backend={backend!r}).step(np.ones(3))
    print(*[f"{{w.category.__name__}}: {{w.filename}}: {{w.message}}" for w in caught], sep="\\n")
"""


def test_a_warning_where_nothing_can_be_done(library_file: Path, backend: str, run_python: Run) -> None:
    """Once, at the user's line, on the backends that depend on it."""
    script = WITHOUT_A_WAY.format(library=str(library_file), backend=backend)
    told = run_python(script).splitlines()
    if backend == "native":
        assert not told
        return
    assert len(told) == 1
    for word in ("RuntimeWarning: <string>", "-ffast-math", "backend='native'"):
        assert word in told[0]


def test_the_warning_as_an_error_changes_nothing(
    library_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fpenv, "_library", lambda: None)
    fpenv._warn_once.cache_clear()
    p = np.ones(3)
    opt = fastopt.SGD(p, backend="numpy")
    with fast_math_in(library_file), pytest.raises(RuntimeWarning, match="subnormal"):
        opt.step(np.ones(3))
    assert p.tobytes() == np.ones(3).tobytes()
    assert opt.step_count == 0
    fpenv._warn_once.cache_clear()
