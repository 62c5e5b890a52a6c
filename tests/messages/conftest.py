"""One catalog and one renderer for all tests of messages: both only remember what never changes."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.rendering.render import Renderer
from tests.messages.message_corpus import ROOT


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog(ROOT, PUBLIC_URL)


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()
