"""The order around one parcel, as a message shows it: what is told together, the other parcels, what is unsent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.messages.base import Links
from app.messages.rendering.hostile import initial, isolated, safe_picture, tidy
from app.messages.rendering.moments import Speech
from app.messages.rendering.sandbox import shorten
from app.models.facts import Facts, Item, OtherParcel
from app.models.vocabulary import Milestone

SHOWN_ITEMS = 10
SHOWN_PARCELS = 4
SHOWN_TOGETHER = 10
_SHOWN_EACH = 4
"""Things listed of each parcel when one message tells of several."""


def told_together(facts: Facts) -> tuple[OtherParcel, ...]:
    """The parcels beside this one that the message tells of: those merged into it, or all of an order that is whole."""
    if facts.merged:
        return facts.merged
    return _fellows(facts) if facts.news.milestone is Milestone.all_delivered else ()


def _fellows(facts: Facts) -> tuple[OtherParcel, ...]:
    """The order's other parcels that go the same way and were not called off."""
    return tuple(
        other
        for other in facts.other_parcels
        if other.direction == facts.parcel.direction and other.milestone is not Milestone.cancelled
    )


def unsorted(facts: Facts) -> bool:
    """Whether the shop did not say which of the order's things lie in which of its parcels."""
    outbound = facts.parcel.direction == "outbound"
    return outbound and not facts.parcel.items and bool(facts.order.items and _fellows(facts))


def order_fields(facts: Facts, words: Mapping[str, Any], links: Links, speech: Speech) -> dict[str, Any]:
    """What a template may show of the order: `named` ("your parcel with …"), `what`, `many`, `parcels` (of a message
    that tells of several), `items`, `others`, `not_shipped`, each with the number of those left out."""
    beside = told_together(facts)
    mixed = unsorted(facts)
    shown = facts.order.items if mixed else () if beside else facts.parcel.items
    ids = {parcel.id for parcel in beside}
    outbound = facts.parcel.direction == "outbound"
    others = [other for other in _fellows(facts) if other.id not in ids] if outbound else []
    unsent = facts.order.not_shipped if outbound and not mixed else ()
    thing = _what(facts, words, len(beside), mixed)
    return {
        "what": thing,
        "named": _named(facts, words, thing, len(beside)),
        "many": bool(beside),
        "count": 1 + len(beside),
        "parcels": _parcels(facts, beside, words, links, speech, mixed) if beside else [],
        "more_parcels": max(0, len(beside) + 1 - SHOWN_TOGETHER),
        "items": [_item(item) for item in shown[:SHOWN_ITEMS]],
        "more_items": max(0, len(shown) - SHOWN_ITEMS),
        "items_unsorted": mixed,
        "others": [_other(other, facts, words, links) for other in others[:SHOWN_PARCELS]],
        "more_others": max(0, len(others) - SHOWN_PARCELS),
        "not_shipped": [_item(item) for item in unsent[:SHOWN_ITEMS]],
        "more_not_shipped": max(0, len(unsent) - SHOWN_ITEMS),
    }


def what(items: Sequence[Item], words: Mapping[str, Any], limit: int = 48) -> str:
    """What is in the parcel, in a few words: the first thing by name, the others by number."""
    names = [tidy(item.name, 200) for item in items]
    first = next((name for name in names if name), "")
    if not first:
        return str(words["your_order"])
    others = len(items) - 1
    more = f" {words['and_more'].replace('{count}', str(others))}" if others else ""
    return isolated(shorten(first, limit)) + more


def _what(facts: Facts, words: Mapping[str, Any], beside: int, mixed: bool) -> str:
    if beside:
        return str(words.get("parcels", "{count}")).replace("{count}", str(beside + 1))
    if mixed:
        return _part(words)
    return what(facts.parcel.items, words)


def _named(facts: Facts, words: Mapping[str, Any], thing: str, beside: int) -> str:
    """What the message is about, as the subject of a sentence."""
    if beside:
        return str(words.get("your_parcels", "")).replace("{count}", str(beside + 1))
    kind = "return" if facts.parcel.direction == "return" else "parcel"
    if not facts.parcel.items:
        return str(words.get(f"your_{kind}", ""))
    return str(words.get(f"your_{kind}_with", "")).replace("{what}", thing)


def _parcels(
    facts: Facts, beside: Sequence[OtherParcel], words: Mapping[str, Any], links: Links, speech: Speech, mixed: bool
) -> list[dict[str, Any]]:
    own = facts.parcel
    first = OtherParcel(
        id=own.id, link=own.link, carrier=own.carrier, tracking_number=own.tracking_number, milestone=own.milestone,
        milestone_at=facts.news.occurred_at, items=own.items,
    )  # fmt: skip
    return [
        {
            "number": number,
            "link": _absolute(one.link, facts, links),
            "carrier": carrier_name(one.carrier, words),
            "tracking_number": tidy(one.tracking_number or "", 60),
            "at": _said(one.milestone_at, speech),
            "items": [] if mixed else [_item(item) for item in one.items[:_SHOWN_EACH]],
            "more_items": 0 if mixed else max(0, len(one.items) - _SHOWN_EACH),
        }
        for number, one in enumerate((first, *beside)[:SHOWN_TOGETHER], 1)
    ]


def _said(instant: datetime | None, speech: Speech) -> str:
    if instant is None:
        return ""
    local = speech.local(instant)
    return f"{speech.day(local.date())}, {speech.time(local)}"


def _other(other: OtherParcel, facts: Facts, words: Mapping[str, Any], links: Links) -> dict[str, Any]:
    state = words["states"].get(other.milestone.value, "")
    thing = what(other.items, words, 40) if other.items else _part(words)
    return {"what": thing, "state": state, "link": _absolute(other.link, facts, links)}


def _part(words: Mapping[str, Any]) -> str:
    return str(words.get("part_of_order") or words["your_order"])


def _absolute(path: str, facts: Facts, links: Links) -> str:
    """The address of another parcel's page: where this one's page is, with the other path. Nothing where that is not
    known."""
    site = links.parcel.removesuffix(facts.parcel.link)
    return f"{site}{path}" if path.startswith("/t/") and site != links.parcel else ""


def _item(item: Item) -> dict[str, Any]:
    name = tidy(item.name, 120)
    return {
        "name": name or item.sku or "–",
        "quantity": item.quantity,
        "picture": safe_picture(item.image_url),
        "initial": initial(name),
    }


def carrier_name(key: str | None, words: Mapping[str, Any]) -> str:
    """A carrier's name as people know it, or nothing."""
    if not key:
        return ""
    name = words.get("carriers", {}).get(key.lower())
    return tidy(str(name)) if name else tidy(key.replace("_", " ").replace("-", " "), 40).title()
