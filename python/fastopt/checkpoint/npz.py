"""The .npz format: a zip archive, not compressed, of manifest.json and one .npy file for each array.

``np.load`` opens it. Members follow one another without a gap, which rules out those that overlap.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo
from zlib import crc32

from numpy.lib import format as npy

from fastopt.checkpoint.arrays import ArraySpec, blocks
from fastopt.checkpoint.manifest import LONGEST, Content, Manifest, parse

MANIFEST = "manifest.json"
UTF8 = 0x800  # the one flag that a member may have: its name is not ASCII
LOCAL = struct.Struct("<4s5H3I2H")  # the header before each member
END = 22  # bytes of the last record of the file, without a comment


def write(file: BinaryIO, content: Content) -> None:
    """Write the archive, and the final manifest in place of the draft at the end."""
    with ZipFile(file, "w", ZIP_STORED) as archive:
        manifest = ZipInfo(MANIFEST)
        archive.writestr(manifest, content.draft)
        for name, spec in content.specs.items():
            info = ZipInfo(_member(name))
            info.external_attr = 0o600 << 16  # as of the manifest
            info.header_offset = archive.start_dir
            _write_member(file, info, _npy_header(spec), content.data[name], content.wrote)
            archive.filelist.append(info)
            archive.start_dir = file.tell()  # where the directory will be
        text = content.final()
        manifest.CRC = crc32(text)
        file.seek(manifest.header_offset)
        file.write(manifest.FileHeader() + text)


def _write_member(
    file: BinaryIO, info: ZipInfo, header: bytes, data: memoryview, wrote: Callable[[int], object]
) -> None:
    """Write a member at once; zipfile would go back to the header of each when it has been written."""
    info.file_size = info.compress_size = len(header) + len(data)
    first, *rest = *blocks(data), b""  # so that there is a first one
    info.CRC = crc32(first, crc32(header))
    file.write(info.FileHeader() + header)
    wrote(file.write(first))
    for block in rest:
        info.CRC = crc32(block, info.CRC)
        wrote(file.write(block))
    if len(rest) > 1:
        end = file.tell()
        file.seek(info.header_offset)
        file.write(info.FileHeader())
        file.seek(end)


def index(file: BinaryIO, size: int) -> tuple[Manifest, dict[str, int]]:
    """Read the manifest, and find where the bytes of each array begin."""
    name, length, start = _local_header(file, 0)
    if name != MANIFEST.encode() or not 0 < length <= min(LONGEST, size - start):
        raise ValueError(f"it does not begin with {MANIFEST}: it is no checkpoint of fastopt")
    manifest = parse(file.read(length))
    _check_size(manifest, size - start - length)
    file.seek(-END, 2)
    end = file.read()
    if not (end.startswith(b"PK\5\6") and end.endswith(b"\0\0")):
        raise ValueError("it does not end as an archive does")
    with ZipFile(file) as archive:
        members, directory = archive.infolist(), archive.start_dir
    if [m.filename for m in members] != [MANIFEST, *map(_member, manifest.entries)]:
        raise ValueError("the members of the archive are not those of the manifest")
    offsets, place = {}, 0
    for member, array in zip(members, [None, *manifest.entries], strict=True):
        name, _, start = _local_header(file, place)
        stored = member.compress_type == ZIP_STORED and member.compress_size == member.file_size
        if not stored or member.flag_bits & ~UTF8:
            raise ValueError(f"member {member.filename!r} is compressed or encrypted")
        if name.decode() != member.filename or member.header_offset != place:
            raise ValueError(f"member {member.filename!r} is not where the directory has it")
        if array is not None:
            offsets[array] = _npy_data(file, start, array, manifest.entries[array].spec)
            if offsets[array] - start + manifest.entries[array].spec.nbytes != member.file_size:
                raise ValueError(f"member {member.filename!r} is not as long as its array")
        place = start + member.file_size
    if place != directory:
        raise ValueError("there is something between the last member and the directory")
    return manifest, offsets


def _check_size(manifest: Manifest, left: int) -> None:
    """Raise unless arrays and directory can take what is left of the file, before zipfile reads it."""
    entries = manifest.entries.items()
    arrays = sum(entry.spec.nbytes for _, entry in entries)
    # Headers and directory: zipfile reads the directory into memory, whatever its length.
    around = sum(512 + 2 * len(_member(n).encode()) + 24 * len(e.spec.shape) for n, e in entries)
    if not arrays < left <= arrays + around + 512:
        raise ValueError(f"its arrays take {arrays:,} bytes; after the manifest it has {left:,}")


def _local_header(file: BinaryIO, place: int) -> tuple[bytes, int, int]:
    """Read a member's name, its length if that is in the short form, and where it starts.

    The file stands there then. To ask it where would be a call of the system for each member.
    """
    file.seek(place)
    header = file.read(LOCAL.size)
    if len(header) < LOCAL.size or not header.startswith(b"PK\3\4"):
        raise ValueError("it is no npz file, or a damaged one")
    _, _, flags, method, _, _, _, _, length, name_length, extra_length = LOCAL.unpack(header)
    name = file.read(name_length + extra_length)[:name_length]
    if flags & ~UTF8 or method != ZIP_STORED:
        raise ValueError(f"member {name!r} is compressed or encrypted")
    return name, length, place + LOCAL.size + name_length + extra_length


@lru_cache(1024)  # many arrays are alike
def _npy_header(spec: ArraySpec) -> bytes:
    header = BytesIO()
    fields = {"descr": spec.dtype.str, "fortran_order": spec.order == "F", "shape": spec.shape}
    npy.write_array_header_1_0(header, fields)
    return header.getvalue()


def _npy_data(file: BinaryIO, start: int, name: str, spec: ArraySpec) -> int:
    """Check the header of an array's member, at whose start the file stands; return where it ends."""
    usual = _npy_header(spec)
    if file.read(len(usual)) == usual:
        return start + len(usual)
    file.seek(start)  # written by another NumPy, or wrong
    version: Any = npy.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"array {name!r} has a header of npy version {version}, not (1, 0)")
    found = npy.read_array_header_1_0(file)
    if found != (spec.shape, spec.order == "F", spec.dtype):
        raise ValueError(f"array {name!r} is {found} in its header, {spec} in the manifest")
    return file.tell()


def _member(name: str) -> str:
    return f"{name}.npy"
