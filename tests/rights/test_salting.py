"""Addresses are stored as salted digests: an older list comes along whole, and no other installation can read it."""

import hashlib
import json

import sqlalchemy as sa
from alembic import command

from app.db import make_engine, make_sessions
from app.models import Installation
from app.models.addresses import address_digest
from app.models.vocabulary import Channel, SuppressionKind
from app.pipeline.people.consenting import standing
from app.schema import _alembic, migrate
from tests.cli.test_commands import doorstep  # noqa: F401 - fixtures


def test_an_older_list_is_still_obeyed(empty_database_url):
    """Suppressions from before, one of a forgotten address among them, are found by their addresses after migrating."""
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(sa.text("INSERT INTO brands (key, name) VALUES ('b', 'B')"))
        for name, address in (("known", "known@example.test"), ("forgotten", None)):
            digest = hashlib.sha256(f"{name}@example.test".encode()).digest()
            connection.execute(
                sa.text(
                    "INSERT INTO suppressions (brand_id, channel, address_digest, address, kind, scope)"
                    " VALUES (1, 'email', :digest, :address, 'manual', 'all')"
                ),
                {"digest": digest, "address": address},
            )
        connection.commit()
    migrate(engine)
    digests = [address_digest(Channel.email, f"{name}@example.test") for name in ("known", "forgotten", "stranger")]
    with make_sessions(engine)() as session:
        found = standing(session, digests)
        stored = session.scalars(sa.text("SELECT address_digest FROM suppressions")).all()
    engine.dispose()
    assert found == {(1, "email", digest): SuppressionKind.manual for digest in digests[:2]}
    assert not set(map(bytes, stored)) & set(digests)


def test_every_installation_has_a_salt_of_its_own(sessions, empty_database_url):
    """Two databases, two salts of 32 bytes, and only one row in each."""
    other = make_engine(empty_database_url)
    migrate(other)
    salts = []
    for one in (sessions, make_sessions(other)):
        with one() as session:
            salts += session.scalars(sa.select(Installation.salt)).all()
    other.dispose()
    assert len(set(map(bytes, salts))) == 2 and {len(salt) for salt in salts} == {32}


def test_a_foreign_digest_is_refused(doorstep, sessions, tmp_path):  # noqa: F811
    """A forgotten address that another installation wrote can be matched by nobody here, so it is told, by its line."""
    doorstep("suppressions", "add", "gone@example.test")
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE suppressions SET address = NULL"))
    own = doorstep("suppressions", "export")[1]
    (tmp_path / "own.csv").write_text(own, encoding="utf-8")
    (tmp_path / "foreign.csv").write_text(own.replace(_salt(own), "00000000:"), encoding="utf-8")
    assert json.loads(doorstep("suppressions", "import", "own.csv", "--json")[1]) == {
        "new": 0, "known": 1, "faults": []
    }  # fmt: skip
    report = json.loads(doorstep("suppressions", "import", "foreign.csv", "--json")[1])
    assert report["new"] == report["known"] == 0 and "another installation" in report["faults"][0]


def _salt(exported):
    """The fingerprint in the last column of an export's first row."""
    return exported.splitlines()[1].split(",")[-1][:9]
