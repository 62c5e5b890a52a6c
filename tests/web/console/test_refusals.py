"""What people read where a page cannot be, and what scripts do."""

import pytest
import sqlalchemy as sa


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


def test_what_was_too_large_is_told_on_a_page(visit, anyone):
    """With what to do; a program is told in a document, and so is who writes to a program's address."""
    form = {"name": "x" * 2_100_000}
    page = visit().post("/account/name", form)
    assert page.status_code == 413 and "<h1>That is too large</h1>" in page.text and "a smaller picture" in page.text
    for path, headers in (("/account/name", {}), ("/v1/orders", {"Accept": "text/html"})):
        answer = anyone("POST", path, data=form, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_a_shopper_is_told_in_words_of_their_own(anyone, brand, monkeypatch):
    """Of a fault, of a form that is too large, of an address that is none: nothing of the console, no way to it."""
    page = {"Accept": "text/html"}
    answers = [anyone("POST", "/find", data={"number": "x" * 2_100_000}, headers=page)]
    answers.append(anyone.get("/t/a/b/c", headers=page))
    monkeypatch.setattr("app.web.shoppers.parcel.find_family", lambda *_: 1 / 0)
    answers.append(anyone.get(f"/t/{'0' * 26}", headers=page))
    away = sa.exc.OperationalError("x", {}, Exception("no server"))
    monkeypatch.setattr("app.web.shoppers.parcel.find_family", lambda *_: (_ for _ in ()).throw(away))
    answers.append(anyone.get(f"/t/{'0' * 26}", headers=page))
    assert [one.status_code for one in answers] == [413, 404, 500, 503]
    for one in answers:
        assert "write to the shop" in one.text and "Doorstep" not in one.text and 'href="/"' not in one.text
        assert "Traceback" not in one.text and "style-src 'nonce-" in one.headers["content-security-policy"]
    assert answers[3].headers["retry-after"] == "5"
