"""One browser for all tests of pictures; without a Chromium they are skipped, unless one is required."""

import os
from collections.abc import Iterator

import pytest

from app.messages.catalog import Catalog
from app.rehearsal.pictures.browser import Browser, NoBrowser, find_browser
from app.rehearsal.pictures.sitting import pictures_of


@pytest.fixture(scope="session")
def browser(catalog: Catalog) -> Iterator[Browser]:
    try:
        find_browser()
    except NoBrowser as error:
        if os.environ.get("DOORSTEP_REQUIRE_BROWSER") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    with Browser(pictures_of(catalog)) as running:
        yield running
