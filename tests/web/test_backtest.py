"""Back-tests over HTTP: at one go or with progress, by whom, and what is refused."""

import json

import pytest
import sqlalchemy as sa

from app.models import Brand
from app.rules.document import DEFAULT_RULES
from tests.web.conftest import order, scan

DRAFT = """
version: 1
rules:
  - {name: delivered, when: delivered, send: [email], expires: 72h}
"""
LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture
def shop(anyone, brand, new_key):
    """A client whose key may read rules and tell orders."""
    return anyone.holding(new_key(brand, "orders:read", "orders:write", "rules:read"))


@pytest.fixture
def parcel(shop):
    """One parcel that is out for delivery; its id."""
    stored = shop.post("/v1/orders", order()).json()["results"][0]["parcels"][0]["id"]
    assert shop.post(f"/v1/shipments/{stored}/scans", scan("out_for_delivery")).status_code == 200
    return stored


def test_a_draft_is_tried_and_its_differences_are_told(shop, parcel):
    """What it would lose, with the parcel and the way to its story; the same as an object, and as YAML alone."""
    found = shop.post("/v1/rules/backtest", {"draft": DRAFT, "since": "7d"})
    assert found.status_code == 200, found.text
    said = found.json()
    assert said["lost"]["by_rule"] == {"out_for_delivery": 2} and said["gained"]["count"] == 0
    assert said["reproduced"]["recorded"] == said["reproduced"]["reproduced"] == 2
    example = said["lost"]["examples"][0]
    assert example["shipment"] == parcel and shop.get(example["story"]).status_code == 200
    as_object = {"version": 1, "rules": [{"name": "x", "when": "delivered", "send": ["email"], "expires": "72h"}]}
    assert shop.post("/v1/rules/backtest", {"draft": as_object}).json()["lost"] == said["lost"]
    yaml = shop.post("/v1/rules/backtest?since=7d", content=DRAFT, headers={"Content-Type": "application/yaml"})
    assert yaml.json()["lost"] == said["lost"]


def test_progress_is_told_line_by_line(shop, parcel):
    """Each line is JSON; the last is the result."""
    told = shop.post("/v1/rules/backtest", {"draft": DEFAULT_RULES.read_text()}, headers=LINES)
    assert told.headers["content-type"].startswith("application/x-ndjson")
    first, *_, last = map(json.loads, told.text.splitlines())
    assert first == {"progress": {"done": 0, "total": 1}}
    assert last["result"]["lost"]["count"] == last["result"]["gained"]["count"] == 0
    told = shop.post("/v1/rules/backtest", {"draft": DRAFT}, headers=LINES)
    lines = [json.loads(line) for line in told.text.splitlines()]
    lost = [line["lost"] for line in lines if "lost" in line]
    assert {one["shipment"] for one in lost} == {parcel} and len(lost) == lines[-1]["result"]["lost"]["count"] > 0


def test_another_brand_sees_nothing_of_it(shop, parcel, stranger, sessions, new_key, anyone):
    """A key looks back on its own brand alone, and only with the scope."""
    assert stranger.post("/v1/rules/backtest", {"draft": DRAFT}).status_code == 403
    with sessions() as session:
        theirs = session.scalars(sa.select(Brand).where(Brand.key == "atelier-ombre")).one()
    other = anyone.holding(new_key(theirs, "rules:read"))
    said = other.post("/v1/rules/backtest", {"draft": DRAFT}).json()
    assert (said["brand"], said["crossings"], said["lost"]["count"]) == ("atelier-ombre", 0, 0)
    assert "nothing to compare" in said["notes"][0]


def test_what_is_wrong_is_named(shop):
    """A draft that is wrong by its line, a span by its field, a body by its form."""
    refused = shop.post("/v1/rules/backtest", {"draft": DRAFT.replace("when: delivered", "when: deliverd")})
    assert refused.status_code == 422 and "Did you mean 'delivered'?" in refused.text
    for since in ("91d", "0d", "soon"):
        assert shop.post("/v1/rules/backtest", {"draft": DRAFT, "since": since}).status_code == 422, since
    assert "drafft" in shop.post("/v1/rules/backtest", {"drafft": DRAFT}).text
    assert shop.post("/v1/rules/backtest", content=b"{").status_code == 400
    lines = shop.post("/v1/rules/backtest", {"draft": "version: 2"}, headers=LINES)
    assert lines.status_code == 422


def test_a_draft_may_name_what_its_brand_has(shop, site, monkeypatch):
    """What could not be published is not tried out: the names are those of the key's brand."""
    asked: list[str | None] = []
    keys = type(site.house.catalog).keys
    monkeypatch.setattr(type(site.house.catalog), "keys", lambda self, brand: asked.append(brand) or keys(self, brand))
    assert shop.post("/v1/rules/backtest", {"draft": DRAFT}).status_code == 200
    assert set(asked) == {"fjallhem"}


def test_one_at_a_time(shop, site, brand):
    """While a brand's back-test is under way here, another is turned away."""
    with site.house.alone.at(f"backtest {brand.id}"):
        assert shop.post("/v1/rules/backtest", {"draft": DRAFT}).status_code == 409
        busy = shop.post("/v1/rules/backtest", {"draft": DRAFT}, headers=LINES)
        assert json.loads(busy.text)["problem"]["status"] == 409
    assert shop.post("/v1/rules/backtest", {"draft": DRAFT}).status_code == 200
