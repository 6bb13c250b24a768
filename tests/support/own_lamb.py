"""LAMB (You et al., arXiv:1904.00962) as a user writes it: its step depends on norms of each array."""

from math import sqrt
from typing import Any, NamedTuple

import numpy as np

import fastopt
from fastopt.rules import number


class LambScalars(NamedTuple):
    beta1: float
    rest1: float
    beta2: float
    rest2: float
    correct: float
    unbias: float
    eps: float
    decay: float
    step: float


def lamb_direction(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    m = c.beta1 * m + c.rest1 * g
    v = c.beta2 * v + c.rest2 * g * g
    return c.correct * m / (np.sqrt(v) * c.unbias + c.eps) + c.decay * p, m, v


class Lamb(fastopt.Optimizer):
    """LAMB, with beta1 = 0.9 and beta2 = 0.999."""

    eps: float = number(default=1e-6, at_least=0.0)
    decay: float = number(default=0.01, at_least=0.0)

    direction = staticmethod(lamb_direction)

    @staticmethod
    def rule(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
        m = c.beta1 * m + c.rest1 * g
        v = c.beta2 * v + c.rest2 * g * g
        p = p - c.step * (c.correct * m / (np.sqrt(v) * c.unbias + c.eps) + c.decay * p)
        return p, m, v

    @staticmethod
    def coefficients(h: Any, t: int) -> LambScalars:
        correct, unbias = 1.0 / (1.0 - 0.9**t), 1.0 / sqrt(1.0 - 0.999**t)
        return LambScalars(0.9, 1.0 - 0.9, 0.999, 1.0 - 0.999, correct, unbias, h.eps, h.decay, h.lr)

    @classmethod
    def between(cls, h: Any, c: Any, measured: Any, *carried: Any) -> Any:
        direction, weight = measured.direction, measured.weight
        ratio = weight / direction if weight > 0.0 and direction > 0.0 else 1.0
        return c._replace(step=c.step * ratio)
