"""The queries behind the measures. Each reads an index of what is open or recent; `brand` NULL is all brands."""

import sqlalchemy as sa

_OF_BRAND = "(cast(:brand AS bigint) IS NULL OR {table}.brand_id = :brand)"


def _query(written: str) -> sa.TextClause:
    for table in ("messages", "attempts", "shipments", "unknown_codes", "pauses", "event_counts"):
        written = written.replace(f"{{of {table}}}", _OF_BRAND.format(table=table))
    return sa.text(written)


WAITING = _query("""
    SELECT brand_id, channel, count(*) AS waiting, count(*) FILTER (WHERE send_at <= :now) AS due,
        min(send_at) FILTER (WHERE send_at <= :now) AS oldest
    FROM messages
    WHERE state IN ('held', 'ready') AND pause_id IS NULL AND {of messages}
    GROUP BY brand_id, channel
""")
"""ix_messages_due, without the rows."""

OPEN = _query("""
    SELECT brand_id, channel, 'paused' AS state, count(*) AS number, NULL::float AS age
    FROM messages WHERE state IN ('held', 'ready') AND pause_id IS NOT NULL AND {of messages}
    GROUP BY brand_id, channel
    UNION ALL
    SELECT brand_id, channel, 'sending', count(*), NULL
    FROM messages WHERE state = 'sending' AND {of messages} GROUP BY brand_id, channel
    UNION ALL
    SELECT messages.brand_id, messages.channel, 'unconfirmed', count(*),
        extract(epoch FROM now() - min(attempts.begun_at))::float
    FROM messages LEFT JOIN attempts ON attempts.id = messages.open_attempt_id
    WHERE messages.state = 'unconfirmed' AND {of messages} GROUP BY messages.brand_id, messages.channel
    UNION ALL
    SELECT brand_id, channel, 'failed', count(*), NULL
    FROM messages WHERE state = 'failed' AND ended_at > :failing AND {of messages} GROUP BY brand_id, channel
""")
"""The partial indexes of what is paused, under way, unconfirmed and failed."""

DECIDED = _query("""
    SELECT brands.id AS brand_id, recent.channel, recent.state, recent.number
    FROM brands CROSS JOIN LATERAL (
        SELECT channel, state, count(*) AS number FROM messages
        WHERE messages.brand_id = brands.id AND planned_at > :hour AND planned_at > '-infinity'
        GROUP BY channel, state
    ) AS recent
    WHERE (cast(:brand AS bigint) IS NULL OR brands.id = :brand)
    ORDER BY brands.key, recent.channel, recent.state
""")
"""ix_messages_planned."""

CALLS = _query("""
    SELECT brand_id, provider, coalesce(outcome, 'open') AS outcome, count(*) AS number
    FROM attempts WHERE begun_at > now() - interval '5 minutes' AND {of attempts}
    GROUP BY brand_id, provider, outcome ORDER BY brand_id, provider, outcome
""")
"""ix_attempts_begun."""

DELAYS = _query("""
    SELECT brand_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
        percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99
    FROM (
        SELECT messages.brand_id, extract(epoch FROM latest.begun_at - messages.planned_at)::float AS seconds
        FROM (SELECT message_id, begun_at, number FROM attempts ORDER BY id DESC LIMIT 2000) AS latest
        JOIN messages ON messages.id = latest.message_id
        WHERE latest.number = 1 AND messages.send_at <= messages.planned_at AND latest.begun_at >= messages.planned_at
            AND {of messages}
    ) AS calls
    GROUP BY brand_id ORDER BY brand_id
""")
"""The newest calls by their ids."""

RESTING = sa.text("""
    SELECT provider, count(*) FILTER (WHERE greatest(resting_until, busy_until) > now()) AS number
    FROM senders GROUP BY provider ORDER BY provider
""")

POLLS = _query("""
    SELECT asked_of AS carrier, count(*) AS planned, count(*) FILTER (WHERE next_poll_at <= :now) AS due,
        count(*) FILTER (WHERE next_poll_at <= :overdue) AS overdue,
        min(next_poll_at) FILTER (WHERE next_poll_at <= :now) AS oldest
    FROM shipments WHERE next_poll_at IS NOT NULL AND asked_of IS NOT NULL AND {of shipments}
    GROUP BY asked_of ORDER BY asked_of
""")
"""ix_shipments_due_poll, without the rows."""

WATCHES = _query("""
    SELECT brands.id, (
        SELECT count(*) FROM shipments
        WHERE shipments.brand_id = brands.id AND watch_at IS NOT NULL AND watch_at <= :now
    )
    FROM brands WHERE (cast(:brand AS bigint) IS NULL OR brands.id = :brand)
""")
"""ix_shipments_due_watch."""

HEALTH = sa.text("""
    SELECT carrier, state, failures, answered_at,
        (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took) FROM unnest(latencies) AS took) AS median
    FROM carrier_health ORDER BY carrier
""")

INCIDENTS = sa.text("SELECT kind, count(*) FROM incidents WHERE closed_at IS NULL GROUP BY kind")

CODES = _query("""
    SELECT brand_id, count(*) FROM unknown_codes
    WHERE {of unknown_codes} AND NOT EXISTS (
        SELECT 1 FROM code_mappings AS said
        WHERE said.ended_at IS NULL AND said.carrier = unknown_codes.carrier AND said.code = unknown_codes.code
            AND (said.brand_id IS NULL OR said.brand_id = unknown_codes.brand_id)
    )
    GROUP BY brand_id
""")

QUEUES = _query("""
    SELECT
        (SELECT count(*) FROM pauses WHERE lifted_at IS NULL AND (brand_id IS NULL OR {of pauses})) AS pauses,
        (SELECT count(*) FROM receipts WHERE applied_at IS NULL) AS reports,
        (SELECT count(*) FROM carrier_pushes WHERE taken_at IS NULL) AS pushes,
        (SELECT count(*) FROM alarm_notices WHERE told_at IS NULL AND given_up_at IS NULL) AS alarms,
        (SELECT extract(epoch FROM now() - max(at))::float FROM audit_marks) AS watched
""")

COUNTS = _query("""
    SELECT kind, brand_id, labels, sum(number) AS number FROM event_counts
    WHERE (brand_id IS NULL OR {of event_counts})
    GROUP BY kind, brand_id, labels ORDER BY kind, brand_id, labels
""")
"""All rows: those of two days' hours, one for each series before, and what came in since they were last added up."""
