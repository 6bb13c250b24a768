"""Files made to deceive: refused before anything is allocated for what they claim."""

import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkpoint_samples import few, load, specs

from fastopt import checkpoint
from fastopt.checkpoint.manifest import LONGEST, compose

MEMORY = 4_000_000  # bytes that refusing a small file may take, NumPy's included


def seal(text: str) -> bytes:
    """Seal a manifest as the writer does: whoever forges one can do that, too."""
    assert text.endswith("}")
    return f'{text[:-1]}, "sha256": "{sha256(text[:-1].encode()).hexdigest()}"}}'.encode()


def manifest_of(given: Any, /, **changes: Any) -> bytes:
    """Give the manifest of arrays, with keys changed; a function changes each entry."""
    digests = [sha256(a.tobytes("A")).hexdigest() for a in given.values()]
    plain = json.loads(compose({"step": 1}, specs(given))(digests))
    del plain["sha256"]
    change = changes.pop("entry", None)
    if change:
        plain["arrays"] = [{**entry, **change} for entry in plain["arrays"]]
    return seal(json.dumps({**plain, **changes}))


def npy(array: Any, pickled: bool = False) -> bytes:
    made = BytesIO()
    np.lib.format.write_array(made, array, allow_pickle=pickled)
    return made.getvalue()


def npz(manifest: bytes, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("manifest.json"), manifest)
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return made.getvalue()


def tensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def refused(path: Path, content: bytes, words: str, arrays: Any = None) -> None:
    """Expect CheckpointError, and little memory; opening alone finds most, so it allocates none."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(checkpoint.CheckpointError, match=words) as error:
            load(path, few() if arrays is None else arrays)
        assert tracemalloc.get_traced_memory()[1] < MEMORY + 40 * len(content)
    finally:
        tracemalloc.stop()
    assert error.value.__cause__ is not None


ONE = {"a": np.arange(6.0, dtype=np.float32).reshape(2, 3)}
HUGE = 1 << 40  # 4 TiB of float32


def one(manifest: bytes | None = None, content: bytes | None = None, **options: Any) -> bytes:
    """Give an archive of one array, right but for what is given."""
    made = npy(ONE["a"]) if content is None else content
    return npz(manifest_of(ONE) if manifest is None else manifest, [("a.npy", made)], **options)


def test_the_archive_that_all_others_depart_from_is_right(tmp_path: Path) -> None:
    (tmp_path / "state.npz").write_bytes(one())
    assert load(tmp_path / "state.npz", ONE)[0] == {"step": 1}


def patched(whole: bytes, record: bytes, offset: int, value: int) -> bytes:
    """Change a byte of the last record of a kind."""
    at = whole.rindex(record) + offset
    return whole[:at] + bytes([value]) + whole[at + 1 :]


def header_claiming(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + ONE["a"].tobytes()


NPZ: dict[str, tuple[Callable[[], bytes], str]] = {
    "4 TiB in manifest": (
        lambda: one(manifest_of(ONE, entry={"shape": [HUGE], "nbytes": 4 * HUGE})),
        "its arrays take",
    ),
    "4 TiB in header": (lambda: one(content=header_claiming(f"({HUGE},)")), "in its header"),
    "4 TiB in both": (
        lambda: one(
            manifest_of(ONE, entry={"shape": [HUGE], "nbytes": 4 * HUGE}), header_claiming(f"({HUGE},)")
        ),
        "its arrays take",
    ),
    "sizes that overflow": (
        lambda: one(manifest_of(ONE, entry={"shape": [1 << 62, 4], "nbytes": 0})),
        "bytes",
    ),
    "wrong length": (
        lambda: one(manifest_of(ONE, entry={"nbytes": 25})),
        "gives array 'a' .* 25 bytes",
    ),
    "manifest too long": (lambda: one(b" " * (LONGEST + 1)), "no checkpoint of fastopt"),
    "compressed by directory": (lambda: patched(one(), b"PK\1\2", 10, 8), "compressed"),
    "compressed by header": (lambda: patched(one(), b"PK\3\4", 8, 8), "compressed"),
    "encrypted by directory": (lambda: patched(one(), b"PK\1\2", 8, 1), "encrypted"),
    "encrypted by header": (lambda: patched(one(), b"PK\3\4", 6, 1), "encrypted"),
    "negative in manifest": (
        lambda: one(manifest_of(ONE, entry={"shape": [-2, -3]})),
        "describes no array",
    ),
    "negative in header": (lambda: one(content=header_claiming("(-2, -3)")), "in its header"),
    "object array": (
        lambda: one(content=npy(np.array([[1, 2, 3], [4, 5, None]], object), pickled=True)),
        "in its header",
    ),
    "object array as bytes": (lambda: one(content=header_claiming("(2, 3)", "'|O'")), "in its header"),
    "code in header": (lambda: one(content=header_claiming("(2, exit(3))")), "cannot be read"),
    "deep header": (lambda: one(content=header_claiming("(" * 60)), "cannot be read"),
    "header of version 2": (lambda: one(content=npy(ONE["a"]).replace(b"\1\0", b"\2\0", 1)), "version"),
    "another shape in header": (lambda: one(content=npy(ONE["a"].T)), "in its header"),
    "bytes after the array": (lambda: one(content=npy(ONE["a"]) + b"\0"), "not as long"),
    "bytes missing": (lambda: one(content=npy(ONE["a"])[:-1]), "not as long"),
    "deflated": (lambda: one(method=zipfile.ZIP_DEFLATED), "compressed"),
    "deflate bomb": (
        lambda: npz(
            manifest_of({"a": np.zeros(50_000_000, np.uint8)}, entry={}),
            [("a.npy", npy(np.zeros(50_000_000, np.uint8)))],
            zipfile.ZIP_DEFLATED,
        ),
        "its arrays take",
    ),
    "wrong digest": (lambda: one(manifest_of(ONE, entry={"sha256": "0" * 64})), "SHA-256"),
    "not a digest": (lambda: one(manifest_of(ONE, entry={"sha256": "x"})), "describes no array"),
    "another dtype": (lambda: one(manifest_of(ONE, entry={"dtype": "float64", "nbytes": 48})), "array"),
    "unknown dtype": (lambda: one(manifest_of(ONE, entry={"dtype": "O"})), "describes no array"),
    "unhashable dtype": (lambda: one(manifest_of(ONE, entry={"dtype": []})), "cannot be read"),
    "unknown order": (lambda: one(manifest_of(ONE, entry={"order": "K"})), "describes no array"),
    "another order": (lambda: one(manifest_of(ONE, entry={"order": "F"})), "in its header"),
    "sizes of other types": (lambda: one(manifest_of(ONE, entry={"shape": [2.0, True]})), "no array"),
    "too many dimensions": (lambda: one(manifest_of(ONE, entry={"shape": [1] * 65})), "no array"),
    "another key": (lambda: one(manifest_of(ONE, entry={"offset": 0})), "describes no array"),
    "no list": (lambda: one(manifest_of(ONE, arrays=None)), "no list"),
    "a list of numbers": (lambda: one(manifest_of(ONE, arrays=[1])), "describes no array"),
    "another format": (lambda: one(manifest_of(ONE, format="other")), "not of the format"),
    "no version": (lambda: one(manifest_of(ONE, version=None)), "no version"),
    "version 0": (lambda: one(manifest_of(ONE, version=0)), "no version"),
    "version true": (lambda: one(manifest_of(ONE, version=True)), "no version"),
    "newer version": (
        lambda: one(manifest_of(ONE, version=2, fastopt="9.9")),
        r"written by fastopt 9\.9, which is newer .*install fastopt 9\.9 or later",
    ),
    "nan": (lambda: one(seal(json.dumps({"step": float("nan")}))), "NaN, which is not JSON"),
    "infinity": (
        lambda: one(seal(json.dumps({"step": float("-inf")}))),
        "-Infinity, which is not JSON",
    ),
    "deep JSON": (lambda: one(seal('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}")), "cannot be read"),
    "long number": (lambda: one(seal('{"a": ' + "1" * 100_000 + "}")), "cannot be read"),
    "not UTF-8": (lambda: one(b"\xff" * 200), "SHA-256"),
    "empty manifest": (lambda: one(b""), "no checkpoint of fastopt"),
    "no seal": (lambda: one(b'{"format": "fastopt-state", "version": 1}'), "SHA-256"),
    "array twice in manifest": (
        lambda: one(manifest_of(ONE, arrays=json.loads(manifest_of(ONE))["arrays"] * 2)),
        "names an array twice|its arrays take",
    ),
    "extra member": (
        lambda: npz(manifest_of(ONE), [("a.npy", npy(ONE["a"])), ("b.npy", b"")]),
        "members of the archive",
    ),
    "missing member": (
        lambda: npz(manifest_of(ONE), [("b.npy", npy(ONE["a"]))]),
        "members of the archive",
    ),
    "manifest last": (
        lambda: npz(b"", [("a.npy", npy(ONE["a"])), ("manifest.json", manifest_of(ONE))]),
        "no checkpoint of fastopt",
    ),
}


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("attack", NPZ)
def test_npz(tmp_path: Path, attack: str) -> None:
    make, words = NPZ[attack]
    refused(tmp_path / "state.npz", make(), words, ONE)


def test_no_elements_in_a_shape_that_numpy_refuses(tmp_path: Path) -> None:
    size = 1 << 62
    manifest = manifest_of(ONE, entry={"shape": [size, size, 0], "nbytes": 0})
    content = header_claiming(f"({size}, {size}, 0)")[: -ONE["a"].nbytes]
    (tmp_path / "state.npz").write_bytes(one(manifest, content))
    with checkpoint.Reader(tmp_path / "state.npz") as file:
        with pytest.raises(checkpoint.CheckpointError, match="cannot be read") as error:
            file.read("a")
        assert isinstance(error.value.__cause__, ValueError)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_duplicate_members(tmp_path: Path) -> None:
    member = ("a.npy", npy(ONE["a"]))
    refused(tmp_path / "state.npz", npz(manifest_of(ONE), [member, member]), "members|its arrays take")


def test_overlapping_members(tmp_path: Path) -> None:
    two = {"a": ONE["a"], "b": ONE["a"]}
    whole = npz(manifest_of(two), [(f"{name}.npy", npy(array)) for name, array in two.items()])
    (tmp_path / "state.npz").write_bytes(whole)
    load(tmp_path / "state.npz", two)
    with zipfile.ZipFile(BytesIO(whole)) as archive:
        _, first, second = archive.infolist()
    at = whole.rindex(b"PK\1\2") + 42  # where the directory has the place of the last member
    assert whole[at : at + 4] == struct.pack("<I", second.header_offset)
    moved = whole[:at] + struct.pack("<I", first.header_offset) + whole[at + 4 :]
    refused(tmp_path / "state.npz", moved, "not where the directory has it", two)


def test_a_hidden_part_between_members(tmp_path: Path) -> None:
    whole = one()
    directory, end = whole.index(b"PK\1\2"), len(whole) - 22
    moved = bytearray(whole[:directory] + b"hidden" + whole[directory:])
    moved[end + 6 + 16 : end + 6 + 20] = struct.pack("<I", directory + 6)
    refused(tmp_path / "state.npz", bytes(moved), "something between", ONE)


def test_a_directory_of_many_members_is_not_read(tmp_path: Path) -> None:
    members = [(f"{i}.npy", b"") for i in range(20_000)]
    refused(tmp_path / "state.npz", npz(manifest_of(ONE), members), "its arrays take")


def table(text: bytes, **changes: Any) -> dict[str, Any]:
    entry = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    return {"__metadata__": {"fastopt": text.decode()}, "a": {**entry, **changes}}


DATA = ONE["a"].tobytes()
SAFETENSORS: dict[str, tuple[Callable[[], bytes], str]] = {
    "4 TiB header": (lambda: struct.pack("<Q", 1 << 42) + DATA, "its header would take"),
    "header of the largest size": (lambda: b"\xff" * 8 + DATA, "its header would take"),
    "header of 64 MB": (lambda: struct.pack("<Q", 1 << 26) + b"{", "its header would take"),
    "header longer than allowed": (lambda: tensors(b"{" + b" " * 100_000_001), "its header would take"),
    "empty header": (lambda: tensors(b"") + DATA, "its header would take"),
    "4 TiB": (
        lambda: tensors(
            table(manifest_of(ONE, entry={"shape": [HUGE], "nbytes": 4 * HUGE}), shape=[HUGE]), DATA
        ),
        "table of arrays|would end at",
    ),
    "another shape": (lambda: tensors(table(manifest_of(ONE), shape=[3, 2]), DATA), "table of arrays"),
    "negative shape": (
        lambda: tensors(table(manifest_of(ONE), shape=[-2, -3]), DATA),
        "table of arrays",
    ),
    "another dtype": (lambda: tensors(table(manifest_of(ONE), dtype="I32"), DATA), "table of arrays"),
    "offsets": (
        lambda: tensors(table(manifest_of(ONE), data_offsets=[4, 28]), DATA),
        "table of arrays",
    ),
    "no manifest": (lambda: tensors({"a": table(b"{}")["a"]}, DATA), "no checkpoint of fastopt"),
    "a list for a manifest": (
        lambda: tensors({"__metadata__": {"fastopt": [1]}}, DATA),
        "no checkpoint of fastopt",
    ),
    "extra array": (
        lambda: tensors({**table(manifest_of(ONE)), "b": table(b"")["a"]}, DATA),
        "table of arrays",
    ),
    "array twice": (
        lambda: tensors(
            json.dumps(table(manifest_of(ONE))).encode()[:-1] + b', "a": {}}',
            DATA,
        ),
        "table of arrays",
    ),
    "deep JSON": (
        lambda: tensors(b'{"__metadata__": {"fastopt": ' + b"[" * 200_000, DATA),
        "no checkpoint of fastopt",
    ),
    "unfinished string": (
        lambda: tensors(b'{"__metadata__": {"fastopt": "' + b"x" * 100, DATA),
        "cannot be read",
    ),
    "wrong digest": (
        lambda: tensors(b"".join([right_header(manifest_of(ONE, entry={"sha256": "0" * 64}))]), DATA),
        "SHA-256",
    ),
    "newer version": (
        lambda: tensors(table(manifest_of(ONE, version=2, fastopt="9.9")), DATA),
        "which is newer",
    ),
    "bytes after": (lambda: tensors(right_header(manifest_of(ONE)), DATA + b"\0"), "would end at"),
    "bytes missing": (lambda: tensors(right_header(manifest_of(ONE)), DATA[:-1]), "would end at"),
}


def right_header(text: bytes) -> bytes:
    header = json.dumps(table(text)).encode()
    return header + b" " * (-len(header) % 8)


def test_the_tensors_that_all_others_depart_from_are_right(tmp_path: Path) -> None:
    (tmp_path / "state.safetensors").write_bytes(tensors(right_header(manifest_of(ONE)), DATA))
    assert load(tmp_path / "state.safetensors", ONE)[0] == {"step": 1}


@pytest.mark.parametrize("attack", SAFETENSORS)
def test_safetensors(tmp_path: Path, attack: str) -> None:
    make, words = SAFETENSORS[attack]
    refused(tmp_path / "state.safetensors", make(), words, ONE)
