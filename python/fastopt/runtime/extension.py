"""The compiled extension, if this installation has it, and if not, why not."""

import importlib
import importlib.util
from types import ModuleType

native: ModuleType | None = None
reason = ""

try:
    native = importlib.import_module("fastopt._native")
except ImportError as error:
    if importlib.util.find_spec("fastopt._native") is None:
        reason = "this installation was made without the compiled extension"
    else:
        reason = f"the compiled extension does not load: {error}"
