"""DeepSpeed's optimizers for the CPU; it compiles them at their first use."""

import os
from typing import Any

from fastopt.bench.arrays import Array
from fastopt.bench.peers import torch as torch_peer
from fastopt.bench.turns import Call, Prepared


def step(name: str, params: list[Array], grads: list[Array], threads: int) -> Call | None:
    """Make a step."""
    if name not in ("adam", "adamw", "adagrad"):
        return None
    made, _ = torch_peer.over(params, grads, threads)
    if name == "adagrad":
        _choose_processor()
        from deepspeed.ops.adagrad import DeepSpeedCPUAdagrad

        opt: Any = DeepSpeedCPUAdagrad(made)
    else:
        opt = _adam(made, name == "adamw")
    taken: Call = opt.step
    return taken


def sequence(
    stages: tuple[str, ...], params: list[Array], grads: list[Array], threads: int
) -> Prepared:
    """Make torch's calls around DeepSpeed's AdamW."""
    return torch_peer.around(_adam, stages, params, grads, threads)


def _adam(made: list[Any], decoupled: bool = True) -> Any:
    _choose_processor()
    from deepspeed.ops.adam import DeepSpeedCPUAdam

    return DeepSpeedCPUAdam(made, adamw_mode=decoupled)


def _choose_processor() -> None:
    """Keep it from looking for accelerators, and from saying at length that there are none."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
