"""The parcel's page says the fact and its time, shows only what a shopper may see, and answers no stranger."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.models import Shipment
from app.models.orders import LINK_DAYS as PAGE_DAYS
from app.settings import shipped
from tests.web.conftest import NOW, order, scan

HOSTILE = "<script>alert(\"x\")</script><b title='y'>\u202e{{ 7 * 7 }}"


def text_of(answer):
    """What a reader sees, without tags and style."""
    body = re.sub(r"<style.*?</style>", "", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.fixture
def told(client):
    """Tells an order and returns its first parcel's link as a path."""

    def tell(*scans, number="1042", **given):
        given.setdefault("parcels", [{"reference": "1", "carrier": "dhl", "tracking_number": "JJD1", "scans": scans}])
        answer = client.post("/v1/orders", order(number, **given))
        assert answer.status_code == 200, answer.text
        return "/t/" + answer.json()["results"][0]["parcels"][0]["page"].rsplit("/", 1)[1]

    return tell


def expect(sessions, start, end):
    """Set what the carrier expects."""
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(eta_from=start, eta_through=end))


def test_a_day_that_the_carrier_names_stays_that_day(client, sessions, told):
    """A date-only estimate is shown as a day, without hours, whatever the shopper's zone."""
    path = told({"milestone": "in_transit", "occurred_at": "2026-11-24T07:10:00Z"}, promised_on=None)
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(eta_day=date(2026, 11, 27)))
    assert headline(client.get(path)).strip() == "Expected Friday 27 November"


def test_the_page_says_where_a_parcel_waits(client, sessions, told):
    """A pickup point's name, address, hours and last day, and the carrier's own page, as the carrier wrote them."""
    path = told({"milestone": "ready_for_pickup", "occurred_at": "2026-11-24T07:10:00Z"})
    pickup = {"name": "ICA <Nära>", "address": "Storgatan 1, Falun", "hours": ["Mon–Fri 8–20"], "until": "2026-12-01"}
    with sessions.begin() as session:
        session.execute(sa.update(Shipment).values(notes={"link": "https://dhl.example/JJD1", "pickup": pickup}))
    page = client.get(path).text
    assert "ICA &lt;Nära&gt;" in page and "Storgatan 1, Falun" in page and "Mon–Fri 8–20" in page
    assert "It waits there until Tuesday 1 December." in page
    assert "<h1>Collect it by Tuesday 1 December</h1>" in page
    assert 'href="https://dhl.example/JJD1"' in page


def headline(answer):
    return re.search(r"<h1>(.*?)</h1>", answer.text, re.DOTALL)[1]


@pytest.mark.parametrize(
    ("milestone", "says"),
    [
        (None, "Expected Thursday 26 November"),
        ("registered", "Expected Thursday 26 November"),
        ("dispatched", "Expected Thursday 26 November"),
        ("in_transit", "Expected Thursday 26 November"),
        ("out_for_delivery", "Arriving today"),
        ("ready_for_pickup", "Ready to collect"),
        ("attempt_failed", "Delivery was tried today, 08:10"),
        ("delivered", "Delivered today, 08:10"),
        ("exception", "Expected Thursday 26 November"),
        ("returning", "On its way back to us"),
        ("returned", "Back with us since today, 08:10"),
        ("cancelled", "This parcel was cancelled"),
        ("expired", "No more news of this parcel"),
    ],
)
def test_every_state_has_its_fact(anyone, told, milestone, says):
    """The largest type answers the question, in the shopper's own day and time."""
    answer = anyone.get(told(*([scan(milestone)] if milestone else [])))
    assert answer.status_code == 200
    assert headline(answer) == says


def test_a_doubted_delivery_is_said_plainly(anyone, told):
    """Neither that it has come nor that it has not; and once it is confirmed, that it has."""
    scans = [scan("delivered"), scan("out_for_delivery", "2026-11-24T08:40:00+01:00")]
    page = anyone.get(told(*scans))
    assert headline(page) == "Marked as delivered, but still moving"
    assert "marked it as delivered today, 08:10, and has reported it on its way since" in text_of(page)
    assert 'class="fact late"' in page.text
    confirmed = anyone.get(told(*scans, scan("delivered", "2026-11-24T08:55:00+01:00")))
    assert headline(confirmed) == "Delivered today, 08:55"


@pytest.mark.parametrize(
    ("milestone", "says"),
    [
        ("registered", "Your return is ready to go"),
        ("in_transit", "On its way back to us"),
        ("out_for_delivery", "Nearly back with us"),
        ("attempt_failed", "Nearly back with us"),
        ("delivered", "Back with us since today, 08:10"),
        ("returning", "On its way back to you"),
        ("returned", "Back with you since today, 08:10"),
    ],
)
def test_a_return_is_told_as_one(anyone, told, milestone, says):
    """It goes the other way, was promised to nobody, and ends with the shop."""
    parcel = {"reference": "1", "carrier": "dhl", "direction": "return", "scans": [scan(milestone)]}
    page = anyone.get(told(parcels=[parcel]))
    assert headline(page) == says
    assert "you should have had it" not in page.text


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2026-11-24T13:00:00Z", "2026-11-24T15:00:00Z", "Arriving today, 14:00–16:00"),
        ("2026-11-25T13:00:00Z", "2026-11-25T15:00:00Z", "Arriving tomorrow, 14:00–16:00"),
        (None, "2026-11-24T17:00:00Z", "Arriving today, by 18:00"),
        (None, "2026-11-24T23:00:00Z", "Arriving today"),
        ("2026-11-20T06:00:00Z", "2026-11-24T17:00:00Z", "Arriving today, by 18:00"),
        ("2026-11-24T06:00:00Z", "2026-11-27T17:00:00Z", "Arriving today – Friday 27 November"),
        ("2026-11-24T06:00:00Z", "2026-11-24T08:00:00Z", "Arriving today"),
    ],
)
def test_the_carriers_window_is_said_while_it_lies_ahead(anyone, told, sessions, start, end, says):
    """A window on the shopper's clock; one that has passed is not repeated."""
    link = told(scan("out_for_delivery"))
    expect(sessions, start and datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert headline(anyone.get(link)) == says


def test_what_is_late_says_so_and_apologises_once(anyone, told, sessions):
    """After the promised day: no promise repeated, one apology, the new window when there is one."""
    link = told(scan("in_transit", "2026-11-23T10:00:00Z"), promised_on="2026-11-23")
    answer = anyone.get(link)
    assert headline(answer) == "Later than we promised"
    assert text_of(answer).count("sorry") == 1 and "by yesterday" in text_of(answer)
    expect(sessions, None, datetime(2026, 11, 25, 17, 0, tzinfo=UTC))
    assert headline(anyone.get(link)) == "Now expected tomorrow, by 18:00"


def test_out_for_delivery_is_the_fact_even_when_late(anyone, told):
    """A late parcel in the van arrives today; the apology stands below."""
    answer = anyone.get(told(scan("out_for_delivery"), promised_on="2026-11-23"))
    assert headline(answer) == "Arriving today"
    assert "We are sorry" in text_of(answer)


def test_yesterdays_round_does_not_arrive_today(anyone, told):
    """Out for delivery since yesterday without any newer word: no time is made up."""
    answer = anyone.get(told(scan("out_for_delivery", "2026-11-23T07:00:00Z")))
    assert headline(answer) == "Out for delivery"


@pytest.mark.parametrize(
    ("country", "zone", "says"),
    [
        ("SE", None, "Delivered today, 08:10"),
        ("GB", None, "Delivered today, 07:10"),
        ("US", "America/Los_Angeles", "Delivered yesterday, 11:10 PM"),
        ("NZ", None, "Delivered today, 8:10 pm"),
    ],
)
def test_times_are_the_shoppers_own(anyone, told, country, zone, says):
    """Zone and customs are those of the place it is delivered to."""
    shopper = {"email": "a@example.test", "country": country, **({"zone": zone} if zone else {})}
    answer = anyone.get(told(scan("delivered"), shopper=shopper))
    assert headline(answer).replace("\u202f", " ") == says


def test_the_journey_shows_where_it_is_in_words_and_shapes(anyone, told):
    """Past steps with their times, the present one marked for readers of screens, the next without a time."""
    answer = anyone.get(told(scan("dispatched", "2026-11-23T09:00:00Z"), scan("in_transit")))
    steps = re.findall(r'<li class="(\w+)"( aria-current="step")?>', answer.text)
    assert steps == [("done", ""), ("done", ""), ("now", ' aria-current="step"'), ("next", ""), ("next", "")]
    assert "Sent , done Yesterday, 10:00 On its way , this is where it is Today, 08:10" in text_of(answer)


def test_nothing_personal_is_shown(anyone, told):
    """No name, address, phone or city of the shopper, whatever the order knows."""
    shopper = {
        "name": "Alma Berg", "email": "alma.berg@example.test", "phone": "+46701740605", "country": "SE",
        "city": "Kiruna", "postal_code": "98130",
    }  # fmt: skip
    page = anyone.get(told(scan("in_transit"), shopper=shopper)).text
    for secret in ("Alma", "Berg", "alma.berg", "740605", "Kiruna", "98130"):
        assert secret not in page


def test_hostile_words_are_only_words(anyone, told):
    """Markup, template braces and direction marks in names, numbers and scans are text; no script can run."""
    items = [{"name": HOSTILE, "quantity": 2, "image_url": "https://shop.example/x.png?a=1&b='"}]
    parcel = {
        "reference": HOSTILE, "tracking_number": HOSTILE, "items": items,
        "scans": [scan("in_transit", place=HOSTILE, description=HOSTILE)],
    }  # fmt: skip
    other = {"reference": "2", "items": items}
    answer = anyone.get(told(number=HOSTILE, items=items, parcels=[parcel, other]))
    assert answer.status_code == 200
    assert "<script" not in answer.text and "<b title" not in answer.text
    assert "\u202e" not in answer.text and "49" not in text_of(answer)
    assert "&lt;script&gt;" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy


@pytest.mark.parametrize(
    ("address", "shown"),
    [("https://shop.example/a.png", True), ("http://shop.example/a.png", False)],
)
def test_pictures_come_over_https_or_not_at_all(anyone, told, address, shown):
    """A picture that the page's policy would not fetch is replaced by a letter, never left broken."""
    items = [{"name": "Tent", "quantity": 1, "image_url": address}]
    text = anyone.get(told(items=items)).text
    assert (address in text) is shown and ('class="tile"' in text) is not shown


def test_a_split_order_shows_every_part_once(anyone, told, client):
    """This parcel's items, the others as cards with their own links, and what is in no parcel yet: they sum up."""
    tent, peg, stove = ({"sku": sku, "name": sku, "quantity": n} for sku, n in (("tent", 1), ("peg", 5), ("stove", 1)))
    parcels = [
        {"reference": "1", "items": [tent, {**peg, "quantity": 2}]},
        {"reference": "2", "items": [{**peg, "quantity": 1}], "scans": [scan("delivered")]},
    ]
    link = told(items=[tent, peg, stove], parcels=parcels)
    answer = anyone.get(link)
    assert "In this parcel T tent P peg × 2" in text_of(answer)
    assert "Still to be sent P peg × 2 S stove" in text_of(answer)
    assert "The rest of your order Delivered peg" in text_of(answer)
    (other,) = re.findall(r'href="(/t/\w+)"', answer.text)
    assert other != link and headline(anyone.get(other)) == "Delivered today, 08:10"


def test_items_that_nobody_sorted_are_the_orders(anyone, told):
    """When the shop did not say what lies in which parcel, the page does not claim to know."""
    text = text_of(anyone.get(told(parcels=[{"reference": "1"}, {"reference": "2"}])))
    assert "In this order T Two-person tent" in text and "Still to be sent" not in text


def test_a_cancelled_order_says_so_unless_it_has_arrived(anyone, told, client):
    """Both parcels of a cancelled order are shown as cancelled, save the one that was delivered before."""
    parcels = [{"reference": "1"}, {"reference": "2", "scans": [scan("delivered")]}]
    link = told(parcels=parcels)
    client.post("/v1/orders/1042/cancel")
    answer = anyone.get(link)
    assert headline(answer) == "This parcel was cancelled" and "<ol" not in answer.text
    assert "The rest of your order Delivered" in text_of(answer)
    (other,) = re.findall(r'href="(/t/\w+)"', answer.text)
    assert headline(anyone.get(other)) == "Delivered today, 08:10"
    assert "The rest of your order Cancelled" in text_of(anyone.get(other))


def test_unknown_links_get_one_same_answer(anyone, told, site):
    """Well formed, malformed, expired: the same friendly 404, to the letter, without the brand."""
    link = told(scan("delivered"))
    site.clock.put(NOW + timedelta(days=PAGE_DAYS, hours=1))
    paths = [link, "/t/" + "a" * 26, "/t/x", "/t/%00", "/t/" + "a" * 4000, "/t/..%2f..%2fetc", link.upper()]
    answers = [anyone.get(path) for path in paths]
    same = {
        re.sub(r"nonce=\"[^\"]+\"", "", answer.text)
        for answer in answers
        if "text/html" in answer.headers["content-type"]
    }
    assert [answer.status_code for answer in answers] == [404] * len(paths)
    assert len(same) == 1 and "This link opens nothing" in same.pop()


@pytest.mark.parametrize(
    ("asked", "language", "said"),
    [
        ("sv-SE,sv;q=0.9,en;q=0.8", "sv", "Den här länken leder ingenstans"),
        ("ja, DE-at", "de", "Dieser Link führt nirgendwohin"),
        ("fr", "fr", "Ce lien ne mène nulle part"),
        ("es-419", "es", "Este enlace no lleva a ninguna parte"),
        ("nl", "nl", "Deze link leidt nergens heen"),
        ("ja, *;q=0.5", "en", "This link opens nothing"),
        ("", "en", "This link opens nothing"),
    ],
)
def test_a_dead_link_speaks_the_browsers_language(anyone, site, asked, language, said):
    """Whose link it was is not known, nor which shop's: the browser says what its reader understands."""
    answer = anyone.get("/p/" + "a" * 26, headers={"Accept-Language": asked})
    assert (answer.status_code, answer.headers["vary"]) == (404, "Accept-Language")
    assert f'<html lang="{language}">' in answer.text and f"<h1>{said}</h1>" in answer.text


def test_the_page_is_kept_by_nobody_else(anyone, told):
    """Private, unindexed, and its address goes to no other site."""
    answer = anyone.get(told())
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["x-robots-tag"].startswith("noindex")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "<script" not in answer.text and len(answer.content) < 20_000
    assert re.findall(r"https?://(?!www\.w3\.org)[^/\"]+", answer.text) == ["https://fjallhem.example"] * 2


def test_a_brands_logo_is_served_and_nothing_else(anyone):
    """The files that brand.yaml names, with a long cache and 304; no other file, however the path is written."""
    logo = anyone.get("/brand/fjallhem/logo-light.png")
    assert logo.status_code == 200 and logo.headers["content-type"] == "image/png"
    assert logo.content == (shipped("templates") / "brands" / "fjallhem" / "logo-light.png").read_bytes()
    assert "max-age=300" in logo.headers["cache-control"]
    again = anyone.get("/brand/fjallhem/logo-light.png", headers={"If-None-Match": logo.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for path in (
        "/brand/fjallhem/brand.yaml", "/brand/fjallhem/logo-light.svg", "/brand/nobody/logo-light.png",
        "/brand/fjallhem/..%2fatelier-ombre%2flogo-light.png", "/brand/..%2fbrands/fjallhem/logo-light.png",
        "/brand/fjallhem/%2e%2e/brand.yaml", "/brand/fjallhem/", "/brand/%00/logo-light.png",
    ):  # fmt: skip
        assert anyone.get(path).status_code == 404, path
