"""One database for one test after another: emptied in between, and made anew when more than rows has changed."""

import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

TEMPLATE, COPY = "doorstep_template", "doorstep_test"

_SMALL = 1 << 20
"""Bytes of a table up to which emptying it leaves nothing behind that a plan or a clock could show."""

_SEEDED = ("alembic_version", "installation")
"""Tables into which the migrations themselves write."""

_SHAPE = f"""
    SELECT (SELECT sum(hash_record_extended(ROW (oid, relfilenode, relkind, relnatts, relchecks, reloptions), 0))
              FROM pg_class WHERE oid >= 16384),
           (SELECT sum(hashtextextended(contype::text || conname || convalidated, 0)) FROM pg_constraint),
           (SELECT sum(hashtextextended(tgname || tgenabled::text, 0)) FROM pg_trigger),
           (SELECT count(*) FROM pg_attribute WHERE attrelid >= 16384 AND attisdropped),
           (SELECT count(*) FROM pg_attrdef),
           (SELECT count(*) FROM pg_proc),
           (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384),
           (SELECT count(*) FROM pg_db_role_setting),
           {", ".join(f"(SELECT string_agg({name}::text, ';') FROM {name})" for name in _SEEDED)}
"""

_OTHERS = """
    SELECT count(pg_terminate_backend(pid, 5000))
      FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND NOT (state = 'idle' AND pid = ANY (%s))
"""

_WRITTEN = """
    SELECT relname, pg_relation_size(oid)
      FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0 AND relname <> ALL (%s)
"""

_FORGET = """
    UPDATE pg_class
       SET relpages = (relkind = 'i')::int, reltuples = CASE relkind WHEN 'i' THEN 0 ELSE -1 END, relallvisible = 0
     WHERE oid >= 16384 AND relkind IN ('r', 't', 'i')
       AND (relpages, reltuples) <> ((relkind = 'i')::int, CASE relkind WHEN 'i' THEN 0 ELSE -1 END)
"""

_COUNT_ANEW = """
    SELECT count(setval(format('%I.%I', schemaname, sequencename), start_value, false))
      FROM pg_sequences WHERE last_value IS NOT NULL
"""


class Kept:
    """The database that a run's tests use in turn.

    To make one and drop it costs 15 ms, and as much again for each connection, which knows no table of the new one.
    Emptying takes a tenth. TRUNCATE would take twice as long as making one, because it must go through every table
    that refers to another; rows are deleted without asking the foreign keys, and VACUUM gives the files back.
    """

    def __init__(self, administration: psycopg.Connection, url: str) -> None:
        self._administration, self.url = administration, url
        self._cleaner: psycopg.Connection | None = None
        self._shape: object = None
        self._warm: set[int] = set()

    def recognise(self, engine: sa.Engine) -> None:
        """Let this engine's idle connections, which know the tables, live on from one test to the next."""
        if not sa.event.contains(engine, "connect", self._welcome):
            sa.event.listen(engine, "connect", self._welcome)

    def take_back(self, engine: sa.Engine) -> None:
        """A test is done with its engine. The next gets its one connection, and none of several or of one still held:
        they would take turns, and what counts by the server's process would show it."""
        if engine.pool.checkedout() or engine.pool.checkedin() > 1:
            engine.dispose()
            self._warm.clear()

    def _welcome(self, connection: psycopg.Connection, _record: object) -> None:
        self._warm.add(connection.info.backend_pid)

    def ready(self) -> str:
        """The address of the database, with the newest schema and no rows."""
        if self._cleaner is None:
            self._administration.execute(f"create database {COPY} template {TEMPLATE} strategy file_copy")
            self._cleaner = psycopg.connect(self.url, autocommit=True, application_name="cleaner")
            self._cleaner.execute("SET session_replication_role = replica")  # rows go without their relations
            self._shape = self._cleaner.execute(_SHAPE).fetchone()
        return self.url

    def empty(self) -> None:
        """Take all rows away, or the whole database when that would not bring it back to what it was."""
        assert self._cleaner is not None
        try:
            whole = self._emptied(self._cleaner)
        except psycopg.OperationalError:  # the server was stopped, or a test has done away with the database
            whole = False
        if not whole:
            self.drop()

    def drop(self) -> None:
        """Do away with the database, whoever is connected."""
        if self._cleaner is not None:
            self._cleaner.close()
            self._cleaner = None
            self._administration.execute(f"drop database if exists {COPY} with (force)")

    def _emptied(self, cleaner: psycopg.Connection) -> bool:
        cleaner.execute(_OTHERS, [list(self._warm)])
        written = cleaner.execute(_WRITTEN, [list(_SEEDED)]).fetchall()
        if any(size > _SMALL for _, size in written) or cleaner.execute(_SHAPE).fetchone() != self._shape:
            return False
        if written:
            tables = [Identifier(name) for name, _ in written]
            cleaner.execute(SQL("; ").join(SQL("DELETE FROM {}").format(table) for table in tables))
            cleaner.execute(SQL("VACUUM (TRUNCATE, INDEX_CLEANUP ON) {}").format(SQL(", ").join(tables)))
            cleaner.execute(_FORGET)
        cleaner.execute(_COUNT_ANEW)
        return True
