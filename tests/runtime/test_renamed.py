"""The names of 0.1 that have others now work for one more release, and say which."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

import fastopt
from fastopt import rules

OLD = {
    "fastopt.elementwise": ["select", "maximum", "minimum", "clip", "nonnegative", "sign"],
    "fastopt.hyperparameters": ["number", "pair", "flag", "choice", "Values"],
}


@pytest.mark.parametrize(("old", "name"), [(old, name) for old, names in OLD.items() for name in names])
def test_what_a_module_had_is_found_with_a_warning(old: str, name: str) -> None:
    module = import_module(old)
    with pytest.warns(DeprecationWarning, match=f"{old}.{name} is now fastopt.rules.{name}") as caught:
        found = getattr(module, name)
    assert found is getattr(rules, name)
    assert caught[0].filename == __file__


def test_every_way_of_importing(run_python: Callable[..., str]) -> None:
    lines = """
        import warnings
        warnings.simplefilter("ignore")
        import fastopt.hyperparameters
        import fastopt.elementwise as e
        from fastopt import elementwise
        from fastopt.elementwise import sign
        print(e is elementwise, sign is fastopt.rules.sign, fastopt.hyperparameters.number is not None)
    """
    assert run_python(lines) == "True True True"


def test_what_it_had_not() -> None:
    old: Any = import_module("fastopt.elementwise")
    for name in ("root", "__path__", "_private"):
        with pytest.raises(AttributeError, match=f"has no attribute {name!r}; it is now fastopt.rules"):
            getattr(old, name)
    assert "elementwise" not in dir(fastopt)
