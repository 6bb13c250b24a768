"""optax, whose steps are functions of immutable arrays: nothing of the caller's is written."""

from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import optax

from hazards.training import BETA1, BETA2, EPS, LR, Array, NotApplicable, Training


class Optax(Training):
    """Adam; parameters are copied in, and read from what the step has given back."""

    is_functional: ClassVar[bool] = True

    def __init__(self, params: dict[str, Any], kind: str = "adam", **options: Any) -> None:
        lr = options.pop("lr", LR)
        betas = options.pop("betas", (BETA1, BETA2))
        self.rule = optax.adam(lr, *betas, options.pop("eps", EPS)) if kind == "adam" else optax.sgd(lr)
        self.params = {name: jnp.asarray(p) for name, p in params.items()}
        self.state = self.rule.init(self.params)

    def step(self, grads: dict[str, Any]) -> None:
        if any(g is None for g in grads.values()):
            raise NotApplicable
        given = {name: jnp.asarray(g) for name, g in grads.items()}
        updates, state = self.rule.update(given, self.state, self.params)
        self.params, self.state = optax.apply_updates(self.params, updates), state

    def now(self, name: str) -> Array:
        return np.asarray(self.params[name])

    def replace(self, name: str, array: Array) -> None:
        self.params[name] = jnp.asarray(array)

    def resize(self, name: str, size: int) -> None:
        p = self.params[name]
        self.params[name] = jnp.concatenate([p, jnp.zeros(size - p.size, p.dtype)])

    def put_moment(self, name: str, moment: Array) -> None:
        inner = self.state[0]
        mu = {**inner.mu, name: jnp.asarray(moment)}
        self.state = (inner._replace(mu=mu), *self.state[1:])

    def go_on_from(self, step: Any) -> None:
        inner = self.state[0]
        if np.isnan(step):
            raise NotApplicable  # its counter is a whole number
        self.state = (inner._replace(count=jnp.asarray(step, jnp.int32)), *self.state[1:])

    def steps(self) -> int:
        return int(self.state[0].count)

    def save(self, path: Path) -> None:
        raise NotApplicable  # it has no files of its own

    def moment(self, name: str) -> Array:
        return np.asarray(self.state[0].mu[name])
