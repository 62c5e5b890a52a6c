"""What people read where a page cannot be, and what scripts do."""

import pytest


def test_people_get_pages_and_scripts_documents(visit):
    """A page that is not there, an address that leads nowhere, a filter that is too long."""
    reader = visit("reader")
    page = reader.get("/b/fjallhem/parcels/shp_nothing")
    assert page.status_code == 404 and "There is no such parcel" in page.text
    long = reader.get("/b/fjallhem/parcels", params={"state": "x" * 500})
    assert long.status_code == 422 and "<h1>" in long.text
    document = reader.get("/b/fjallhem/parcels/shp_nothing", headers={"Accept": "application/json"})
    assert document.headers["content-type"] == "application/problem+json"
    nowhere = reader.get("/nowhere")
    assert nowhere.status_code == 404 and "<h1>There is nothing at this address" in nowhere.text
    assert reader.get("/v1/nowhere").headers["content-type"] == "application/problem+json"


def test_a_fault_of_ours_says_nothing_of_itself(visit, monkeypatch):
    """A sentence, and the number under which the log has it."""
    monkeypatch.setattr("app.web.operations.today.figures.standing", lambda *_: 1 / 0)
    page = visit().get("/b/fjallhem/today")
    assert page.status_code == 500
    assert "Something went wrong on our side" in page.text and page.headers["x-request-id"] in page.text
    assert "ZeroDivision" not in page.text


def test_browsers_are_told_to_come_by_tls_only(anyone):
    """Where people reach the installation over TLS."""
    assert anyone.get("/sign-in").headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize("path", ["/b/fjallhem/today", "/account", "/b/fjallhem/parcels?q=1"])
def test_whoever_is_signed_out_is_led_to_the_sign_in_and_back(anyone, path):
    """And a script is told so."""
    away = anyone.get(path, headers={"Accept": "text/html"})
    assert away.status_code == 303
    assert away.headers["location"].startswith("/sign-in?next=/")
    assert anyone.get(path).status_code == 401
