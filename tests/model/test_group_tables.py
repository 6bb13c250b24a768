"""Optimizers and groups in HTML, as notebooks show them."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import fastopt
from fastopt import schedules


def read(html: str) -> tuple[str, list[list[str]]]:
    """Read caption and rows as a browser does."""
    table = ElementTree.fromstring(html)
    rows = [[cell.text or "" for cell in row] for row in table.iter("tr")]
    return table.findtext("caption") or "", rows


def test_a_row_for_each_group(backend: str) -> None:
    params = {"w": np.ones((50, 80)), "v": np.ones(7), "b": np.zeros(1)}
    opt = fastopt.AdamW(
        params,
        lr=1e-5,
        backend=backend,
        groups={
            "b": {"weight_decay": 0.0, "multiply": {"lr": 0.5}},
            "v": {"algorithm": "sgd", "lr": schedules.cosine(0.25, 100), "momentum": 0.9},
        },
    )
    caption, rows = read(opt._repr_html_())
    assert caption == repr(opt).splitlines()[0] == f"AdamW(3 arrays, 4,008 values, {backend})"
    head = ["group", "arrays", "values", "algorithm", "lr", "weight_decay", "multiply", "momentum"]
    by_group = [dict(zip(head, row, strict=True)) for row in rows[1:]]
    assert set(rows[0]) == set(head)
    assert rows[0][:5] == head[:5]
    by_group = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    (w,) = (row for row in by_group if row["values"] == "4,000")
    (v,) = (row for row in by_group if row["algorithm"] == "SGD")
    (b,) = (row for row in by_group if row["multiply"])
    assert w == {
        **{"group": w["group"], "arrays": "1", "values": "4,000", "algorithm": "AdamW", "lr": "1e-05"},
        **{"weight_decay": "0.01", "multiply": "", "momentum": ""},
    }
    assert (v["lr"][:18], v["momentum"], v["weight_decay"]) == ("cosine(value=0.25,", "0.9", "0.0")
    assert (b["weight_decay"], b["multiply"], b["values"]) == ("0.0", "{'lr': 0.5}", "1")
    assert [row["group"] for row in by_group] == ["0", "1", "2"]


def test_a_group_by_itself() -> None:
    opt = fastopt.SGD([np.ones(3)], lr=0.5, momentum=0.25)
    assert read(opt.groups[0]._repr_html_()) == ("SGD", [["lr", "momentum"], ["0.5", "0.25"]])


class Hostile:
    """A function of the step whose name is HTML."""

    def __call__(self, step: int) -> float:
        return 0.1

    def __repr__(self) -> str:
        return "<script>&'\"</script>"


@pytest.mark.parametrize("show", [lambda opt: opt, lambda opt: opt.groups[0]])
def test_everything_is_escaped(show: Any) -> None:
    html = show(fastopt.SGD([np.ones(3)], lr=Hostile()))._repr_html_()
    assert "<script" not in html
    assert read(html)[1][-1][-1] == repr(Hostile())


def test_a_closed_optimizer_is_shown() -> None:
    opt = fastopt.Adam([np.ones(3)])
    before = opt._repr_html_()
    opt.close()
    assert opt._repr_html_() == before
