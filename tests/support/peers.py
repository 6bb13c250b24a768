"""Trains with a dialect and with the framework that it is named after, side by side."""

from collections.abc import Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import pytest
from transcribed import Options, rate, transcriptions

import fastopt
from support.steps import step_and_estimate

STEPS = 200
EVERY = 20  # steps from one comparison to the next


class Peer(Protocol):
    """A framework's optimizer, of NumPy arrays."""

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        """Take a step with this learning rate."""

    def parameters(self) -> Mapping[str, Any]:
        """Give the parameters as they are."""


def few(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Choose some of the problem's arrays, where a compiler takes its time for each."""
    return {key: arrays[key] for key in ("matrix", "scalar")}


def cases(like: str, without: Collection[str] = ()) -> pytest.MarkDecorator:
    """Run a test with the defaults and all cases of a framework's algorithms, but some."""
    return pytest.mark.parametrize(
        ("name", "options"),
        [
            pytest.param(name, options, id=f"{name}-{words}")
            for (framework, name), pair in transcriptions().items()
            for words, options in pair.options()
            if framework == like and name not in without
        ],
    )


def complete(like: str, name: str, options: Options) -> SimpleNamespace:
    """Give all options that the framework has."""
    return transcriptions()[like, name].complete(options)


def side_by_side(
    like: str,
    name: str,
    options: Options,
    peer: Peer,
    grads: list[dict[str, Any]],
    dtype: type[np.floating[Any]] = np.float64,
) -> Iterator[tuple[str, Any, Any]]:
    """Train both, and give every few steps each parameter's name, ours and theirs."""
    ours = {key: np.array(p, dtype) for key, p in peer.parameters().items()}
    opt = fastopt.get(name, ours, like=like, **options)
    lr = opt.groups[0]["lr"]
    for k, given in enumerate(grads):
        each = {key: np.array(given[key], dtype) for key in ours}
        opt.groups[0]["lr"] = lr * rate(k)
        step_and_estimate(opt, each)
        peer.step(each, lr * rate(k))
        if (k + 1) % EVERY == 0 or k < 3:
            theirs = peer.parameters()
            yield from ((f"{key} at step {k + 1}", ours[key], theirs[key]) for key in ours)
