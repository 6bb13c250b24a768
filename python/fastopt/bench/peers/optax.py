"""optax, compiled by JAX, with buffers that are donated: updated in place, in effect.

JAX has no say in its number of threads: it takes all processors.
"""

from typing import Any

from fastopt.bench.arrays import Array
from fastopt.bench.turns import Call

MAKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("sgd", {}),
    "momentum": ("sgd", {"momentum": 0.9}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    **{
        name: (name, {})
        for name in ("adagrad", "adadelta", "rmsprop", "adam", "amsgrad", "adamw", "adamax", "nadam")
    },
}


def step(name: str, params: list[Array], grads: list[Array], threads: int) -> Call | None:
    """Make a step."""
    import optax

    if name not in MAKERS:
        return None
    maker, options = MAKERS[name]
    return _compiled(getattr(optax, maker)(1e-3, **options), (), params, grads)


def sequence(stages: tuple[str, ...], params: list[Array], grads: list[Array], threads: int) -> Call:
    """Make all of a pipeline, as one compiled function; there are no gradients to zero in JAX."""
    import optax

    transform = optax.adamw(1e-3, weight_decay=1e-2)
    if "clip" in stages:
        transform = optax.chain(optax.clip_by_global_norm(1.0), transform)
    return _compiled(transform, stages, params, grads)


def _compiled(transform: Any, stages: tuple[str, ...], params: list[Array], grads: list[Array]) -> Call:
    import jax
    import optax

    def update(params: Any, state: Any, averages: Any, grads: Any) -> Any:
        updates, state = transform.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        averages = [0.999 * a + 0.001 * p for a, p in zip(averages, params, strict=False)]
        low = [p.astype(jax.numpy.bfloat16) for p in params] if "cast" in stages else []
        return params, state, averages, low

    compiled = jax.jit(update, donate_argnums=(0, 1, 2))
    held = [jax.numpy.array(p) for p in params]
    given = [jax.numpy.array(g) for g in grads]
    averages = [jax.numpy.array(p) for p in params] if "ema" in stages else []
    state = transform.init(held)

    def call() -> None:
        nonlocal held, state, averages
        held, state, averages, low = compiled(held, state, averages, given)
        jax.block_until_ready((held, low))

    return call
