"""The pipeline's world, and a look into every corner of the database for what names a person."""

from functools import cache

import pytest
import sqlalchemy as sa

from app import pipeline
from app.insight.audit import audit
from app.models import Base
from app.models.vocabulary import Channel
from tests.pipeline.conftest import World, world  # noqa: F401 - a fixture

SHOPS_OWN = {"template_versions", "rule_set_versions"}


def traces(world: World, *words: str) -> set[str]:  # noqa: F811
    """Tables and columns in which one of the words can be found, in whatever form a dump would show it."""
    patterns, found = {"patterns": [f"%{word}%" for word in words]}, set()
    with world.house.sessions() as session:
        for name, (columns, asked) in _looks().items():
            rows = session.execute(asked, patterns)
            found |= {f"{name}.{column}" for row in rows for column, yes in zip(columns, row, strict=True) if yes}
    return found


@cache
def _looks() -> dict[str, tuple[list[str], sa.Select]]:
    """Each table's columns, and the question which of them hold a pattern: none is asked of a table without rows."""
    patterns = sa.bindparam("patterns", type_=sa.ARRAY(sa.Text))
    return {
        table.name: (
            table.columns.keys(),
            sa.select(*(sa.func.bool_or(_text(column).ilike(sa.any_(patterns))) for column in table.columns))
            .select_from(table)
            .having(sa.func.count() > 0),
        )
        for table in Base.metadata.sorted_tables
        if table.name not in SHOPS_OWN
    }


def _text(column):
    """A column as a dump would show it; bytes as the ASCII in them."""
    return sa.func.encode(column, "escape") if isinstance(column.type, sa.LargeBinary) else sa.cast(column, sa.Text)


def send(world: World) -> None:  # noqa: F811
    """Let both channels' senders run."""
    for channel in Channel:
        pipeline.send(world.house, channel)


def whole(world: World) -> None:  # noqa: F811
    """The conservation law and the other invariants hold."""
    with world.house.sessions() as session:
        found = audit(session, world.house.sending.settle)
    assert found.breaches == ()


@pytest.fixture
def brand_id(world) -> int:  # noqa: F811
    """Fjällhem's row id."""
    with world.house.sessions() as session:
        return session.scalars(sa.text("SELECT id FROM brands WHERE key = 'fjallhem'")).one()
