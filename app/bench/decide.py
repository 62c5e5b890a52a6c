"""`doorstep bench decide`: what deciding costs a parcel, with the set that ships and with one of 200 rules."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.clock import cpu_seconds
from app.models.facts import Facts
from app.models.vocabulary import Channel, Milestone, Reason
from app.rules.decide import Crossed, Decided, decide
from app.rules.document import default_rules, parse_rules
from app.rules.ruleset import RuleSet

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
RULES = 200
_ROUNDS = 3

_MILESTONES = (
    Milestone.dispatched, Milestone.in_transit, Milestone.out_for_delivery, Milestone.delivered, Milestone.delayed,
    Milestone.ready_for_pickup, Milestone.attempt_failed, Milestone.exception, Milestone.returning,
)  # fmt: skip
_SHARES = (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7, 8)
"""Which milestone is how common among what is decided on."""
_CARRIERS = ("dhl", "postnord", "ups", "dpd", "usps", "inpost")
_PLACES = (("SE", "Europe/Stockholm"), ("DE", "Europe/Berlin"), ("US", "America/New_York"), ("GB", "Europe/London"))
_PLAINEST = "has(order.total_minor) && order.total_minor > {n}"
_CONDITIONS = (
    "",
    "has(order.total_minor) && order.total_minor >= {amount}",
    'parcel.items.exists(item, item.sku.startsWith("SKU-{n}"))',
    '"vip" in order.tags && has(order.total_minor) && order.total_minor > {amount}',
    'has(promise.ends_at) && promise.ends_at - now < duration("{n}h")',
    'history.exists(told, told.milestone == "dispatched") && order.parcel_count < {n}',
    'news.cause == "scan" && size(other_parcels) < {n}',
)


@dataclass(frozen=True, slots=True)
class DecideCost:
    """CPU milliseconds and answers, a parcel. `floor_ms` is what making those answers costs without judging."""

    rules: int
    parcels: int
    answers: float
    cpu_ms: float
    floor_ms: float

    @property
    def ratio(self) -> float:
        """How many times the bare floor."""
        return self.cpu_ms / self.floor_ms


def bench_decide(parcels: int) -> list[DecideCost]:
    """The set that ships and one of 200 rules, on the same parcels; the best of three rounds each, by turns."""
    crossed = [Crossed(facts_of(number)) for number in range(parcels)]
    for one in (default_rules(), many_rules()):
        _decide_all(crossed[:200], one)  # what is made once a process is made now
    gc.collect()
    gc.freeze()
    try:
        return [_cost(crossed, one) for one in (default_rules(), many_rules())]
    finally:
        gc.unfreeze()


def _cost(crossed: Sequence[Crossed], rules: RuleSet) -> DecideCost:
    answers = sum(map(len, _decide_all(crossed, rules)))
    spent = _least(lambda: _decide_all(crossed, rules))
    bare = _least(lambda: [_bare(crossed[at % len(crossed)]) for at in range(answers)])
    parcels = len(crossed)
    return DecideCost(
        len(rules.rules), parcels, answers / parcels, 1000 * spent / parcels, 1000 * max(bare, 1e-9) / parcels
    )


def _decide_all(crossed: Sequence[Crossed], rules: RuleSet) -> list[list[Decided]]:
    channels = frozenset(Channel)
    return [decide(one, rules, channels, NOW) for one in crossed]


def _bare(one: Crossed) -> Decided:
    """An answer that nobody thought about."""
    at = one.facts.news.occurred_at
    return Decided("bare", Channel.email, "bare", "shopper", True, Reason.planned, "", NOW, at + timedelta(hours=48), 1)


def _least(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(_ROUNDS):
        before = cpu_seconds()
        work()
        spent.append(cpu_seconds() - before)
    return min(spent)


@lru_cache(maxsize=1)
def many_rules(count: int = RULES) -> RuleSet:
    """A set of so many rules for mixed milestones, carriers and conditions, as a shop's might grow to be."""
    lines = ["version: 1", 'quiet_hours: {sms: "21:00-08:00"}', "rules:"]
    for n in range(count):
        condition = (_CONDITIONS[n % len(_CONDITIONS)] or _PLAINEST).format(amount=1000 * n, n=n)
        reach = f"{{carrier: {_CARRIERS[n % 6]}, country: {_PLACES[n // 6 % 4][0]}, tag: [vip, t{n}]}}"
        milestone = _MILESTONES[n % len(_MILESTONES)]
        lines += [f"  - name: rule_{n}", f"    when: {milestone}", "    send: [email, sms]", "    expires: 48h"]
        lines += [f"    for: {reach}"] if n % 3 else []
        lines += [f"    if: '{condition}'"]
    return parse_rules("\n".join(lines))


def facts_of(number: int) -> Facts:
    """One parcel of a shop: one to three lines, one order in five split, a third promised, told of up to thrice."""
    milestone = _MILESTONES[_SHARES[number % len(_SHARES)]]
    country, zone = _PLACES[number % 4]
    items = [
        {"sku": f"SKU-{number % 90}-{line}", "name": "Wool blanket", "quantity": 1 + line, "price_minor": 49900}
        for line in range(1 + number % 3)
    ]
    told = [
        {"milestone": one, "channel": "email", "planned_at": NOW - timedelta(days=2), "rule": one, "parcel_id": "shp_1"}
        for one in ("dispatched", "in_transit", "delayed")[: number % 4]
    ]
    others = [{"id": f"shp_{number}b", "milestone": "in_transit", "items": items}] if number % 5 == 0 else []
    ends_at = NOW + timedelta(hours=number % 60 - 10) if number % 3 == 0 else None
    return Facts.model_validate(
        {
            "brand": {"key": "fjallhem", "name": "Fjällhem"},
            "order": {
                "number": str(number),
                "placed_at": NOW - timedelta(days=3),
                "currency": "SEK",
                "total_minor": 10_000 + 7_919 * number % 200_000,
                "parcel_count": 1 + len(others),
                "tags": ["vip"] if number % 7 == 0 else ["web"],
                "items": items,
            },
            "parcel": {
                "id": f"shp_{number}",
                "link": f"/t/{number}",
                "carrier": _CARRIERS[number % 6],
                "tracking_number": f"T{number}",
                "service": "Express",
                "milestone": milestone,
                "milestone_at": NOW,
                "items": items,
            },
            "other_parcels": others,
            "shopper": {
                "has_email": True,
                "has_phone": number % 4 != 0,
                "locale": "en",
                "country": country,
                "zone": zone,
                "zones": [zone],
                "zone_source": "country",
            },
            "promise": {"on": NOW.date(), "ends_at": ends_at} if ends_at else {},
            "eta": {"day": NOW.date()},
            "news": {"milestone": milestone, "occurred_at": NOW - timedelta(minutes=number % 90)},
            "history": told,
            "order_history": told,
        }
    )
