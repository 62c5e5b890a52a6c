"""The shopper's page beside its words: drawn by the code that serves it, for a made-up order in each state, or for a
real parcel as it stands. It opens nobody's page, and no link's secret is in it."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from app.errors import NotFound
from app.messages.authoring.wording import PAGE
from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.corpus import NOW, facts_for
from app.models import Brand
from app.models.facts import Facts, OtherParcel, Pickup, Promise
from app.models.vocabulary import PROGRESS, Milestone
from app.pipeline.house import House
from app.rehearsal.samples import ORDINARY, SAMPLE_PAGE, one_parcel, sample
from app.web.shoppers.page import Reported, Seen
from app.web.shoppers.parcel import parcel_page
from app.web.shoppers.reading import facts_and_seen, find_family

STATES = (
    *("registered", "dispatched", "in_transit", "out_for_delivery", "ready_for_pickup", "attempt_failed", "delayed"),
    *("exception", "delivered", "not_received", "doubted", "returning", "returned", "cancelled", "expired"),
    *("return_registered", "return_in_transit", "return_received", "return_exception", "return_returning"),
)
"""In which states a made-up order is looked at: `not_received` is one whose shopper says that it never came, `doubted`
one that was scanned on its way after it was delivered."""

_STANDS = {"not_received": "delivered", "doubted": "delivered"}
_AGO = {
    Milestone.registered: timedelta(days=4),
    Milestone.dispatched: timedelta(days=3),
    Milestone.in_transit: timedelta(days=2),
    Milestone.out_for_delivery: timedelta(hours=4),
}
_KEPT = Promise(on=NOW.date(), ends_at=NOW + timedelta(hours=14))
_COUNTER = Pickup(
    name="ICA Nära", address="Storgatan 4, Stockholm", hours=("08:00–21:00",), until=(NOW + timedelta(days=2)).date()
)


@dataclass(frozen=True, slots=True)
class PageSeen:
    """The page in the language that was found for `asked_locale`; `html` names pictures by whole addresses."""

    html: str
    locale: str
    asked_locale: str
    about: str
    note: str
    subject: str
    preheader: str = ""
    text: str = ""
    size: None = None


def is_page(path: str) -> bool:
    """Whether a file holds the words of the shopper's page."""
    return path.endswith(f"/{PAGE}")


def page_seen(
    house: House, session: Session, catalog: Catalog, brand: Brand, path: str, locale: str, order: str, parcel: str,
    state: str,
) -> PageSeen:  # fmt: skip
    """The page as `catalog` words it, in `locale`: for the made-up order of this name in a state, or for the `parcel`
    that is named. Raises NotFound for what is no parcel, or has no page any more, and for words that cannot be read."""
    wrong = [one for one in check(catalog, brand.key, {path}).findings if one.severity == "error"]
    if wrong:
        line = f"Line {wrong[0].line}: " if wrong[0].line else ""
        raise NotFound(f"{line}{wrong[0].message}. {wrong[0].remedy}")
    if parcel:
        now, about, note = house.clock.now(), parcel, "As this parcel stands now."
        facts, seen = _real(session, brand, parcel, house)
    else:
        now, about, note = NOW, order, ""
        facts, seen = made_up(brand, state if state in STATES else "out_for_delivery", order)
    facts = facts.model_copy(update={"shopper": facts.shopper.model_copy(update={"locale": locale})})
    answer = parcel_page(catalog, brand.key, locale, facts, _nowhere(seen), SAMPLE_PAGE, now)
    if answer is None:
        raise NotFound(f"{brand.key} has no brand.yaml that counts.")
    language, text = answer[0], bytes(answer[1].body).decode()
    if language != path.split("/")[1]:
        note = f"This is the page in {language} as it counts, not the words that you write here. {note}".strip()
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
    base = house.catalog.public_url.rstrip("/")
    whole = text.replace('"/brand/', f'"{base}/brand/')
    return PageSeen(whole, language, locale, about, note, html.unescape(title[1]) if title else "")


def made_up(brand: Brand, state: str, order: str) -> tuple[Facts, Seen]:
    """A made-up order in a state, and how it came to it."""
    facts = sample(brand, _STANDS.get(state, state), order or ORDINARY).facts
    changed: dict[str, object] = {"carrier_page": "https://carrier.example/"}
    standing = facts.parcel.milestone
    if standing is Milestone.delivered:
        changed |= {"delivered_at": facts.news.occurred_at, "delivery_doubted": state == "doubted"}
    if standing is Milestone.ready_for_pickup and order in ("", ORDINARY):
        changed["pickup"] = _COUNTER
    promised = facts.promise
    if state != "delayed" and promised == facts_for(standing.value).promise:  # which was broken the day before
        promised = _KEPT
    facts = facts.model_copy(update={"parcel": facts.parcel.model_copy(update=changed), "promise": promised})
    come_to = PROGRESS.get(standing, PROGRESS[Milestone.in_transit] + 1)
    reached = {one: NOW - ago for one, ago in _AGO.items() if PROGRESS[one] < come_to}
    reached[standing] = facts.news.occurred_at
    return facts, Seen(
        reached=reached,
        others=facts.other_parcels,
        cancelled=standing is Milestone.cancelled,
        reported=[
            Reported(one, at, facts.news.place or "") for one, at in sorted(reached.items(), key=lambda it: it[1])
        ],
        claimed_at=NOW if state == "not_received" else None,
    )


def _real(session: Session, brand: Brand, written: str, house: House) -> tuple[Facts, Seen]:
    found = find_family(session.connection(), one_parcel(session, brand, written).link_token, house.clock.now())
    if found is None:
        raise NotFound("The page of this parcel does not open any more: its link has ended. Choose another parcel.")
    return facts_and_seen(session.connection(), found)


def _nowhere(seen: Seen) -> Seen:
    """The same with links that open nobody's page."""
    link = f"/t/{SAMPLE_PAGE}"
    others: Sequence[OtherParcel] = [one.model_copy(update={"link": link}) for one in seen.others]
    return replace(seen, others=others)
