"""Descriptions of algorithms: `fastopt.describe`."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np

from fastopt import frameworks
from fastopt.algorithm import FLAG, Values
from fastopt.dialect import WIDTH, labelled, own_defaults
from fastopt.optimizer import Optimizer
from fastopt.registry import find

_WIDTH = 10  # of labels


class Description:
    """All that is known of an algorithm; it prints as a page."""

    def __init__(self, cls: type[Optimizer], preset: Mapping[str, Any]) -> None:
        defaults = {name: option.default for name, option in cls.hyperparameters.items()}
        facts = cls.facts
        self.name = cls.__name__
        self.summary = (cls.__doc__ or cls.__name__).partition("\n")[0]
        self.paper, self.kind, self.good_for = facts.paper, facts.kind, facts.good_for
        self.hyperparameters = {name: {**defaults, **preset}[name] for name in own_defaults(cls)}
        h, p = Values(**{**defaults, **preset}), np.empty((2, 3))  # a matrix, as all can have
        shapes = cls.shapes(h, p)
        self.needed = tuple(dict.fromkeys((*cls.rule_for(h).kept, *shapes)))
        self._full = [name for name in self.needed if shapes.get(name, p.shape) == p.shape]
        self.states = {name: "" for name in self.needed} | dict(facts.states)
        self.few_bits = tuple(facts.few_bits)
        self.dialects = frameworks.frameworks_of(cls)
        self._values = {name: cls.hyperparameters[name].validator for name in self.hyperparameters}

    def bytes_per_parameter(self, itemsize: int = 4) -> int:
        """Return how much memory states of a parameter's shape take, for each of its numbers."""
        return itemsize * len(self._full)

    def __repr__(self) -> str:
        known = {"paper": self.paper, "kind": self.kind, "good for": self.good_for}
        lines = [fill(self.summary, WIDTH), ""]
        lines += [labelled(label, text, _WIDTH) for label, text in known.items() if text]
        least, most = self.bytes_per_parameter(4), self.bytes_per_parameter(8)
        needed = f"{', '.join(self.needed)}: {least} bytes per float32, {most} per float64"
        lines.append(labelled("states", needed if self.needed else "none by default", _WIDTH))
        lines += [labelled("", f"{name}: {holds}", _WIDTH) for name, holds in self.states.items()]
        if self.few_bits:
            few = f"{', '.join(self.few_bits)}, by state_dtype"
            lines.append(labelled("few bits", few, _WIDTH))
        label = "options"
        for name, value in self.hyperparameters.items():
            validator = self._values[name]
            can_be = "" if validator is FLAG else f": {validator.words()}"
            lines.append(labelled(label, f"{name}={value!r}{can_be}", _WIDTH))
            label = ""
        lines.append(labelled("", "and those of every optimizer: help(fastopt.Optimizer)", _WIDTH))
        if self.dialects:
            lines.append(labelled("dialects", ", ".join(self.dialects), _WIDTH))
        return "\n".join(lines)


def describe(name: str | type[Optimizer]) -> Description:
    """Describe an algorithm: where it is from, what it is good for, its options, states and memory.

    ::

        fastopt.describe("adamw")

    Parameters
    ----------
    name : str or class
        A name that `fastopt.names` lists, or a class of optimizers, also one of your own.

    Returns
    -------
    Description
        It prints as a page, and has what stands there as attributes.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, with a suggestion.
    """
    if isinstance(name, type) and issubclass(name, Optimizer):
        name.check_class()
        return Description(name, {})
    return Description(*find(name))
