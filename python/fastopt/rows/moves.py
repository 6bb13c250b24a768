"""Steps of a rule where the gradient is 0, found by taking them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import STAGES, Rule, StageScalars, agreement
from fastopt.numerics import FloatingPointEnvironment

# Of parameters, of both signs and all sizes; infinite ones see a decay of 0, and -0.0 a step of +0.
PARAMETERS = (0.0, -0.0, 1.5, -2.25, 1e-30, -3e10, np.inf, -np.inf)
# Of states, which may have to be positive.
STATES = (0.5, 1.25, 0.0625, 3.0, 0.75, 2.0, 0.375, 1.0)


def moves(
    rule: Rule,
    row: tuple[StageScalars, Any],
    dtype: np.dtype[Any],
    beginnings: Sequence[Any] | None = None,
) -> bool:
    """Return whether a step with gradient 0 changes a bit of any parameter, or of a state.

    The states are at their `beginnings`, numbers; without these, they are such as steps leave behind.
    """
    old: list[NDArray[Any]] = [np.array(PARAMETERS, dtype)]
    for k in range(len(rule.states)):
        values = np.roll(STATES, k) if beginnings is None else np.full(len(PARAMETERS), beginnings[k])
        old.append(values.astype(dtype))
    with np.errstate(all="ignore"), FloatingPointEnvironment():
        new = _stepped(rule, row, old)
    pairs = zip(old, np.broadcast_arrays(old[0], *new)[1:], strict=True)
    return any([a.tobytes() != np.asarray(b, dtype).tobytes() for a, b in pairs])


def _stepped(rule: Rule, row: tuple[StageScalars, Any], old: Sequence[NDArray[Any]]) -> list[Any]:
    """Run the rule with the stage around it, as the NumPy backend does."""
    stage, coefficients = row
    of = old[0].dtype.type
    around, s = STAGES[stage.stage], type(stage)(*map(of, stage))
    p, *states = old
    begin, g = around.before(p, np.zeros_like(p), s)
    new = rule.update(begin, g, *states, type(coefficients)(*map(of, coefficients)))
    p_new, states_new = (new[0], new[1:]) if states else (new, ())
    agree = agreement(s.agree)
    p_new = agree(p_new, begin, g, s.agree) if agree else p_new
    return [around.after(p_new, p, s), *states_new]
