"""The arrays of a checkpoint compared with those that are expected."""

from collections.abc import Mapping

from fastopt.checkpoint.arrays import ArraySpec

LISTED = 5  # differences that a message names


def faults(found: Mapping[str, ArraySpec], expected: Mapping[str, ArraySpec], strict: bool) -> str:
    """List what is wrong, in a line that does not grow without end; nothing if all is well.

    The memory order is no difference, as values have none.
    """
    out = [
        f"{name!r} is {found[name]} in the file, and must be {wanted}"
        + (" (transposed)" if _is_transposed(found[name], wanted) else "")
        for name, wanted in expected.items()
        if name in found and found[name][:2] != wanted[:2]
    ]
    if strict:
        out += [f"{name!r} is missing in the file" for name in expected if name not in found]
        out += [f"{name!r} is in the file, and not expected" for name in found if name not in expected]
    more = f"; and {len(out) - LISTED} more" if len(out) > LISTED else ""
    return "; ".join(out[:LISTED]) + more


def _is_transposed(found: ArraySpec, expected: ArraySpec) -> bool:
    return len(found.shape) > 1 and found.shape != expected.shape == found.shape[::-1]
