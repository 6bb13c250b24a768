"""What this installation is and uses."""

from typing import Any

from fastopt import backends
from fastopt.runtime import extension
from fastopt.runtime.threads import available, get_num_threads
from fastopt.version import __version__


def build_info() -> dict[str, Any]:
    """Describe the installation: version, backend and why, instruction set, compiler, threads."""
    native = extension.native
    unavailable = {n: backends.backend(n).why_not() for n in backends.NAMES}
    return {
        "version": __version__,
        "backend": backends.choose(None, []),
        "unavailable": {name: why for name, why in unavailable.items() if why},
        "isa": native.level_in_use() if native else None,
        "isa_levels": native.runnable_levels() if native else [],
        "compiler": native.compiler if native else None,
        "flags": native.flags if native else None,
        "threads": get_num_threads(),
        "processors": available(),
    }
