"""Hashes of arrays and optimizers, to see that nothing has changed: bytes, and what describes them."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np

from fastopt.algorithm import ARRAYS
from fastopt.optimizer import Optimizer

HASHED = 1 << 20  # bytes; longer arrays only repeat one element


def leaves(tree: Any) -> Iterator[Any]:
    """Give the keys and the values of nested dicts, lists and tuples."""
    if isinstance(tree, dict):
        for key, child in tree.items():
            yield key
            yield from leaves(child)
    elif isinstance(tree, (list, tuple)):
        for child in tree:
            yield from leaves(child)
    else:
        yield tree


def digest(*trees: Any) -> str:
    """Hash what is in them: the same for an optimizer and its twin."""
    return _digest(trees, identities=False)


def digest_with_identities(*trees: Any) -> str:
    """Hash what is in them, which objects the arrays are, and where their memory is."""
    return _digest(trees, identities=True)


def _digest(trees: Any, identities: bool) -> str:
    found = sha256()
    for thing in leaves(trees):
        if isinstance(thing, Optimizer):
            found.update(_of_optimizer(thing, identities).encode())
        elif isinstance(thing, np.ndarray):
            found.update(f"{type(thing)} {thing.dtype} {thing.shape} {thing.strides}".encode())
            found.update(f"{thing.flags.writeable}".encode())
            if identities:
                found.update(f"{id(thing)} {thing.__array_interface__['data']}".encode())
            if thing.nbytes < HASHED and not thing.dtype.hasobject:
                found.update(thing.view(np.ndarray).tobytes())
        elif isinstance(thing, (int, float, str, bool)):
            found.update(repr(thing).encode())
    return found.hexdigest()


def _of_optimizer(opt: Optimizer, identities: bool) -> str:
    bound = opt._core.bound
    added = bound.sums
    sums = [] if added is None else [added.sums, added.count, added.weight]
    settings = {k: v for k, v in bound.settings.items() if k not in ARRAYS}
    counts = [
        opt.step_count,
        opt.skipped,
        [c.t for c in bound.counts],
        bound.count_of,
        bound.frozen,
    ]
    scalars = [[each.state(), each.arrays] for each in bound.followers.by_key().values()]
    written = [opt.params, bound.states, scalars, sums, *[bound.settings[name] for name in ARRAYS]]
    words = [opt.names, [(vars(g.h), g.given, g.multiply) for g in opt.groups], settings]
    carried = [count.carried for count in bound.counts]
    return f"{counts} {carried} {words} {opt._core.gate.free} {_digest(written, identities)}"
