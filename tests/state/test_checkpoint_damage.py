"""A damaged checkpoint is refused with one type of exception, or damaged where nothing is read from."""

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from support.checkpoint_samples import MANIFEST, SUFFIXES, Arrays, few, load, same

from fastopt import checkpoint


def write(tmp_path: Path, suffix: str) -> tuple[Path, bytes, Arrays]:
    path = tmp_path / f"state{suffix}"
    checkpoint.write(path, MANIFEST, few())
    return path, path.read_bytes(), few()


def loads_right_or_is_refused(path: Path, arrays: Arrays) -> bool:
    """Load a file; say whether it loaded. Any other exception, or any other value, fails the test."""
    try:
        manifest, found = load(path, arrays)
    except checkpoint.CheckpointError as error:
        refused = error.__cause__ is not None and str(path) in str(error)
    else:
        assert manifest == MANIFEST
        assert same(found, arrays)
        return True
    assert refused
    return False


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file_that_is_cut_loads(tmp_path: Path, suffix: str) -> None:
    path, whole, arrays = write(tmp_path, suffix)
    assert loads_right_or_is_refused(path, arrays)
    for length in reversed(range(len(whole))):
        os.truncate(path, length)
        assert not loads_right_or_is_refused(path, arrays), length


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("tail", [b"\0", b"x" * 22, b"\0" * 600, b"\0" * 100_000, None])
def test_no_file_with_more_after_it_loads(tmp_path: Path, suffix: str, tail: bytes | None) -> None:
    path, whole, arrays = write(tmp_path, suffix)
    path.write_bytes(whole + (whole if tail is None else tail))
    assert not loads_right_or_is_refused(path, arrays)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_flipped_bit_changes_what_is_loaded(tmp_path: Path, suffix: str) -> None:
    path, whole, arrays = write(tmp_path, suffix)
    assert 8 * len(whole) > 10_000
    harmless = 0
    with open(path, "r+b", buffering=0) as file:
        for byte, bit in product(range(len(whole)), range(8)):
            file.seek(byte)
            file.write(bytes([whole[byte] ^ 1 << bit]))
            harmless += loads_right_or_is_refused(path, arrays)
            file.seek(byte)
            file.write(whole[byte : byte + 1])
    assert path.read_bytes() == whole
    # In .npz, dates, checksums of zip and padding are not read from; in .safetensors every bit is.
    assert harmless == 0 if suffix == ".safetensors" else harmless < len(whole)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_block_of_zeros_or_noise_changes_what_is_loaded(tmp_path: Path, suffix: str) -> None:
    path, whole, arrays = write(tmp_path, suffix)
    rng = np.random.default_rng(1)
    for begin in range(0, len(whole), 7):
        length = int(rng.integers(1, 600))
        for put in (bytes(length), rng.bytes(length), whole[:length], b""):
            path.write_bytes(whole[:begin] + put + whole[begin + length :])
            loads_right_or_is_refused(path, arrays)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_of_another_checkpoint_do_not_load(tmp_path: Path, suffix: str) -> None:
    path, _, arrays = write(tmp_path, suffix)
    others = {name: array.copy("K") for name, array in arrays.items()}
    others["w/m"][0, 0] = 0
    checkpoint.write(path, MANIFEST, others)
    mixed = path.read_bytes()
    part = arrays["w/m"].tobytes()
    path.write_bytes(mixed.replace(others["w/m"].tobytes(), part))
    assert path.read_bytes() != mixed
    assert not loads_right_or_is_refused(path, arrays)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path, suffix: str) -> None:
    path, whole, _ = write(tmp_path, suffix)
    with checkpoint.Reader(path) as file:
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(checkpoint.CheckpointError, match=r"ends too early|SHA-256"):
            [file.read(name) for name in reversed(file.describe())]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 8, b"\xff" * 1000, b"hello\n" * 1000])
def test_other_files(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"state{suffix}"
    path.write_bytes(content)
    assert not loads_right_or_is_refused(path, few())


def test_files_of_numpy_and_safetensors_are_no_checkpoints(tmp_path: Path) -> None:
    import safetensors.numpy

    np.savez(tmp_path / "state.npz", a=np.zeros(3))
    safetensors.numpy.save_file({"a": np.zeros(3)}, tmp_path / "state.safetensors")
    for suffix in SUFFIXES:
        with pytest.raises(checkpoint.CheckpointError, match="no checkpoint of fastopt"):
            checkpoint.Reader(tmp_path / f"state{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_the_other_format(tmp_path: Path, suffix: str) -> None:
    path, whole, arrays = write(tmp_path, suffix)
    other = path.with_suffix(next(s for s in SUFFIXES if s != suffix))
    other.write_bytes(whole)
    assert not loads_right_or_is_refused(other, arrays)
