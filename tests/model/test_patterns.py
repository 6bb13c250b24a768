"""Patterns: exact names, wildcards, regular expressions, functions, and several at once."""

import re
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.model.usual_groups import is_bias_or_norm

Adam: Any = fastopt.Adam  # to type checkers, hyperparameters are numbers
NAMES = ["blocks[0].w", "blocks0.w", "*.bias", "enc.bias", "bias", "what?", "whatx"]


def make(**options: Any) -> Any:
    return Adam({name: np.ones(i + 1) for i, name in enumerate(NAMES)}, lr=0.1, **options)


MEANT: list[tuple[Any, list[str]]] = [
    ("blocks[0].w", ["blocks[0].w"]),  # a name, and as a pattern it would mean the next one
    ("*.bias", ["*.bias"]),
    ("what?", ["what?"]),
    ("?locks[[]0].w", ["blocks[0].w"]),
    ("*bias", ["*.bias", "enc.bias", "bias"]),
    (re.compile(r"blocks.*"), ["blocks[0].w", "blocks0.w"]),
    (re.compile(r"what"), []),  # the whole name
    (re.compile("BIAS", re.IGNORECASE), ["bias"]),
    (("bias", "what*"), ["bias", "what?", "whatx"]),
    (
        (re.compile("bias"), lambda name, p: p.size == 1, ("whatx", "bias")),
        ["blocks[0].w", "bias", "whatx"],
    ),
]


@pytest.mark.parametrize(("which", "meant"), [m for m in MEANT if m[1]])
def test_wherever_patterns_are_taken(which: Any, meant: list[str]) -> None:
    groups = make(groups={which: {"lr": 0.5}}).groups
    assert {name for group in groups if group["lr"] == 0.5 for name in group["params"]} == set(meant)
    for each in (which, [which]):
        opt = make()
        assert opt.freeze(each) == opt.frozen == meant
        assert opt.unfreeze(each) == meant
        assert opt.frozen == []
        assert opt.remove_params(each) == meant
        assert opt.names == [name for name in NAMES if name not in meant]
    if not callable(which):
        assert make(groups=fastopt.layer_decay(["*", which], 0.5)).groups[-1].h.lr == 0.1


@pytest.mark.parametrize(
    ("which", "error", "words"),
    [
        (re.compile("what"), ValueError, r"has re\.compile\('what'\), which matches no parameter"),
        (
            ("bias", "biass"),
            ValueError,
            r"has 'biass', which matches no parameter: did you mean 'bias'",
        ),
        ((), TypeError, r"has \(\) \(tuple\); it must be a pattern of names"),
        (("bias", 3), TypeError, r"has 3 \(int\); it must be .* or a tuple of these"),
        (re.compile(b"bias"), TypeError, r"has re.compile\(b'bias'\) \(Pattern\); it must be"),
    ],
)
def test_what_means_none(which: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match="^groups " + words):
        make(groups={which: {}})
    opt = make()
    for change in (opt.freeze, opt.unfreeze, opt.remove_params):
        with pytest.raises(error, match=words):
            change(which)
    assert (opt.names, opt.frozen) == (NAMES, [])


def test_a_part_of_a_tuple_goes_with_its_parameters() -> None:
    opt = make(groups={("bias", "enc.*"): {"lr": 0.5}, ("whatx", "what?"): {"lr": 0.7}})
    opt.remove_params(["enc.*", "what*"])
    assert opt.names == ["blocks[0].w", "blocks0.w", "*.bias", "bias"]
    opt.add_params({"more": np.ones(3)})
    assert [(list(g["params"]), g["lr"]) for g in opt.groups][-1] == (["bias"], 0.5)


def test_layers_are_different() -> None:
    with pytest.raises(ValueError, match="layers has a pattern twice"):
        fastopt.layer_decay([["*w"], ("*w",)], 0.5)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        *(
            (name, (1, 5), True)
            for name in ("b", "b1", "l.0.b", "enc.b_out", "fc1_bias", "biases", "b2.bias")
        ),
        *((name, (5, 1), True) for name in ("b", "l.bias")),
        *(
            (name, (1, 5), False)
            for name in ("w", "w_b.w", "bias.w", "B", "rubber", "beta", "0", "embed")
        ),
        *((name, (2, 5), False) for name in ("b", "bias")),
        *((name, (1, 1), expected) for name, expected in (("b", True), ("w", False))),
        *(("w", shape, True) for shape in ((5,), ())),
        ("b", (1, 0), False),
    ],
)
def test_biases_and_norms(name: str, shape: tuple[int, ...], expected: bool) -> None:
    assert is_bias_or_norm(name, np.ones(shape)) is expected


def test_no_decay_knows_rows_and_columns() -> None:
    params = {f"{name}{i}": np.ones((3, 1) if name == "W" else (1, 3)) for i in (1, 2) for name in "Wb"}
    opt = fastopt.AdamW(params, weight_decay=0.1, groups=fastopt.no_decay)
    assert [(list(group["params"]), group["weight_decay"]) for group in opt.groups] == [
        (["W1", "W2"], 0.1),
        (["b1", "b2"], 0.0),
    ]
