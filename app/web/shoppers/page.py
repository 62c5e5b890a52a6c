"""What a shopper sees of one parcel: the fact and its time, the journey, the things, the rest of the order.

Pure: drawn from `Facts`, which hold no name, address or number, and from when each milestone was reached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.messages.rendering.hostile import initial, isolated, quoted, safe_picture, tidy
from app.messages.rendering.journey import TROUBLE
from app.messages.rendering.moments import Speech, customs, spoken
from app.messages.rendering.sandbox import shorten
from app.models.facts import Facts, Item, OtherParcel, Pickup, Promise
from app.models.vocabulary import Milestone
from app.tracking.standing import ARRIVALS
from app.web.shoppers.journey import Step, journey
from app.web.shoppers.window import TIMELESS, Expected, expected, last_told

SHOWN_ITEMS = 40

SHOWN_REPORTS = 30


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    quantity: int
    picture: str
    initial: str


@dataclass(frozen=True, slots=True)
class Card:
    """Another parcel of the order: what is in it, how it stands, its own page."""

    what: str
    state: str
    link: str


@dataclass(frozen=True, slots=True)
class Counter:
    """Where the parcel waits to be collected; `until` is the sentence on how long."""

    name: str
    address: str
    hours: tuple[str, ...]
    until: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was reported: when, what it means in plain words, and where."""

    at: str
    word: str
    place: str


@dataclass(frozen=True, slots=True)
class ParcelPage:
    """Everything that the page says, in words."""

    eyebrow: str
    fact: str
    lead: str
    tone: str
    steps: tuple[Step, ...]
    things: tuple[Thing, ...]
    things_title: str
    more_things: int
    cards: tuple[Card, ...]
    unsent: tuple[Thing, ...]
    carrier: str
    carrier_page: str
    tracking_number: str
    order_number: str
    pickup: Counter | None = None
    has_window: bool = False
    window_gone: bool = False
    reported: tuple[Line, ...] = ()
    late: bool = False
    can_claim: bool = False
    claimed: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """A scan with a meaning; `at` is UTC."""

    milestone: Milestone
    at: datetime
    place: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page is drawn from, besides the facts: when each milestone was reached, all the other parcels of the
    order, the outside ids of those that were called off, and whether this one was; what was reported, oldest first, and
    since when its shopper says that it is not there."""

    reached: Mapping[Milestone, datetime]
    others: Sequence[OtherParcel] = ()
    others_cancelled: frozenset[str] = frozenset()
    cancelled: bool = False
    reported: Sequence[Reported] = ()
    claimed_at: datetime | None = None


def when_expected(facts: Facts, seen: Seen, language: str, words: Mapping[str, Any], now: datetime) -> Expected | None:
    """When the page says that it comes; None where it does not."""
    speech = spoken(words, _customs(facts, language), facts.shopper.zone, now)
    back = facts.parcel.direction == "return"
    return None if back else expected(facts, _standing(facts, seen), speech)


def when_told(facts: Facts, language: str, words: Mapping[str, Any], now: datetime) -> Expected:
    """When the page said last that it comes."""
    return last_told(facts, spoken(words, _customs(facts, language), facts.shopper.zone, now))


def may_call_off(facts: Facts) -> bool:
    """Whether the entry in the shopper's calendar can be wrong: of a parcel that comes to them, and has not come."""
    return facts.parcel.direction == "outbound" and not _arrived(facts)


def _gone(facts: Facts, standing: Milestone, speech: Speech) -> bool:
    """Whether it was expected at a time that lies ahead still, and is not any more."""
    if expected(facts, standing, speech) is not None:
        return False
    eta, end = facts.eta, facts.eta.ends_at or facts.eta.starts_at
    days = [day for day in (eta.day, facts.promise.on) if day is not None]
    return (end is not None and end > speech.now) or any(day >= speech.now.date() for day in days)


def _standing(facts: Facts, seen: Seen) -> Milestone:
    return Milestone.cancelled if seen.cancelled and not _arrived(facts) else facts.parcel.milestone


def draw(facts: Facts, seen: Seen, language: str, words: Mapping[str, Any], now: datetime) -> ParcelPage:
    """The page of one parcel as it stands at `now`, in `words` and by the customs of the shopper's region."""
    speech = spoken(words, _customs(facts, language), facts.shopper.zone, now)
    facts = _as_return(facts) if facts.parcel.direction == "return" else facts
    standing = _standing(facts, seen)
    late = _is_late(facts, standing, now)
    eyebrow, fact, lead = _told(facts, standing, late, words, speech)
    parcel = facts.parcel
    unsorted = _items_unsorted(facts)
    items = facts.order.items if unsorted else parcel.items
    return ParcelPage(
        eyebrow=eyebrow,
        fact=fact,
        lead=lead,
        tone="late" if late or standing in TROUBLE or _is_doubted(facts, standing) else "good",
        steps=() if standing is Milestone.cancelled else journey(facts, seen.reached, late, words, speech),
        things=tuple(_thing(item) for item in items[:SHOWN_ITEMS]),
        things_title=words["items_of_order" if unsorted else "items_title"],
        more_things=max(0, len(items) - SHOWN_ITEMS),
        cards=_cards(seen, words),
        unsent=tuple(_thing(item) for item in facts.order.not_shipped[:SHOWN_ITEMS]),
        carrier=_carrier(parcel.carrier, words) if parcel.carrier else "",
        carrier_page=parcel.carrier_page or "",
        tracking_number=tidy(parcel.tracking_number or "", 60),
        order_number=isolated(tidy(facts.order.number, 60)),
        pickup=_counter(parcel.pickup, words, speech) if standing is Milestone.ready_for_pickup else None,
        has_window=parcel.direction == "outbound" and expected(facts, standing, speech) is not None,
        window_gone=may_call_off(facts) and _gone(facts, standing, speech),
        reported=_reported(seen.reported, parcel.direction, words, speech),
        late=late and parcel.direction == "outbound",
        can_claim=standing is Milestone.delivered and parcel.direction == "outbound" and seen.claimed_at is None,
        claimed=_claimed(seen.claimed_at, parcel.carrier, words, speech),
    )


def _counter(pickup: Pickup | None, words: Mapping[str, Any], speech: Speech) -> Counter | None:
    if pickup is None:
        return None
    return Counter(
        name=isolated(tidy(pickup.name, 100)),
        address=isolated(tidy(pickup.address, 200)),
        hours=tuple(isolated(tidy(line, 100)) for line in pickup.hours[:10]),
        until=words["pickup_until"].format(day=speech.day(pickup.until)) if pickup.until else "",
    )


def _reported(scans: Sequence[Reported], direction: str, words: Mapping[str, Any], speech: Speech) -> tuple[Line, ...]:
    """What was reported, newest first, in our words: what carriers write themselves is for carriers. What is said twice
    in a row of one day and place is said once."""
    lines: list[tuple[date, Line]] = []
    for scan in scans:
        local, word = speech.local(scan.at), _brief(direction, scan.milestone, words)
        place = isolated(quoted(scan.place, 80)) if scan.place else ""
        before = lines[-1] if lines else None
        if not word or (before and (before[0], before[1].word, before[1].place) == (local.date(), word, place)):
            continue
        at = f"{speech.day(local.date(), short=True)}, {speech.time(local)}"
        lines.append((local.date(), Line(at[:1].upper() + at[1:], word, place)))
    return tuple(line for _, line in reversed(lines[-SHOWN_REPORTS:]))


def _claimed(at: datetime | None, carrier: str | None, words: Mapping[str, Any], speech: Speech) -> str:
    if at is None:
        return ""
    local = speech.local(at)
    said = f"{speech.day(local.date())}, {speech.time(local)}"
    return str(words["not_received"]["told"].format(at=said, carrier=_carrier(carrier, words)))


def _items_unsorted(facts: Facts) -> bool:
    """Whether the shop did not say which of the order's items lie in which of its parcels."""
    return not facts.parcel.items and facts.parcel.direction == "outbound"


def _as_return(facts: Facts) -> Facts:
    """A parcel that comes back to the shop: nobody was promised when, and its end is that the shop has it."""
    parcel = facts.parcel
    if parcel.milestone is Milestone.delivered:
        parcel = parcel.model_copy(update={"milestone": Milestone.return_received})
    return facts.model_copy(update={"parcel": parcel, "promise": Promise()})


def _arrived(facts: Facts) -> bool:
    return facts.parcel.delivered_at is not None


def _customs(facts: Facts, language: str) -> Any:
    shopper = facts.shopper
    asked, _, region = shopper.locale.replace("_", "-").partition("-")
    named = region.upper() if asked.lower() == language.split("-")[0] and len(region) == 2 else None
    return customs(language, named or shopper.country)


def _is_doubted(facts: Facts, standing: Milestone) -> bool:
    return facts.parcel.delivery_doubted and standing in ARRIVALS


def _is_late(facts: Facts, standing: Milestone, now: datetime) -> bool:
    return standing not in TIMELESS and (_broken(facts.promise, now) or facts.parcel.late_since is not None)


def _broken(promise: Promise, now: datetime) -> bool:
    return promise.ends_at is not None and now >= promise.ends_at


def _told(
    facts: Facts, standing: Milestone, late: bool, words: Mapping[str, Any], speech: Speech
) -> tuple[str, str, str]:
    """The line above, the fact in the largest type, and the sentence under it."""
    says = words["states"][standing.value]
    doubted = _is_doubted(facts, standing)
    if doubted:
        says = {**says, **words["doubted"]}
    if facts.parcel.direction == "return":
        says = {**says, **words["return_parcel"].get("doubted" if doubted else standing.value, {})}
    when = _collect_by(facts, speech) if standing in TIMELESS else _when(facts, standing, speech)
    fill = _fillings(facts, words, speech, when)
    apology = words["late" if _broken(facts.promise, speech.now) else "late_unpromised"]
    if late and standing is not Milestone.out_for_delivery:
        says = {**apology, "eyebrow": apology["eyebrow"] if when else says["eyebrow"]}
        lead = says["lead" if when else "lead_unknown"]
    else:
        lead = says["lead"] + (f" {apology['lead']}" if late else "")
    fact = says["timed"] if when else says["fact"]
    return says["eyebrow"], fact.format_map(fill), lead.format_map(fill)


def _fillings(facts: Facts, words: Mapping[str, Any], speech: Speech, when: str) -> dict[str, str]:
    place = isolated(quoted(facts.news.place, 80))
    happened = speech.local(facts.news.occurred_at)
    return {
        "when": when,
        "at": f"{speech.day(happened.date())}, {speech.time(happened)}",
        "place": place,
        "at_place": f" ({place})" if place else "",
        "promised": speech.day(facts.promise.on) if facts.promise.on else "",
        "carrier": _carrier(facts.parcel.carrier, words),
    }


def _collect_by(facts: Facts, speech: Speech) -> str:
    """The last day on which a parcel waits that is ready to be collected, while that lies ahead."""
    waits = facts.parcel.milestone is Milestone.ready_for_pickup and facts.parcel.direction == "outbound"
    last = facts.parcel.pickup.until if waits and facts.parcel.pickup else None
    return speech.day(last) if last and last >= speech.now.date() else ""


def _when(facts: Facts, standing: Milestone, speech: Speech) -> str:
    when = expected(facts, standing, speech)
    return when.in_words(speech) if when else ""


def _thing(item: Item) -> Thing:
    name = tidy(item.name, 160)
    picture = safe_picture(item.image_url)
    shown = picture if picture.lower().startswith("https:") else ""  # the page's policy fetches nothing else
    return Thing(isolated(name) or "–", item.quantity, shown, initial(name))


def _cards(seen: Seen, words: Mapping[str, Any]) -> tuple[Card, ...]:
    cards = []
    for other in seen.others:
        called_off = other.id in seen.others_cancelled and other.milestone is not Milestone.delivered
        state = Milestone.cancelled if called_off else other.milestone
        cards.append(Card(_what(other.items, words), _brief(other.direction, state, words), other.link))
    return tuple(cards)


def _brief(direction: str, state: Milestone, words: Mapping[str, Any]) -> str:
    own = words["return_brief"] if direction == "return" else {}
    return str(own.get(state.value) or words["brief"].get(state.value, ""))


def _what(items: Sequence[Item], words: Mapping[str, Any]) -> str:
    if not items:
        return str(words["nothing_listed"])
    first = isolated(shorten(tidy(items[0].name, 200), 60))
    more = len(items) - 1
    return f"{first} {words['and_more'].format(count=more)}" if more else first


def _carrier(key: str | None, words: Mapping[str, Any]) -> str:
    if not key:
        return str(words["the_carrier"])
    named = words.get("carriers", {}).get(key.lower())
    return str(named) if named else tidy(key.replace("_", " "), 40).title()
