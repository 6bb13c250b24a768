"""The arrays of a checkpoint compared with those that are expected."""

from collections.abc import Mapping
from typing import NamedTuple

from fastopt.checkpoint.arrays import ArraySpec

LISTED = 5  # differences that a message names


class Comparison(NamedTuple):
    """Names that both have, that only the expectation has, that only the file has; and differences."""

    common: list[str]
    missing: list[str]
    extra: list[str]
    differing: list[str]


def compare(found: Mapping[str, ArraySpec], expected: Mapping[str, ArraySpec]) -> Comparison:
    """Compare names, dtypes and shapes; the memory order is no difference, as values have none."""
    common = [name for name in expected if name in found]
    return Comparison(
        common,
        [name for name in expected if name not in found],
        [name for name in found if name not in expected],
        [
            f"{name!r} is {found[name]} in the file, and must be {expected[name]}"
            + (" (transposed)" if _is_transposed(found[name], expected[name]) else "")
            for name in common
            if found[name][:2] != expected[name][:2]
        ],
    )


def _is_transposed(found: ArraySpec, expected: ArraySpec) -> bool:
    return len(found.shape) > 1 and found.shape != expected.shape == found.shape[::-1]


def faults(comparison: Comparison, strict: bool) -> str:
    """List what is wrong, in a line that does not grow without end; nothing if all is well."""
    found = list(comparison.differing)
    if strict:
        found += [f"{name!r} is missing in the file" for name in comparison.missing]
        found += [f"{name!r} is in the file, and not expected" for name in comparison.extra]
    more = f"; and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return "; ".join(found[:LISTED]) + more
