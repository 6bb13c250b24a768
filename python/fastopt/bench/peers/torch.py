"""torch.optim, fused (on a CPU torch 2.13 has few that are) and as it is by default."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastopt.bench.arrays import Array, refill
from fastopt.bench.turns import Call, Prepared

CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "adagrad": ("Adagrad", {}),
    "adadelta": ("Adadelta", {}),
    "rmsprop": ("RMSprop", {}),
    "adam": ("Adam", {}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "adamw": ("AdamW", {}),
    "adamax": ("Adamax", {}),
    "nadam": ("NAdam", {}),
}
FUSED = [name for name, (cls, _) in CLASSES.items() if cls in ("SGD", "Adagrad", "Adam", "AdamW")]


def over(params: list[Array], grads: list[Array], threads: int) -> tuple[list[Any], list[Array]]:
    """Make torch's parameters, and give their gradients as NumPy sees them: all of them copies."""
    import torch

    torch.set_num_threads(threads)
    made = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    own = [g.copy() for g in grads]
    for p, g in zip(made, own, strict=True):
        p.grad = torch.from_numpy(g)
    return made, own


def step(
    name: str, params: list[Array], grads: list[Array], threads: int, **options: Any
) -> Callable[[], Any]:
    """Make a step with options of torch's."""
    import torch

    cls, its = CLASSES[name]
    made, _ = over(params, grads, threads)
    taken: Callable[[], Any] = getattr(torch.optim, cls)(made, **its, **options).step
    return taken


def contestant(**options: Any) -> tuple[Callable[..., Call | None], Callable[..., Prepared]]:
    """Return what makes a step, of an algorithm that torch has with these options, and a pipeline."""

    def its_step(name: str, *given: Any) -> Call | None:
        known = FUSED if options.get("fused") else CLASSES
        return step(name, *given, **options) if name in known else None

    return its_step, partial(sequence, **options)


def sequence(
    stages: tuple[str, ...], params: list[Array], grads: list[Array], threads: int, **options: Any
) -> Prepared:
    """Make the calls around an AdamW with options of torch's."""
    import torch

    return around(lambda made: torch.optim.AdamW(made, **options), stages, params, grads, threads)


def around(
    make: Callable[[list[Any]], Any],
    stages: tuple[str, ...],
    params: list[Array],
    grads: list[Array],
    threads: int,
) -> Prepared:
    """Make the calls that clip, step, zero, average and cast, as torch's documentation has them."""
    import torch
    from torch.optim.swa_utils import get_ema_multi_avg_fn

    made, own = over(params, grads, threads)
    opt = make(made)
    averages = [p.detach().clone() for p in made]
    low = [p.detach().to(torch.bfloat16) for p in made]
    plain = [p.detach() for p in made]
    average = get_ema_multi_avg_fn(0.999)

    def call() -> None:
        if "clip" in stages:
            torch.nn.utils.clip_grad_norm_(made, 1.0)
        opt.step()
        if "zero" in stages:
            opt.zero_grad(set_to_none=False)
        if "ema" in stages:
            average(averages, plain, 1)
        if "cast" in stages:
            for to, p in zip(low, plain, strict=True):
                to.copy_(p)

    return Prepared(lambda: refill(own, grads), call)
