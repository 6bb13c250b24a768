"""Noisy SGD."""

from hashlib import blake2b
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, Values, number, shipped
from fastopt.numerics import real_power
from fastopt.optimizers.as_whole import AsWhole

PIECE = 1 << 16  # numbers that are drawn at a time


@shipped
class NoisySGD(AsWhole):
    """SGD with noise that is added to gradients, less from step to step.

    ::

        g = g + noise                                          normal, of variance eta / t^gamma
        p = p - lr * g

    The noise follows from the seed, the number of the step, the name of the parameter and the place of
    the element, and from nothing else: it is the same on every backend, with any number of threads, and
    in a run that was resumed. It is drawn by NumPy, of which another version may draw other noise.
    Parameters of a list are named by their numbers.

    Neelakantan et al., *Adding gradient noise improves learning for very deep networks*
    (arXiv:1511.06807). optax draws other noise of the same variance, and has the seed as `key`.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    eta : float >= 0
        The variance of the noise at the first step.
    gamma : float >= 0
        How fast it falls.
    seed : int >= 0
        Another one draws other noise.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    Examples
    --------
    >>> w = np.zeros(10000)
    >>> opt = fastopt.NoisySGD([w], lr=1.0, eta=0.25)
    >>> opt.step([np.ones(10000)])
    True
    >>> print(f"{w.mean():.1f} {w.std():.1f}")
    -1.0 0.5
    """

    facts = Facts(
        paper="arXiv:1511.06807",
        kind="momentum",
        good_for="very deep networks that plain descent leaves where they began",
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    eta: Scheduled = number(default=0.01, at_least=0.0)
    gamma: Scheduled = number(default=0.55, at_least=0.0)
    seed: Scheduled = number(default=0.0, at_least=0.0, whole=True)

    takes_name = True

    @classmethod
    def whole(
        cls, h: Values, c: Any, t: int, u: NDArray[Any], kept: dict[str, NDArray[Any]], name: str = ""
    ) -> None:
        draws = generator(int(h.seed), t, name)
        deviation = u.dtype.type(sqrt(h.eta / real_power(float(t), h.gamma)))
        for begin in range(0, u.size, PIECE):
            part = u.flat[begin : begin + PIECE]
            u.flat[begin : begin + PIECE] = part + deviation * draws.standard_normal(len(part), u.dtype)


def generator(seed: int, t: int, name: str) -> np.random.Generator:
    """Make the generator of one step of one parameter, for which it has a key of its own."""
    key = blake2b(f"{seed} {t} {name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
