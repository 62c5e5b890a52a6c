"""The brakes from the command line: pausing says what it stops, resuming what it lets go, and both can be read."""

import json
from datetime import timedelta

import sqlalchemy as sa

from app.models import AuditMark, Brand, Incident
from tests.cli.test_commands import doorstep  # noqa: F401 - fixtures


def test_pause_pauses_and_resume(doorstep):  # noqa: F811
    """Each says what stands; a brand's own pause is another than everybody's; what is not paused cannot be resumed."""
    assert doorstep("pauses")[1] == "Nothing is paused.\n"
    code, said, _ = doorstep("pause", "rule:delivered", "--why", "wrong text")
    assert code == 0 and "rule:delivered is paused: wrong text. It stops 0 messages" in said
    assert "already, since" in doorstep("pause", "rule:delivered")[1]
    own = json.loads(doorstep("pause", "all", "--brand", "atelier-ombre", "--json")[1])
    assert (own["scope"], own["brand"], own["new"], own["waiting"]) == ("all", "atelier-ombre", True, 0)
    listed = json.loads(doorstep("pauses", "--json")[1])
    assert [(one["scope"], one["brand"], one["why"]) for one in listed] == [
        ("rule:delivered", None, "wrong text"), ("brand:atelier-ombre", "atelier-ombre", "no reason given")
    ]  # fmt: skip
    assert "command line" in listed[0]["paused_by"]
    code, _, error = doorstep("resume", "rule:delivered", "--brand", "fjallhem")
    assert code == 4 and "rule:delivered, brand:atelier-ombre." in error
    assert "is resumed: 0 messages judged again" in doorstep("resume", "rule:delivered")[1]
    assert "rule:delivered" not in doorstep("pauses")[1] and "brand:atelier-ombre" in doorstep("pauses")[1]
    code, _, error = doorstep("resume", "all")
    assert code == 4 and "Paused: brand:atelier-ombre." in error
    assert doorstep("resume", "all", "--brand", "atelier-ombre")[0] == 0
    assert doorstep("resume", "brand:atelier-ombre")[0] == 4


def test_a_slip_of_the_pen_is_no_pause(doorstep):  # noqa: F811
    """The field, what is wrong with it and the remedy, and exit code 2; an unknown brand is 4."""
    code, _, error = doorstep("pause", "rule:deliverd")
    assert code == 2 and "Did you mean rule:delivered?" in error
    assert doorstep("pause", "all", "--brand", "nobody")[0] == 4
    assert doorstep("pause", "brand:fjallhem", "--brand", "atelier-ombre")[0] == 2
    assert doorstep("pauses")[1] == "Nothing is paused.\n"


def test_incidents_and_the_audit_that_ends_one(doorstep, sessions):  # noqa: F811
    """Open ones make the exit code 1; a whole audit ends those of its laws; those that are over are told on request."""
    _look(sessions)
    assert doorstep("incidents")[:2] == (0, "Nothing is wrong.\n")
    with sessions.begin() as session:
        session.add(Incident(public_id="inc_1", kind="breach", subject="a law", summary="broken: a law", count=3))
        session.add(Incident(public_id="inc_2", kind="sender", subject="s", summary="refused", count=1))
    code, said, _ = doorstep("incidents")
    assert code == 1 and "inc_1  breach" in said and "broken: a law" in said
    assert "Everything adds up." in doorstep("audit")[1]
    assert [one["public_id"] for one in json.loads(doorstep("incidents", "--json")[1])] == ["inc_2"]
    assert "until" in doorstep("incidents", "--all")[1]


def test_nothing_is_well_where_nobody_looks(doorstep, sessions):  # noqa: F811
    """An engine that never ran, or whose beat or workers are silent, knows of nothing that is wrong: that is said."""
    code, said, _ = doorstep("incidents")
    assert code == 1 and "No engine has looked at this database yet" in said
    _look(sessions, ago=timedelta(minutes=6))
    code, said, _ = doorstep("incidents")
    assert code == 1 and "Nobody has looked for what is wrong since" in said and "Nothing is wrong" not in said
    assert json.loads(doorstep("incidents", "--json")[1]) == []


def _look(sessions, ago=timedelta()):
    """The workers of the queue `settle` have looked, so long ago."""
    with sessions.begin() as session:
        session.add(AuditMark(name="laws", before={}, reached={}, at=sa.func.now() - ago))


def test_a_key_for_the_brakes(doorstep, sessions):  # noqa: F811
    """The scope exists, and is not given unasked."""
    doorstep("pauses")  # stores the brands
    assert doorstep("keys", "add", "ops", "--scope", "pauses:write")[0] == 0
    assert doorstep("keys", "add", "shop")[0] == 0
    with sessions() as session:
        scopes = session.execute(sa.text("SELECT scopes FROM api_keys ORDER BY id")).scalars().all()
        assert session.scalar(sa.select(sa.func.count()).select_from(Brand)) == 2
    assert scopes == [["pauses:write"], ["orders:read", "orders:write"]]
