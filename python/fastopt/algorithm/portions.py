"""The portion of a step that an element takes: what ``mask=`` and ``lr_scale=`` do, on whole arrays.

csrc/kernels/portions.hpp is the same text in C++.
"""

from typing import Any

from fastopt.algorithm.elementwise import select


def scaled_step(p: Any, old: Any, scale: Any) -> Any:
    """Multiply the step from old to p; of neither 0 nor 1 is anything computed."""
    part = old + scale * (p - old)
    return select(scale == 0, old, select(scale == 1, p, part))


def held(p: Any, old: Any, entries: Any) -> Any:
    """Keep the step from old to p, or nothing of it where the entry is 0."""
    return select(entries == 0, old, p)
