"""A shop's quarter as rows, written as fast as PostgreSQL takes them: parcels, five scans each, what was decided, told
and reported. The times are spread over the last 90 days, so that pages find a day like any other."""

# ruff: noqa: S608 - every statement is put together from constant text

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.pipeline.house import House

_TABLES = (
    "orders", "shipments", "scans", "crossings", "decisions", "messages", "ledger_keys", "attempts", "receipts",
    "inbound_messages", "suppressions", "audit_entries",
)  # fmt: skip

# The nth of :last parcels was ordered so long ago; its later steps lie some hours after that, and some lie ahead.
_PLACED = "cast(:now AS timestamptz) - make_interval(secs => 90 * 86400 * (1 - number::bigint / cast(:last AS float)))"

_ORDERS = f"""
    INSERT INTO orders (public_id, brand_id, source, number, placed_at, shopper_name, email, phone, locale, country,
        city, zone, zone_source, currency, total_minor, items, promised_on, digest, created_at)
    SELECT 'ord_m' || number, :brand, 'million', 'M' || lpad(number::text, 8, '0'), {_PLACED}, 'Maja Lind',
        'shopper' || number % 700000 || '@example.test', '+4670' || lpad((number % 700000)::text, 7, '0'), 'sv',
        (ARRAY['SE', 'SE', 'SE', 'NO', 'DK', 'FI', 'DE'])[1 + number % 7], 'Malmö', 'Europe/Stockholm', 'country',
        'SEK', 49900, '[{{"sku": "FH-1", "name": "Wool blanket", "quantity": 1, "price_minor": 49900}}]',
        cast({_PLACED} AS date) + 4, decode(lpad(to_hex(number), 16, '0'), 'hex'), {_PLACED}
    FROM generate_series(cast(:first AS bigint), :upto) AS number
"""
# Nine in ten have arrived; the newest are on their way, the rest went wrong in one way or another.
_AGE = "cast(:now AS timestamptz) - orders.placed_at"
_MILESTONE = f"""CASE
    WHEN {_AGE} < interval '12 hours' THEN 'registered'
    WHEN {_AGE} < interval '20 hours' THEN 'dispatched'
    WHEN {_AGE} < interval '50 hours' THEN 'in_transit'
    WHEN {_AGE} < interval '58 hours' THEN 'out_for_delivery'
    WHEN orders.id % 211 = 0 THEN 'ready_for_pickup'
    WHEN orders.id % 223 = 0 THEN 'returning'
    WHEN orders.id % 227 = 0 THEN 'returned'
    WHEN orders.id % 229 = 0 THEN 'in_transit'
    WHEN orders.id % 233 = 0 THEN 'exception'
    WHEN orders.id % 239 = 0 THEN 'expired'
    ELSE 'delivered' END"""
_PARCELS = f"""
    INSERT INTO shipments (public_id, link_token, brand_id, order_id, reference, carrier, asked_of, tracking_number,
        milestone, milestone_at, delivered_at, late_since, next_poll_at, watch_at, last_heard_at, last_polled_at,
        poll_rank, numbered_at, created_at, ordered_at)
    SELECT 'shp_m' || id, lpad(id::text, 26, '0'), brand_id, id, '1', carrier, carrier,
        'MILL' || lpad(id::text, 9, '0'), milestone, least(placed_at + interval '58 hours', :now),
        CASE WHEN milestone = 'delivered' THEN least(placed_at + interval '58 hours', :now) END,
        CASE WHEN resting THEN NULL WHEN id % 9 = 0 THEN cast(:now AS timestamptz) - interval '1 day' END,
        CASE WHEN NOT resting THEN cast(:now AS timestamptz) + make_interval(mins => (id % 600)::int) END,
        CASE WHEN NOT resting THEN cast(:now AS timestamptz) + make_interval(hours => (id % 60)::int) END,
        least(placed_at + interval '58 hours', :now), :now, id % 4, placed_at, placed_at, placed_at
    FROM (
        SELECT *, milestone IN ('delivered', 'returned', 'expired') AS resting FROM (
            SELECT orders.*, (ARRAY['dhl', 'postnord', 'dpd', 'bring', 'ups'])[1 + orders.id % 5] AS carrier,
                {_MILESTONE} AS milestone
            FROM orders WHERE id BETWEEN :low AND :high
        ) AS placed
    ) AS placed
"""
_STEPS = """(VALUES (1, 'registered', 2), (2, 'dispatched', 14), (3, 'in_transit', 30), (4, 'out_for_delivery', 54),
    (5, 'delivered', 58)) AS step (at, milestone, hours)"""
_SCANS = f"""
    INSERT INTO scans (brand_id, shipment_id, digest, source, carrier, code, milestone, description, place,
        written_time, occurred_at, zone_source, heard_at)
    SELECT shipments.brand_id, shipments.id, decode(lpad(to_hex(shipments.id * 8 + step.at), 16, '0'), 'hex'), 'poll',
        shipments.carrier, 'C' || step.at, step.milestone, 'The parcel has come so far', 'Malmö', '',
        happened.at, 'offset', happened.at
    FROM shipments CROSS JOIN {_STEPS}
        CROSS JOIN LATERAL (SELECT shipments.created_at + make_interval(hours => step.hours) AS at) AS happened
    WHERE shipments.id BETWEEN :low AND :high
"""
_CROSSINGS = f"""
    INSERT INTO crossings (brand_id, order_id, shipment_id, scope, scope_id, milestone, occurrence, cause, occurred_at,
        crossed_at, facts, inputs)
    SELECT brand_id, order_id, shipments.id, 'parcel', shipments.id, step.milestone, 1, 'scan',
        shipments.created_at + make_interval(hours => step.hours),
        shipments.created_at + make_interval(hours => step.hours, mins => 4), '{{}}', '{{}}'
    FROM shipments CROSS JOIN {_STEPS}
    WHERE shipments.id BETWEEN :low AND :high AND step.at IN (2, 5)
        AND shipments.created_at + make_interval(hours => step.hours) <= :now
"""
_DECISIONS = """
    INSERT INTO decisions (brand_id, crossing_id, rule_set_version_id, rule, channel, recipient_id, fired, reason,
        detail, decided_at)
    SELECT brand_id, crossings.id, :rules, milestone, channel, 'shopper', channel = 'email',
        CASE channel WHEN 'email' THEN 'planned' ELSE 'condition_false' END, '', crossed_at
    FROM crossings CROSS JOIN (VALUES ('email'), ('sms')) AS way (channel)
    WHERE crossings.id BETWEEN :low AND :high
"""
_MESSAGES = """
    INSERT INTO messages (public_id, brand_id, order_id, shipment_id, crossing_id, rule, milestone, channel,
        recipient_id, locale, rule_set_version_id, priority, state, reason, planned_at, send_at, expires_at, ended_at,
        attempts, tries, provider, rendered_at, subject, created_at)
    SELECT 'msg_m' || id, brand_id, order_id, shipment_id, id, milestone, milestone, 'email', 'shopper', 'sv', :rules,
        1, state,
        CASE state WHEN 'delivered' THEN 'confirmed_by_receipt' WHEN 'bounced' THEN 'bounced'
            WHEN 'failed' THEN 'gave_up'
            WHEN 'suppressed' THEN 'suppressed_address' WHEN 'unconfirmed' THEN 'no_answer' ELSE 'planned' END,
        crossed_at, crossed_at, crossed_at + interval '12 hours',
        CASE WHEN state NOT IN ('held', 'unconfirmed') THEN crossed_at + interval '9 seconds' END,
        1, 1, 'sendgrid', crossed_at, 'Your parcel has come so far', crossed_at
    FROM (
        SELECT *, CASE
            WHEN crossed_at > cast(:now AS timestamptz) - interval '20 minutes' AND id % 3 = 0 THEN 'held'
            WHEN crossed_at > cast(:now AS timestamptz) - interval '1 hour' AND id % 31 = 0 THEN 'unconfirmed'
            WHEN id % 101 = 0 THEN 'bounced' WHEN id % 331 = 0 THEN 'failed' WHEN id % 97 = 0 THEN 'suppressed'
            ELSE 'delivered' END AS state
        FROM crossings WHERE id BETWEEN :low AND :high
    ) AS crossings
"""
_KEYS = """
    INSERT INTO ledger_keys (scope, scope_id, milestone, occurrence, channel, recipient_id, brand_id, message_id,
        decided_at)
    SELECT 'parcel', shipment_id, milestone, 1, channel, recipient_id, brand_id, id, planned_at
    FROM messages WHERE id BETWEEN :low AND :high
"""
_ATTEMPTS = """
    INSERT INTO attempts (public_id, brand_id, message_id, number, provider, sender, lease_token, begun_at, deadline_at,
        settled_at, outcome, provider_ref, http_status, first_receipt_at)
    SELECT 'att_m' || id, brand_id, id, 1, 'sendgrid', 'bench', '', planned_at + interval '2 seconds',
        planned_at + interval '12 seconds', planned_at + interval '3 seconds', 'accepted', 'ref' || id, 202,
        planned_at + interval '9 seconds'
    FROM messages WHERE id BETWEEN :low AND :high AND state NOT IN ('held', 'suppressed')
"""
_RECEIPTS = """
    INSERT INTO receipts (provider, event_key, attempt_public_id, kind, body, received_at, occurred_at, applied_at,
        effect)
    SELECT 'sendgrid', 'evt_m' || attempts.id || kind, attempts.public_id, kind, '', begun_at + interval '7 seconds',
        begun_at + interval '7 seconds', begun_at + interval '9 seconds', kind
    FROM attempts CROSS JOIN (VALUES ('delivered'), ('opened')) AS event (kind)
    WHERE attempts.id BETWEEN :low AND :high AND (kind = 'delivered' OR attempts.id % 2 = 0)
"""
_BESIDE = (
    """
    INSERT INTO suppressions (brand_id, channel, address_digest, address, kind, scope, created_at)
    SELECT :brand, 'email', sha256(('m' || number)::bytea), 'shopper' || number || '@example.test',
        (ARRAY['bounce', 'complaint', 'unsubscribe', 'manual'])[1 + number % 4], 'all',
        cast(:now AS timestamptz) - make_interval(mins => number::int)
    FROM generate_series(1, cast(:last AS bigint) / 20) AS number
    """,
    """
    INSERT INTO inbound_messages (brand_id, provider, event_key, sender_digest, sender, recipient, body, meaning,
        order_id, shipment_id, received_at)
    SELECT brand_id, 'twilio', 'in_m' || id, sha256(id::text::bytea), '+46701740605', '+15550100', 'Where is it?',
        'message', order_id, id, :now FROM shipments WHERE id % 50 = 0
    """,
    """
    INSERT INTO audit_entries (brand_id, actor, action, subject, at)
    SELECT :brand, 'agent@shop.example', 'parcel.correct', 'shp_m' || number,
        cast(:now AS timestamptz) - make_interval(mins => number::int)
    FROM generate_series(1, cast(:last AS bigint) / 10) AS number
    """,
    """
    INSERT INTO unknown_codes (brand_id, carrier, code, count, example)
    SELECT :brand, 'dhl', 'NEW' || number, number, 'Something new' FROM generate_series(1, 300) AS number
    """,
)


def write_million(house: House, brand_id: int, parcels: int, told: Callable[[str], None]) -> None:
    """Write so many parcels of a brand, with all that hangs on them, into a database of a benchmark. No foreign key is
    asked, and the indexes are made afterwards; it is analysed as autovacuum would leave it."""
    values = {"brand": brand_id, "now": house.clock.now(), "last": parcels}
    with house.sessions.begin() as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        indexes = _take_indexes(session)
        before = {
            table: _newest(session, table) for table in ("orders", "shipments", "crossings", "messages", "attempts")
        }
        values["rules"] = _rules(session, brand_id)
        told(f"{parcels:,} orders are written")
        for first in range(1, parcels + 1, 250_000):
            span = {"first": first, "upto": min(parcels, first + 249_999)}
            session.execute(sa.text(_ORDERS), {**values, **span})
        for line, source, statements in (
            ("their parcels, scans and milestones", "orders", (_PARCELS,)),
            ("", "shipments", (_SCANS, _CROSSINGS)),
            ("decisions and messages", "crossings", (_DECISIONS, _MESSAGES)),
            ("keys and attempts", "messages", (_KEYS, _ATTEMPTS)),
            ("reports", "attempts", (_RECEIPTS,)),
        ):
            if line:
                told(f"{line} are written")
            _in_spans(session, source, before[source], statements, values)
        for statement in _BESIDE:
            session.execute(sa.text(statement), values)
        told("indexes are made")
        for definition in indexes:
            session.execute(sa.text(definition))
    with house.sessions() as session:
        connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        for table in _TABLES:
            connection.execute(sa.text(f"VACUUM (ANALYZE) {table}"))


def _newest(session: Session, table: str) -> int:
    return session.scalar(sa.text(f"SELECT coalesce(max(id), 0) FROM {table}")) or 0


def _in_spans(
    session: Session, source: str, after: int, statements: tuple[str, ...], values: dict[str, object]
) -> None:
    """Run each over the rows of its source that were written here, a stretch of ids at a time."""
    last = _newest(session, source)
    for first in range(after + 1, last + 1, 250_000):
        span = {"low": first, "high": min(last, first + 249_999)}
        for statement in statements:
            session.execute(sa.text(statement), {**values, **span})


def _take_indexes(session: Session) -> list[str]:
    """Drop the indexes of the large tables that no constraint rests on; their definitions."""
    rows = session.execute(
        sa.text("""
            SELECT pg_index.indexrelid::regclass::text AS name, pg_get_indexdef(pg_index.indexrelid) AS definition
            FROM pg_index WHERE indrelid::regclass::text = ANY(:tables)
                AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = pg_index.indexrelid)
        """),
        {"tables": list(_TABLES)},
    ).all()
    for row in rows:
        session.execute(sa.text(f"DROP INDEX {row.name}"))
    return [row.definition for row in rows]


def _rules(session: Session, brand_id: int) -> int:
    """The stored rule set that the real parcels were decided by, else an empty one."""
    found = session.scalar(sa.text("SELECT max(id) FROM rule_set_versions WHERE brand_id = :b"), {"b": brand_id})
    if found is None:
        raise RuntimeError("no rule set is stored: let some real parcels be decided first")
    return int(found)
