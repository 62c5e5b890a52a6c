"""Every field that a template may name: what it means, what kind of value it is, and whether it may come out blank.

A path is written as in a template; `[]` stands for each of a list (`items[].name` is `item.name` inside
`{% for item in items %}`). What is not listed here cannot be read, whatever else a context holds.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

Kind = Literal["text", "number", "yes/no", "day", "instant", "list", "group"]
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `day` is an ISO date and `instant` an ISO instant in UTC, for the filters `day` and `time`; what is
    said to the shopper is text. `most` bounds a list. `blank`: it may be empty, so ask `if` first."""

    path: str
    kind: Kind
    meaning: str
    blank: bool = False
    most: int = 0


_TABLE = """
what | text | What is in the parcel, in a few words: the first thing by name, the others by number.
named | text | What the message is about, as the subject of a sentence: "your parcel with …".
many | yes/no | Whether the message tells of several parcels at once.
count | number | How many parcels the message tells of.
carrier ? | text | The carrier's name as people know it; blank where several carry, or none is known.
place ? | text | Where it happened, in the carrier's words, tidied.
note ? | text | What the carrier remarked, tidied and without web addresses.
state | text | Where the parcel stands, in this language's words.
collected | yes/no | Whether it was handed over at a counter, not brought to a door.
journey | list 5 | The steps of the parcel's way.
journey[].word | text | The step in this language's words.
journey[].state | text | `done`, `now`, `late` (now, but something is wrong) or `next`.
journey[].number | number | The step's number, from 1.
journey[].note ? | text | What is wrong at this step.
journey[].width | text | The step's share of the drawing's width: `20%`.
items | list 10 | The first things in the parcel.
items[].name | text | The thing's name.
items[].quantity | number | How many of it.
items[].picture ? | text | The address of its picture, where there is one that a mail may fetch.
items[].initial | text | The letter that stands for it where there is no picture.
more_items | number | How many things are left out of `items`.
items_unsorted | yes/no | Whether `items` are the whole order's, for the shop did not say what lies in which parcel.
parcels | list 10 | The parcels of a message that tells of several; empty otherwise.
parcels[].number | number | Its place in the list, from 1.
parcels[].link ? | text | Its own page.
parcels[].carrier ? | text | Its carrier's name.
parcels[].tracking_number ? | text | Its tracking number.
parcels[].at ? | text | When it happened to this parcel, said to the shopper.
parcels[].items | list 4 | The first things in it.
parcels[].items[].name | text | The thing's name.
parcels[].items[].quantity | number | How many of it.
parcels[].items[].picture ? | text | The address of its picture.
parcels[].items[].initial | text | The letter that stands for it.
parcels[].more_items | number | How many of its things are left out.
more_parcels | number | How many parcels are left out of `parcels`.
others | list 4 | The order's other parcels, of which this message does not tell.
others[].what | text | What is in it, in a few words.
others[].state ? | text | Where it stands.
others[].link ? | text | Its own page.
more_others | number | How many are left out of `others`.
not_shipped | list 10 | Things of the order that are in no parcel yet.
not_shipped[].name | text | The thing's name.
not_shipped[].quantity | number | How many of it.
not_shipped[].picture ? | text | The address of its picture.
not_shipped[].initial | text | The letter that stands for it.
more_not_shipped | number | How many are left out of `not_shipped`.
when | group | When it is expected: the carrier's window or day, else the promised day, while it lies ahead.
when.known | yes/no | Whether anything is expected.
when.source ? | text | `eta` (the carrier says so) or `promise` (the shop did).
when.day ? | text | The day, or the days from and to, said to the shopper.
when.hours ? | text | The hours of that day.
when.text ? | text | Day and hours in one.
when.short ? | text | The same, short, for an SMS.
was | group | When it was expected before, where the carrier has changed its mind.
was.known | yes/no | Whether it was expected at another time before.
was.day ? | text | The day, said to the shopper.
was.hours ? | text | The hours of that day.
was.text ? | text | Day and hours in one.
was.short ? | text | The same, short.
promised | group | The day that the shop promised.
promised.known | yes/no | Whether a day was promised.
promised.past | yes/no | Whether it has passed.
promised.day ? | text | The day, said to the shopper.
promised.short ? | text | The same, short.
happened | group | When the news happened, on the shopper's clock.
happened.day | text | The day, said to the shopper.
happened.time | text | The time of day.
happened.text | text | Day and time in one.
happened.said | text | Day and time inside a sentence: "today at 06:42".
happened.short | text | The same, short.
happened.today | yes/no | Whether it was today.
pickup | group | Where the parcel waits to be collected, while it does.
pickup.known | yes/no | Whether the place's name is known.
pickup.waits | yes/no | Whether it waits to be collected.
pickup.name ? | text | The place's name.
pickup.address ? | text | Its address.
pickup.hours | list 7 | Its opening hours, in the carrier's words.
pickup.hours[] | text | One line of the opening hours.
pickup.until ? | text | The last day, while that lies ahead.
pickup.until_short ? | text | The same, short.
pickup.since ? | text | The day on which it came there.
person | group | Who is written to.
person.name ? | text | The whole name.
person.first_name ? | text | The first name.
links | group | Addresses of this parcel's pages.
links.parcel | text | The parcel's page.
links.short | text | The same, short, for an SMS.
links.choices ? | text | Where the shopper says what to be told of, and how.
brand | group | The brand that writes.
brand.key | text | The brand's folder.
brand.name | text | Its name.
brand.tagline ? | text | Its tagline.
brand.site | text | Its shop's address.
brand.support_url | text | Its help pages.
brand.support_email | text | Where its people are written to.
brand.postal_address | text | Where its post goes.
order | group | The order as the shop gave it.
order.number | text | The order's number.
order.placed_at | instant | When it was placed.
order.currency ? | text | Its currency: `SEK`.
order.total_minor ? | number | Its total in minor units, for the filter `money`.
order.parcel_count | number | How many parcels it is sent in.
order.tags | list 50 | The shop's tags.
order.tags[] | text | One tag.
order.items | list 50 | All that was ordered.
order.items[].name ? | text | The thing's name, as the shop gave it.
order.items[].quantity | number | How many of it.
order.items[].sku ? | text | The shop's number for it.
order.items[].price_minor ? | number | The price of one, in minor units, for the filter `money`.
order.items[].image_url ? | text | The picture's address as given, unchecked; `items[].picture` is the checked one.
order.not_shipped | list 50 | What is in no parcel yet, as the shop gave it.
order.not_shipped[].name ? | text | The thing's name.
order.not_shipped[].quantity | number | How many of it.
order.not_shipped[].sku ? | text | The shop's number for it.
order.not_shipped[].price_minor ? | number | The price of one, in minor units.
order.not_shipped[].image_url ? | text | The picture's address as given, unchecked.
parcel | group | The parcel that the news is about.
parcel.id | text | Its id in addresses and in the API.
parcel.direction | text | `outbound` or `return`.
parcel.carrier ? | text | Its carrier's key: `dhl`; `carrier` is the name.
parcel.tracking_number ? | text | Its tracking number.
parcel.service ? | text | The carrier's product.
parcel.milestone | text | Where it stands, as rules name it.
parcel.milestone_at ? | instant | Since when it stands there.
parcel.delivered_at ? | instant | When it was delivered.
parcel.delivery_doubted | yes/no | Whether the carrier said delivered and has scanned it on its way since.
parcel.late_since ? | instant | Since when it is late.
parcel.carrier_page ? | text | The carrier's own page for it.
parcel.items | list 50 | All things in it, as the shop gave them.
parcel.items[].name ? | text | The thing's name.
parcel.items[].quantity | number | How many of it.
parcel.items[].sku ? | text | The shop's number for it.
parcel.items[].price_minor ? | number | The price of one, in minor units.
parcel.items[].image_url ? | text | The picture's address as given, unchecked.
shopper | group | Who is told, without saying who.
shopper.country ? | text | The country's two letters.
shopper.locale | text | The language asked for: `sv-SE`.
shopper.zone | text | The zone in which times are told.
shopper.has_email | yes/no | Whether there is an address to write to.
shopper.has_phone | yes/no | Whether there is a number to write to.
promise | group | What the shop promised, as given.
promise.on ? | day | The promised day, for the filter `day`.
promise.ends_at ? | instant | The instant at which the promise is broken.
eta | group | What the carrier expects, as given.
eta.starts_at ? | instant | The window's start.
eta.ends_at ? | instant | The window's end.
eta.day ? | day | The day, where there is no window.
eta.was_starts_at ? | instant | The window's start before.
eta.was_ends_at ? | instant | The window's end before.
eta.was_day ? | day | The day before.
news | group | The news itself.
news.milestone | text | The milestone that is told of, as rules name it.
news.occurrence | number | The how manieth time it came there.
news.cause | text | How we know: `scan`, `silence`, `carrier_says` and so on.
news.occurred_at | instant | When it happened.
news.description ? | text | The carrier's remark as given; `note` is fit to print.
news.place ? | text | The place as given; `place` is fit to print.
"""

INTERNAL = frozenset({"speech", "parcel.pickup", "parcel.link", "shopper.zones", "shopper.zone_source"})
"""What a context holds for the filters and the program's own use. No template reads it."""


def _field(line: str) -> Field:
    path, kind, meaning = (part.strip() for part in line.split(" | ", 2))
    word, _, most = kind.partition(" ")
    return Field(path.removesuffix(" ?"), cast("Kind", word), meaning, path.endswith(" ?"), int(most or 0))


FIELDS: Mapping[str, Field] = MappingProxyType(
    {field.path: field for field in map(_field, _TABLE.strip().splitlines())}
)


def known(path: str, fields: Mapping[str, Field] = FIELDS) -> bool:
    """Whether a template may name it: a field, or one of a documented list."""
    return path in fields or (path.endswith("[]") and path[:-2] in fields and fields[path[:-2]].kind == "list")


def nearest(path: str, fields: Mapping[str, Field] = FIELDS) -> str | None:
    """The documented field that was probably meant: written nearly so, or by the same last word; or None."""
    found = difflib.get_close_matches(path, fields, 1, 0.8)
    if not found:
        by_end = [name for name in fields if name.rpartition(".")[2] == path.rpartition(".")[2]]
        found = difflib.get_close_matches(path, by_end, 1, 0)
    return found[0] if found else None
