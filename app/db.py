"""Sessions on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy.orm import Session, sessionmaker

from app.clock import stopwatch
from app.errors import ConfigurationError, Unreachable
from app.log import mask

Sessions = sessionmaker[Session]


def make_engine(url: str, pool_size: int = 5) -> sa.Engine:
    """An engine for `postgresql://…`; any other database is refused (there is one dialect).

    A connection is waited for five seconds, or as many as the address says (`?connect_timeout=30`).
    """
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigurationError(
            "DOORSTEP_DATABASE_URL cannot be read. Write postgresql://user:password@host:5432/name."
        ) from error
    if address.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError(
            f"DOORSTEP_DATABASE_URL names {address.get_backend_name()!r}; Doorstep runs on PostgreSQL 16 or newer only."
        )
    wait = {} if "connect_timeout" in address.query else {"connect_timeout": 5}
    return sa.create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        json_deserializer=from_json,  # half of what the standard library takes, for every message's facts
        hide_parameters=True,  # an error in the log names the statement, never the shopper
        connect_args={**wait, "application_name": "doorstep", "options": "-c timezone=UTC"},
    )


def make_sessions(engine: sa.Engine) -> Sessions:
    """Sessions that keep what they loaded after a commit."""
    return sessionmaker(engine, expire_on_commit=False, autoflush=False)


def check_reachable(engine: sa.Engine) -> None:
    """Ask the database one question. Raises Unreachable with a sentence a person can act on."""
    started = stopwatch()
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("select 1"))
    except sa.exc.OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        cause = mask(str(error.orig).strip().splitlines()[0]) if error.orig else "no answer"
        raise Unreachable(
            f"PostgreSQL at {where} did not answer within {stopwatch() - started:.0f} s: {cause}. "
            "Start it, or correct DOORSTEP_DATABASE_URL."
        ) from error


def cause_of(error: BaseException) -> str:
    """What went wrong, in one line that can be stored and logged: PostgreSQL's own words end with the whole row at
    fault, and with it with a person's name or a carrier's words about one."""
    orig = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    diag = getattr(orig, "diag", None)
    if diag is not None and diag.message_primary:
        return f"{type(orig).__name__}: {diag.message_primary}"
    return " ".join(f"{type(error).__name__}: {error}".split())


@contextmanager
def transaction(sessions: Sessions) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises."""
    with sessions.begin() as session:
        yield session
