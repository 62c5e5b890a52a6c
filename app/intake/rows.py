"""What an incoming order comes to as rows, given what is stored: pure, and the one judge of what has changed."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from app.intake.routes import Router, nobody
from app.intake.schema import IncomingItem, IncomingOrder, IncomingParcel
from app.intake.shopper_zone import work_out
from app.models.base import link_token, public_id
from app.models.brands import Brand
from app.models.vocabulary import Milestone
from app.zones import end_of_day

# A stored row, and a row to write as plain JSON values.
Row = sa.RowMapping
Writable = dict[str, Any]

ORDER_CONTENT = (
    "placed_at", "shopper_name", "email", "phone", "locale", "country", "city", "postal_code", "zone", "zones",
    "zone_source", "currency", "total_minor", "items", "promised_on", "tags",
)  # fmt: skip
PARCEL_COLUMNS = (
    "carrier", "carrier_guessed", "asked_of", "candidates", "tracking_number", "items", "promised_on", "next_poll_at",
    "watch_at", "poll_failures", "problem", "poll_rank", "numbered_at", "cancelled_at", "milestone", "milestone_at",
    "delivered_at", "eta_from", "eta_through", "eta_day", "estimated_as_of", "service", "notes", "last_heard_at",
    "last_polled_at", "last_answer", "delivery_doubted_at",
    "late_since", "ordered_at", "corrected",
)  # fmt: skip
_UNHEARD: Writable = {
    "milestone": Milestone.registered, "milestone_at": None, "delivered_at": None, "eta_from": None,
    "eta_through": None, "eta_day": None, "estimated_as_of": None, "service": None, "notes": {},
    "last_heard_at": None, "last_polled_at": None, "last_answer": None, "delivery_doubted_at": None,
    "late_since": None,
}  # fmt: skip
"""A parcel of which nothing has been heard, under the number that it has now."""

FIRST_RANK, HISTORY_RANK = 1, 3
"""The rank of the first question about a number: news more often than not, but no hurry where all is history."""

# A carrier that is corrected wakes a parcel that had only been given up, never one whose journey is over.
_OVER = frozenset({Milestone.delivered, Milestone.returned, Milestone.return_received, Milestone.cancelled})
_ENDED = _OVER | {Milestone.expired}


def order_row(order: IncomingOrder, brand: Brand, stored: Row | None) -> Writable:
    """The order's columns: what it says, and what it leaves out as it is stored; with the digest of them all."""
    said, corrected = _new_words(_said(order), stored)
    row = {column: said.get(column, _plain(stored[column]) if stored else None) for column in ORDER_CONTENT}
    row["locale"] = row["locale"] or brand.locale
    row["items"] = row["items"] or []
    row["tags"] = row["tags"] or []
    row["zone"], row["zones"], row["zone_source"] = _zone(order, brand, stored, row)
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    row["corrected"] = corrected
    row["digest"] = "\\x" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return row


def _new_words(said: Writable, stored: Row | None) -> tuple[Writable, Writable]:
    """What is said, without what somebody corrected by hand since the shop first said so; and which corrections stand:
    those of which the shop says nothing else. Its saying the same again is no news."""
    corrected: Writable = stored["corrected"] if stored else {}
    stands = {name: theirs for name, theirs in corrected.items() if said.get(name, theirs) == theirs}
    return {name: value for name, value in said.items() if name not in stands}, stands


def new_order_row(order: IncomingOrder, brand: Brand) -> Writable:
    """The whole row of an order that is not stored yet."""
    names = {"public_id": public_id("ord"), "brand_id": brand.id, "source": order.source, "number": order.number}
    return names | order_row(order, brand, None) | {"erased_at": None, "erasing": False}


def _said(order: IncomingOrder) -> Writable:
    """The columns that the order speaks of; an explicit null is a word, a missing field is none."""
    shopper = order.shopper.model_fields_set
    said = {name: getattr(order.shopper, name) for name in shopper - {"name", "zone"}}
    if "name" in shopper:
        said["shopper_name"] = order.shopper.name
    for name in order.model_fields_set & {"currency", "total_minor"}:
        said[name] = getattr(order, name)
    if "promised_on" in order.model_fields_set:
        said["promised_on"] = _plain(order.promised_on)
    if "items" in order.model_fields_set:
        said["items"] = item_rows(order.items)
    if "tags" in order.model_fields_set:
        said["tags"] = list(order.tags)
    return said | {"placed_at": order.placed_at.isoformat()}


def _zone(order: IncomingOrder, brand: Brand, stored: Row | None, row: Writable) -> tuple[str, list[str], str]:
    """The shopper's zone, all that it may be, and where that is known from. Worked out once: it stays until the order
    says otherwise."""
    named = order.shopper.zone
    unasked = named is None and "zone" not in order.shopper.model_fields_set
    if stored and unasked and all(stored[name] == row[name] for name in ("country", "phone")):
        return stored["zone"], stored["zones"], stored["zone_source"]
    if stored and unasked and stored["zone_source"] == "order" and stored["country"] == row["country"]:
        return stored["zone"], stored["zones"], "order"
    found = work_out(named, row["country"], row["phone"], brand.zone)
    return found.zone, list(found.zones), found.source


def item_rows(items: Iterable[IncomingItem]) -> list[Writable]:
    """Items as they are stored: `models.facts.Item` without what was left out."""
    return [item.model_dump(exclude_defaults=True) | {"quantity": item.quantity} for item in items]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return "\\x" + bytes(value).hex()
    return value.isoformat() if isinstance(value, date | datetime) else value


def _without(row: Writable, name: str) -> Writable:
    return {other: value for other, value in row.items() if other != name}


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms orders come in: the engine's time, whether they are history, who is asked about which parcel."""

    now: datetime
    history: bool = False
    route: Router = nobody

    def asked(self, carrier: str | None, number: str | None, country: str | None, *, over: bool) -> Writable:
        """The columns that say who is asked about a parcel: at once, or never."""
        route = self.route(carrier, number, country)
        return {
            "asked_of": route.asked_of,
            "candidates": list(route.candidates),
            "next_poll_at": self.now.isoformat() if route.asked_of and not over else None,
            "poll_failures": 0,
            "problem": route.problem,
        }


def new_parcel_row(parcel: IncomingParcel, reference: str, order: Row, terms: Terms) -> Writable:
    """The whole row of a parcel that is not stored yet. `order` is its order's row as it stands now."""
    cancelled = order["cancelled_at"] or (terms.now if parcel.cancelled else None)
    return {
        "public_id": public_id("shp"),
        "link_token": link_token(),
        "brand_id": order["brand_id"],
        "order_id": order["id"],
        "reference": reference,
        "direction": parcel.direction,
        "milestone": Milestone.registered,
        "carrier": parcel.carrier,
        "carrier_guessed": False,
        "tracking_number": parcel.tracking_number,
        "items": item_rows(parcel.items),
        "promised_on": _plain(parcel.promised_on),
        "history_until": _plain(terms.now) if terms.history else None,
        "cancelled_at": _plain(cancelled),
        **terms.asked(parcel.carrier, parcel.tracking_number, order["country"], over=cancelled is not None),
        "poll_rank": HISTORY_RANK if terms.history else FIRST_RANK,
        "numbered_at": None if terms.history else _plain(terms.now),
        "ordered_at": _plain(order["placed_at"]),
        "corrected": {},
        "watch_at": None if cancelled else _plain(first_look(parcel.promised_on, order, terms.now)),
    }


def parcel_row(parcel: IncomingParcel | None, stored: Row, before: Row, after: Row, terms: Terms) -> Writable | None:
    """A stored parcel's columns where anything about it changed, else None.

    `parcel` is what was said of it, or None when only its order changed; `before` and `after` are that order's
    rows. What the engine has put to rest stays so unless the number or the promise changed. Another number where there
    was one starts the parcel anew: what was heard under the wrong one was another parcel's.
    """
    old = {column: _plain(stored[column]) for column in PARCEL_COLUMNS}
    said, corrected = _new_words(_said_of_parcel(parcel) if parcel else {}, stored)
    if "promised_on" in corrected and before["promised_on"] != after["promised_on"]:
        # The shop promises another day for the whole order: what somebody wrote over the old one is over.
        said["promised_on"], corrected = corrected["promised_on"], _without(corrected, "promised_on")
    row = old | said | {"corrected": corrected, "ordered_at": _plain(after["placed_at"])}
    same_number = row["tracking_number"] == stored["tracking_number"]
    restarts = number_corrected(stored, row)
    row["carrier_guessed"] = stored["carrier_guessed"] and said.get("carrier") is None and same_number
    if stored["carrier_guessed"] and said.get("carrier") is None:
        # Whom we found out ourselves is not unlearned because the shop still does not know; another number is another.
        row["carrier"] = stored["carrier"] if same_number else None
    if restarts:
        row |= _UNHEARD
    row["cancelled_at"] = _cancelled(parcel, stored, after, terms)
    comes_back = row["cancelled_at"] is None and stored["cancelled_at"] is not None
    if row["carrier"] != stored["carrier"] or not same_number or comes_back:
        row |= terms.asked(row["carrier"], row["tracking_number"], after["country"], over=_over(row, _OVER))
        row |= {"poll_rank": FIRST_RANK, "numbered_at": _plain(terms.now)}
    due = promise_end(date.fromisoformat(row["promised_on"]) if row["promised_on"] else None, after)
    if due != promise_end(stored["promised_on"], before) or restarts or comes_back:
        row["watch_at"] = None if _over(row, _ENDED) else _plain(terms.now)
    if row["cancelled_at"] is not None or stored["unfollowed_at"] is not None:
        row |= {"next_poll_at": None, "watch_at": None}
    return None if row == old else row | {"id": stored["id"]}


def number_corrected(stored: Row, row: Writable) -> bool:
    """Whether a parcel's tracking number turns out to have been another parcel's. How it is written is no matter."""
    return stored["tracking_number"] is not None and _bare(row["tracking_number"]) != _bare(stored["tracking_number"])


def _bare(number: str | None) -> str:
    return "".join(filter(str.isalnum, number or "")).casefold()


def _cancelled(parcel: IncomingParcel | None, stored: Row, order: Row, terms: Terms) -> str | None:
    """Since when a parcel is out of its order, as the shop says last. With its order it stays out."""
    if parcel is None or parcel.cancelled is None or order["cancelled_at"] is not None:
        return cast("str | None", _plain(stored["cancelled_at"]))
    if parcel.cancelled:
        return cast("str", _plain(stored["cancelled_at"] or terms.now))
    return None


def _said_of_parcel(parcel: IncomingParcel) -> Writable:
    said: Writable = {name: getattr(parcel, name) for name in parcel.model_fields_set & {"carrier", "tracking_number"}}
    if "items" in parcel.model_fields_set:
        said["items"] = item_rows(parcel.items)
    if "promised_on" in parcel.model_fields_set:
        said["promised_on"] = _plain(parcel.promised_on)
    return said


def promise_end(parcel_day: date | None, order: Row) -> datetime | None:
    """The instant at which the parcel's promise, else its order's, is broken."""
    day = parcel_day or order["promised_on"]
    return end_of_day(day, order["zone"]) if day else None


_FIRST_LOOK = timedelta(days=1)


def first_look(parcel_day: date | None, order: Row, now: datetime) -> datetime:
    """When the calendar is looked at first: as the promise ends, and in a day at the latest, which is the shortest time
    that anyone may wait for a scan. What is awaited then is for the rules to say."""
    ends_at = promise_end(parcel_day, order)
    return min(ends_at, now + _FIRST_LOOK) if ends_at else now + _FIRST_LOOK


def _over(stored: Row | Writable, ends: frozenset[Milestone]) -> bool:
    return stored["cancelled_at"] is not None or Milestone(stored["milestone"]) in ends


def in_rounds(orders: Sequence[IncomingOrder]) -> list[list[IncomingOrder]]:
    """The orders in rounds that name each order once at most: told twice in a batch is told twice in a row."""
    rounds: list[list[IncomingOrder]] = []
    seen: dict[tuple[str, str], int] = {}
    for order in orders:
        turn = seen.get((order.source, order.number), 0)
        seen[order.source, order.number] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(order)
    return rounds
