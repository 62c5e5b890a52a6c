"""The queries behind `lanes`: each begins with the orders of a span, by their index, and goes on by parcel."""

# Which parcels are counted, with what all queries ask of them. Orders that were erased are nobody's, and are left out
# as the index leaves them out.
_COUNTED = """
    WITH counted AS (
        SELECT shipments.id, shipments.carrier, coalesce(shipments.service, '') AS service,
            coalesce(orders.country, '') AS country, orders.zone AS written_zone,
            CASE WHEN orders.zone = ANY(CAST(:zones AS text[])) THEN orders.zone ELSE 'UTC' END AS zone,
            shipments.direction, shipments.milestone, shipments.numbered_at, shipments.history_until,
            shipments.delivered_at, shipments.delivery_doubted_at,
            (shipments.tracking_number IS NOT NULL AND shipments.asked_of IS NOT NULL) AS asked,
            coalesce(shipments.promised_on, orders.promised_on) AS promised_on,
            (shipments.cancelled_at IS NOT NULL OR orders.cancelled_at IS NOT NULL) AS cancelled
        FROM orders JOIN shipments ON shipments.order_id = orders.id
        WHERE orders.brand_id = :brand AND orders.placed_at >= :since AND orders.placed_at < :now
            AND orders.erased_at IS NULL
            AND (CAST(:carrier AS text) IS NULL OR shipments.carrier = :carrier)
    )
"""


def _of_counted(*parts: str) -> str:
    return "".join((_COUNTED, *parts))


WAYS = _of_counted("""
    SELECT coalesce(carrier, '') AS carrier, service, country, written_zone AS zone, count(*) AS parcels
    FROM counted GROUP BY 1, 2, 3, 4
""")

# What happened before the parcel was handed to us was nobody's news, and no rule of the brand's could have told it.
# A doubt lies between a delivery and whatever settles it: the next delivery, or that the parcel goes back.
EARLY_SCANS = _of_counted("""
    , arrived AS (
        SELECT counted.id, counted.carrier, crossings.milestone, crossings.occurred_at, crossings.crossed_at,
            lead(crossings.occurred_at, 1, 'infinity')
                OVER (PARTITION BY counted.id ORDER BY crossings.occurred_at, crossings.id) AS settled_at
        FROM counted JOIN crossings ON crossings.shipment_id = counted.id
            AND crossings.scope = 'parcel' AND crossings.retired_at IS NULL
            AND (counted.history_until IS NULL OR crossings.occurred_at > counted.history_until)
            AND crossings.milestone IN ('delivered', 'return_received', 'returning', 'returned')
        WHERE counted.delivered_at IS NOT NULL
    ), answered AS (
        SELECT arrived.carrier,
            extract(epoch FROM against.occurred_at - arrived.occurred_at)::float8 / 3600 AS contradicted,
            CASE WHEN against.heard_at IS NOT NULL THEN
                greatest(extract(epoch FROM against.heard_at - arrived.crossed_at)::float8 / 3600, 0)
            END AS heard
        FROM arrived LEFT JOIN LATERAL (
            SELECT scans.occurred_at, scans.heard_at FROM scans
            WHERE scans.shipment_id = arrived.id AND scans.retired_at IS NULL
                AND scans.milestone = ANY(CAST(:doubting AS text[]))
                AND scans.occurred_at > arrived.occurred_at AND scans.occurred_at < arrived.settled_at
                AND scans.occurred_at < arrived.occurred_at + interval '90 days'
            ORDER BY scans.occurred_at, scans.id LIMIT 1
        ) AS against ON true
        WHERE arrived.milestone IN ('delivered', 'return_received')
    )
    SELECT carrier, count(*) AS deliveries, count(contradicted) AS doubted,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY contradicted) AS contradicted,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY heard) AS heard,
        count(*) FILTER (WHERE heard <= 1) AS caught_1h, count(*) FILTER (WHERE heard <= 4) AS caught_4h,
        count(*) FILTER (WHERE heard <= 24) AS caught_24h
    FROM answered GROUP BY carrier ORDER BY count(*) DESC, carrier
""")

# Where a parcel stood after each scan, as the fold has it (`tracking/standing.py`), said in windows: what tells where
# it is (`pinned`) counts until something else does; that it is on its way counts from there on, save while it is with a
# van (for twelve hours), after a failed attempt, or on its way back. The first scan on the way, where nothing said that
# it was sent, is the dispatch. A parcel that was numbered before its first scan was silent from then on.
_STOOD = """
    , heard AS (
        SELECT counted.id, scans.occurred_at AS at, scans.milestone AS said, scans.id AS scan_id
        FROM counted JOIN scans ON scans.shipment_id = counted.id AND scans.retired_at IS NULL
        WHERE scans.occurred_at <= :now AND scans.source <> 'file'
        UNION ALL
        SELECT counted.id, counted.numbered_at, NULL, 0
        FROM counted
        WHERE counted.numbered_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM scans WHERE scans.shipment_id = counted.id AND scans.retired_at IS NULL
                AND scans.occurred_at <= counted.numbered_at)
    ), ranked AS (
        SELECT heard.*, array_position(ARRAY['delayed', 'registered', 'dispatched', 'in_transit', 'out_for_delivery',
            'exception', 'attempt_failed', 'ready_for_pickup', 'expired', 'cancelled', 'delivered', 'returning',
            'returned'], said) AS rank
        FROM heard
    ), pinned AS (
        SELECT ranked.*, lead(at) OVER way AS next_at,
            count(*) FILTER (WHERE said IN ('out_for_delivery', 'ready_for_pickup', 'attempt_failed', 'exception',
                'cancelled', 'expired')) OVER way AS pin,
            count(*) FILTER (WHERE said = 'in_transit') OVER way AS moves,
            count(*) FILTER (WHERE said = 'dispatched') OVER way AS sent,
            count(*) FILTER (WHERE said = 'returning') OVER way AS back,
            count(*) FILTER (WHERE said IN ('delivered', 'return_received', 'returned')) OVER way AS ended
        FROM ranked WINDOW way AS (PARTITION BY id ORDER BY at, rank NULLS FIRST, scan_id)
    ), since AS (
        SELECT pinned.*, first_value(at) OVER since_pin AS pinned_at,
            CASE WHEN pin > 0 THEN first_value(said) OVER since_pin END AS pinned_as,
            max(at) FILTER (WHERE said = 'in_transit') OVER since_pin AS transit_at,
            count(*) FILTER (WHERE said = 'dispatched') OVER since_pin AS sent_since
        FROM pinned WHERE ended = 0
        WINDOW since_pin AS (PARTITION BY id, pin ORDER BY at, rank NULLS FIRST, scan_id)
    ), stood AS MATERIALIZED (
        SELECT id, at, next_at, scan_id,
            CASE
                WHEN back > 0 THEN 'returning'
                WHEN pinned_as = 'out_for_delivery' AND transit_at >= pinned_at + interval '12 hours' THEN 'in_transit'
                WHEN pinned_as IN ('out_for_delivery', 'ready_for_pickup', 'attempt_failed') THEN pinned_as
                WHEN transit_at IS NOT NULL AND moves = 1 AND sent = 0 THEN 'dispatched'
                WHEN transit_at IS NOT NULL THEN 'in_transit'
                WHEN sent_since > 0 THEN 'dispatched'
                ELSE coalesce(pinned_as, 'registered')
            END AS stage
        FROM since
    )
"""

# A place in a country's working time: the business days before a day, and as much of the day as has gone by if it is
# one. Two places are as far apart as the business days that the calendar of delays counts between them.
SILENCES = _of_counted(
    _STOOD,
    """
    , calendar AS (
        SELECT * FROM unnest(CAST(:countries AS text[]), CAST(:places AS int[])) AS one (country, place)
    ), allowed AS (
        SELECT * FROM unnest(CAST(:limit_carriers AS text[]), CAST(:limit_services AS text[]),
            CAST(:limit_stages AS text[]), CAST(:limit_days AS int[])) AS one (carrier, service, stage, most)
    ), local AS MATERIALIZED (
        SELECT coalesce(carrier, '') AS carrier, service, country, stage, next_at IS NULL AS still,
            at AT TIME ZONE zone AS from_at, coalesce(next_at, :now) AT TIME ZONE zone AS to_at
        FROM stood JOIN counted USING (id)
        WHERE stage = ANY(CAST(:stages AS text[])) AND NOT (direction = 'outbound' AND stage = 'returning')
            AND (next_at > at OR (next_at IS NULL AND NOT cancelled AND (asked OR scan_id > 0)
                AND NOT milestone = ANY(CAST(:settled AS text[]))
                AND NOT (direction = 'outbound' AND milestone = 'returning')))
    ), placed AS (
        SELECT local.*, calendar.place + (from_at::date - CAST(:first AS date)) AS from_day,
            calendar.place + (to_at::date - CAST(:first AS date)) AS to_day
        FROM local JOIN calendar ON calendar.country = local.country
        WHERE from_at::date >= CAST(:first AS date) AND to_at::date <= CAST(:last AS date)
    ), measured AS (
        SELECT placed.carrier, placed.service, placed.country, placed.stage, placed.still, allowed.most,
            (CAST(:before AS int[]))[to_day] - (CAST(:before AS int[]))[from_day]
            + CASE WHEN (CAST(:worked AS boolean[]))[to_day]
                THEN extract(epoch FROM to_at::time)::float8 / 86400 ELSE 0 END
            - CASE WHEN (CAST(:worked AS boolean[]))[from_day]
                THEN extract(epoch FROM from_at::time)::float8 / 86400 ELSE 0 END AS days
        FROM placed LEFT JOIN allowed ON allowed.carrier = placed.carrier AND allowed.service = placed.service
            AND allowed.stage = placed.stage
    ), summed AS (
        SELECT carrier, service, country, stage, grouping(service) = 1 AS whole,
            count(*) FILTER (WHERE NOT still) AS gaps,
            percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY days) FILTER (WHERE NOT still) AS days,
            min(most) AS limit_least, max(most) AS limit_most,
            count(*) FILTER (WHERE NOT still AND days > most + 1e-6) AS beyond,
            count(*) FILTER (WHERE still AND days > most + 1e-6) AS silent
        FROM measured GROUP BY GROUPING SETS ((carrier, stage), (carrier, service, stage, country))
    )
    SELECT summed.*, count(*) OVER () AS lanes FROM summed
    ORDER BY whole DESC, gaps DESC, carrier, stage, service, country LIMIT :most
""",
)

ALARMS = _of_counted("""
    , late AS (
        SELECT counted.*, crossings.id AS crossing_id, crossings.cause, crossings.occurred_at, crossings.occurrence,
            CASE WHEN direction = 'outbound' THEN CAST(promised_on + 1 AS timestamp) AT TIME ZONE zone END
                AS promise_ends_at
        FROM counted JOIN crossings ON crossings.shipment_id = counted.id
            AND crossings.scope = 'parcel' AND crossings.retired_at IS NULL
            AND (counted.history_until IS NULL OR crossings.occurred_at > counted.history_until)
            AND crossings.milestone = 'delayed'
    ), followed AS (
        SELECT late.*, moved.at AS moved_at, coalesce(message.told, false) AS told,
            coalesce(message.waits, false) AS waits,
            least(CASE WHEN late.delivery_doubted_at IS NULL THEN late.delivered_at END, waiting.at) AS arrived_at
        FROM late
        LEFT JOIN LATERAL (
            SELECT max(crossings.occurred_at) AS at FROM crossings
            WHERE crossings.shipment_id = late.id AND crossings.scope = 'parcel' AND crossings.retired_at IS NULL
                AND crossings.milestone = 'ready_for_pickup' AND late.direction = 'outbound'
        ) AS waiting ON true
        LEFT JOIN LATERAL (
            SELECT min(scans.occurred_at) AS at FROM scans
            WHERE scans.shipment_id = late.id AND scans.retired_at IS NULL AND scans.occurred_at > late.occurred_at
                AND scans.occurred_at <= :now
                AND CASE WHEN scans.milestone IS NULL THEN scans.moves
                    ELSE scans.milestone = ANY(CAST(:moving AS text[])) END
        ) AS moved ON true
        LEFT JOIN LATERAL (
            SELECT bool_or(messages.state = ANY(CAST(:told AS text[]))) AS told,
                bool_or(messages.state = ANY(CAST(:pending AS text[]))) AS waits
            FROM messages
            WHERE messages.recipient_id <> 'team' AND messages.id IN (
                SELECT ledger_keys.message_id FROM ledger_keys
                WHERE ledger_keys.scope = 'parcel' AND ledger_keys.scope_id = late.id
                    AND ledger_keys.milestone = 'delayed' AND ledger_keys.occurrence = late.occurrence
                UNION ALL
                SELECT own.id FROM messages AS own
                WHERE own.shipment_id = late.id AND own.crossing_id = late.crossing_id)
        ) AS message ON true
    ), judged AS (
        SELECT followed.*,
            CASE
                WHEN cancelled THEN 'unjudged'
                WHEN promise_ends_at IS NOT NULL AND arrived_at <= promise_ends_at THEN 'in_time'
                WHEN promise_ends_at IS NOT NULL AND (arrived_at IS NOT NULL OR promise_ends_at < :now) THEN 'late'
                WHEN promise_ends_at IS NOT NULL THEN 'unjudged'
                WHEN moved_at <= occurred_at + interval '24 hours' THEN 'moved_soon'
                WHEN occurred_at + interval '24 hours' < :now THEN 'lasted'
                ELSE 'unjudged'
            END AS outcome
        FROM followed
    )
    SELECT cause, carrier, grouping(carrier) = 1 AS whole, count(*) AS opened,
        count(*) FILTER (WHERE outcome = 'in_time') AS in_time,
        count(*) FILTER (WHERE outcome = 'moved_soon') AS moved_soon,
        count(*) FILTER (WHERE outcome = 'late') AS late, count(*) FILTER (WHERE outcome = 'lasted') AS lasted,
        count(*) FILTER (WHERE outcome = 'unjudged') AS unjudged,
        count(*) FILTER (WHERE told) AS told,
        count(*) FILTER (WHERE told AND outcome IN ('in_time', 'moved_soon')) AS told_false,
        count(*) FILTER (WHERE NOT told AND NOT waits) AS never_told
    FROM judged GROUP BY GROUPING SETS ((cause), (cause, carrier))
    ORDER BY grouping(carrier) DESC, count(*) DESC, cause, carrier
""")
