"""The choice between the backends: native, else numba, else numpy; and what this installation has."""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from fastopt.algorithm import Rule
from fastopt.backends.protocol import Backend
from fastopt.runtime import available, describe, extension, get_num_threads, suggest, warn
from fastopt.version import __version__

NAMES = ("native", "numba", "numpy")


def backend(name: str) -> Backend:
    """Get a backend by its name."""
    module: Any = import_module(f"fastopt.backends.{name}")
    return module  # type: ignore[no-any-return]


_default = ""


class use_backend(AbstractContextManager[None]):  # noqa: N801 - used as a function
    """Make new optimizers use a backend: ``"native"``, ``"numba"``, ``"numpy"`` or ``"auto"``.

    It holds from the call on; as a context manager, until its end. Raises TypeError for what is no
    string, ValueError for an unknown name, ImportError for a backend that this installation does not
    have.
    """

    def __init__(self, name: str) -> None:
        global _default
        _check_is_name(name)
        self._before = _default
        _default = "" if name == "auto" else _available(name)

    def __exit__(self, *error: object) -> None:
        global _default
        _default = self._before


def choose(asked: str | None, rules: Iterable[Rule]) -> str:
    """Name the backend for an optimizer: the one asked for, or the first that has all its rules."""
    if asked is not None:
        _check_is_name(asked)
    from_environment = os.environ.get("FASTOPT_BACKEND", "")
    name = asked or _default or from_environment
    rules = list(rules)
    if name and name != "auto":
        where = "" if asked or _default else f" (FASTOPT_BACKEND={from_environment!r})"
        name = _available(name, where)
        for rule in rules:
            if not backend(name).runs(rule):
                raise ValueError(
                    f"the backend {name!r} has no kernel for the rule {rule.name!r}, which is your "
                    "own: use backend='numba' or backend='numpy'"
                )
        return name
    for name in NAMES:
        if not backend(name).why_not() and all(backend(name).runs(rule) for rule in rules):
            break
    if name != "native":
        _warn_once(name)
    return name


def _check_is_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the backend is {describe(name)}; it must be native, numba, numpy or auto")


def _available(name: str, where: str = "") -> str:
    if name not in NAMES:
        raise ValueError(f"there is no backend {name!r}{where}: {suggest(name, NAMES)}, auto")
    why_not = backend(name).why_not()
    if why_not:
        raise ImportError(f"the backend {name!r} cannot be used{where}: {why_not}")
    return name


_warned = False


def _warn_once(name: str) -> None:
    global _warned
    broken = extension.native is None and "does not load" in extension.reason
    if _warned or not (broken or name == "numpy"):
        return
    _warned = True
    causes = "; ".join(f"{n}: {backend(n).why_not()}" for n in NAMES if backend(n).why_not())
    slower = "several times slower than native" if name == "numpy" else "compiling at first use"
    warn(f"fastopt runs on the backend {name!r}, {slower} ({causes})")


def build_info() -> dict[str, Any]:
    """Describe the installation: version, backend and why, instruction set, compiler, threads."""
    native = extension.native
    unavailable = {n: backend(n).why_not() for n in NAMES}
    return {
        "version": __version__,
        "backend": choose(None, []),
        "unavailable": {name: why for name, why in unavailable.items() if why},
        "isa": native.level_in_use() if native else None,
        "isa_levels": native.runnable_levels() if native else [],
        "compiler": native.compiler if native else None,
        "flags": native.flags if native else None,
        "threads": get_num_threads(),
        "processors": available(),
    }
