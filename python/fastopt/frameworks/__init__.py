"""Other frameworks: a room for each, with all that is known of it, and the dialects of all."""

from fastopt.frameworks.dialects import (
    NAMES,
    REQUIRED,
    Options,
    Table,
    defaults,
    frameworks_of,
    options,
    table,
)

__all__ = ["NAMES", "REQUIRED", "Options", "Table", "defaults", "frameworks_of", "options", "table"]
