"""Facts, descriptions and docstrings of the algorithms: they are complete, and say the same."""

import doctest
from typing import Any

import numpy as np
import pytest
from support.variants import own_options

import fastopt
from fastopt import frameworks
from fastopt.algorithm.facts import KINDS
from fastopt.algorithm.hyperparameters import Values
from fastopt.optimizers import CLASSES


def states_of(cls: type[fastopt.Optimizer]) -> set[str]:
    """The states that any of the rules has."""
    defaults = {name: option.default for name, option in cls.hyperparameters.items()}
    each = [Values(**{**defaults, **options}) for options in own_options(cls)]
    shapes = {state for h in each for state in cls.shapes(h, np.ones((2, 3)))}
    return shapes.union(*(cls.rule_for(h).kept for h in each))


@pytest.mark.parametrize("name", CLASSES)
def test_facts_are_complete(name: str) -> None:
    facts = CLASSES[name].facts
    assert facts.paper
    assert facts.kind in KINDS
    assert facts.good_for
    assert set(facts.states) == states_of(CLASSES[name])


@pytest.mark.parametrize("name", CLASSES)
def test_the_docstring_is_complete(name: str) -> None:
    cls = CLASSES[name]
    text = cls.__doc__ or ""
    shared = fastopt.Optimizer.hyperparameters
    lines = [line.strip().partition(" : ")[0].split(", ") for line in text.splitlines()]
    described = {word for words in lines for word in words}
    own = {key for key, option in cls.hyperparameters.items() if shared.get(key) is not option}
    assert own <= described
    for state, holds in cls.facts.states.items():
        assert f"    {state} : {holds}\n" in text
    sections = ["Parameters\n    ---", *(["States\n    ---"] if cls.facts.states else []), "    ::\n"]
    assert all(section in text for section in sections)


@pytest.mark.parametrize("name", [*CLASSES, "Optimizer"])
def test_the_example_runs(name: str) -> None:
    names = {"np": np, "fastopt": fastopt}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(fastopt, name), name, globs=names)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("name", fastopt.names())
def test_the_description_of(name: str) -> None:
    found = fastopt.describe(name.upper())
    opt = fastopt.get(name, np.ones((5, 2), np.float32))
    assert found.name == type(opt).__name__
    for key, value in found.hyperparameters.items():
        assert opt.groups[0][key] == value
    state = opt.state["params"]
    assert list(found.needed) == list(state)
    full = [array for array in state.values() if array.shape == (5, 2)]
    assert found.bytes_per_parameter() * 10 == sum(array.nbytes for array in full)
    assert found.dialects == [n for n in frameworks.NAMES if found.name in frameworks.table(n)]
    text = repr(found)
    assert max(map(len, text.splitlines())) < 80
    for words in (found.paper[:20], *found.hyperparameters, *found.states.values()):
        assert words in text


def test_the_description_of_an_own_class() -> None:
    class Own(fastopt.SGD):
        """My own."""

    assert repr(fastopt.describe(Own)).startswith("My own.\n\npaper ")
    assert fastopt.describe(Own).dialects == []


def test_what_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        fastopt.describe("adm")
    wrong: Any
    for wrong in (3, dict):
        with pytest.raises(TypeError, match="it must be a name, such as 'adamw'"):
            fastopt.describe(wrong)
    with pytest.raises(TypeError, match="Optimizer has no rule"):
        fastopt.describe(fastopt.Optimizer)


def test_names_by_pattern() -> None:
    assert fastopt.names("adam*") == [
        "adam",
        "adamatan2",
        "adamax",
        "adamaxw",
        "adammini",
        "adamod",
        "adamp",
        "adamuon",
        "adamw",
        "adamwschedulefree",
    ]
    assert fastopt.names("*ScheduleFree") == [
        "adamwschedulefree",
        "radamschedulefree",
        "sgdschedulefree",
    ]
    assert fastopt.names("tyger") == []
    assert fastopt.names("*") == fastopt.names()
