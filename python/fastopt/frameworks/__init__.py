"""Other frameworks: a room for each, with all that is known of it, and the dialects of all."""

from fastopt.frameworks.dialects import (
    NAMES,
    REQUIRED,
    Names,
    Options,
    Table,
    as_ours,
    defaults,
    frameworks_of,
    names,
    options,
    table,
)

__all__ = [
    "NAMES",
    "REQUIRED",
    "Names",
    "Options",
    "Table",
    "as_ours",
    "defaults",
    "frameworks_of",
    "names",
    "options",
    "table",
]
