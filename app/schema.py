"""Which schema the program expects, which one the database has, and how the one becomes the other.

Apart from `db`, because a worker that never migrates need not carry Alembic about.
"""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.settings import shipped


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    return config


def migrate(engine: sa.Engine) -> str:
    """Bring the schema up to the newest revision and return its name. Safe to run from several places at once."""
    config = _alembic()
    with engine.connect() as connection:
        connection.execute(sa.text("select pg_advisory_lock(hashtext('doorstep-migrate'))"))
        connection.commit()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        finally:
            connection.rollback()
            connection.execute(sa.text("select pg_advisory_unlock(hashtext('doorstep-migrate'))"))
            connection.commit()
    return newest_revision()


def newest_revision() -> str:
    """The revision that this program's code expects."""
    return str(ScriptDirectory.from_config(_alembic()).get_current_head())


def current_revision(engine: sa.Engine) -> str | None:
    """The revision that the database stands at, or None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
