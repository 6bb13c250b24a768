"""How many threads a step uses: as set, or as environment and machine say; always the same bits."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.runtime import threads

pytestmark = pytest.mark.usefixtures("default_settings")

Run = Callable[..., str]


@pytest.mark.parametrize("count", [1, 2, 7, 256, np.int64(3), np.uint8(4), np.array(5)])
def test_set_and_get(count: Any) -> None:
    fastopt.set_num_threads(count)
    assert fastopt.get_num_threads() == int(count)
    assert type(fastopt.get_num_threads()) is int
    assert fastopt.build_info()["threads"] == int(count)


@pytest.mark.parametrize(
    ("count", "error"),
    [
        (0, ValueError), (-1, ValueError), (257, ValueError), (10**30, ValueError),
        (2.0, TypeError), (np.float32(2), TypeError), (np.array(2.5), TypeError),
        (np.array([1, 2]), TypeError), (np.array([2]), TypeError), ("2", TypeError),
        (None, TypeError), (True, TypeError), (np.True_, TypeError), ([2], TypeError),
    ],
)  # fmt: skip
def test_bad_number(count: Any, error: type[Exception]) -> None:
    fastopt.set_num_threads(3)
    with pytest.raises(error, match="the number of threads is") as caught:
        fastopt.set_num_threads(count)
    assert type(caught.value) is error
    assert fastopt.get_num_threads() == 3


# The environment, read in a process of its own.

ASK = "import fastopt; print(fastopt.get_num_threads())"
WARN = """
import warnings
import fastopt

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(fastopt.get_num_threads())
    fastopt.get_num_threads()
print(*[f"{w.category.__name__}: {w.message}" for w in caught], sep="\\n")
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"FASTOPT_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"FASTOPT_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"FASTOPT_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": " 4 , 2,1"}, 4),
        ({"FASTOPT_NUM_THREADS": "100000"}, 256),
    ],
)
def test_environment(settings: dict[str, str], expected: int, run_python: Run) -> None:
    assert run_python(ASK, **settings) == str(expected)


def test_setting_goes_before_the_environment(run_python: Run) -> None:
    script = "import fastopt; fastopt.set_num_threads(2); print(fastopt.get_num_threads())"
    assert run_python(script, FASTOPT_NUM_THREADS="7") == "2"


@pytest.mark.parametrize("text", ["0", "-2", "many", "2.5", "1e3", "²"])
def test_bad_environment_is_told_once_and_ignored(text: str, run_python: Run) -> None:
    found, *told = run_python(WARN, FASTOPT_NUM_THREADS=text, OMP_NUM_THREADS="5").splitlines()
    assert found == "5"
    assert len(told) == 1
    for word in ("RuntimeWarning", f"FASTOPT_NUM_THREADS={text!r}", "whole number >= 1"):
        assert word in told[0]


def test_bad_environment_as_an_error_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("FASTOPT_NUM_THREADS", "many")
    p = np.ones(3, np.float32)
    opt = fastopt.get("nadam", p, backend=backend)
    with pytest.raises(RuntimeWarning, match="FASTOPT_NUM_THREADS='many'"):
        opt.step(p.copy())  # warnings are errors here
    assert np.all(p == 1)
    assert opt.step_count == 0
    monkeypatch.delenv("FASTOPT_NUM_THREADS")
    opt.step(p.copy())
    q = np.ones(3, np.float32)
    fastopt.get("nadam", q, backend=backend).step(q.copy())
    assert p.tobytes() == q.tobytes()


# The machine.


def cgroup(root: Path, files: dict[str, str], membership: str) -> float:
    for name, text in files.items():
        (root / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "fs" / name).write_text(text)
    (root / "self").write_text(membership)
    return threads.cgroup_quota(str(root / "fs"), str(root / "self"))


NONE = float("inf")
V1 = "12:cpuset:/\n4:cpu,cpuacct:/docker/a/b\n1:name=systemd:/docker\n0::/docker\n"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        pytest.param("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5, id="v2"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, NONE, id="v2 without limit"),
        pytest.param("0::/\n", {}, NONE, id="v2 without the file"),
        pytest.param(
            "0::/a/b\n",
            {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 10000", "cpu.max": "max 100000"},
            5.0,
            id="v2, limit of a parent",
        ),
        pytest.param(
            "0::/a/b\n",
            {"a/b/cpu.max": "300000 100000", "a/cpu.max": "900000 100000"},
            3.0,
            id="v2, smallest limit",
        ),
        pytest.param("0::/gone/from/here\n", {"cpu.max": "200000 100000"}, 2.0, id="v2, container"),
        pytest.param("0::/a:b\n", {"a:b/cpu.max": "200000 100000"}, 2.0, id="v2, colon"),
        pytest.param("0::/\n", {"cpu.max": "nonsense"}, NONE, id="v2, nonsense"),
        pytest.param("0::/\n", {"cpu.max": ""}, NONE, id="v2, empty file"),
        pytest.param("0::/\n", {"cpu.max": "100000 0"}, NONE, id="v2, no period"),
        pytest.param(
            V1,
            {
                "cpu/docker/a/b/cpu.cfs_quota_us": "250000\n",
                "cpu/docker/a/b/cpu.cfs_period_us": "100000\n",
            },
            2.5,
            id="v1",
        ),
        pytest.param(
            V1,
            {
                "cpu/docker/a/b/cpu.cfs_quota_us": "-1\n",
                "cpu/docker/a/b/cpu.cfs_period_us": "100000\n",
                "cpu/docker/cpu.cfs_quota_us": "400000\n",
                "cpu/docker/cpu.cfs_period_us": "100000\n",
                "cpuset/cpu.cfs_quota_us": "1\n",
                "cpuset/cpu.cfs_period_us": "100000\n",
            },
            4.0,
            id="v1, limit of a parent",
        ),
        pytest.param(
            V1,
            {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            3.0,
            id="v1, container",
        ),
        pytest.param(
            V1,
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            NONE,
            id="v1 without limit",
        ),
        pytest.param(V1, {"cpu/cpu.cfs_quota_us": "300000\n"}, NONE, id="v1, half"),
        pytest.param("", {"cpu.max": "150000 100000"}, NONE, id="in no cgroup"),
        pytest.param("nonsense\n\n0::/\n", {"cpu.max": "150000 100000"}, 1.5, id="odd lines"),
    ],
)  # fmt: skip
def test_cgroup_quota(membership: str, files: dict[str, str], expected: float, tmp_path: Path) -> None:
    assert cgroup(tmp_path, files, membership) == expected


def test_no_cgroups(tmp_path: Path) -> None:
    assert threads.cgroup_quota(str(tmp_path / "fs"), str(tmp_path / "self")) == NONE
    assert threads.cgroup_quota() > 0


@pytest.mark.parametrize(
    ("affinity", "quota", "expected"),
    [(8, NONE, 8), (8, 2.0, 2), (8, 2.1, 3), (8, 0.2, 1), (2, 64.0, 2), (1, 1.5, 1)],
)
def test_available(affinity: int, quota: float, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cgroup_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
    assert threads.available() == expected
    assert fastopt.get_num_threads() == expected
    assert fastopt.build_info()["processors"] == expected


def test_available_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cgroup_quota", lambda: NONE)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for count, expected in ((6, 6), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert threads.available() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="affinity can be set on Linux")
def test_affinity_is_respected(run_python: Run) -> None:
    script = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {ASK}"
    assert run_python(script) == "1"


# The bits.


def test_same_bits_for_any_number_of_threads(backend: str) -> None:
    """Several arrays, of which one is large, one strided and one empty; some sit out a step."""
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(1_300_001,), (3,), (0,), (701, 901), (17, 300), ()]
    start = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    steps: list[list[Any]] = [
        [np.asarray(rng.standard_normal(shape), np.float32) for shape in shapes] for _ in range(2)
    ]
    steps[0][3] = np.asfortranarray(steps[0][3])
    steps[1][1] = None
    found = {}
    for count in (1, 2, 3, 7):
        fastopt.set_num_threads(count)
        params = [p.copy() for p in start]
        opt = fastopt.get("adam", params, lr=0.1, weight_decay=0.1, backend=backend)
        for grads in steps:
            opt.step(grads)
        found[count] = [a.tobytes() for a in [*params, *opt.state["0"].values()]]
    assert found[1] == found[2] == found[3] == found[7]
    assert found[1][0] != start[0].tobytes()


def test_environment_is_left_alone(run_python: Run) -> None:
    script = """
        import os
        before = dict(os.environ)
        import numpy as np
        import fastopt
        p = np.ones(1_000_000, np.float32)
        fastopt.set_num_threads(2)
        fastopt.get("adam", p).step(p.copy())
        print(dict(os.environ) == before)
    """
    assert run_python(script, OMP_NUM_THREADS="3") == "True"
