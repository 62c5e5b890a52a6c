"""What a column may hold is the same in the models and in the migrated schema: Alembic's own check does not see it."""

import re

import sqlalchemy as sa

from app.models import Base

_LISTED = re.compile(r"'(\w+)'")


def test_the_schema_knows_every_value_of_the_vocabulary(engine):
    """Each check that lists values lists them all: two migrations that each wrote the list anew would lose some."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'")
        )
        stored = {name: set(_LISTED.findall(definition)) for name, definition in rows}
    compared = 0
    for table in Base.metadata.tables.values():
        for check in table.constraints:
            if isinstance(check, sa.CheckConstraint) and str(check.name).endswith("_known"):
                compared += 1
                assert stored[str(check.name)] == set(_LISTED.findall(str(check.sqltext))), check.name
    assert compared > 15
