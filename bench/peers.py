"""Steps of other libraries on the same arrays; those that are not installed are left out."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TORCH = {
    "sgd": "SGD", "adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSprop", "adam": "Adam",
    "adamw": "AdamW", "adamax": "Adamax", "nadam": "NAdam",
}  # fmt: skip
FUSED = ("sgd", "adagrad", "adam", "adamw")  # on a CPU, in torch 2.13


def torch_step(
    name: str, params: list[Array], grads: list[Array], threads: int, **options: Any
) -> Callable[[], Any]:
    """Make a step of torch.optim over copies of the arrays."""
    import torch

    torch.set_num_threads(threads)
    copies = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    for copy, g in zip(copies, grads, strict=True):
        copy.grad = torch.from_numpy(g.copy())
    step: Callable[[], Any] = getattr(torch.optim, TORCH[name])(copies, **options).step
    return step


def thinc_step(params: list[Array], grads: list[Array]) -> Callable[[], None]:
    """Make a step of thinc's Adam, which clips and averages unless told not to."""
    from thinc.api import Optimizer

    optimizer = Optimizer(1e-3, use_averages=False, grad_clip=0.0, L2=0.0)
    copies = [p.copy() for p in params]

    def step() -> None:
        for i, (p, g) in enumerate(zip(copies, grads, strict=True)):
            optimizer((0, str(i)), p, g.copy())

    return step


def optax_step(params: list[Array], grads: list[Array]) -> Callable[[], None]:
    """Make a compiled step of optax's Adam that donates its buffers."""
    import jax
    import optax

    transform = optax.adam(1e-3)

    def update(params: Any, state: Any, grads: Any) -> Any:
        updates, state = transform.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    compiled = jax.jit(update, donate_argnums=(0, 1))
    held = [jax.numpy.asarray(p) for p in params]
    given = [jax.numpy.asarray(g) for g in grads]
    state = transform.init(held)

    def step() -> None:
        nonlocal held, state
        held, state = compiled(held, state, given)
        jax.block_until_ready(held)

    return step


def sklearn_step(params: list[Array], grads: list[Array]) -> Callable[[], None]:
    """Make a step of scikit-learn's Adam, which its multi-layer perceptrons use."""
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

    copies = [p.copy() for p in params]
    optimizer = AdamOptimizer(copies)
    return lambda: optimizer.update_params(copies, grads)


def arrays(sizes: list[int], dtype: Any) -> tuple[list[Array], list[Array]]:
    """Draw parameters and gradients."""
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n, np.float32).astype(dtype) for n in sizes]
    return params, [rng.standard_normal(n, np.float32).astype(dtype) for n in sizes]
