"""The two texts of every rule agree in what they are made of; the bits are compared elsewhere."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.variants import label, own_options, variants

import fastopt
from fastopt.algorithm import stages, transforms
from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.rule import rule_of
from fastopt.optimizers import CLASSES
from fastopt.rules import number
from fastopt.runtime.extension import native

KERNELS = Path(__file__).parents[2] / "csrc/kernels"
STRUCT = re.compile(r"template <class T> struct (\w+) \{\s*T ([\w, ]+);")


def structs() -> dict[str, list[str]]:
    """The scalars of every struct in the C++ rules and stages, in their order."""
    text = "\n".join(p.read_text() for p in [*KERNELS.glob("rules/*.hpp"), KERNELS / "stages.hpp"])
    return {name: members.split(", ") for name, members in STRUCT.findall(text)}


def coefficients(cls: type[fastopt.Optimizer], h: Values) -> tuple[float, ...]:
    start = {key: hyper.default for key, hyper in cls.carried.items()}
    carried = (Values(**start),) if start else ()
    found: tuple[float, ...] = cls.coefficients(h, 1, *carried)
    return found


@pytest.mark.parametrize("variant", variants(), ids=label)
def test_scalars_have_the_same_names_in_the_same_order(variant: tuple[str, dict[str, float]]) -> None:
    name, options = variant
    opt = fastopt.get(name, np.zeros(3), **options)
    rule = rule_of(opt.select_rule(opt.groups[0].h))
    c = coefficients(type(opt), opt.groups[0].h)
    assert list(getattr(c, "_fields", ())) == structs()[rule.name]
    assert native is not None
    assert native.rules()[rule.name] == (len(rule.states), len(c))


def test_every_native_rule_is_used() -> None:
    assert native is not None
    used = {
        each.name
        for cls in CLASSES.values()
        for options in own_options(cls)
        for rule in [cls.rule_for(Values(**options))]
        for each in (rule, rule.measured, *rule.reductions)
        if each
    }
    others = {"accumulate", "weighed", "perturb_adaptively", "schedule_free_average", "splus_average"}
    others |= {"mean_of_estimates", "mean_of_squared_estimates"}
    for rule in (transforms.GROKFAST, transforms.ORTHOGONAL, transforms.BY_ROWS):
        others |= {each.name for each in (rule, rule.measured, *rule.reductions) if each}
    assert set(native.rules()) == used | others


def test_scalars_of_transforms_have_the_same_names_in_the_same_order() -> None:
    assert native is not None
    for rule, scalars in (
        (transforms.GROKFAST, transforms.GrokfastCoefficients),
        (transforms.ORTHOGONAL, transforms.OrthogonalCoefficients),
        (transforms.BY_ROWS, transforms.ByRowsCoefficients),
    ):
        for each in (rule, rule.measured, *rule.reductions):
            if each:
                assert list(scalars._fields) == structs()[each.name]
                assert native.rules()[each.name] == (len(each.states), len(scalars._fields))


def test_stages_have_the_same_scalars() -> None:
    assert structs()["StageScalars"] == list(stages.StageScalars._fields[1:])


def test_stubs_list_every_algorithm() -> None:
    stub = Path(fastopt.__file__).parent / "optimizers" / "__init__.pyi"
    assert set(re.findall(r"import (\w+) as", stub.read_text())) == {*CLASSES, "Optimizer"}


@pytest.mark.parametrize("signature", ["(p, g)", "(g, p, c)", "(p, g, m)", "(p, c)"])
def test_a_rule_of_another_form_is_refused(signature: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def rule{signature}: return p", namespace)
    with pytest.raises(TypeError, match=r"a rule is a function of \(p, g, <states>, c\)"):
        rule_of(namespace["rule"])


@pytest.mark.parametrize("name", ["step", "average", "state", "between"])
def test_a_hyperparameter_is_called_like_nothing_that_is_there(name: str) -> None:
    def declare(name: str) -> object:
        return type("Own", (fastopt.Optimizer,), {name: number(default=1.0)})

    declare(f"{name}_factor")
    with pytest.raises(TypeError, match=f"Own declares a hyperparameter '{name}'.*{name}_factor"):
        declare(name)
