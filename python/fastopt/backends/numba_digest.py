"""A digest of all that Numba would compile into a function; none where that cannot be told."""

import builtins
import dis
import math
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import config
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target

from fastopt.algorithm import elementwise, functions

LENGTH = 24  # hexadecimal digits
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))
KNOWN = (
    builtins,
    math,
    np,
    elementwise,
    functions,
)  # modules whose functions are told by name and version
SETTINGS = ("OPT", "BOUNDSCHECK", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT", "USE_RVSDG")


class _UnknownError(Exception):
    """Something that may change without a trace."""


def digest(*things: Any) -> str:
    """Compute the digest of functions and values; empty where one refers to what cannot be told."""
    try:
        described = "\n".join(line for thing in things for line in _described(thing, [], direct=True))
        return sha256(f"{_surroundings()}\n{described}".encode()).hexdigest()[:LENGTH]
    except (_UnknownError, OSError):
        return ""


@cache
def _surroundings() -> str:
    """Describe versions, the processor, and our own text that compiles."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("numba*.py")), Path(elementwise.__file__), Path(functions.__file__)]
    text = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    machine = cpu_target.target_context.codegen().magic_tuple()
    settings = [getattr(config, name, None) for name in SETTINGS]
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
    return repr((versions, machine, settings, text))


def _described(thing: Any, above: list[Any], direct: bool = False) -> Iterator[str]:
    """Describe a thing; `above` are the functions that it is part of."""
    name = getattr(thing, "__name__", None)
    if type(thing) in PLAIN:
        yield f"{type(thing).__name__} {thing!r}"
    elif isinstance(thing, np.generic):
        yield f"{thing.dtype.str} {thing.tobytes().hex()}"
    elif isinstance(thing, np.dtype):
        yield thing.str
    elif type(thing) in (tuple, frozenset):
        yield f"{type(thing).__name__} {len(thing)}"
        for each in thing if type(thing) is tuple else sorted(thing, key=repr):
            yield from _described(each, above)
    elif any(thing is module for module in KNOWN) or _is_ours(thing):
        yield f"module {name}"
    elif isinstance(name, str) and any(getattr(module, name, None) is thing for module in KNOWN):
        yield f"known {name}"
    elif any(thing is each for each in above):
        yield f"itself {name}"
    elif isinstance(thing, Dispatcher):
        yield f"compiled {sorted(thing.targetoptions.items())!r} {thing.locals!r}"
        yield from _described(thing.py_func, above, direct=True)
    elif type(thing) is FunctionType and direct:  # where another calls it, by an overload of its own
        yield f"function {thing.__module__} {thing.__qualname__}"
        yield from _of_function(thing, [*above, thing])
    else:
        raise _UnknownError


def _of_function(function: FunctionType, above: list[Any]) -> Iterator[str]:
    yield from _of_code(function.__code__, above)
    for value in (function.__defaults__, *sorted((function.__kwdefaults__ or {}).items())):
        yield from _described(value, above)
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError as error:  # empty as yet
            raise _UnknownError from error
        yield from _described(value, above)
    for name in sorted(_globals(function.__code__)):
        value = function.__globals__.get(name, vars(builtins).get(name, _UnknownError))
        yield f"global {name}"
        yield from _described(value, above)


def _of_code(code: CodeType, above: list[Any]) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags))
    yield repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount))
    for value in code.co_consts:
        yield from _of_code(value, above) if isinstance(value, CodeType) else _described(value, above)


def _globals(code: CodeType) -> set[str]:
    """Find the names of globals, and not those of attributes."""
    found = {each.argval for each in dis.get_instructions(code) if each.opname in LOADS}
    return found.union(*(_globals(each) for each in code.co_consts if isinstance(each, CodeType)))


LOADS = ("LOAD_GLOBAL", "LOAD_NAME")


def _is_ours(thing: Any) -> bool:
    return isinstance(thing, ModuleType) and thing.__name__.split(".")[0] == "fastopt"
