"""How many examples of each property are tried: the same ones in every run."""

import os

import pytest
from hypothesis import HealthCheck, settings


def pytest_configure(config: pytest.Config) -> None:
    thorough = config.getoption("--thorough")
    settings.register_profile(
        "fastopt",
        max_examples=10_000 if thorough else int(os.environ.get("FASTOPT_TEST_EXAMPLES", "50")),
        derandomize=True,
        deadline=None,
        database=None,
        # Whole trainings are drawn; how long that takes says something of the machine alone.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=False,
    )
    settings.load_profile("fastopt")
