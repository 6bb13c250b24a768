"""What single algorithms do where their formulas have nothing to say."""

from typing import Any

import numpy as np
import pytest

import fastopt


def test_ftrl_leaves_a_parameter_that_has_had_no_gradient(backend: str) -> None:
    for dtype in (np.float32, np.float64):
        p = np.array([1.0, -2.0, 3.0], dtype)
        opt = fastopt.FTRL([p], lr=0.5, initial_accumulator_value=0.0, backend=backend)
        opt.step([np.array([0.0, -0.0, 2.0], dtype)])
        assert p[:2].tolist() == [1.0, -2.0]
        assert p[2] == 2.5  # 3 - lr, as with Adagrad
        opt.step([np.array([np.nan, 0.0, 0.0], dtype)])
        assert np.isnan(p[0])


def test_rprop_sees_the_signs_of_gradients_whose_product_vanishes(backend: str) -> None:
    p = np.zeros(2, np.float32)
    opt = fastopt.Rprop([p], lr=0.25, etas=(0.5, 2.0), backend=backend)
    opt.step([np.array([1e-30, 1e-30], np.float32)])
    opt.step([np.array([1e-30, -1e-30], np.float32)])
    assert opt.state["0"]["d"].tolist() == [0.5, 0.125]
    assert p.tolist() == [-0.75, -0.25]


def test_a_silent_step_takes_no_harm_from_a_large_gradient(backend: str) -> None:
    """Its square overflows, and no root of it is multiplied by 0."""
    p = np.ones(1, np.float32)
    opt = fastopt.RAdamScheduleFree([p], lr=0.5, backend=backend)
    opt.step([np.array([1e25], np.float32)])
    opt.step([np.array([1.0], np.float32)])
    assert p.tolist() == [1.0]
    loud = fastopt.RAdamScheduleFree([p], lr=0.5, silent_sgd_phase=False, backend=backend)
    loud.step([np.array([1e25], np.float32)])
    assert p.tolist() == [np.float32(1.0) - np.float32(0.5) * np.float32(1e25)]


@pytest.mark.parametrize(
    ("name", "wrong", "words", "right"),
    [
        (
            "ademamix",
            {"t_beta3": 10.0, "beta3": 1.0 - 1e-12},
            r"t_beta3 needs both to be < 1 - 1e-8.* give betas=\(0.9, 0.999\), beta3=0.9999, or",
            [{"betas": (0.9, 0.999), "beta3": 0.9999}, {"t_beta3": None}],
        ),
        ("qhadam", {"nus": (0.5, 1.5)}, r"nus\[1\] is 1.5.* nus=\(0.7, 1.0\)", [{"nus": (0.7, 1.0)}]),
        (
            "rprop",
            {"step_sizes": (1.0, 0.5)},
            r"step_sizes is \(1.0, 0.5\); .*give step_sizes=\(1e-6, 50.0\)",
            [{"step_sizes": (1e-6, 50.0)}],
        ),
        *(
            (
                "rprop",
                {"etas": etas},
                r"etas is \(.*\); the first must be > 0 and < 1, .* give etas=\(0.5, 1.2\)",
                [{"etas": (0.5, 1.2)}],
            )
            for etas in ((0.0, 1.2), (1.0, 1.2), (0.5, 1.0))
        ),
    ],
)
def test_options_that_do_not_go_together(
    name: str, wrong: dict[str, Any], words: str, right: list[dict[str, Any]]
) -> None:
    with pytest.raises(ValueError, match=words):
        fastopt.get(name, np.ones(2), **wrong)
    for options in right:
        assert fastopt.get(name, np.ones(2), **{**wrong, **options}).step(np.ones(2))


@pytest.mark.parametrize("betas", [(0.5,), (0.5,) * 6])
def test_the_number_of_betas_of_aggmo(betas: Any) -> None:
    with pytest.raises(ValueError, match=r"betas has [16] entries; it must be two to five numbers"):
        fastopt.AggMo(np.ones(2), betas=betas)
    with pytest.raises(TypeError, match="it must be two to five numbers >= 0 and < 1"):
        fastopt.AggMo(np.ones(2), betas=0.5)  # type: ignore[arg-type]


def test_memory_of_ademamix_grows_from_that_of_its_fast_mean() -> None:
    """At the first of very many steps it is beta1; from t_beta3 on it is beta3, to the bit."""
    for t_beta3, expected in ((1e12, 0.5), (1.0, 0.75)):
        p = np.ones(1)
        opt = fastopt.AdEMAMix([p], betas=(0.5, 0.9), beta3=0.75, t_beta3=t_beta3)
        opt.step([np.ones(1)])
        assert opt.state["0"]["n"].item() == pytest.approx(
            1.0 - expected, rel=1e-7
        )  # of the 1e-8 added
