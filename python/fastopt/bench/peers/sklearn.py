"""The optimizers of scikit-learn's multi-layer perceptrons."""

from collections.abc import Callable

from fastopt.bench.arrays import Array, copies


def step(name: str, params: list[Array], grads: list[Array], threads: int) -> Callable[[], None] | None:
    """Make a step."""
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    own = copies(params)
    if name == "adam":
        optimizer = AdamOptimizer(own)
    elif name in ("sgd", "momentum", "nesterov"):
        mu = 0.9 if name in ("momentum", "nesterov") else 0.0
        optimizer = SGDOptimizer(own, 1e-3, momentum=mu, nesterov=name == "nesterov")
    else:
        return None
    return lambda: optimizer.update_params(own, grads)
