"""Looks for what a test leaves open, in a run that asks for it: `pytest -p tests.leaks`.

A connection, a loop or a process that nobody has closed is found by the garbage collector, which comes by when it
likes: in a test that has nothing to do with it. Here it comes after each test, so that its own fails.
"""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Set up before the others, and so taken down after them."""
    yield
    gc.collect()
