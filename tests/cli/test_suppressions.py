"""The list of who must not be written to, from the command line: files in and out, bad rows by line, nothing twice."""

import hashlib
import json

import pytest
import sqlalchemy as sa

from app.models import Suppression
from tests.cli.test_commands import doorstep  # noqa: F401 - fixtures

DIGEST = hashlib.sha256(b"forgotten@example.test").hexdigest()
LIST = f"""channel,address,kind,scope,created_at,digest
email,Maja@Example.test,bounce,,2026-11-01T10:00:00+01:00,
,+46 70-174 06 05,stop,,,
email,no-address,bounce,,,
sms,0701740605,stop,,,
email,a@example.test,vexed,,,
email,b@example.test,manual,sometimes,,
email,c@example.test,manual,marketing,yesterday,
email,,complaint,,,{DIGEST}
email,,complaint,,,abc
,,complaint,,,{DIGEST}
"""


@pytest.fixture
def listed(sessions):
    """What stands on the list."""

    def read():
        with sessions() as session:
            rows = session.scalars(
                sa.select(Suppression).where(Suppression.lifted_at.is_(None)).order_by(Suppression.id)
            )
            return [(row.channel, row.address, row.kind, row.scope) for row in rows]

    return read


def test_a_file_is_read_by_line_and_nothing_twice(doorstep, listed, tmp_path):  # noqa: F811
    """Good rows are listed, bad ones named by line with a remedy; again, it adds nothing."""
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    code, told, _ = doorstep("suppressions", "import", "list.csv", "--json")
    report = json.loads(told)
    assert code == 0 and (report["new"], report["known"]) == (3, 0)
    assert [fault.split(":")[0] for fault in report["faults"]] == [
        "line 4, address", "line 5, address", "line 6, kind", "line 7, scope", "line 8, created_at", "line 10, digest",
        "line 11, address",
    ]  # fmt: skip
    assert set(listed()) == {
        ("email", "maja@example.test", "bounce", "all"),
        ("email", None, "complaint", "all"),
        ("sms", "+46701740605", "stop", "all"),
    }
    report = json.loads(doorstep("suppressions", "import", "list.csv", "--json")[1])
    assert (report["new"], report["known"]) == (0, 3)


def test_what_was_exported_can_be_imported(doorstep, listed, tmp_path, sessions):  # noqa: F811
    """Out and in again is the same list, the forgotten included; onto another brand's it is a copy."""
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    doorstep("suppressions", "import", "list.csv")
    assert doorstep("suppressions", "export", "out.csv")[0] == 0
    before = listed()
    with sessions.begin() as session:
        session.execute(sa.delete(Suppression))
    assert json.loads(doorstep("suppressions", "import", "out.csv", "--json")[1]) == {
        "new": 3, "known": 0, "faults": []
    }  # fmt: skip
    assert set(listed()) == set(before)
    told = doorstep("suppressions", "export")[1]
    assert sorted(told.splitlines()) == sorted((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines())
    assert doorstep("suppressions", "import", "out.csv", "--brand", "atelier-ombre")[1].startswith("3 new")


def test_no_address_is_a_formula_in_a_spreadsheet(doorstep, listed, tmp_path, sessions):  # noqa: F811
    """One that begins like a formula is kept from being one on its way out, and is the same when it comes in again."""
    odd = ["=1+2@example.test", "-7@example.test"]
    (tmp_path / "list.csv").write_text("address\n" + "".join(f"{one}\n" for one in odd), encoding="utf-8")
    doorstep("suppressions", "import", "list.csv")
    told = doorstep("suppressions", "export", "out.csv")
    assert told[0] == 0
    written = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert all(f",'{one}," in written for one in odd)
    with sessions.begin() as session:
        session.execute(sa.delete(Suppression))
    doorstep("suppressions", "import", "out.csv")
    assert sorted(address for _, address, *_ in listed()) == sorted(odd)


def test_a_providers_own_export_is_understood(doorstep, listed, tmp_path):  # noqa: F811
    """SendGrid's list of bounces names `email`, `created` in seconds, a status and a reason."""
    (tmp_path / "bounces.csv").write_text(
        'status,reason,email,created\n5.1.1,"550 no, not here",gone@example.test,1795000000\n', encoding="utf-8"
    )
    assert doorstep("suppressions", "import", "bounces.csv", "--kind", "bounce")[0] == 0
    assert listed() == [("email", "gone@example.test", "bounce", "all")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("name,town\nMaja,Malmö\n", "no column with addresses"),
        ("order_number,email\n1001,maja@example.test\n", "is that of a file of orders"),
    ],
)
def test_a_file_that_is_no_list_is_refused(doorstep, listed, tmp_path, content, says):  # noqa: F811
    """One sentence, exit code 2, nothing written."""
    (tmp_path / "odd.csv").write_text(content, encoding="utf-8")
    code, _, error = doorstep("suppressions", "import", "odd.csv")
    assert code == 2 and says in error and listed() == []
    assert doorstep("suppressions", "import", "absent.csv")[0] == 2


def test_one_address_on_and_off(doorstep, listed):  # noqa: F811
    """Added twice is once; lifting names what was lifted; what is no address is refused."""
    assert "everything by email is held back." in doorstep("suppressions", "add", "Maja@Example.test")[1]
    assert "as before" in doorstep("suppressions", "add", "maja@example.test")[1]
    assert "advertisements" in doorstep("suppressions", "add", "maja@example.test", "--kind", "unsubscribe")[1]
    doorstep("suppressions", "add", "+46 70 174 06 05", "--kind", "stop")
    assert len(listed()) == 3
    assert "lifted manual." in doorstep("suppressions", "lift", "maja@example.test", "--kind", "manual")[1]
    assert "lifted unsubscribe." in doorstep("suppressions", "lift", "maja@example.test")[1]
    assert "was not on the list" in doorstep("suppressions", "lift", "maja@example.test")[1]
    assert listed() == [("sms", "+46701740605", "stop", "all")]
    assert doorstep("suppressions", "add", "maja")[0] == 2
    assert doorstep("suppressions", "add", "maja@example.test", "--brand", "nobody")[0] == 4
