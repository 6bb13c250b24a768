"""Checkpoint files hold what was given, to the bit, and other libraries open them."""

import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from support.checkpoint_samples import (
    MANIFEST,
    SUFFIXES,
    Arrays,
    bits,
    every_kind,
    few,
    load,
    same,
    specs,
)

import fastopt
from fastopt import checkpoint
from fastopt.checkpoint.manifest import LONGEST, RESERVED

PACKAGE = Path(fastopt.__file__).parent


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"state{request.param}"


def test_every_kind_of_array_comes_back_to_the_bit(path: Path) -> None:
    arrays = every_kind()
    checkpoint.write(path, MANIFEST, arrays)
    manifest, found = load(path, arrays)
    assert manifest == MANIFEST
    assert same(found, arrays)


def test_nothing_comes_back_as_nothing(path: Path) -> None:
    checkpoint.write(path, {}, {})
    assert load(path, {}) == ({}, {})


def test_one_array_at_a_time(path: Path) -> None:
    arrays = few()
    checkpoint.write(path, MANIFEST, arrays)
    with checkpoint.Reader(path) as file:
        assert file.written_by == fastopt.__version__
        assert file.describe() == specs(arrays)
        assert list(file.describe()) == list(arrays)
        for name, array in arrays.items():
            into = np.ones_like(array)
            file.read_into(name, into)
            assert same({name: into}, {name: array})
            assert same({name: file.read(name)}, {name: array})


def test_large_arrays_are_read_in_blocks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastopt.checkpoint.arrays.BLOCK", 1000)
    arrays = {
        "a": bits(0, np.float64, (124,)),
        "b": bits(1, np.float64, (125,)),
        "c": bits(2, "u1", (3001,)),
    }
    checkpoint.write(path, MANIFEST, arrays)
    assert same(load(path, arrays)[1], arrays)


def test_a_read_that_the_system_cuts_short_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = few()
    checkpoint.write(path, MANIFEST, arrays)
    many, one, seen = os.preadv, os.pread, set[Any]()

    def cut(read: Callable[..., Any], fd: int, what: Any, place: int) -> Any:
        seen.add(read)
        return read(fd, min(what, 3) if isinstance(what, int) else [what[0][:3]], place)

    monkeypatch.setattr(os, "preadv", partial(cut, many))
    monkeypatch.setattr(os, "pread", partial(cut, one))  # which reads several small arrays at once
    assert same(load(path, arrays)[1], arrays)
    assert seen == {many, one}


def test_the_same_state_gives_the_same_file(path: Path) -> None:
    checkpoint.write(path, MANIFEST, few())
    before = path.read_bytes()
    checkpoint.write(path, MANIFEST, few())
    assert path.read_bytes() == before


def test_numpy_opens_npz(tmp_path: Path) -> None:
    arrays = {k: v for k, v in every_kind().items() if k not in ("x.npy", "manifest.json")}
    checkpoint.write(tmp_path / "state.npz", MANIFEST, arrays)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as found:
        assert found.files == ["manifest.json", *arrays]
        assert same({name: found[name] for name in arrays}, arrays)


def test_safetensors_opens_safetensors_with_transposes_for_fortran_order(tmp_path: Path) -> None:
    arrays = every_kind()
    checkpoint.write(tmp_path / "state.safetensors", MANIFEST, arrays)
    found = safetensors.numpy.load_file(tmp_path / "state.safetensors")
    assert same(
        {n: found[n] for n in arrays},
        {n: a if a.flags.c_contiguous else a.T for n, a in arrays.items()},
    )
    with safetensors.safe_open(tmp_path / "state.safetensors", framework="np") as file:
        assert set(file.metadata()) == {"fastopt"}
    with checkpoint.Reader(tmp_path / "state.safetensors") as own:
        for name, array in arrays.items():
            assert own._offsets[name] % array.itemsize == 0


def test_another_memory_order_is_turned_to_the_bit(path: Path) -> None:
    arrays = {"c": bits(0, np.float32, (50, 3)), "f": bits(1, np.float16, (2, 3, 4), "F")}
    checkpoint.write(path, {}, arrays)
    turned = {"c": np.asfortranarray(arrays["c"]), "f": np.ascontiguousarray(arrays["f"])}
    assert same(load(path, turned)[1], turned)


def test_a_memory_map_and_unaligned_bytes_are_written(path: Path, tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "map", np.float32, "w+", shape=(10, 2))
    mapped[...] = 3
    unaligned = bits(0, np.uint8, (81,))[1:].view(np.float64)
    arrays: Arrays = {"map": mapped, "unaligned": unaligned}
    checkpoint.write(path, {}, arrays)
    assert same(load(path, arrays)[1], arrays)


EXPECTATIONS: list[tuple[str, Any, str]] = [
    ("w/m", np.zeros((3, 4)), "'w/m' is float32, shape (3, 4) in the file, and must be float64"),
    ("w/m", np.zeros((4, 3), np.float32), "must be float32, shape (4, 3)"),
    ("w/m", None, "'w/m' is in the file, and not expected"),
    ("new", np.zeros(3), "'new' is missing in the file"),
]


@pytest.mark.parametrize(("name", "array", "words"), EXPECTATIONS)
def test_what_is_not_expected_is_refused(path: Path, name: str, array: Any, words: str) -> None:
    checkpoint.write(path, {}, few())
    expected = {n: a for n, a in {**few(), name: array}.items() if a is not None}
    with pytest.raises(checkpoint.CheckpointError, match=re.escape(words)) as error:
        load(path, expected)
    assert str(path) in str(error.value)


def test_a_long_list_of_differences_ends(path: Path) -> None:
    checkpoint.write(path, {}, few())
    with pytest.raises(checkpoint.CheckpointError, match=r"; and 98 more$"):
        load(path, {str(i): np.zeros(1) for i in range(100)})


def test_without_strict_names_that_differ_are_listed(path: Path) -> None:
    arrays = few()
    checkpoint.write(path, {}, arrays)
    expected = {"new": np.zeros(3), "n": arrays["n"]}
    with checkpoint.Reader(path) as file:
        found = file.read_all(specs(expected), strict=False)
        assert same(found.arrays, {"n": arrays["n"]})
        assert (found.missing, found.extra) == (["new"], ["w/m", "w/v"])
        with pytest.raises(checkpoint.CheckpointError, match="must be float64"):
            file.read_all(specs({"n": np.zeros(())}), strict=False)


@pytest.mark.parametrize(
    ("name", "into"),
    [
        ("w/m", np.zeros((3, 4))),
        ("w/m", np.zeros((4, 3), np.float32)),
        ("w/m", np.zeros((3, 4), np.float32, "F")),
        ("w/m", np.broadcast_to(np.float32(1), (3, 4)).copy().view()),
    ],
)
def test_reading_into_another_kind_of_array_is_refused(path: Path, name: str, into: Any) -> None:
    checkpoint.write(path, {}, few())
    if into.dtype == np.float32 and into.flags.c_contiguous and into.shape == (3, 4):
        into.setflags(write=False)
    before = into.tobytes()
    with (
        checkpoint.Reader(path) as file,
        pytest.raises(ValueError, match=r"read\('w/m'\) gives a new one"),
    ):
        file.read_into(name, into)
    assert into.tobytes() == before


def test_a_name_that_is_not_there(path: Path) -> None:
    checkpoint.write(path, {}, few())
    with checkpoint.Reader(path) as file:
        with pytest.raises(checkpoint.CheckpointError, match="no array 'm'"):
            file.read("m")
        with pytest.raises(checkpoint.CheckpointError, match="no array 'm'"):
            file.read_into("m", np.zeros(1))


BAD_ARRAYS: list[tuple[Any, type[Exception], str]] = [
    ([1.0], TypeError, "must be a NumPy array"),
    (np.float32(1), TypeError, "must be a NumPy array"),
    (np.ma.zeros(3), TypeError, "must be a NumPy array"),
    (np.zeros(3, ">f4"), TypeError, "little-endian"),
    (np.zeros(3, bool), TypeError, "little-endian"),
    (np.zeros(3, complex), TypeError, "little-endian"),
    (np.zeros(3, object), TypeError, "little-endian"),
    (np.zeros(3, "U3"), TypeError, "little-endian"),
    (np.zeros(3, "f4,f4"), TypeError, "little-endian"),
    (np.zeros(6)[::2], ValueError, "ascontiguousarray"),
    (np.zeros((4, 4))[:2, :2], ValueError, "ascontiguousarray"),
]
BAD_NAMES: list[tuple[Any, type[Exception], str]] = [
    (1, TypeError, "must be a string"),
    ("__metadata__", ValueError, "rename"),
    ("a\0b", ValueError, "rename"),
    ("\ud800", ValueError, "UTF-8"),
    ("x" * 60_001, ValueError, "60,000"),
]
BAD_MANIFESTS: list[tuple[Any, type[Exception], str]] = [
    *[({key: 1}, ValueError, f"the key '{key}'") for key in RESERVED],
    ({"lr": float("nan")}, ValueError, "JSON cannot hold"),
    ({"lr": [float("inf")]}, ValueError, "JSON cannot hold"),
    ({"lr": np.float32(1)}, TypeError, "JSON cannot hold"),
    ({"a": object()}, TypeError, "JSON cannot hold"),
    ({"betas": (0.9, 0.99)}, TypeError, "does not keep 'betas'"),
    ({"a": {1: 2}}, TypeError, "does not keep 'a'"),
    ({1: 2}, TypeError, "does not keep 1"),
    ({"a": "x" * LONGEST}, ValueError, "can be read"),
]


def refused(path: Path, kind: type[Exception], words: str, manifest: Any, arrays: Any) -> None:
    with pytest.raises(kind, match=re.escape(words)) as error:
        checkpoint.write(path, manifest, arrays)
    assert not isinstance(error.value, checkpoint.CheckpointError)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(("array", "kind", "words"), BAD_ARRAYS)
def test_arrays_that_cannot_be_written(path: Path, array: Any, kind: Any, words: str) -> None:
    refused(path, kind, words, {}, {"good": np.zeros(3), "bad": array})


@pytest.mark.parametrize(("name", "kind", "words"), BAD_NAMES)
def test_names_that_cannot_be_written(path: Path, name: Any, kind: Any, words: str) -> None:
    refused(path, kind, words, {}, {"good": np.zeros(3), name: np.zeros(3)})


@pytest.mark.parametrize(("manifest", "kind", "words"), BAD_MANIFESTS)
def test_manifests_that_cannot_be_written(path: Path, manifest: Any, kind: Any, words: str) -> None:
    refused(path, kind, words, manifest, few())


def test_a_manifest_nested_too_deep(path: Path) -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    refused(path, ValueError, "JSON cannot hold", {"a": nested}, {})


@pytest.mark.parametrize("name", ["state", "state.pt", "state.npz.bak", ".npz", "state.NPZ"])
def test_other_suffixes(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"as \.npz or \.safetensors") as error:
        checkpoint.write(tmp_path / name, {}, {})
    assert not isinstance(error.value, checkpoint.CheckpointError)
    with pytest.raises(ValueError, match=r"as \.npz or \.safetensors"):
        checkpoint.Reader(tmp_path / name)


def test_a_file_that_is_not_there_can_be_caught_either_way(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint at") as error:
        checkpoint.Reader(path)
    assert isinstance(error.value, checkpoint.CheckpointError)
    assert isinstance(error.value, ValueError)
    assert isinstance(error.value.__cause__, FileNotFoundError)


def test_without_the_library_safetensors_are_read_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.safetensors"
    checkpoint.write(path, {}, few())
    before = path.read_bytes()
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert same(load(path, few())[1], few())
    with pytest.raises(ImportError, match=re.escape("pip install safetensors")):
        checkpoint.write(path, {}, {})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_nothing_in_the_package_runs_what_it_reads() -> None:
    # The methods of optimizers that are called eval are others. What Numba has compiled is kept in a
    # folder of the user's own, as Numba's cache is, and is there to be run.
    forbidden = re.compile(
        r"(import|from) pickle|pickle\.|(?<!def )(?<![.\w])(eval|exec)\(|marshal|shelve|allow_pickle"
    )
    compiling = ("numba_cache.py", "numba_kernel.py")
    sources = [source for source in PACKAGE.rglob("*.py") if source.name not in compiling]
    assert len(sources) > 50
    assert not [str(s) for s in sources if forbidden.search(s.read_text())]
