"""What is no array at all, wherever an array is needed."""

import array
import ctypes
import datetime
import decimal
import fractions
import io
import itertools
import operator
import pathlib
import types
import warnings
import weakref
from collections import Counter, UserDict, UserList, deque
from typing import Any

import numpy as np

from faults import Array, Fault


class Arraylike:
    """Converts to an array, as those of other libraries do."""

    def __init__(self, a: Array) -> None:
        self.a = a

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.a


class RaisingArraylike:
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        raise RuntimeError("this is no array after all")


class InterfaceLiar:
    """Says that its data are a million elements at an address that is nobody's."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"shape": (10**6,), "typestr": "<f4", "data": (16, False), "version": 3}


class InterfaceRaiser:
    @property
    def __array_interface__(self) -> dict[str, Any]:
        raise RuntimeError("there is no interface")


class AttributesRaise:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"there is no {name}")


class ReprRaises:
    def __repr__(self) -> str:
        raise RuntimeError("this cannot be shown")


class LooksLikeOne:
    """Has what a careless check asks for."""

    def __init__(self, a: Array) -> None:
        self.dtype, self.shape, self.strides, self.flags = a.dtype, a.shape, a.strides, a.flags
        self.ctypes, self.nbytes, self.size, self.ndim = a.ctypes, a.nbytes, a.size, a.ndim


class Longer:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> Any:
        raise IndexError(i)


class Subclass(np.ndarray):
    """An array of another kind, such as one with units."""


class MapSubclass(np.memmap):
    """A memory map of another kind."""


def matrix(a: Array) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matrices are on their way out
        return np.asmatrix(a)


def tensor(a: Array) -> Any:
    import torch

    return torch.from_numpy(a)


def learned(a: Array) -> Any:
    return tensor(a).requires_grad_()


def jax_array(a: Array) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(a)


def record(a: Array) -> Any:
    return a.view(np.recarray)


def char_array(a: Array) -> Any:
    return np.char.array(["a", "b"])


def _error(name: str, make: Any, *words: str) -> Fault:
    return Fault(name, make, TypeError, words)


# Arrays of other libraries and other kinds: there is a line that mends it.
ARRAYLIKE = [
    _error("masked", lambda a: np.ma.masked_less(a, 0), "MaskedArray", "filled"),
    _error("masked constant", lambda a: np.ma.masked, "MaskedConstant"),
    _error("matrix", matrix, "matrix", "np.asarray("),
    _error("subclass", lambda a: a.view(Subclass), "Subclass", "np.asarray("),
    _error("subclass of memmap", lambda a: a.view(MapSubclass), "MapSubclass", "np.asarray("),
    _error("record array", record, "recarray", "np.asarray("),
    _error("array of characters", char_array, "np.asarray("),
    _error("array-like", Arraylike, "Arraylike", "np.array("),
    _error("array-like that raises", lambda a: RaisingArraylike(), "RaisingArraylike"),
    _error("tensor", tensor, "torch.Tensor", "detach().numpy()"),
    _error("tensor with gradient", learned, "torch.Tensor", ".detach()"),
    _error("JAX array", jax_array, "jax", "np.array("),
]

# Other things, single ones.
SINGLE = [
    _error("float", lambda a: 1.5, "float", "np.array("),
    _error("int", lambda a: 1, "int", "np.array("),
    _error("huge int", lambda a: 10**400, "int", "np.array("),
    _error("bool", lambda a: True, "bool"),
    _error("complex", lambda a: 1j, "complex"),
    _error("NaN", lambda a: float("nan"), "float", "np.array("),
    _error("str", lambda a: "weights", "str"),
    _error("empty str", lambda a: "", "str"),
    _error("bytes", lambda a: a.tobytes(), "bytes"),
    _error("bytearray", lambda a: bytearray(a.tobytes()), "bytearray"),
    _error("memoryview", memoryview, "memoryview"),
    _error("array.array", lambda a: array.array("f", [1.0] * 12), "array.array"),
    _error("ctypes array", lambda a: (ctypes.c_float * 12)(), "c_float"),
    _error("object", lambda a: object(), "object", "numpy.ndarray"),
    _error("Ellipsis", lambda a: ..., "ellipsis"),
    _error("NotImplemented", lambda a: NotImplemented, "NotImplemented"),
    _error("class", lambda a: np.ndarray, "type"),
    _error("function", lambda a: operator.add, "builtin_function"),
    _error("method", lambda a: a.sum, "builtin_function"),
    _error("lambda", lambda a: lambda: a, "function"),
    _error("module", lambda a: np, "module"),
    _error("namespace", lambda a: types.SimpleNamespace(a=a), "SimpleNamespace"),
    _error("dtype", lambda a: a.dtype, "dtype"),
    _error("flags", lambda a: a.flags, "flag"),
    _error("iterator of an array", lambda a: a.flat, "flatiter"),
    _error("fraction", lambda a: fractions.Fraction(1, 3), "Fraction"),
    _error("decimal", lambda a: decimal.Decimal(1), "Decimal"),
    _error("date", lambda a: datetime.date(2020, 1, 1), "date"),
    _error("path", lambda a: pathlib.Path(), "Path"),
    _error("file", lambda a: io.BytesIO(a.tobytes()), "BytesIO"),
    _error("weak reference", weakref.ref, "Reference"),
    _error("interface that lies", lambda a: InterfaceLiar(), "InterfaceLiar"),
    _error("interface that raises", lambda a: InterfaceRaiser(), "InterfaceRaiser"),
    _error("attributes that raise", lambda a: AttributesRaise(), "AttributesRaise"),
    _error("repr that raises", lambda a: ReprRaises(), "ReprRaises"),
    _error("looks like an array", LooksLikeOne, "LooksLikeOne"),
    _error("sequence that is none", lambda a: Longer(), "Longer"),
    _error("NumPy void", lambda a: np.void(b"1234")),
    _error("NumPy text", lambda a: np.str_("a")),
    _error("NumPy date", lambda a: np.datetime64("2020-01-01"), "datetime64"),
    _error("NumPy duration", lambda a: np.timedelta64(1, "s"), "timedelta64"),
    _error("NumPy bool", lambda a: np.True_),
]

# Containers that fastopt does not know.
CONTAINERS = [
    _error("generator", lambda a: (x for x in [a]), "generator", "list("),
    _error("set", lambda a: {1.0, 2.0}, "set", "list("),
    _error("frozen set", lambda a: frozenset([1.0]), "frozenset", "list("),
    _error("range", lambda a: range(3), "range", "list("),
    _error("map", lambda a: map(float, [1]), "map", "list("),
    _error("dict values", lambda a: {"w": a}.values(), "dict_values", "list("),
    _error("other mapping", lambda a: UserDict(w=a), "UserDict", "dict("),
    _error("frozen mapping", lambda a: types.MappingProxyType({"w": a}), "mappingproxy", "dict("),
    _error("other list", lambda a: UserList([a]), "UserList", "list("),
    _error("deque", lambda a: deque([a]), "deque", "list("),
    _error("endless", lambda a: itertools.count(), "count", "list("),
]

# Containers where one array is needed; in params they are more structure.
KNOWN_CONTAINERS = [
    _error("list", lambda a: a.tolist(), "list", "np.array("),
    _error("list of one", lambda a: [a], "list", "np.array("),
    _error("tuple", tuple, "tuple", "np.array("),
    _error("empty list", lambda a: [], "list", "np.array("),
    _error("dict", lambda a: {"w": a}, "dict"),
    _error("counter", lambda a: Counter("ab"), "Counter"),
]

NUMPY_SCALAR = _error("NumPy scalar", lambda a: a[0, 0], "numpy.float", "np.array(")
NOTHING = _error("None", lambda a: None, "None", "only gradients")

OBJECTS = [*ARRAYLIKE, *SINGLE, *CONTAINERS]

# Arrays of other libraries are gradients as they are.
READABLE = ("array-like", "tensor", "tensor with gradient", "JAX array")
UNREADABLE = [fault for fault in OBJECTS if fault.name not in READABLE]
