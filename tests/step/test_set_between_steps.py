"""What is set between two steps holds from the next one on, whoever takes it: the plan, or Python.

The NumPy backend leaves every step that is more than the update to Python.
"""

from typing import Any

import numpy as np
import pytest

import fastopt

OFF: dict[str, Any] = {
    "global_clipnorm": None,
    "clipnorm": None,
    "zero_grads": False,
    "stats": False,
    "loss_scale": 1.0,
    "nonfinite": "propagate",
    "cast_grads": False,
    "lr": 0.1,
    "weight_decay": 0.0,
}
ON: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a limit": {"global_clipnorm": 2.0},
    "a lower limit": {"global_clipnorm": 0.3},
    "limits of each": {"clipnorm": 0.3},
    "zeros": {"zero_grads": True},
    "a report": {"stats": True},
    "a limit and a report": {"global_clipnorm": 0.3, "stats": True},
    "a scale": {"loss_scale": 3.0},
    "a limit and a scale": {"global_clipnorm": 0.3, "loss_scale": 3.0},
    "a high limit, a scale, zeros": {"global_clipnorm": 9.0, "loss_scale": 0.5, "zero_grads": True},
    "another scale": {"loss_scale": 7.0},
    "a dynamic scale": {"loss_scale": "dynamic"},
    "skips": {"nonfinite": "skip"},
    "a schedule": {"lr": lambda step: 0.1 / (step + 1)},
    "decay": {"weight_decay": 0.1},
    "limits that come and go": {"clipnorm": lambda step: 0.3 if step % 2 else None},
    "limits of each and a scale": {"clipnorm": 0.3, "loss_scale": 3.0, "zero_grads": True},
    "skips, a limit, a schedule": {
        "nonfinite": "skip",
        "global_clipnorm": 0.3,
        "lr": lambda step: 0.1 / (step + 1),
    },
    "a dynamic scale and casts": {"loss_scale": "dynamic", "cast_grads": True},
}


def life(backend: str, name: str, options: dict[str, Any], order: tuple[str, ...]) -> list[Any]:
    """Take two steps with each: what can be seen after every one."""
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n).astype(np.float32) for n in (3, 70)]
    opt = fastopt.get(name, params, backend=backend, **options)
    seen: list[Any] = []
    for which in order:
        for key, value in [*OFF.items(), *ON[which].items()]:
            setattr(opt, key, value)
        for _ in range(2):
            grads = [rng.standard_normal(p.shape).astype(np.float32) for p in params]
            taken = opt.step(grads)
            report = repr(opt.report()) if opt.stats else ""
            arrays = [*params, *grads, *[a for each in opt.state.values() for a in each.values()]]
            seen.append((taken, opt.step_count, opt.grad_norm, report, [a.tobytes() for a in arrays]))
    return seen


@pytest.mark.parametrize("first", ON)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {}),
        ("nadam", {}),
        ("adamwschedulefree", {}),
        ("sgd", {"momentum": 0.9, "ema": 0.9, "lookahead_steps": 2}),
    ],
    ids=["adam", "nadam", "schedule-free", "followed"],
)
def test_what_is_set_holds_from_the_next_step_on(
    name: str, options: dict[str, Any], first: str
) -> None:
    for then in ON:
        order = (first, then, first)
        assert life("native", name, options, order) == life("numpy", name, options, order), order
