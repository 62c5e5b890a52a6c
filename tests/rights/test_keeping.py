"""The table of retention is total: every column of every table has its fate, and each fate is a setting."""

import pytest
import sqlalchemy as sa

from app.models import Base
from app.models.keeping import BLANKED, DELETED, STAYS, Retention, blank
from app.settings import RetentionSettings

COLUMNS = {(table.name, column.name) for table in Base.metadata.tables.values() for column in table.columns}


def _listed():
    for table, columns in STAYS.items():
        yield from ((table, name) for name in columns.split())
    for table, classes in BLANKED.items():
        for columns in classes.values():
            yield from ((table, name) for name in columns.split())
    for table in DELETED:
        yield from ((table, column.name) for column in Base.metadata.tables[table].columns)


def test_every_column_appears_once():
    """A column that is in no list would be kept for ever by oversight; one in two lists would be a contradiction."""
    listed = list(_listed())
    assert set(listed) == COLUMNS
    assert len(listed) == len(set(listed))


def test_every_class_has_its_days():
    """Each class can be set, and each setting is a class."""
    assert set(RetentionSettings.model_fields) == {retention.value for retention in Retention}


@pytest.mark.parametrize("table", sorted(BLANKED))
def test_what_is_emptied_may_be_empty(table, engine):
    """The SET clause runs against the real table: no constraint forbids what it writes."""
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {table} SET {blank(table)}"))
