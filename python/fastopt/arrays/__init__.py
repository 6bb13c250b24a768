"""Arrays of the caller: containers of them, checks, and memory held where it is."""

from fastopt.arrays import checks
from fastopt.arrays.allocation import Arena, Form
from fastopt.arrays.checks import check_layout
from fastopt.arrays.entries import Entries
from fastopt.arrays.extents import Extents, Written, check_zeroable, outermost, overlaps_itself
from fastopt.arrays.fingerprint import Fingerprint
from fastopt.arrays.foreign import is_arraylike, viewed
from fastopt.arrays.kinds import check_kind
from fastopt.arrays.lifetime import KeepAlive
from fastopt.arrays.memory import Named, address, bounds, flat, shaped
from fastopt.arrays.read_only import (
    read_only,
    read_only_dict,
    read_only_list,
    read_only_states,
    write_into,
)
from fastopt.arrays.records import entries, entry, is_container, spelled
from fastopt.arrays.states import check_fit
from fastopt.arrays.structure import Path, Structure
