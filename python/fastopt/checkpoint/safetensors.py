"""The .safetensors format: a JSON header with the table of arrays, then their bytes.

The manifest is the entry "fastopt" of ``__metadata__``. safetensors knows no memory order: an array in
Fortran order is stored there as its transpose, which is the same bytes.

The bytes are written and read here, as the library can neither write to an open file, report how far
it is, nor hash while it reads. It has the last word all the same: a file that it does not open is never
put in place.
"""

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from fastopt.checkpoint.arrays import ArraySpec, blocks
from fastopt.checkpoint.error import CheckpointError
from fastopt.checkpoint.manifest import Content, Manifest, parse

LONGEST_HEADER = 100_000_000  # bytes: the library's own limit
_BEGINNING = '{"__metadata__": {"fastopt": '


def write(file: BinaryIO, content: Content) -> None:
    """Write the file, and the final manifest in place of the draft at the end."""
    safe_open, specs = _library(), content.specs
    file.write(_header(content.draft, specs))
    for name in _stored(specs):
        for block in blocks(content.data[name]):
            content.wrote(file.write(block))
    file.seek(0)
    file.write(_header(content.final(), specs))
    file.flush()
    try:
        with safe_open(file.name, framework="np") as opened:
            accepted = set(opened.keys()) == set(specs)
    except Exception as error:  # the library's own type, which every version has had elsewhere
        raise CheckpointError(f"the safetensors library refuses the file: {error}") from error
    if not accepted:
        raise CheckpointError("the safetensors library does not find all arrays in the file")


def index(file: BinaryIO, size: int) -> tuple[Manifest, dict[str, int]]:
    """Read the manifest, and find where the bytes of each array begin."""
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(LONGEST_HEADER, size - 8):
        raise ValueError(f"its header would take {length:,} bytes of its {size:,}: it is damaged")
    header = file.read(length)
    if not header.startswith(f'{_BEGINNING}"'.encode()):
        raise ValueError("its header holds no manifest: it is no checkpoint of fastopt")
    text = json.JSONDecoder().raw_decode(header.decode("ascii"), len(_BEGINNING))[0].encode("ascii")
    manifest = parse(text)
    specs = {name: entry.spec for name, entry in manifest.entries.items()}
    if length.to_bytes(8, "little") + header != _header(text, specs):
        raise ValueError("its table of arrays is not that of the manifest")
    offsets, place = {}, 8 + length
    for name in _stored(specs):
        offsets[name] = place
        place += specs[name].nbytes
    if place != size:
        raise ValueError(f"its arrays would end at byte {place:,}; it has {size:,}")
    return manifest, offsets


def _header(text: bytes, specs: Mapping[str, ArraySpec]) -> bytes:
    """Write the one header that belongs to a manifest; arrays begin at a multiple of 8 after it."""
    table: dict[str, Any] = {"__metadata__": {"fastopt": text.decode("ascii")}}
    place = 0
    for name in _stored(specs):
        spec = specs[name]
        table[name] = {
            "dtype": f"{spec.dtype.kind}{8 * spec.dtype.itemsize}".upper(),
            "shape": spec.shape if spec.order == "C" else spec.shape[::-1],
            "data_offsets": [place, place + spec.nbytes],
        }
        place += spec.nbytes
    header = json.dumps(table).encode("ascii")
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def _stored(specs: Mapping[str, ArraySpec]) -> list[str]:
    """List the names in the order of the file: wide elements first, so that all are aligned."""
    return sorted(specs, key=lambda name: -specs[name].dtype.itemsize)


def _library() -> Any:
    try:
        from safetensors import safe_open
    except ImportError as error:
        raise ImportError(
            "to write .safetensors needs the library: pip install safetensors, or write .npz"
        ) from error
    return safe_open
