"""What both languages list, each in its own words, is the same: stages, formats, passes, sums."""

import pytest

from fastopt import backends
from fastopt.algorithm import STAGES, StageScalars
from fastopt.arrays import Entries
from fastopt.numerics import BLOCK, FORMATS, LANES, OPERATIONS, STORAGES
from fastopt.runtime.extension import native

MOST_COEFFICIENTS = 32
MOST_STATES = 8


@pytest.mark.skipif(native is None, reason="there is no extension")
def test_the_tables_of_both_languages_are_the_same() -> None:
    assert native is not None
    assert native.tables() == {
        "stages": [stage.name for stage in STAGES],
        "stage_scalars": len(StageScalars._fields) - 1,
        "formats": [each.name for each in FORMATS],
        "operations": list(OPERATIONS),
        "pass": len(backends.Pass._fields),
        "forms": len(backends.GradientForms._fields),
        "program": len(backends.StepProgram._fields),
        "entries": len(Entries._fields),
        "stored": len(backends.StoredStreams._fields),
        "storages": ["plain", *STORAGES],
        "block": BLOCK,
        "lanes": LANES,
        "most_coefficients": MOST_COEFFICIENTS,
        "most_states": MOST_STATES,
    }
    for name in ("BOUND", "SOME_ABSENT", "FOR_PYTHON", "UNLISTED"):
        assert getattr(native.Plan, name) == getattr(backends, name)
