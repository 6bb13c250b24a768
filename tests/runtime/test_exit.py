"""The interpreter ends while daemon threads are in a step: the program's exit code, and no signal."""

import subprocess
import sys
from textwrap import dedent, indent

import pytest

from fastopt.runtime.extension import native

# Each leaves `work`, which a daemon thread calls for ever. Arrays are large enough that a step runs
# without the GIL, but for "small", where threads meet in Python's own code alone.
WAYS = {
    "plain": "opt = fastopt.Adam(p); work = lambda: opt.step(g)",
    "small": "q, h = p[:1000].copy(), g[:1000]; opt = fastopt.Adam(q); work = lambda: opt.step(h)",
    "a schedule in Python": """
        opt = fastopt.Adam(p, lr=lambda t: 1 / (1 + t))
        work = lambda: opt.step(g)
    """,
    "several optimizers": """
        all = [fastopt.SGD(p.copy(), momentum=0.9) for _ in range(2)]
        def work():
            for opt in all:
                opt.step(g)
    """,
    "everything": """
        opt = fastopt.AdamW(p, global_clipnorm=1.0, ema=0.9, zero_grads=True, stats=True)
        work = lambda: opt.step(g)
    """,
    "accumulation": """
        opt = fastopt.Adam(p, gradient_accumulation_steps=3)
        work = lambda: opt.accumulate(g)
    """,
    "functional": """
        m, v = np.zeros_like(p), np.zeros_like(p)
        work = lambda: fastopt.functional.adam(p, g, m, v, t=1, lr=1e-3)
    """,
    "a signal smoothed": "x = np.ones((300, 1000), np.float32); work = lambda: fastopt.ema(x, 0.9)",
    "averages swapped": """
        opt = fastopt.Adam(p, ema=0.9)
        opt.step(g)
        def work():
            with opt.averaged():
                pass
    """,
    "eval mode": """
        opt = fastopt.AdamWScheduleFree(p)
        opt.step(g)
        def work():
            opt.eval()
            opt.train()
    """,
    "numba": 'opt = fastopt.Adam(p, backend="numba"); opt.step(g); work = lambda: opt.step(g)',
    "numpy": 'opt = fastopt.Adam(p, backend="numpy"); work = lambda: opt.step(g)',
    "beside another interpreter": """
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters
        other = interpreters.create()
        interpreters.run_string(other, "import time")
        interpreters.destroy(other)
        opt = fastopt.Adam(p)
        work = lambda: opt.step(g)
    """,
}

# How the main thread ends it, and with which exit code.
ENDS = {
    "sys.exit(3)": 3,
    "pass": 0,
    "raise KeyError": 1,
    "os._exit(3)": 3,
}

SCRIPT = """
import os
import sys
import threading
import time

import numpy as np

import fastopt

p, g = np.zeros(300_000, np.float32), np.ones(300_000, np.float32)
{way}

def without_end():
    while True:
        work()

fastopt.set_num_threads(2)
threading.Thread(target=without_end, daemon=True).start()
time.sleep(0.03)
{end}
"""


def check_end(way: str, end: str, runs: int) -> None:
    script = SCRIPT.format(way=dedent(WAYS[way]).strip(), end=end)
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
        told = indent(done.stderr, "  ")
        assert done.returncode == ENDS[end], f"exit code {done.returncode}\n{script}\n{told}"


@pytest.mark.parametrize("way", WAYS)
def test_the_program_ends_while_a_daemon_thread_steps(way: str, thorough: bool) -> None:
    if way == "numba":
        pytest.importorskip("numba")
    check_end(way, "sys.exit(3)", 50 if thorough else 2)


@pytest.mark.parametrize("end", [end for end in ENDS if end != "sys.exit(3)"])
def test_other_ends(end: str, thorough: bool) -> None:
    check_end("everything", end, 50 if thorough else 2)


@pytest.mark.skipif(native is None, reason="without the extension nothing runs without the GIL")
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python itself lets such threads sleep")
def test_a_thread_whose_step_ends_after_the_interpreter_sleeps() -> None:
    """The step outlasts finalization, so that the GIL is asked for when it is over for certain."""
    script = """
    import os, sys, threading, time
    import numpy as np
    import fastopt

    p = np.zeros(20_000_000, np.float32)
    opt = fastopt.Adam(p)
    g = np.ones_like(p)
    opt.step(g)
    begun = threading.Event()
    opt.before_step(lambda opt: begun.set())
    threading.Thread(target=lambda: [opt.step(g) for _ in range(1000)], daemon=True).start()
    begun.wait()
    sys.exit(3)
    """
    done = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (3, b"")
