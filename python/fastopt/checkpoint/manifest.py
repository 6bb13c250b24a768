"""The manifest: what a file holds, in JSON, sealed with its own SHA-256.

The seal is over the text, and is checked before the text is parsed. Digests have one length, so a
manifest is as long before the arrays have been hashed as after.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from fastopt.checkpoint.arrays import DIMENSIONS, DTYPES, NAMES, ArraySpec
from fastopt.version import __version__

FORMAT = "fastopt-state"
VERSION = 1  # readers take this and every earlier one
RESERVED = ("format", "version", "fastopt", "arrays", "sha256")
LONGEST = 128 << 20  # bytes; some 500,000 arrays
UNKNOWN = "0" * 64  # stands where a digest will be

_ENTRY = {"name", "dtype", "shape", "order", "nbytes", "sha256"}
_DIGEST = f'"sha256": "{UNKNOWN}"'  # in no name, whose quotes have a backslash before them
_is_digest = re.compile("[0-9a-f]{64}").fullmatch
_SEAL = ', "sha256": "{}"}}'
_SEAL_LENGTH = len(_SEAL.format(UNKNOWN))


class Entry(NamedTuple):
    """The description of one array in the manifest."""

    spec: ArraySpec
    sha256: str


class Manifest(NamedTuple):
    """The mapping given to `write`, the version of fastopt that wrote it, and the arrays by name."""

    given: dict[str, Any]
    fastopt: str
    entries: dict[str, Entry]


class Content(NamedTuple):
    """All that goes into a file; `final` makes the manifest that replaces the draft, as long as it."""

    specs: Mapping[str, ArraySpec]
    data: Mapping[str, memoryview]
    draft: bytes
    final: Callable[[], bytes]
    wrote: Callable[[int], object]  # told how many bytes of arrays have been written


def compose(
    given: Mapping[str, Any], specs: Mapping[str, ArraySpec]
) -> Callable[[Iterable[str]], bytes]:
    """Write the text of a manifest, and return what puts the digests of the arrays in.

    Raises TypeError or ValueError for what JSON cannot hold, reserved keys, and too much of it.
    """
    given = dict(given)
    if taken := [key for key in RESERVED if key in given]:
        raise ValueError(f"the manifest has the key {taken[0]!r}, which fastopt writes: rename it")
    try:
        kept = json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"JSON cannot hold the manifest: {error}") from error
    if kept != given:
        changed = next(key for key in given if key not in kept or kept[key] != given[key])
        raise TypeError(
            f"JSON does not keep {changed!r} in the manifest as it is: use lists for tuples, "
            "and strings for keys"
        )
    arrays = [
        {
            "name": name,
            "dtype": NAMES[spec.dtype],
            "shape": spec.shape,
            "order": spec.order,
            "nbytes": spec.nbytes,
            "sha256": UNKNOWN,
        }
        for name, spec in specs.items()
    ]
    head = json.dumps({"format": FORMAT, "version": VERSION, "fastopt": __version__, **given})
    begin, *rest = f'{head[:-1]}, "arrays": {json.dumps(arrays)}'.rsplit(_DIGEST, len(arrays))
    length = len(begin) + sum(map(len, rest)) + len(arrays) * len(_DIGEST) + _SEAL_LENGTH
    if length > LONGEST:
        raise ValueError(f"the manifest takes {length:,} bytes; at most {LONGEST:,} can be read")

    def completed(digests: Iterable[str]) -> bytes:
        lines = zip(digests, rest, strict=True)
        text = begin + "".join([f'"sha256": "{digest}"{more}' for digest, more in lines])
        return _sealed(text.encode("ascii"))

    return completed


def parse(text: bytes) -> Manifest:
    """Read the text of a manifest; ValueError for anything that `compose` would not write."""
    if _sealed(text[:-_SEAL_LENGTH]) != text:
        raise ValueError("its manifest does not have the SHA-256 that it says: the file is damaged")
    found = json.loads(text, parse_constant=_refuse)
    if found.pop("format", None) != FORMAT:
        raise ValueError(f"its manifest is not of the format {FORMAT!r}")
    version, fastopt = found.pop("version", None), found.pop("fastopt", None)
    if type(version) is not int or version < 1 or not isinstance(fastopt, str):
        raise ValueError(f"its manifest has no version: {version!r}, of fastopt {fastopt!r}")
    if version > VERSION:
        raise ValueError(
            f"it was written by fastopt {fastopt}, which is newer (format version {version}; this is "
            f"fastopt {__version__}, which reads up to {VERSION}): install fastopt {fastopt} or later"
        )
    arrays = found.pop("arrays", None)
    if not isinstance(arrays, list):
        raise ValueError("its manifest has no list of arrays")
    entries = dict(map(_entry, arrays))
    if len(entries) != len(arrays):
        raise ValueError("its manifest names an array twice")
    del found["sha256"]
    return Manifest(found, fastopt, entries)


def _sealed(text: bytes) -> bytes:
    return text + _SEAL.format(sha256(text).hexdigest()).encode("ascii")


def _entry(item: Any) -> tuple[str, Entry]:
    if not isinstance(item, dict) or item.keys() != _ENTRY:
        raise ValueError(f"its manifest lists {item!r}, which describes no array")
    name, shape = item["name"], item["shape"]
    well_formed = (
        isinstance(name, str)
        and item["dtype"] in DTYPES
        and isinstance(shape, list)
        and len(shape) <= DIMENSIONS
        and all([type(size) is int and size >= 0 for size in shape])
        and item["order"] in ("C", "F")
        and isinstance(item["sha256"], str)
        and _is_digest(item["sha256"])
    )
    if not well_formed:
        raise ValueError(f"its manifest describes no array that a checkpoint can hold: {item!r}")
    spec = ArraySpec(DTYPES[item["dtype"]], tuple(shape), item["order"])
    if item["nbytes"] != spec.nbytes:
        raise ValueError(f"its manifest gives array {name!r} ({spec}) {item['nbytes']!r} bytes")
    return name, Entry(spec, item["sha256"])


def _refuse(constant: str) -> None:
    raise ValueError(f"its manifest holds {constant}, which is not JSON")
