"""Functions compiled by Numba for one signature, or found on disk."""

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit, types
from numba.core.ccallback import CFunc

from fastopt.backends.numba_cache import kept, unique
from fastopt.backends.numba_digest import digest
from fastopt.backends.numba_elementwise import CONTRACT, check_enabled


def for_c(function: Callable[..., Any], signature: Any, found: str) -> Any:
    """Make a function for calls by its address; `found` is its digest."""
    check_enabled()
    made: Any = CFunc(unique(function, found), (signature.args, signature.return_type), {}, CONTRACT)
    made._cache = kept(found)
    made.compile()
    return made


@cache
def of_words(function: Callable[..., Any], nogil: bool) -> Callable[..., int]:
    """Make a function of this package, of integers and addresses, for calls from Python."""
    check_enabled()
    count = function.__code__.co_argcount
    found = digest(function.__qualname__, count, nogil)
    made = njit(nogil=nogil, no_cfunc_wrapper=True, **CONTRACT)(unique(function, found))
    made._cache = kept(found)
    made.compile(types.intp(*[types.intp] * count))
    made.disable_compile()
    return made  # type: ignore[no-any-return]
