"""The parts of an optimizer: parameters, groups, patterns of names, step counts, gate, commit."""

from fastopt.model.commit import Change, commit, make
from fastopt.model.ended_schedules import warn_if_ended
from fastopt.model.gate import CLOSED, STEPPING, Gate
from fastopt.model.given import taken
from fastopt.model.group_tables import groups_table
from fastopt.model.group_values import Given, moderate_changes
from fastopt.model.groups import ALGORITHM, Group, group_class
from fastopt.model.parameters import Parameters, leaves_like
from fastopt.model.patterns import Named, Which, chosen, still_meant
from fastopt.model.states import (
    Scratches,
    Spreads,
    States,
    completed,
    initial,
    names_of,
    of_new_rows,
    scratches,
    spread_arrays,
)
from fastopt.model.step_counts import Row, StepCount, divide, own_count, regroup
from fastopt.model.stored import Stored
from fastopt.model.storing import (
    MASTER,
    PARAMETER,
    SCALES,
    Storages,
    as_bfloat16,
    beside,
    encoded,
    forms_of,
    seed_of,
    shown,
    stands_beside,
    storages,
)
from fastopt.model.tapes import blank_tape
from fastopt.model.ties import check_copied, check_gradients
from fastopt.model.usual_groups import layer_decay, no_decay, vectors_by_adamw
