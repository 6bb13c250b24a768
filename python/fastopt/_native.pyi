from collections.abc import Sequence
from typing import Any, ClassVar, overload

_Pass = tuple[bool, bool, float, float, bool, float, float, bool]

class OwnKernel:
    def __init__(self, name: str, dtype: str, states: int, coefficients: int, sweep: int) -> None: ...

class ScalarTape:
    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(
        self,
        values: dict[str, Any],
        carried: list[str],
        constants: list[tuple[int, float]],
        steps: list[tuple[int, int, bool, int, int]],
        stage: int,
        results: list[int],
    ) -> None: ...
    def replay(self, given: list[float]) -> list[float] | None: ...
    @property
    def failed(self) -> bool: ...

class Plan:
    BOUND: ClassVar[int]
    SOME_ABSENT: ClassVar[int]
    FOR_PYTHON: ClassVar[int]
    UNLISTED: ClassVar[int]
    TAKES_PROGRAMS: ClassVar[bool]
    def __init__(
        self, arrays: list[tuple[Any, ...]], rules: list[str | OwnKernel], rows: list[int]
    ) -> None: ...
    def attach(
        self,
        slow: list[Any] | None,
        averages: list[Any] | None,
        copies: list[Any] | None,
    ) -> None: ...
    def bind(
        self,
        gradients: Sequence[Any],
        params: Sequence[Any] | None,
        overlap_checked: bool,
        taking: tuple[bool, bool, bool] | None = None,
    ) -> int: ...
    def step(
        self,
        grads: Any,
        parameters: Any,
        counts: Sequence[Any],
        threads: int,
        counter: Any,
        program: Any,
        /,
    ) -> int: ...
    def bind_rows(self, parameter: int, indices: Any, values: Any, living: Any) -> None: ...
    def assign(self, rows: list[int]) -> None: ...
    def attach_portions(
        self, portions: Sequence[tuple[tuple[Any, int, int] | None, tuple[Any, int, int] | None]]
    ) -> None: ...
    def attach_directions(self, directions: list[str | OwnKernel | None]) -> None: ...
    def measure(
        self,
        rows: Sequence[tuple[tuple[float, ...], ...] | None],
        threads: int,
        row_of: Sequence[int],
    ) -> list[list[float]]: ...
    def agreements(
        self,
        rows: Sequence[tuple[tuple[float, ...], ...] | None],
        threads: int,
        row_of: Sequence[int],
    ) -> list[float]: ...
    def flush_subnormals(self, asked: bool) -> None: ...
    def sums_of_squares(self, threads: int) -> list[float]: ...
    def run(
        self,
        rows: Sequence[tuple[tuple[float, ...], ...] | None],
        threads: int,
        extras: _Pass | None = None,
        changes: Sequence[tuple[Any, str, Any]] = (),
        row_of: Sequence[int] = (),
    ) -> None: ...
    def run_with_sums(
        self,
        rows: Sequence[tuple[tuple[float, ...], ...] | None],
        threads: int,
        extras: _Pass,
        changes: Sequence[tuple[Any, str, Any]],
        row_of: Sequence[int],
    ) -> list[tuple[float, float]]: ...
    @staticmethod
    def commit(changes: Sequence[tuple[Any, str, Any]]) -> None: ...

version: str
compiler: str
flags: str

def smooth(signal: Any, out: Any, state: Any, beta: float, corrections: Any) -> None: ...
def swap(some: list[Any], others: list[Any], changes: Sequence[tuple[Any, str, Any]]) -> None: ...
def address(array: Any, /) -> int: ...
def places(tensors: list[Any], /) -> bytes | None: ...
def holds(state: Any, known: list[Any], /) -> bool: ...
def leaves(form: Any, tree: Any, /) -> list[Any] | None: ...
def power(base: float, exponent: int, /) -> float: ...
def real_power(base: float, exponent: float, /) -> float: ...
def exp(x: float, /) -> float: ...
def runnable_levels() -> list[str]: ...
def use_level(level: str) -> None: ...
def level_in_use() -> str: ...
def rules() -> dict[str, tuple[int, int]]: ...
def tables() -> dict[str, Any]: ...
