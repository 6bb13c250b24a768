"""Good input in guarded memory: every size, against either guard.

``python -m faults.sizes BACKEND REPORT NOW`` says how many gradients have changed: none must.
"""

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from support.steps import take_step
from support.variants import FACTORED, FOUNDING, WITH_ALL

import fastopt
from faults.guarded import empty, guarded, states_guarded
from faults.scene import EVERYTHING, options

SIZES = range(258)
MOST = 16  # sizes in one optimizer


def run(backend: str, now: Path) -> dict[str, int]:
    steps = changed = 0
    # Native loops are each rule's own; what Python's plans read and write is the same for all.
    names = (*FOUNDING, *FACTORED) if backend == "native" else WITH_ALL
    for k, (algorithm, at_end) in enumerate(product(names, (True, False))):
        dtype = (np.float32, np.float64)[k // 2 % 2]
        rng = np.random.default_rng(k)
        for first in range(0, len(SIZES), MOST):
            sizes = SIZES[first : first + MOST]
            now.write_text(f"{algorithm}, sizes from {first}, {'end' if at_end else 'beginning'}")
            params = [guarded(rng.standard_normal(n).astype(dtype), at_end) for n in sizes]
            more: dict[str, Any] = {}
            if first // MOST % 2:
                copies = [empty((n,), np.float16, "C", at_end) for n in sizes]
                more = {**EVERYTHING, "cast_to": copies, "global_clipnorm": 1.0, "stats": True}
            opt = fastopt.get(algorithm, params, backend=backend, **options(algorithm), **more)
            for _ in range(2):
                grads = [guarded(rng.standard_normal(n).astype(dtype), at_end) for n in sizes]
                before = [g.tobytes() for g in grads]
                take_step(opt, grads)
                changed += sum(g.tobytes() != b for g, b in zip(grads, before, strict=True))
                steps += len(sizes)
    return {"steps": steps, "gradients_changed": changed}


if __name__ == "__main__":
    with states_guarded():
        found = run(sys.argv[1], Path(sys.argv[3]))
    Path(sys.argv[2]).write_text(json.dumps(found))
