"""The shopper's page beside its words in the studio: as it is served, with the draft's words, and no way out of it."""

import re

import pytest
import sqlalchemy as sa

from app.models import Shipment
from app.rehearsal.samples import SAMPLE_PAGE, SAMPLES
from app.web.marketers.paging import STATES
from tests.web.conftest import order, scan
from tests.web.marketers.test_studio_pages import desk, filled

WORDS = "messages/{}/page.yaml"


@pytest.fixture
def marketer(visit):
    """Somebody who may write templates."""
    return visit("marketer")


def looked(browser, form, language="en"):
    return browser.post(f"/b/fjallhem/templates/look/{WORDS.format(language)}", form).json()


def main(page: str) -> str:
    return page[page.index("<main>") : page.index("</main>")]


def test_a_real_parcels_page_is_the_one_that_is_served(marketer, client, anyone, sessions):
    """Word for word what its link opens, with no secret in it: neither its own nor those of the order's others."""
    parcels = [{"reference": one, "carrier": "dhl", "tracking_number": f"JJD{one}"} for one in ("1", "2")]
    told = order(shopper={"name": "Alma Berg", "email": "a@example.test", "country": "SE", "locale": "en"})
    parcel = client.post("/v1/orders", told | {"parcels": parcels}).json()["results"][0]["parcels"][0]
    client.post(f"/v1/shipments/{parcel['id']}/scans", scan("delivered"))
    with sessions() as session:
        tokens = list(session.scalars(sa.select(Shipment.link_token).order_by(Shipment.id)))
    served = anyone("GET", f"/t/{tokens[0]}").text
    shown = looked(marketer, desk(marketer, WORDS.format("en")) | {"parcel": "JJD1"})
    expected = main(served)
    for token in tokens:
        assert token in expected and token not in shown["html"]
        expected = expected.replace(token, SAMPLE_PAGE)
    assert main(shown["html"]) == expected and 'class="cards"' in expected and "Alma" not in shown["html"]
    assert shown["subject"].endswith("Fjällhem") and shown["note"] == "As this parcel stands now."
    frame = marketer.get(f"/b/fjallhem/templates/frame/{WORDS.format('en')}?parcel=JJD1")
    assert main(frame.text) == expected and "form-action 'none'" in frame.headers["content-security-policy"]
    assert "allow" not in frame.headers["content-security-policy"].replace("allow-same-origin", "")
    assert "Nothing is known" in looked(marketer, desk(marketer, WORDS.format("en")) | {"parcel": "nobody"})["wrong"]


@pytest.mark.parametrize("language", ["en", "sv", "de", "fr", "es", "nl"])
def test_the_drafts_words_stand_on_it(marketer, language):
    """In the file's own language, before they are saved."""
    page = marketer.get(f"/b/fjallhem/templates/edit/{WORDS.format(language)}").text
    assert re.search(r"<h1>Shopper&#39;s page, [A-Z][a-z]+</h1>", page)
    form = filled(page)
    form["body"] = re.sub(r"(?m)^help_title: .*$", 'help_title: "Ask Åsa"', form["body"])
    shown = looked(marketer, form, language)
    assert f'<html lang="{language}">' in shown["html"] and "<h2>Ask Åsa</h2>" in shown["html"]
    assert shown["locale"] == language and not shown["note"]


def test_every_state_and_every_order_can_be_looked_at(marketer):
    """Each state says another thing; each of the worst orders is drawn; by day or by night, as is chosen."""
    form = desk(marketer, WORDS.format("en"))
    facts = {state: looked(marketer, form | {"key": state})["html"] for state in STATES}
    assert len({main(page) for page in facts.values()}) == len(STATES)
    for state, told in {
        "delayed": "Now expected",
        "in_transit": "Expected today",
        "not_received": "You told us",
        "doubted": "but still moving",
        "ready_for_pickup": "ICA Nära",
        "return_received": "Back with us since",
        "cancelled": "was cancelled",
    }.items():
        assert told in facts[state], state
    assert all("html" in looked(marketer, form | {"sample": name}) for name in SAMPLES)
    night = looked(marketer, form | {"dark": "1"})["html"]
    assert "screen and (min-width: 0)" in night and "screen and (max-width: 0)" in facts["delivered"]
    assert '"color-scheme" content="dark"' in night and 'srcset="/brand/fjallhem/' in night


def test_words_that_cannot_be_read_say_where(marketer):
    """Half a brace, half a file: the line and the remedy, and no page; another language is the one that counts."""
    form = desk(marketer, WORDS.format("en"))
    half = looked(marketer, form | {"body": form["body"].replace("until {day}.", "until {dya}.")})
    assert re.match(r"Line \d+: .*\{dya\}.*There is \{day\}", half["wrong"])
    assert "not YAML" in looked(marketer, form | {"body": "states: [\n"})["wrong"]
    other = looked(marketer, form | {"locale": "sv"})
    assert other["locale"] == "sv" and "not the words that you write here" in other["note"]
    found = marketer.post(
        f"/b/fjallhem/templates/check/{WORDS.format('en')}", form | {"body": form["body"].replace("{day}", "{dya}")}
    )
    assert [one["severity"] for one in found.json()["findings"]] == ["error"]


def test_a_folder_that_no_language_leads_to_takes_no_draft(marketer, anyone, brand, new_key):
    """In the console and over HTTP alike, with the sentence that publishing would say."""
    path = "messages/xx/delivered.sms.txt"
    problem, remedy = "xx is no language that dates can be written in", "Name it by its language: sv, pt-BR."
    json = {"Accept": "application/json"}
    saved = marketer.post(f"/b/fjallhem/templates/save/{path}", {"seen": "", "body": "x"}, headers=json)
    assert saved.status_code == 422 and f"{path}: {problem}. {remedy}" in saved.json()["detail"]
    writer = anyone.holding(new_key(brand, "templates:write"))
    put = writer("PUT", f"/v1/templates/files/{path}", content=b"x", headers={"If-Match": "*"})
    assert put.status_code == 422
    (fault,) = put.json()["faults"]
    assert (fault["problem"], fault["remedy"]) == (problem, remedy)
