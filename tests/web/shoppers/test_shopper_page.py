"""What a shopper finds and does on the page: reports, the window's file, "not there", choices; small, and private."""

import re
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.insight.alarms import _not_received
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Choice, Claim, Estimate, Order, Shipment
from app.models.base import link_token
from app.models.vocabulary import Channel
from app.pipeline.people.person_export import export_person
from tests.web.conftest import order, scan


@pytest.fixture
def told(client):
    """Tells an order and returns its first parcel's secret."""

    def tell_order(*scans, number="1042", **given):
        parcel = {"reference": "1", "carrier": "dhl", "tracking_number": f"JJD{number}", "scans": scans}
        answer = client.post("/v1/orders", order(number, **{"parcels": [parcel], **given}))
        assert answer.status_code == 200, answer.text
        return answer.json()["results"][0]["parcels"][0]["page"].rsplit("/", 1)[1]

    return tell_order


def test_a_link_holds_enough_randomness():
    """26 letters of 32: 130 bits, and no two alike."""
    tokens = {link_token() for _ in range(1000)}
    assert len(tokens) == 1000 and all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", token) for token in tokens)


def written(text):
    """A page without what is drawn by lot, which may hold any word: the link's secret and the style's nonce."""
    return re.sub(r'/[tp]/[0-9a-z]{26}|nonce="[^"]+"', "", text)


def reads(locale):
    return {"email": "alma@shopper.example", "locale": locale, "country": "SE"}


def test_the_page_says_what_was_published(anyone, told, brand, new_key):
    """Words that a brand published for its page stand there at once, in their language alone."""
    writer = anyone.holding(new_key(brand, "templates:read", "templates:write"))
    tokens = {one: told(scan("dispatched"), number=one, promised_on=None, shopper=reads(one)) for one in ("en", "de")}
    assert "On its way to you" in anyone.get(f"/t/{tokens['en']}").text
    path, words = "messages/en/page.yaml", b"states:\n  dispatched:\n    fact: Rolling towards you\n"
    writer("PUT", f"/v1/templates/files/{path}", content=words, headers={"If-Match": "*"})
    done = writer.post("/v1/templates/publish", {"why": "our voice"}, headers={"If-Match": "*"})
    assert done.status_code == 200, done.text
    assert [one["field"] for one in done.json()["changes"]] == ["states.dispatched.fact", "others"]
    text = anyone.get(f"/t/{tokens['en']}").text
    assert "Rolling towards you" in text and "On its way to you" not in text
    assert "Unterwegs zu dir" in anyone.get(f"/t/{tokens['de']}").text


def test_reports_stand_in_our_own_words(anyone, told):
    """Each scan by its meaning, place and time, the newest first; what the carrier wrote stays with the carrier."""
    token = told(
        scan("dispatched", "2026-11-23T18:00:00+01:00", description="PARCEL ACCEPTED alma berg"),
        scan("in_transit", "2026-11-24T02:00:00+01:00"),
        scan("in_transit", "2026-11-24T03:00:00+01:00"),
    )
    text = anyone.get(f"/t/{token}").text
    listed = re.findall(r'<span class="when">(.*?)</span><span>(.*?)</span>', text)
    assert [re.sub("[\u2066-\u2069]", "", what) for _, what in listed] == ["On its way, Malmö", "Sent, Malmö"]
    assert "PARCEL" not in text and "alma" not in written(text).lower()


def test_the_window_comes_as_a_file(anyone, told, sessions):
    """Its link is there while there is a window; its number rises with the carrier's word, its UID stays."""
    token = told(scan("in_transit"))
    path = f"/t/{token}/window.ics"
    assert path in anyone.get(f"/t/{token}").text
    first = anyone.get(path)
    assert first.headers["content-type"].startswith("text/calendar") and "DTSTART;VALUE=DATE:20261126" in first.text
    start, end = datetime(2026, 11, 25, 13, tzinfo=UTC), datetime(2026, 11, 25, 15, tzinfo=UTC)
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(eta_from=start, eta_through=end))
        row = session.scalars(sa.select(Shipment)).one()
        told_at = {"as_of": start, "heard_at": start}
        ids = {"brand_id": row.brand_id, "shipment_id": row.id}
        session.add(Estimate(**ids, **told_at, starts_at=start, ends_at=end))
    then = anyone.get(path)
    assert "DTSTART;TZID=Europe/Stockholm:20261125T140000" in then.text
    uid, number = r"UID:(\S+)", r"SEQUENCE:(\d+)"
    assert re.search(uid, first.text)[1] == re.search(uid, then.text)[1]
    assert int(re.search(number, first.text)[1]) < int(re.search(number, then.text)[1])
    assert then.headers["cache-control"].startswith("private") and "noindex" in then.headers["x-robots-tag"]


def test_a_window_that_vanishes_is_called_off(anyone, told, client):
    """A calendar that has the entry takes it out: same UID and organizer, a higher number; and moves it in again."""
    token = told(scan("in_transit"))
    path = f"/t/{token}/window.ics"
    first = anyone.get(path).text
    told(scan("in_transit"), scan("attempt_failed", "2026-11-24T09:30:00+01:00"))
    page = anyone.get(f"/t/{token}").text
    assert path in page and "Add to calendar" not in page and "Take it out" in page
    answer = anyone.get(path)
    gone = answer.text
    assert answer.headers["content-type"] == "text/calendar; method=CANCEL; charset=utf-8"
    assert "METHOD:CANCEL\r\n" in gone and "STATUS:CANCELLED\r\n" in gone
    organizer, begins = r"ORGANIZER;CN=\"Fjällhem\":mailto:hjalp@\S+", r"DTSTART;VALUE=DATE:20261126"
    for rule in (organizer, begins):
        assert re.search(rule, first)[0] == re.search(rule, gone)[0]
    told(scan("out_for_delivery", "2026-11-24T09:45:00+01:00"))
    again = anyone.get(path).text
    assert "METHOD:PUBLISH" in again and "STATUS:CONFIRMED" in again
    assert len({re.search(r"UID:(\S+)", one)[1] for one in (first, gone, again)}) == 1
    numbers = [int(re.search(r"SEQUENCE:(\d+)", one)[1]) for one in (first, gone, again)]
    assert numbers[0] < numbers[1] < numbers[2]


def test_without_a_window_the_file_leads_to_the_page(anyone, told):
    """What has arrived is in no calendar; an unknown link answers as every unknown link does."""
    token = told(scan("delivered"))
    answer = anyone.get(f"/t/{token}/window.ics")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/t/{token}")
    unknown = anyone.get(f"/t/{'0' * 26}/window.ics")
    assert unknown.status_code == 404 and "window.ics" not in anyone.get(f"/t/{token}").text


def test_not_there_opens_one_claim(anyone, told, sessions):
    """Twice is once; agents read it in the story, the team is told of it, and the shopper can take it back."""
    token = told(scan("delivered"))
    assert "It is not there" in anyone.get(f"/t/{token}").text
    for _ in range(2):
        answer = anyone.post(f"/p/{token}/not-received")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/t/{token}")
    with sessions() as session:
        assert len(session.scalars(sa.select(Claim)).all()) == 1
        parcel = session.scalars(sa.select(Shipment.public_id)).one()
        (trouble,) = _not_received(session)
        assert (trouble.kind, trouble.subject) == ("not_received", parcel)
        assert any("it is not there" in line for line in tell(explain(session, parcel)))
    page = anyone.get(f"/t/{token}").text
    assert "You told us today, 10:00 that it is not there." in page and "It has turned up" in page
    anyone.post(f"/p/{token}/received")
    with sessions() as session:
        assert _not_received(session) == []
        assert any("It has turned up." in line for line in tell(explain(session, parcel)))
    assert "It is not there" in anyone.get(f"/t/{token}").text


def test_a_claim_needs_a_delivery(anyone, told, sessions):
    """Of a parcel on its way, of a return and behind an unknown link nothing is claimed."""
    token = told(scan("in_transit"))
    back = {"reference": "r", "carrier": "dhl", "tracking_number": "JJDR", "direction": "return"}
    returned = told(number="1043", parcels=[{**back, "scans": [scan("delivered")]}])
    for one in (token, returned):
        anyone.post(f"/p/{one}/not-received")
        assert "not-received" not in anyone.get(f"/t/{one}").text
    assert anyone.post(f"/p/{'0' * 26}/not-received").status_code == 404
    with sessions() as session:
        assert session.scalars(sa.select(Claim)).all() == []


def test_what_is_ticked_is_what_comes(anyone, told, sessions, site, brand):
    """An empty box is a no to one kind on one channel; a channel that was not shown stays as it was."""
    token = told(scan("in_transit"))
    page = anyone.get(f"/p/{token}").text
    assert page.count('type="checkbox"') == page.count(" checked") == 12
    form = {"shown": ["sms"], "wanted": ["sms.delivered", "sms.problems", "email.delivered", "sms.nothing"]}
    answer = anyone.post(f"/p/{token}/kinds", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/p/{token}?saved=1")
    with sessions() as session:
        chosen = {(row.channel, row.kind) for row in session.scalars(sa.select(Choice))}
    exported = export_person(site.house, brand.id, Channel.sms, "+46701740605")["unwanted"]
    assert {(row["channel"], row["kind"]) for row in exported} == chosen
    assert chosen == {("sms", kind) for kind in ("on_its_way", "arriving_today", "ready_to_collect", "returns")}
    page = anyone.get(f"/p/{token}?saved=1").text
    assert page.count(" checked") == 8 and "Saved." in page
    anyone.post(f"/p/{token}/kinds", content=b"\xff\x00nothing=of;the=form")
    anyone.post(f"/p/{token}/kinds", data={"shown": ["sms"], "wanted": [f"sms.{kind}" for _, kind in chosen]})
    with sessions() as session:
        assert {row.kind for row in session.scalars(sa.select(Choice))} == {"delivered", "problems"}


def test_late_says_what_to_do(anyone, told, site):
    """Behind the apology stands what the shopper can do, and whom to write to."""
    token = told(scan("in_transit", "2026-11-22T08:00:00+01:00"), promised_on="2026-11-23")
    text = anyone.get(f"/t/{token}").text
    assert "What you can do" in text and "mailto:hjalp@fjallhem.example" in text


HEAVY = [{"sku": f"S{n}", "name": f"A rather long name of a thing, number {n}", "quantity": 2,
          "image_url": f"https://pictures.example/{'x' * 60}/{n}.jpg"} for n in range(120)]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "sv", "de", "fr", "nl", "es"])
def test_the_page_is_small_and_needs_no_script(anyone, told, locale):
    """Under 60 kB without pictures, however many things and reports; no script."""
    scans = [scan("in_transit", f"2026-11-{day:02d}T0{hour}:00:00+01:00", place=f"Terminal {hour}")
             for day in range(10, 24) for hour in range(5)]  # fmt: skip
    shopper = {"name": "Alma Berg", "email": "alma.berg@example.test", "country": "SE", "locale": locale}
    token = told(*scans, items=HEAVY, shopper=shopper)
    for path in (f"/t/{token}", f"/p/{token}", "/find/fjallhem"):
        answer = anyone.get(path)
        assert answer.status_code == 200 and len(answer.content) < 60_000, len(answer.content)
        assert "<script" not in answer.text and "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["x-content-type-options"] == "nosniff" and "{" not in re.sub(
            r"<style.*?</style>", "", answer.text, flags=re.DOTALL
        )


@pytest.mark.parametrize("said", ["in_transit", "delivered", "ready_for_pickup", "returning"])
def test_nobody_is_named(anyone, told, sessions, said):
    """No name, street, phone or address of the shopper's stands on either page, or in the file."""
    token = told(scan(said))
    with sessions.begin() as session:
        session.execute(sa.update(Order).values(city="Malmö", postal_code="211 20"))
    for path in (f"/t/{token}", f"/p/{token}", f"/t/{token}/window.ics"):
        text = written(anyone.get(path).text)
        for secret in ("Alma", "Berg", "alma.berg", "70174", "211 20"):
            assert secret not in text, (path, secret)
