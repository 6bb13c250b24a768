"""Groups that many models need: no decay for biases and norms, and a rate for each layer."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import NOT_NEGATIVE
from fastopt.model.patterns import Which
from fastopt.runtime import describe

Array = NDArray[Any]
_WORD = re.compile(r"[A-Za-z]+")
_BIAS = {"b", "bias", "biases"}


def is_bias_or_norm(name: str, p: Array) -> bool:
    """Return whether a parameter is a bias or a scale of a norm.

    Those have at most one dimension, by which timm and nanoGPT know them. A bias that NumPy code keeps
    as a row or a column is known by its name, as in timm and Transformers: ``b``, ``bias`` or
    ``biases`` is a word of the last key (``b1``, ``b_out``, ``fc1_bias``), and all values lie along one
    axis. No name makes a wider array one.
    """
    if p.ndim <= 1:
        return True
    return p.size == max(p.shape) and not _BIAS.isdisjoint(_WORD.findall(name.rpartition(".")[2]))


no_decay: Mapping[Any, Mapping[str, Any]] = MappingProxyType({is_bias_or_norm: {"weight_decay": 0.0}})
"""For ``groups=``: no weight decay on biases and norms, which `is_bias_or_norm` tells from weights."""


def is_no_matrix(name: str, p: Array) -> bool:
    """Return whether a parameter has fewer than two dimensions."""
    return p.ndim < 2


vectors_by_adamw: Mapping[Any, Mapping[str, Any]] = MappingProxyType(
    {is_no_matrix: {"algorithm": "adamw", "lr": 3e-4}}
)
"""For ``groups=``, beside an algorithm for matrices such as Muon: AdamW for all that is no matrix."""


def layer_decay(layers: Sequence[Which], rate: float) -> dict[Any, dict[str, Any]]:
    """Return ``groups=`` in which the learning rate falls from each layer to the one before it.

    The last of the `layers`, patterns of parameter names from the input to the output, has the whole
    learning rate, the one before it `rate` times as much, and so on:
    ``layer_decay(["embed.*", "blocks.0.*", "blocks.1.*", "head.*"], 0.75)``. A layer can also be a
    list of patterns. What several of them mean has the rate of the last.

    Raises TypeError or ValueError for layers that are no list of different patterns, and a rate that is
    no number >= 0.
    """
    if isinstance(layers, str) or not all(map(_is_which, layers)):
        raise TypeError(
            f"layers is {describe(layers)}; it must be a list of patterns of names, such as "
            '["embed.*", "head.*"]'
        )
    keys = [tuple(layer) if isinstance(layer, list) else layer for layer in layers]
    if len(set(keys)) != len(keys):
        raise ValueError("layers has a pattern twice; each has one place in the order: leave one out")
    factor = NOT_NEGATIVE.check(rate, "rate")
    last = len(keys) - 1
    return {layer: {"multiply": {"lr": factor ** (last - i)}} for i, layer in enumerate(keys)}


def _is_which(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_which, value))
    return isinstance(value, (str, re.Pattern)) or callable(value)
