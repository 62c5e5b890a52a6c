"""One browser for all tests of pictures; without a Chromium they are skipped, unless one is required."""

import os
import shutil
import subprocess
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
        _go_without(str(error))
    with Browser(pictures_of(catalog)) as running:
        yield running


@pytest.fixture(scope="session")
def letters() -> None:
    """Those with which the kept screenshots were taken: with others every line breaks elsewhere."""
    asked = shutil.which("fc-match")
    given = subprocess.run([asked, "Arial"], capture_output=True, text=True, timeout=60).stdout if asked else "nothing"
    if "Liberation" not in given:
        _go_without(
            f"Screenshots are compared as drawn with Liberation Sans, and who asks for Arial is given {given.strip()}"
            " here. Install Liberation's fonts (Debian: apt-get install fontconfig fonts-liberation)."
        )


def _go_without(why: str) -> None:
    if os.environ.get("DOORSTEP_REQUIRE_BROWSER") == "1":
        pytest.fail(why)
    pytest.skip(why)
