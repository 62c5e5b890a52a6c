"""`doorstep person`: says what it will do before it does it, asks, and prints what programs can read."""

import json
import stat

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from app.cli import commands
from app.insight.audit import audit
from app.models import Order
from tests.cli.test_commands import COLUMNS, doorstep  # noqa: F401 - fixtures

ROW = "1001,2026-11-20T10:00:00+01:00,alma@example.test,SEK,dhl,00340434161094042557"


@pytest.fixture
def imported(doorstep, tmp_path):  # noqa: F811
    """One order of Alma's."""
    (tmp_path / "orders.csv").write_text(f"{COLUMNS}\n{ROW}\n", encoding="utf-8")
    assert doorstep("import", "orders.csv")[0] == 0


def emails(sessions):
    with sessions() as session:
        return session.scalars(sa.select(Order.email)).all()


def test_it_asks_and_takes_no_for_an_answer(doorstep, imported, sessions):  # noqa: F811
    """Without --yes it names in numbers what goes, and goes no further unless told to."""
    outcome = CliRunner().invoke(commands.app, ["person", "erase", "Alma@example.test"], input="n\n")
    assert outcome.exit_code == 1 and "1 order with 1 parcel" in outcome.output
    assert emails(sessions) == ["alma@example.test"]
    assert CliRunner().invoke(commands.app, ["person", "erase", "Alma@example.test"], input="y\n").exit_code == 0
    assert emails(sessions) == [None]


def test_erased_imported_again_and_audited(doorstep, imported, sessions):  # noqa: F811
    """As JSON for a program; the same file again brings nobody back, and everything adds up."""
    code, told, _ = doorstep("person", "erase", "alma@example.test", "--yes", "--json")
    told = json.loads(told)
    assert code == 0 and told["held"]["orders"] == 1 and told["erased"]["orders"] == 1
    assert doorstep("import", "orders.csv")[0] == 0
    assert emails(sessions) == [None]
    with sessions() as session:
        assert audit(session, 3600).whole


def test_what_cannot_be_done_is_said(doorstep, imported):  # noqa: F811
    """JSON without --yes, no address, no such brand, a folder to write to."""
    assert doorstep("person", "erase", "alma@example.test", "--json")[0] == 2
    assert doorstep("person", "erase", "alma")[0] == 2
    assert doorstep("person", "export", "alma@example.test", "--brand", "nobody")[0] == 4
    assert doorstep("person", "export", "alma@example.test", "/no/such/folder/x.json")[0] == 2


def test_export_to_a_file_and_to_the_screen(doorstep, imported, tmp_path):  # noqa: F811
    """The same document; the file is for its owner's eyes."""
    code, told, _ = doorstep("person", "export", "alma@example.test")
    assert code == 0 and doorstep("person", "export", "alma@example.test", "alma.json")[0] == 0
    written = json.loads((tmp_path / "alma.json").read_text(encoding="utf-8"))
    assert {**json.loads(told), "exported_at": ""} == {**written, "exported_at": ""}
    assert written["orders"][0]["shopper"]["email"] == "alma@example.test"
    assert stat.S_IMODE((tmp_path / "alma.json").stat().st_mode) == 0o600
