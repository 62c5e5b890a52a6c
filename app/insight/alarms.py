"""What is wrong at this moment: queries over rows alone, each bounded, whatever has piled up."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models.vocabulary import CarrierFault, CarrierState, Channel, IncidentKind

GRACE_SECONDS = 30.0
"""How long after its deadline a message may still be on its way to its end, before somebody is told."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. `subject` tells it from others of its kind, `summary` is a sentence about no shopper;
    `brand_id` is None where it concerns the whole installation."""

    kind: IncidentKind
    subject: str
    count: int
    summary: str
    brand_id: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is wrong, as instants of engine time, and `unconfirmed` in seconds of the database's."""

    late_before: datetime
    due_before: datetime
    ended_after: datetime
    unconfirmed: float
    seconds: float
    """`due_before` as the settings give it, for the sentence."""


def observe(session: Session, limits: Limits) -> list[Trouble]:
    """Everything that is wrong now, save broken laws, which `audit_recent` finds. It only reads."""
    found = [
        *_overdue(session, limits),
        *_stuck(session, limits),
        *_unconfirmed(session, limits),
        *_failed(session, limits),
        *_unanswerable(session, limits),
        *_senders(session),
        *_reports(session),
        *_storms(session),
        *_capped(session, limits),
        *_not_received(session),
        *_carriers(session, limits),
    ]
    return sorted(found, key=lambda one: (one.kind, one.subject))


_MOST = 10_000


def _many(count: int, what: str) -> str:
    number = f"{count:,}" if count < _MOST else f"{_MOST:,} or more"
    return f"{number} {what}" if count == 1 else f"{number} {what}s"


_OVERDUE = sa.text("""
    SELECT brands.id, brands.key, late.channel, count(*) AS amount
    FROM (
        SELECT brand_id, channel FROM messages
        WHERE state IN ('held', 'ready') AND pause_id IS NULL AND expires_at > '-infinity'
            AND expires_at < :before
        ORDER BY expires_at LIMIT :most
    ) AS late JOIN brands ON brands.id = late.brand_id
    GROUP BY brands.id, brands.key, late.channel
""")


def _overdue(session: Session, limits: Limits) -> list[Trouble]:
    return [
        Trouble(
            IncidentKind.overdue,
            f"{row.key} {row.channel}",
            row.amount,
            f"{_many(row.amount, f'{row.channel} message')} of {row.key} neither left nor ended by their deadline",
            row.id,
        )
        for row in session.execute(_OVERDUE, {"before": limits.late_before, "most": _MOST})
    ]


# Brand by brand and priority by priority, as the index is sorted: one row is read for each.
_OLDEST = sa.text("""
    SELECT brands.id, brands.key, kinds.channel, min(oldest.send_at) AS send_at
    FROM brands
    CROSS JOIN unnest(cast(:channels AS text[])) AS kinds (channel)
    CROSS JOIN generate_series(0, 2) AS priority
    CROSS JOIN LATERAL (
        SELECT send_at FROM messages
        WHERE messages.channel = kinds.channel AND brand_id = brands.id AND messages.priority = priority
            AND state IN ('held', 'ready') AND pause_id IS NULL AND send_at < :before
        ORDER BY send_at LIMIT 1
    ) AS oldest
    GROUP BY brands.id, brands.key, kinds.channel
""")


def _stuck(session: Session, limits: Limits) -> list[Trouble]:
    return [
        Trouble(
            IncidentKind.stuck,
            f"{row.key} {row.channel}",
            1,
            f"the {row.channel} messages of {row.key} do not drain: the oldest has been due for more than"
            f" {limits.seconds:.0f} s, since {row.send_at:%Y-%m-%d %H:%M} UTC",
            row.id,
        )
        for row in session.execute(_OLDEST, {"before": limits.due_before, "channels": [one.value for one in Channel]})
    ]


_UNCONFIRMED = sa.text("""
    SELECT waiting.provider, count(*) AS amount
    FROM (
        SELECT attempts.provider
        FROM messages JOIN attempts ON attempts.id = messages.open_attempt_id
        WHERE messages.state = 'unconfirmed' AND (
            attempts.deadline_at < clock_timestamp() - make_interval(secs => :unconfirmed)
            OR messages.expires_at < :before)
        LIMIT :most
    ) AS waiting GROUP BY waiting.provider
""")


def _unconfirmed(session: Session, limits: Limits) -> list[Trouble]:
    values = {"unconfirmed": limits.unconfirmed, "before": limits.late_before, "most": _MOST}
    return [
        Trouble(
            IncidentKind.unconfirmed,
            row.provider,
            row.amount,
            f"{row.provider} has not said what became of {_many(row.amount, 'message')}",
        )
        for row in session.execute(_UNCONFIRMED, values)
    ]


_FAILED = sa.text("""
    SELECT brands.id, brands.key, ended.reason, count(*) AS amount
    FROM (
        SELECT brand_id, reason FROM messages WHERE state = 'failed' AND ended_at > :after
        ORDER BY ended_at DESC LIMIT :most
    ) AS ended JOIN brands ON brands.id = ended.brand_id
    WHERE ended.reason IN ('ambiguous', 'gave_up', 'not_renderable')
    GROUP BY brands.id, brands.key, ended.reason
""")

_ENDS = {
    "ambiguous": (IncidentKind.ambiguous, "ended without anyone knowing whether they were sent"),
    "gave_up": (IncidentKind.failing, "were turned away at every try"),
    "not_renderable": (IncidentKind.failing, "could not be filled in"),
}


def _failed(session: Session, limits: Limits) -> list[Trouble]:
    found = []
    for row in session.execute(_FAILED, {"after": limits.ended_after, "most": _MOST}):
        kind, what = _ENDS[row.reason]
        summary = f"in the last hour {_many(row.amount, 'message')} of {row.key} {what}"
        found.append(Trouble(kind, f"{row.key} {row.reason}", row.amount, summary, row.id))
    return found


_UNANSWERABLE = sa.text("""
    SELECT brands.id, brands.key, erred.rule, count(*) AS amount
    FROM (
        SELECT brand_id, rule FROM decisions WHERE reason = 'rule_error' AND decided_at > :after
        ORDER BY decided_at DESC LIMIT :most
    ) AS erred JOIN brands ON brands.id = erred.brand_id
    GROUP BY brands.id, brands.key, erred.rule
""")


def _unanswerable(session: Session, limits: Limits) -> list[Trouble]:
    return [
        Trouble(
            IncidentKind.failing,
            f"{row.key} rule {row.rule}",
            row.amount,
            f"in the last hour {_many(row.amount, 'decision')} of rule {row.rule} of {row.key} had no answer, "
            "and nothing was sent",
            row.id,
        )
        for row in session.execute(_UNANSWERABLE, {"after": limits.ended_after, "most": _MOST})
    ]


# One refusal of an account is certain; a way that is blocked for a moment is not news until it has been tried again.
_SENDERS = sa.text("""
    SELECT provider, sender, strikes, why, refused FROM senders
    WHERE (refused AND strikes > 0) OR strikes >= 4
""")


def _senders(session: Session) -> list[Trouble]:
    return [
        Trouble(
            IncidentKind.sender,
            f"{row.provider} {row.sender}",
            row.strikes,
            f"{row.provider} {'refuses everything from' if row.refused else 'cannot be reached by'} {row.sender}"
            f"{f' ({row.strikes} times in a row)' if row.strikes > 1 else ''}: {row.why}",
        )
        for row in session.execute(_SENDERS)
    ]


_REPORTS = sa.text("""
    SELECT provider, count(*) AS amount, max(problem) AS problem FROM receipt_batches
    WHERE problem IS NOT NULL AND unpacked_at > clock_timestamp() - interval '1 hour'
    GROUP BY provider
""")


def _reports(session: Session) -> list[Trouble]:
    return [
        Trouble(
            IncidentKind.reports,
            row.provider,
            row.amount,
            f"in the last hour {_many(row.amount, 'request')} with reports of {row.provider} could not be read",
        )
        for row in session.execute(_REPORTS)
    ]


_STORMS = sa.text("""
    SELECT brands.id, brands.key, pauses.name, pauses.why FROM pauses JOIN brands ON brands.id = pauses.brand_id
    WHERE pauses.automatic AND pauses.lifted_at IS NULL
""")


def _storms(session: Session) -> list[Trouble]:
    return [
        Trouble(
            IncidentKind.storm,
            f"{row.key} {row.name}",
            1,
            f"the storm brake has paused rule {row.name} of {row.key}: {row.why}",
            row.id,
        )
        for row in session.execute(_STORMS)
    ]


_NOT_RECEIVED = sa.text("""
    SELECT brands.id, brands.key, shipments.public_id
    FROM (SELECT shipment_id FROM claims WHERE closed_at IS NULL ORDER BY opened_at DESC LIMIT 200) AS open
    JOIN shipments ON shipments.id = open.shipment_id JOIN brands ON brands.id = shipments.brand_id
""")


def _not_received(session: Session) -> list[Trouble]:
    """The parcels that shoppers say are not there, each told once; over when the claim is."""
    return [
        Trouble(
            IncidentKind.not_received,
            row.public_id,
            1,
            f"{row.key}: parcel {row.public_id} is marked as delivered, and its shopper says that it is not there",
            row.id,
        )
        for row in session.execute(_NOT_RECEIVED)
    ]


# What is held back is counted as it happens: some rows a brand and day, whatever was held back.
_CAPPED = sa.text("""
    SELECT brands.id, brands.key, held.key AS rule, sum(held.planned) AS amount
    FROM brands JOIN daily_counts AS held ON held.brand_id = brands.id
    WHERE held.day = cast(:today AS date) AND held.kind = 'refused'
    GROUP BY brands.id, brands.key, held.key
""")


def _capped(session: Session, limits: Limits) -> list[Trouble]:
    return [
        Trouble(
            IncidentKind.capped,
            f"{row.key} {row.rule}",
            int(row.amount),
            f"rule {row.rule} of {row.key} has planned as many messages today as its cap allows;"
            f" {_many(int(row.amount), 'message')} beyond it {'was' if row.amount == 1 else 'were'} not planned",
            row.id,
        )
        for row in session.execute(_CAPPED, {"today": limits.late_before.astimezone(UTC).date()})
    ]


# One that is left alone for a moment is not news; one that refuses the credentials is, at once: waiting mends nothing.
# Nor is one that nobody waits for: without a parcel to ask about, it would never be seen to be well again.
_CARRIERS = sa.text("""
    SELECT carrier, state, fault, detail, strikes, throttles, since FROM carrier_health
    WHERE (
        (state <> :closed AND (fault = :denied OR since < :before))
        OR (throttles >= :often AND throttled_since > :after)
    ) AND EXISTS (SELECT 1 FROM shipments WHERE asked_of = carrier AND next_poll_at IS NOT NULL)
""")
_OFTEN = 10
"""Batches of one hour in which a carrier asked for fewer questions; so many are no accident."""


def _carriers(session: Session, limits: Limits) -> list[Trouble]:
    values = {
        "closed": CarrierState.closed.value,
        "denied": CarrierFault.denied.value,
        "before": limits.late_before,
        "often": _OFTEN,
        "after": limits.ended_after,
    }
    return [_carrier(row) for row in session.execute(_CARRIERS, values)]


def _carrier(row: Any) -> Trouble:
    """What to tell: a refusal before anything else, and too many questions only of a carrier that answers."""
    ill, why = row.state != CarrierState.closed, f": {row.detail}" if row.detail else ""
    if ill and row.fault == CarrierFault.denied:
        summary = f"{row.carrier} refuses the credentials, so it is not asked{why}"
        return Trouble(IncidentKind.carrier_denied, row.carrier, row.strikes, summary)
    if ill and row.fault != CarrierFault.throttled:
        since = f"since {row.since:%Y-%m-%d %H:%M} UTC" if row.since else "at present"
        summary = f"{row.carrier} gives no usable answers {since} ({row.fault.replace('_', ' ')}{why})"
        return Trouble(IncidentKind.carrier_down, row.carrier, row.strikes, summary)
    times = "once" if row.throttles == 1 else f"{row.throttles} times"
    summary = f"{row.carrier} has asked for fewer questions {times} within an hour"
    return Trouble(IncidentKind.carrier_throttled, row.carrier, row.throttles, summary)


REMEDIES: dict[IncidentKind, str] = {
    IncidentKind.overdue: "See whether the workers of the queues send and urgent run.",
    IncidentKind.stuck: "See whether the workers of the queues send and urgent run and whether the provider is slow.",
    IncidentKind.unconfirmed: "See the provider's status page, and whether its webhooks reach this installation.",
    IncidentKind.ambiguous: "`doorstep explain` tells each one's story; a person may write to the shopper.",
    IncidentKind.failing: "`doorstep explain` tells the story; mend the template or the rule, or ask the provider.",
    IncidentKind.sender: "Correct the provider's key or sender; it is tried again by itself.",
    IncidentKind.reports: "The requests are kept in receipt_batches with the reason; nothing was taken as true.",
    IncidentKind.breach: "Run `doorstep audit`; when everything adds up again, it ends this incident.",
    IncidentKind.storm: "Look at what was planned; `doorstep resume` lets it go.",
    IncidentKind.capped: "See whether it was meant to plan so many; raise its `cap` if it was. It ends with the day.",
    IncidentKind.not_received: "Ask the carrier for proof of delivery and write to the shopper; close the claim then.",
    IncidentKind.carrier_down: "See the carrier's status page; it is tried again by itself, and what waits catches up.",
    IncidentKind.carrier_denied: "Correct the carrier's credentials and restart the workers; it is then asked at once.",
    IncidentKind.carrier_throttled: "Set the carrier's REQUESTS_PER_SECOND and REQUESTS_PER_DAY to what it grants.",
}
"""What a person can do about each."""
