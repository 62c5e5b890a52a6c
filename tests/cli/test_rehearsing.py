"""`doorstep rules backtest` and `doorstep simulate`, as they are typed, rightly and wrongly."""

import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from app.cli import commands
from app.clock import wall_now
from app.errors import DoorstepError
from app.models import Brand, Shipment
from app.models.vocabulary import Milestone, Source
from app.pipeline import listen
from app.pipeline.listening.hearing import Heard
from app.rules.document import DEFAULT_RULES
from tests.pipeline.conftest import World, heard_scan, world  # noqa: F401 - a fixture


@pytest.fixture
def doorstep(world: World, database_url, broker_url, tmp_path, monkeypatch):  # noqa: F811
    """`doorstep …` on the database of a world in which one parcel was handed over an hour ago."""
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_BROKER_URL", broker_url)
    monkeypatch.chdir(tmp_path)
    now = wall_now()
    (parcel,) = world.order("1", placed_at=(now - timedelta(days=1)).isoformat())
    listen(world.house, [Heard(parcel, Source.push, (heard_scan(Milestone.dispatched, now),))], now)
    (tmp_path / "live.yaml").write_text(DEFAULT_RULES.read_text())
    (tmp_path / "silent.yaml").write_text("version: 1\nrules: []\n")
    (tmp_path / "wrong.yaml").write_text("version: 1\nrules: [{name: x, when: deliverd}]\n")
    return run


def run(*words: str) -> tuple[int, str, str]:
    outcome = CliRunner().invoke(commands.app, words)
    error = outcome.exception
    assert error is None or isinstance(error, SystemExit | DoorstepError), repr(error)
    return error.exit_code if isinstance(error, DoorstepError) else outcome.exit_code, outcome.stdout, str(error or "")


def test_a_draft_is_tried_on_the_command_line(doorstep):
    """In words and as JSON; a draft that is wrong, a file that is not there and a span that is none are refused."""
    code, said, _ = doorstep("rules", "backtest", "live.yaml", "--since", "1d")
    assert code == 0 and "decisions reproduce" in said and "Lost: 0" in said
    code, said, _ = doorstep("rules", "backtest", "silent.yaml", "--json")
    assert code == 0 and json.loads(said)["lost"]["by_rule"]["dispatched"] >= 1
    assert doorstep("rules", "backtest", "silent.yaml", "--list", "differences.csv")[0] == 0
    with Path("differences.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["difference"] for row in rows} == {"lost"} and {row["milestone"] for row in rows} == {"dispatched"}
    assert len(rows) == json.loads(said)["lost"]["count"]
    for words, part in (
        (["wrong.yaml"], "delivered"), (["none.yaml"], "cannot be read"), (["live.yaml", "--since", "x"], "30d"),
        (["live.yaml", "--since", "99d"], "90d"),
        (["live.yaml", "--list", "no/where.csv"], "cannot be written"),
        (["live.yaml", "--brand", "nobody"], "fjallhem"),
    ):  # fmt: skip
        code, _, error = doorstep("rules", "backtest", *words)
        assert code != 0 and part in error, words


def test_a_parcel_is_simulated_on_the_command_line(doorstep, sessions):
    """By any of its names; what is wrong is said with the remedy."""
    code, said, _ = doorstep("simulate", "T1-0", "--scan", "delivered@+2h@Malmö", "--until", "+2d")
    assert code == 0 and "Made up: delivered, Malmö" in said and "Email about delivered leaves" in said
    code, said, _ = doorstep("simulate", "1", "--rules", "silent.yaml", "--scan", "delivered", "--json")
    assert code == 0 and {one["what"] for one in json.loads(said)["happenings"]} >= {"scan", "milestone"}
    for words, part in (
        (["nothing"], "Nothing is known"), (["1", "--scan", "deliverd"], "Did you mean 'delivered'?"),
        (["1", "--until", "2020-01-01T00:00+00:00"], "before now"), (["1", "--rules", "wrong.yaml"], "delivered"),
    ):  # fmt: skip
        code, _, error = doorstep("simulate", *words)
        assert code != 0 and part in error, words
    with sessions.begin() as session:
        known = session.scalars(sa.select(Shipment)).one()
        twin = {name: getattr(known, name) for name in ("brand_id", "order_id", "tracking_number", "carrier")}
        session.add(Shipment(public_id="shp_twin", link_token="twin", reference="2", **twin))
        assert session.scalar(sa.select(sa.func.count(Brand.id))) >= 1
    code, _, error = doorstep("simulate", "1")
    assert code != 0 and "names 2 parcels" in error
