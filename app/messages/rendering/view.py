"""The fields that a template can show: the facts as plain values, and the answers that are worked out from them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from babel import Locale

from app.messages.base import Links, Template
from app.messages.rendering.fields import MOST_LISTED
from app.messages.rendering.hostile import isolated, place_name, quoted, tidy, tidy_all
from app.messages.rendering.journey import all_collected, journey
from app.messages.rendering.moments import Speech, customs, spoken, told
from app.messages.rendering.whole_order import carrier_name, order_fields, told_together
from app.models.facts import Facts, OtherParcel, Person, Pickup, Promise
from app.models.vocabulary import Milestone

_UNKNOWN: Mapping[str, Any] = {"known": False, "day": "", "hours": "", "text": "", "short": ""}


def fields(template: Template, facts: Facts, person: Person, links: Links, now: datetime) -> dict[str, Any]:
    """Everything a template may name, as plain JSON-like values. Pure: the same arguments give the same fields."""
    return fields_over(plain_facts(facts), template, facts, person, links, now)


def fields_over(
    plain: Mapping[str, Any], template: Template, facts: Facts, person: Person, links: Links, now: datetime
) -> dict[str, Any]:
    """The same for whoever has the facts' own part (`plain_facts`) already."""
    words: Mapping[str, Any] = template.parts["words"]
    speech = spoken(words, locale_of(template, facts), facts.shopper.zone, now)
    return {
        **plain,
        "brand": template.parts["brand"],
        "speech": told(speech, words),
        "person": {"name": tidy(person.name or "", 80), "first_name": isolated(tidy(person.first_name, 40))},
        "links": {"parcel": links.parcel, "short": links.short, "choices": links.choices},
        "happened": _happened(facts, speech),
        "journey": journey(facts, words),
        "state": words["states"].get(facts.parcel.milestone.value, ""),
        **order_fields(facts, words, links, speech),
        **_one_parcels(facts, words, speech),
    }


def _one_parcels(facts: Facts, words: Mapping[str, Any], speech: Speech) -> dict[str, Any]:
    """What is true of one parcel. Of several that are told of together it is said only where it holds for each."""
    beside = told_together(facts)
    carriers = {facts.parcel.carrier, *(parcel.carrier for parcel in beside)}
    return {
        "carrier": carrier_name(facts.parcel.carrier, words) if len(carriers) == 1 else "",
        "when": {"source": "", **_UNKNOWN} if beside else _when(facts, speech),
        "promised": _promised(Promise() if beside else _promise(facts), speech),
        "was": dict(_UNKNOWN) if beside else _before(facts, speech),
        "pickup": _pickup(facts, speech, beside),
        "collected": all_collected(facts, beside),
        "place": "" if beside else isolated(place_name(facts.news.place)),
        "note": "" if beside else isolated(quoted(facts.news.description)),
    }


def _promise(facts: Facts) -> Promise:
    """What was promised to the shopper; nobody was promised when a return arrives."""
    return facts.promise if facts.parcel.direction == "outbound" else Promise()


def locale_of(template: Template, facts: Facts) -> Locale:
    """The template's language, written by the customs of the shopper's region."""
    shopper = facts.shopper
    language, _, region = shopper.locale.replace("_", "-").partition("-")
    same = language.lower() == template.locale.split("-")[0].lower()
    spoken_in = region.upper() if same and len(region) == 2 else shopper.country
    return customs(template.locale, spoken_in)


def plain_facts(facts: Facts) -> dict[str, Any]:
    """What is told as it is, tidied: the same in every language and for every brand."""
    left_out = {"brand", "history", "order_history", "other_parcels", "merged"}
    dumped = facts.model_dump(mode="json", exclude=left_out)
    for group, listed in (("parcel", "items"), ("order", "items"), ("order", "not_shipped"), ("order", "tags")):
        dumped[group][listed] = dumped[group][listed][:MOST_LISTED]
    return {name: tidy_all(group) for name, group in dumped.items()}


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
    day = promised_day(_promise(facts), speech)
    if day and day >= speech.now.date() and facts.news.milestone is not Milestone.delayed:
        return {"source": "promise", **_said(speech.day(day), speech.day(day, short=True), "")}
    return {"source": "", **_UNKNOWN}


def _before(facts: Facts, speech: Speech) -> dict[str, Any]:
    """When it was expected before, where the carrier has changed its mind."""
    start, end, day = facts.eta.was_starts_at, facts.eta.was_ends_at, facts.eta.was_day
    if start or end:
        return _window(start, end, speech)
    return _said(speech.day(day), speech.day(day, short=True), "") if day else dict(_UNKNOWN)


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
        "said": f"{day} {speech.at_time(speech.at, local)}",
        "short": f"{short_day} {hour}",
        "today": local.date() == speech.now.date(),
    }


def _pickup(facts: Facts, speech: Speech, beside: Sequence[OtherParcel]) -> dict[str, Any]:
    """Where it waits, while it does; `until` is the last day, while that lies ahead, `since` when it came there.

    Of several parcels that are told of together only `waits` is said, where it holds for each: they may wait in
    different places, and until different days.
    """
    milestones = {facts.parcel.milestone, *(parcel.milestone for parcel in beside)}
    waits = milestones == {Milestone.ready_for_pickup}
    place = (facts.parcel.pickup if waits and not beside else None) or Pickup(name="")
    last = place.until if place.until and place.until >= speech.now.date() else None
    since = facts.parcel.milestone_at if waits and not beside else None
    return {
        "known": bool(tidy(place.name)),
        "waits": waits,
        "name": isolated(tidy(place.name, 100)),
        "address": isolated(tidy(place.address, 200)),
        "hours": [isolated(tidy(line, 100)) for line in place.hours[:7] if tidy(line)],
        "until": speech.day(last) if last else "",
        "until_short": speech.day(last, short=True) if last else "",
        "since": speech.day(speech.local(since).date()) if since else "",
    }
