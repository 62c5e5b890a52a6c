"""What holds for every request: limits, headers, problem documents, the log, health, and the API's own description."""

import json
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa
from openapi_spec_validator import validate
from structlog.testing import capture_logs

from app.db import make_engine, make_sessions
from app.schema import newest_revision
from app.settings import Settings
from app.web.main import create_app
from tests.web.conftest import order


def test_the_process_is_up_and_ready(anyone):
    """Health asks nobody; readiness names the schema's revision."""
    assert anyone.get("/healthz").json() == {"status": "up"}
    assert anyone.get("/readyz").json() == {"status": "ready", "revision": newest_revision(), "watched_at": None}


def test_an_old_schema_is_not_ready(anyone, sessions):
    """503 with both revisions and the remedy."""
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    answer = anyone.get("/readyz")
    assert answer.status_code == 503
    (fault,) = answer.json()["faults"]
    assert fault["field"] == "schema" and "0000" in fault["problem"] and "doorstep migrate" in fault["remedy"]


def test_without_a_database_it_is_up_but_not_ready(site, anyone):
    """A database that does not answer: healthy, not ready, and the API says to come back, without the address."""
    nowhere = make_sessions(make_engine("postgresql://doorstep:secret@127.0.0.1:9/doorstep"))
    app = create_app(settings=Settings(), house=replace(site.house, sessions=nowhere))
    away = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://inside")
    lost = anyone.holding("dsk_" + "0" * 26)
    lost.http = away
    assert lost.get("/healthz").status_code == 200
    ready, api = lost.get("/readyz"), lost.get("/v1/orders")
    assert ready.status_code == 503 and ready.json()["faults"][0]["field"] == "database"
    assert api.status_code == 503 and api.headers["retry-after"] == "5"
    assert "secret" not in ready.text + api.text


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_above_two_megabytes_is_not_read(client, announced):
    """413 as a problem document, whether the length is announced or found out."""
    body = json.dumps({"orders": [order()], "padding": "x" * 2_000_000}).encode()

    async def in_pieces():
        for start in range(0, len(body), 300_000):
            yield body[start : start + 300_000]

    answer = client("POST", "/v1/orders", content=body if announced else in_pieces())
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:doorstep:problem:too-large"


@pytest.mark.parametrize("length", ["x", "-1", "²", "9" * 30])
def test_a_length_that_is_none_is_refused(client, length):
    """A content length that cannot be read is taken as too large, not as a fault of ours."""
    answer = client("POST", "/v1/orders", content=b"{}", headers={"Content-Length": length.encode()})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/v1/orders", 405), ("GET", "/hooks/sendgrid", 405), ("GET", "/v1", 404)],
)
def test_every_refusal_is_a_problem_document(anyone, method, path, status):
    """Unknown addresses and methods too."""
    answer = anyone(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status and answer.json()["detail"]


def test_a_fault_of_ours_is_logged_and_told_without_its_cause(client, site, monkeypatch):
    """500 as a problem with the request's id; the cause stands in the log alone."""
    monkeypatch.setattr("app.web.api.orders.upsert_orders", lambda *_, **__: 1 / 0)
    with capture_logs() as logs:
        answer = client.post("/v1/orders", order())
    assert answer.status_code == 500 and "division" not in answer.text
    assert answer.headers["x-request-id"].startswith("req_")
    (failed,) = [entry for entry in logs if entry["event"] == "request failed"]
    assert isinstance(failed["exc_info"], ZeroDivisionError) and failed["route"] == "/v1/orders"


def test_the_log_keeps_routes_not_links_or_addresses(client):
    """Neither a link's secret nor a query nor an order's content is logged."""
    with capture_logs() as logs:
        client.post("/v1/orders?token=secret-in-query", order())
        client.get("/t/secretsecretsecretsecret12")
        client.get("/v1/orders/secret-number")
        client.get("/secret-path")
    assert [(entry["route"], entry["status"]) for entry in logs] == [
        ("/v1/orders", 200),
        ("/t/{token}", 404),
        ("/v1/orders/{number:path}", 404),
        ("unknown", 404),
    ]
    assert "secret" not in str(logs) and "alma" not in str(logs) and "dsk_" not in str(logs)


@pytest.mark.parametrize("path", ["/", "/docs", "/t/nothing", "/healthz", "/v1/orders", "/openapi.json"])
def test_answers_carry_safe_headers(anyone, path):
    """No sniffing, no frames, no referrer to others, nothing unsafe, on pages and documents alike."""
    headers = anyone.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == ("same-origin" if path == "/" else "no-referrer")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-request-id"].startswith("req_")


def test_the_front_page_says_what_runs_here(anyone):
    """While nobody is set up: name, sending mode, the way to the API, and how the first owner is made."""
    text = anyone.get("/").text
    assert "Doorstep" in text and "Live: Messages leave." in text
    assert 'href="/docs"' in text and "doorstep up" in text
    assert "<script" not in text


def test_the_api_describes_itself(anyone):
    """A valid OpenAPI document with every operation summed up, keys asked for, bodies with examples that are good."""
    document = anyone.get("/openapi.json").json()
    validate(document)
    assert {"/v1/orders", "/v1/shipments/{id}/scans", "/hooks/twilio/status"} <= set(document["paths"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["description"], (method, path)
            assert bool(operation.get("security")) == path.startswith("/v1/"), (method, path)
    assert document["paths"]["/v1/orders"]["post"]["requestBody"]["content"]["application/json"]["examples"]


def test_the_examples_work(client, anyone):
    """What the document shows can be sent as it is shown."""
    paths = anyone.get("/openapi.json").json()["paths"]

    def examples(path):
        return paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"].values()

    for example in examples("/v1/orders"):
        told = client.post("/v1/orders", example["value"])
        assert told.status_code == 200, told.text
    number = told.json()["results"][0]["number"]
    for example in examples("/v1/orders/{number}/shipments"):
        answer = client.post(f"/v1/orders/{number}/shipments", example["value"])
        assert answer.status_code == 200, answer.text
    parcel = answer.json()["parcels"][0]["id"]
    for example in examples("/v1/shipments/{id}/scans"):
        assert client.post(f"/v1/shipments/{parcel}/scans", example["value"]).status_code == 200


def test_the_reference_page_shows_every_operation(anyone):
    """The page is drawn from the document, with an anchor for each operation and schema."""
    text = anyone.get("/docs").text
    document = anyone.get("/openapi.json").json()
    for methods in document["paths"].values():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in text
    for schema in document["components"]["schemas"]:
        assert f'id="{schema}"' in text
    assert "<script" not in text
