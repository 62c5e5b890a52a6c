"""Codes over HTTP: what is not known, what a brand says of it, and what a key may not."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.models import CodeMapping, Shipment
from app.models.vocabulary import Source
from app.pipeline import listen
from app.pipeline.codes.mapping import map_code, read_meaning
from app.pipeline.codes.refolding import refold
from app.pipeline.listening.hearing import Heard
from app.tracking.adapter.base import HeardScan, scan_digest
from tests.web.conftest import NOW, order


@pytest.fixture
def shop(anyone, brand, new_key):
    """A client whose key may map codes."""
    return anyone.holding(new_key(brand, "orders:read", "orders:write", "carriers:write"))


def put(client, path: str, json: dict[str, str]):
    return client("PUT", path, json=json)


def hear_unknown(site, sessions, code: str) -> None:
    """Let DHL say something of the one parcel that nobody knows."""
    at = NOW - timedelta(hours=1)
    scan = HeardScan(
        scan_digest("dhl", code), code, None, "strange words", None, at.isoformat(), at, "offset", True, False
    )
    with sessions() as session:
        parcel = session.scalars(sa.select(Shipment.id)).one()
    listen(site.house, [Heard(parcel, Source.poll, (scan,))], NOW)


def test_a_brand_maps_a_code_of_its_own(site, shop, sessions):
    """It is listed with its count, mapped with a reason, told with its history, and taken back."""
    shop.post("/v1/orders", order(parcels=[{"carrier": "dhl", "tracking_number": "X1"}]))
    hear_unknown(site, sessions, "ZZ/9")
    [seen] = shop.get("/v1/carriers/unknown-codes").json()["codes"]
    assert (seen["carrier"], seen["code"], seen["count"], seen["example"]) == ("dhl", "ZZ/9", 1, "strange words")
    mapped = put(shop, "/v1/carriers/dhl/codes/ZZ/9", {"meaning": "out_for_delivery", "why": "support said so"})
    assert mapped.status_code == 200, mapped.text
    assert mapped.json() == {
        "carrier": "dhl", "code": "ZZ/9", "before": "unknown", "meaning": "out_for_delivery", "corrects": None,
        "new": True,
    }  # fmt: skip
    assert ("refold", "") in site.woken
    assert refold(site.house).parcels == 1
    assert shop.get("/v1/carriers/unknown-codes").json()["codes"] == []
    told = shop.get("/v1/carriers/DHL/codes/ZZ/9").json()
    assert (told["meaning"], told["by_table"]) == ("out_for_delivery", None)
    assert [(one["own"], one["why"], one["ended_at"]) for one in told["history"]] == [(True, "support said so", None)]
    assert "key" in told["history"][0]["mapped_by"]
    gone = shop("DELETE", "/v1/carriers/dhl/codes/ZZ/9?why=mistake")
    assert (gone.status_code, gone.json()["meaning"]) == (200, "unknown")
    assert shop("DELETE", "/v1/carriers/dhl/codes/ZZ/9").status_code == 404
    assert shop.get("/v1/carriers/dhl/codes/ZZ/9").json()["history"][0]["ended_at"] is not None


def test_correcting_the_table_is_said_aloud(shop):
    """What the carrier's own table says stands beside the answer."""
    wanted = {"meaning": "ready_for_pickup", "why": "lockers"}
    assert put(shop, "/v1/carriers/dhl/codes/delivered", wanted).json()["corrects"] == "delivered"


def test_what_is_wrong_is_named(shop):
    """A wrong word is answered with the nearest, an unknown carrier with 404, a missing reason with its field."""
    refused = put(shop, "/v1/carriers/dhl/codes/X", {"meaning": "deliverd", "why": "x"})
    assert refused.status_code == 422 and "Write delivered." in refused.text
    assert put(shop, "/v1/carriers/pigeon/codes/X", {"meaning": "delivered", "why": "x"}).status_code == 404
    assert "why" in put(shop, "/v1/carriers/dhl/codes/X", {"meaning": "delivered"}).text
    assert put(shop, "/v1/carriers/dhl/codes/%20", {"meaning": "delivered", "why": "x"}).status_code == 422


def test_a_key_without_the_scope_reads_and_maps_nothing(anyone, brand, new_key, sessions):
    """Mapping needs `carriers:write`; reading is an ordinary read."""
    reader = anyone.holding(new_key(brand, "orders:read"))
    assert reader.get("/v1/carriers/unknown-codes").status_code == 200
    refused = put(reader, "/v1/carriers/dhl/codes/X", {"meaning": "delivered", "why": "x"})
    assert refused.status_code == 403 and "carriers:write" in refused.text
    assert reader("DELETE", "/v1/carriers/dhl/codes/X").status_code == 403
    with sessions() as session:
        assert session.scalars(sa.select(CodeMapping)).all() == []


def test_what_holds_for_all_is_not_the_brands_to_take_back(site, shop, sessions):
    """A mapping of the installation's counts, without who and why, and stays."""
    with sessions.begin() as session:
        map_code(session, site.house, ("dhl", "X"), read_meaning("delivered"), None, ("root", "secret reasons"))
    told = shop.get("/v1/carriers/dhl/codes/X")
    assert told.json()["meaning"] == "delivered" and "root" not in told.text and "secret" not in told.text
    assert told.json()["history"][0]["own"] is False
    assert shop("DELETE", "/v1/carriers/dhl/codes/X").status_code == 404
