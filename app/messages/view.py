"""The fields that a template can show: the facts as plain values, and the answers that are worked out from them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from babel import Locale

from app.messages.base import Links, Template
from app.messages.hostile import initial, isolated, place_name, quoted, safe_picture, tidy, tidy_all
from app.messages.moments import Speech, customs, spoken, told
from app.messages.sandbox import shorten
from app.models.facts import Facts, Item, Person, Promise
from app.models.vocabulary import PROGRESS, Milestone

SHOWN_ITEMS = 6
SHOWN_PARCELS = 4
_MAX_LISTED = 50

_JOURNEY = (Milestone.registered, Milestone.dispatched, Milestone.in_transit, Milestone.out_for_delivery,
            Milestone.delivered)  # fmt: skip


def fields(template: Template, facts: Facts, person: Person, links: Links, now: datetime) -> dict[str, Any]:
    """Everything a template may name, as plain JSON-like values. Pure: the same arguments give the same fields."""
    words: Mapping[str, Any] = template.parts["words"]
    speech = spoken(words, locale_of(template, facts), facts.shopper.zone, now)
    return {
        **_plain_facts(facts),
        "brand": template.parts["brand"],
        "speech": told(speech, words),
        "person": {"name": tidy(person.name or "", 80), "first_name": isolated(tidy(person.first_name, 40))},
        "links": {"parcel": links.parcel, "short": links.short},
        "when": _when(facts, speech),
        "promised": _promised(facts.promise, speech),
        "happened": _happened(facts, speech),
        "what": what(facts.parcel.items, words),
        "items": [_item(item) for item in facts.parcel.items[:SHOWN_ITEMS]],
        "more_items": max(0, len(facts.parcel.items) - SHOWN_ITEMS),
        "journey": _journey(facts, words),
        "others": [_other(parcel.items, parcel.milestone, words) for parcel in facts.other_parcels[:SHOWN_PARCELS]],
        "state": words["states"].get(facts.parcel.milestone.value, ""),
        "carrier": _carrier(facts.parcel.carrier, words),
        "place": isolated(place_name(facts.news.place)),
        "note": isolated(quoted(facts.news.description)),
    }


def locale_of(template: Template, facts: Facts) -> Locale:
    """The template's language, written by the customs of the shopper's region."""
    shopper = facts.shopper
    language, _, region = shopper.locale.replace("_", "-").partition("-")
    same = language.lower() == template.locale.split("-")[0].lower()
    spoken_in = region.upper() if same and len(region) == 2 else shopper.country
    return customs(template.locale, spoken_in)


def _plain_facts(facts: Facts) -> dict[str, Any]:
    dumped = facts.model_dump(mode="json", exclude={"brand", "history", "other_parcels"})
    dumped["parcel"]["items"] = dumped["parcel"]["items"][:_MAX_LISTED]
    return {name: tidy_all(group) for name, group in dumped.items()}


def what(items: Sequence[Item], words: Mapping[str, Any], limit: int = 48) -> str:
    """What is in the parcel, in a few words: the first thing by name, the others by number."""
    names = [tidy(item.name, 200) for item in items]
    first = next((name for name in names if name), "")
    if not first:
        return str(words["your_order"])
    others = len(items) - 1
    more = f" {words['and_more'].replace('{count}', str(others))}" if others else ""
    return isolated(shorten(first, limit)) + more


def _when(facts: Facts, speech: Speech) -> dict[str, Any]:
    """When it is expected: the carrier's window or day while it lies ahead, else the promised day while that does.

    A parcel that is late has no promise left to repeat.
    """
    start, end = facts.eta.starts_at, facts.eta.ends_at
    last = end or start
    if last is not None and last > speech.now:
        return {"source": "eta", **_window(start, end, speech)}
    if facts.eta.day and facts.eta.day >= speech.now.date():
        return {"source": "eta", **_said(speech.day(facts.eta.day), speech.day(facts.eta.day, short=True), "")}
    day = promised_day(facts.promise, speech)
    if day and day >= speech.now.date() and facts.news.milestone is not Milestone.delayed:
        return {"source": "promise", **_said(speech.day(day), speech.day(day, short=True), "")}
    return {"source": "", "known": False, "day": "", "hours": "", "text": "", "short": ""}


def _window(start: datetime | None, end: datetime | None, speech: Speech) -> dict[str, Any]:
    first = speech.local(start).date() if start else None
    last = speech.last_day(end) if end else first
    if first is None or last is None or first >= last:
        day = last or first or speech.now.date()
        return _said(speech.day(day), speech.day(day, short=True), speech.hours(start, end))
    begins = max(first, speech.now.date())
    if begins >= last:
        return _said(speech.day(last), speech.day(last, short=True), speech.hours(None, end))
    return _said(
        f"{speech.day(begins)} – {speech.day(last)}",
        f"{speech.day(begins, short=True)} - {speech.day(last, short=True)}",
        "",
    )


def _said(day: str, short_day: str, hours: str) -> dict[str, Any]:
    return {
        "known": True,
        "day": day,
        "hours": hours,
        "text": f"{day}, {hours}" if hours else day,
        "short": f"{short_day} {hours}" if hours else short_day,
    }


def promised_day(promise: Promise, speech: Speech) -> date | None:
    """The promised day: the date as promised, or the day on which a promised instant falls for the shopper."""
    if promise.on:
        return promise.on
    return speech.last_day(promise.ends_at) if promise.ends_at else None


def _promised(promise: Promise, speech: Speech) -> dict[str, Any]:
    day = promised_day(promise, speech)
    if day is None:
        return {"known": False, "past": False, "day": "", "short": ""}
    past = day < speech.now.date()
    return {"known": True, "past": past, "day": speech.day(day), "short": speech.day(day, short=True)}


def _happened(facts: Facts, speech: Speech) -> dict[str, Any]:
    local = speech.local(facts.news.occurred_at)
    day, short_day, hour = speech.day(local.date()), speech.day(local.date(), short=True), speech.time(local)
    return {
        "day": day,
        "time": hour,
        "text": f"{day}, {hour}",
        "said": f"{day} {speech.at} {hour}",
        "short": f"{short_day} {hour}",
        "today": local.date() == speech.now.date(),
    }


def _item(item: Item) -> dict[str, Any]:
    name = tidy(item.name, 120)
    return {
        "name": name or item.sku or "–",
        "quantity": item.quantity,
        "picture": safe_picture(item.image_url),
        "initial": initial(name),
    }


def _journey(facts: Facts, words: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps as they stand: each `done`, `now`, `late` (now, but overdue) or `next`, with its word."""
    reached = max(_reached(facts.parcel.milestone), _reached(_told(facts)))
    passed = [step for step in _JOURNEY if PROGRESS[step] <= reached]
    current = passed[-1] if passed else _JOURNEY[0]
    late = facts.news.milestone is Milestone.delayed and current is not Milestone.delivered
    steps = []
    for index, step in enumerate(_JOURNEY):
        done = PROGRESS[step] < PROGRESS[current] or (step is current is Milestone.delivered)
        state = "done" if done else "next" if step is not current else "late" if late else "now"
        steps.append({"word": words["journey"][step.value], "state": state, "number": index + 1})
    return steps


def _reached(milestone: Milestone) -> int:
    # A parcel that is held up or comes back has been under way, and was not delivered.
    step = PROGRESS.get(milestone, 2 if milestone is Milestone.exception else 0)
    return step if step <= PROGRESS[Milestone.delivered] else PROGRESS[Milestone.in_transit]


def _told(facts: Facts) -> Milestone:
    # Being late says nothing about how far it has come; the parcel's own milestone does.
    return facts.parcel.milestone if facts.news.milestone is Milestone.delayed else facts.news.milestone


def _other(items: Sequence[Item], milestone: Milestone, words: Mapping[str, Any]) -> dict[str, Any]:
    return {"what": what(items, words, 40), "state": words["states"].get(milestone.value, "")}


def _carrier(key: str | None, words: Mapping[str, Any]) -> str:
    if not key:
        return ""
    name = words.get("carriers", {}).get(key.lower())
    return tidy(str(name)) if name else tidy(key.replace("_", " ").replace("-", " "), 40).title()
