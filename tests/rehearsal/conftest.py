"""One past for all tests that only look at it."""

from collections.abc import Iterator

import psycopg
import pytest

from app.db import make_engine, make_sessions
from app.embedded import Endpoints
from app.models import Brand
from tests.pipeline.conftest import World, built_world, calls_may_be_late
from tests.rehearsal.past import lived

Past = tuple[World, int]


@pytest.fixture(scope="session")
def past(server: Endpoints, administration: psycopg.Connection) -> Iterator[Past]:
    """The world after six days, with its brand's row id. Nothing may be written to it."""
    administration.execute("create database the_past template doorstep_template strategy file_copy")
    engine = make_engine(server.database_url.replace("/doorstep?", "/the_past?"))
    try:
        with make_sessions(engine).begin() as session:
            session.add(Brand(key="fjallhem", name="Fjällhem", zone="Europe/Stockholm", locale="en"))
        with built_world(engine) as world:
            with calls_may_be_late():
                brand_id = lived(world)
            yield world, brand_id
    finally:
        engine.dispose()
        administration.execute("drop database the_past with (force)")
