"""Accounts from the command line: a link instead of a password, the last owner, and what the log says of it."""

import json
import re

import sqlalchemy as sa

from app.models import Account, AuditEntry
from app.web.access.passwords import hashed
from tests.cli.test_commands import doorstep  # noqa: F401 - fixtures


def _link(told: str) -> str:
    return re.search(r"/password\?code=[\w-]{32}", told)[0]


def test_somebody_is_added_listed_closed_and_let_in_again(doorstep, sessions):  # noqa: F811
    """Each prints what a person needs; no password is asked for or shown."""
    code, told, _ = doorstep(
        "user", "add", "Noor@Shop.example", "--role", "agent", "--brand", "fjallhem", "--name", "Noor"
    )
    assert code == 0
    first = _link(told)
    assert doorstep("user", "add", "noor@shop.example")[0] != 0
    (row,) = json.loads(doorstep("user", "list", "--json")[1])
    assert (row["email"], row["role"], row["brands"], row["state"]) == (
        "noor@shop.example",
        "agent",
        ["fjallhem"],
        "invited",
    )
    second = json.loads(doorstep("user", "password-link", "noor@shop.example", "--json")[1])["link"]
    assert _link(second) != first
    assert doorstep("user", "disable", "noor@shop.example")[0] == 0
    assert doorstep("user", "password-link", "noor@shop.example")[0] != 0
    assert doorstep("user", "enable", "noor@shop.example")[0] == 0
    with sessions() as session:
        entries = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [one.action for one in entries] == [
        "account.add", "account.password_link", "account.close", "account.open"
    ]  # fmt: skip
    assert all(re.fullmatch(r"command line, \S+", one.actor) for one in entries)


def test_of_several_brands_somebody_is_given_some(doorstep, sessions):  # noqa: F811
    """Of two none is guessed, and all is a word of its own; an owner has all."""
    code, told, error = doorstep("user", "add", "eve@shop.example")
    assert code != 0 and "no brand is chosen" in (told + str(error)).lower()
    assert doorstep("user", "add", "kim@shop.example", "--brand", "all")[0] == 0
    assert doorstep("user", "add", "ida@shop.example", "--role", "owner")[0] == 0
    rows = {row["email"]: row["brands"] for row in json.loads(doorstep("user", "list", "--json")[1])}
    assert rows == {"kim@shop.example": None, "ida@shop.example": None}


def test_the_last_owner_is_not_closed_and_a_wrong_word_is_named(doorstep, sessions):  # noqa: F811
    """Each refusal says what to do."""
    doorstep("user", "list")
    with sessions.begin() as session:
        session.add(
            Account(public_id="usr_1", email="ida@shop.example", name="Ida", role="owner", password=hashed("x" * 12))
        )
    assert "Make somebody else an owner first" in "".join(map(str, doorstep("user", "disable", "ida@shop.example")[1:]))
    for words, said in (
        (("user", "add", "no-address"), "name@shop.example"),
        (("user", "add", "a@shop.example", "--brand", "nobrand"), "fjallhem"),
        (("user", "disable", "nobody@shop.example"), "user list"),
    ):
        code, told, error = doorstep(*words)
        assert code != 0
        assert said in told + str(error)


def test_the_first_owners_link_can_be_printed_again(doorstep, sessions):  # noqa: F811
    """While nobody is there; afterwards it says how to come in."""
    assert re.search(r"/set-up\?code=[\w-]+", doorstep("user", "link")[1])
    doorstep("user", "add", "ida@shop.example", "--role", "owner")
    code, told, _ = doorstep("user", "link")
    assert code == 1
    assert "password-link" in told


def test_keys_are_listed_and_revoked(doorstep, sessions):  # noqa: F811
    """By how they begin, which is all that is shown; what is none is named."""
    key = doorstep("keys", "add", "web shop")[1].strip()
    (row,) = json.loads(doorstep("keys", "list", "--json")[1])
    assert (row["label"], row["last_used_at"]) == ("web shop", None)
    assert key.startswith(row["prefix"])
    assert key not in doorstep("keys", "list")[1]
    assert doorstep("keys", "revoke", row["prefix"])[0] == 0
    assert doorstep("keys", "revoke", row["prefix"])[0] != 0
    assert "revoked" in doorstep("keys", "list")[1]


def test_what_the_command_line_changes_is_logged(doorstep, sessions):  # noqa: F811
    """Pauses, the list, codes and keys: one line each, and none for what changed nothing."""
    doorstep("pause", "all", "--why", "a drill")
    doorstep("pause", "all", "--why", "a drill")
    doorstep("resume", "all")
    doorstep("suppressions", "add", "alma@example.test")
    doorstep("suppressions", "add", "alma@example.test")
    doorstep("suppressions", "lift", "alma@example.test")
    doorstep("carriers", "map", "dhl", "ZZ9", "in_transit", "--why", "asked them")
    doorstep("carriers", "unmap", "dhl", "ZZ9", "--why", "wrong")
    doorstep("keys", "add", "web shop")
    doorstep("person", "erase", "alma@example.test", "--yes")
    with sessions() as session:
        entries = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [one.action for one in entries] == [
        "pause", "resume", "suppression.add", "suppression.lift", "codes.map", "codes.unmap", "keys.add",
        "person.erase",
    ]  # fmt: skip
    assert not any("alma" in f"{one.subject} {one.before} {one.after}" for one in entries)
    assert "dsk_" not in f"{entries[6].after}"
