"""The page of choices: looking changes nothing, one click unsubscribes, and order mail goes on."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.models import Suppression
from app.models.vocabulary import Channel
from tests.web.conftest import order


@pytest.fixture
def link(client):
    """The page of choices of a fresh order's parcel."""
    answer = client.post("/v1/orders", order())
    return "/p/" + answer.json()["results"][0]["parcels"][0]["page"].rsplit("/", 1)[1]


def standing(sessions):
    with sessions() as session:
        rows = session.scalars(sa.select(Suppression).where(Suppression.lifted_at.is_(None)).order_by(Suppression.id))
        return [(row.channel, row.address, row.kind, row.scope) for row in rows]


UNSUBSCRIBED = ("email", "alma.berg@example.test", "unsubscribe", "marketing")


def test_looking_changes_nothing(anyone, sessions, link):
    """Mail scanners open every link: GET and HEAD leave no trace, and unsubscribing by GET is not there."""
    page = anyone.get(link)
    assert page.status_code == 200 and "No more advertisements" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"] and "<script" not in page.text
    assert anyone("HEAD", link).status_code in (200, 405)
    assert anyone.get(f"{link}/unsubscribe").status_code == 405
    assert standing(sessions) == []


def test_one_click_unsubscribes_without_cookie_or_login(anyone, sessions, link):
    """A mail program's POST is answered where it is, twice is once, and only advertisements are meant."""
    for _ in range(2):
        answer = anyone.post(f"{link}/unsubscribe", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200 and answer.content == b""
    assert standing(sessions) == [UNSUBSCRIBED]


def test_the_page_shows_what_was_chosen_and_takes_it_back(anyone, sessions, link):
    """Each button leads back to the page, which then offers the opposite."""
    shown = []
    for action in ("unsubscribe", "texts/stop", "subscribe", "texts/start"):
        answer = anyone.post(f"{link}/{action}")
        assert (answer.status_code, answer.headers["location"]) == (303, link)
        shown.append((standing(sessions), _buttons(anyone.get(link).text)))
    stop = ("sms", "+46701740605", "stop", "all")
    assert shown == [
        ([UNSUBSCRIBED], ["subscribe", "texts/stop"]),
        ([UNSUBSCRIBED, stop], ["subscribe", "texts/start"]),
        ([stop], ["unsubscribe", "texts/start"]),
        ([], ["unsubscribe", "texts/stop"]),
    ]


def test_only_what_there_is_can_be_chosen(anyone, client):
    """An order without a number is not offered texts."""
    shopper = {"name": "Alma Berg", "email": "alma.berg@example.test", "country": "SE"}
    answer = client.post("/v1/orders", order(shopper=shopper))
    token = answer.json()["results"][0]["parcels"][0]["page"].rsplit("/", 1)[1]
    page = anyone.get(f"/p/{token}")
    assert "unsubscribe" in page.text and "texts/" not in page.text


@pytest.mark.parametrize("token", ["0" * 26, "x", "%00"])
def test_an_unknown_link_opens_nothing(anyone, sessions, token):
    """The same friendly answer as for a parcel's page, and nothing written."""
    assert anyone.get(f"/p/{token}").status_code == 404
    assert anyone.post(f"/p/{token}/unsubscribe").status_code == 404
    assert standing(sessions) == []


def test_the_parcels_page_leads_there(anyone, link):
    """A shopper who cannot answer a text finds the way out."""
    assert f'href="{link}"' in anyone.get(link.replace("/p/", "/t/")).text


def test_whatsapp_has_its_own_choice_where_it_is_in_use(site, anyone, sessions, link):
    """Each way of texting is shown as it stands, and left and taken back by itself."""
    transports = {**site.house.transports, Channel.whatsapp: site.house.transports[Channel.sms]}
    site.app.state.house = replace(site.house, transports=transports)
    shown = []
    for action in ("whatsapp/stop", "texts/stop", "whatsapp/start", "texts/start"):
        assert anyone.post(f"{link}/{action}").status_code == 303
        said = re.findall(r"action=\"/p/\w+/((?:texts|whatsapp)/[a-z]+)\"", anyone.get(link).text)
        shown.append(([row[0] for row in standing(sessions)], said))
    assert shown == [
        (["whatsapp"], ["texts/stop", "whatsapp/start"]),
        (["whatsapp", "sms"], ["texts/start", "whatsapp/start"]),
        (["sms"], ["texts/start", "whatsapp/stop"]),
        ([], ["texts/stop", "whatsapp/stop"]),
    ]


def test_a_stop_on_whatsapp_can_be_taken_back_where_it_is_no_longer_in_use(anyone, sessions, link):
    """It is shown for as long as it stands, so that it does not wait unseen for the day that the channel returns."""
    assert "whatsapp/" not in anyone.get(link).text
    anyone.post(f"{link}/whatsapp/stop")
    assert "whatsapp/start" in anyone.get(link).text
    anyone.post(f"{link}/whatsapp/start")
    assert "whatsapp/" not in anyone.get(link).text and standing(sessions) == []


def _buttons(text):
    """Where the page's buttons lead, besides the one that saves what is ticked."""
    return [one for one in re.findall(r"action=\"/p/\w+/([a-z/]+)\"", text) if one != "kinds"]
