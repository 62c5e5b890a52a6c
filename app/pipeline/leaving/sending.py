"""One message leaves: begin (committed) → call, with no transaction open → settle; or it is withheld or handed back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.channels.base import Verdict, one_line
from app.log import logger
from app.models.addresses import SALTED
from app.models.event_counts import count_states
from app.models.pauses import with_pauses
from app.models.vocabulary import AttemptOutcome, Channel, MessageState, Reason
from app.pipeline.house import House
from app.pipeline.leaving.claiming import lease_seconds
from app.pipeline.leaving.judging import Withheld, put_off_reason
from app.pipeline.leaving.senders import is_down
from app.pipeline.leaving.team import TEAM
from app.pipeline.leaving.writing import Letter
from app.pipeline.people.consenting import Wish, suppress, wish
from app.pipeline.settling.falling_back import fall_back, falls_back, wake
from app.receipts.suppression import written_by

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A letter whose attempt is committed: from here on, somebody must find out what became of it."""

    letter: Letter
    attempt_id: int


# Locked first, in the one order, and in a statement of its own: `_BEGIN` then waits for nobody, and its snapshot is
# younger than whatever it would have waited for. Otherwise a "no" that commits during the wait would go unseen.
_LOCK = sa.text("""
    SELECT count(*) FROM (
        SELECT FROM messages
        WHERE id = any(cast(:ids AS bigint[])) AND state = 'sending' AND lease_token = :token
        ORDER BY id FOR NO KEY UPDATE
    ) AS locked
""")

_BEGIN = with_pauses(f"""
    WITH letters AS (
        SELECT * FROM jsonb_to_recordset(cast(:letters AS jsonb)) AS letter (
            message_id bigint, public_id text, provider text, sender text,
            released jsonb, personal jsonb, rendered_at timestamptz, subject text, address_digest text, anew boolean,
            kind text
        )
    ), numbered AS (
        SELECT *, nextval(pg_get_serial_sequence('attempts', 'id')) AS attempt_id FROM letters
    ), begun AS (
        UPDATE messages
        SET open_attempt_id = numbered.attempt_id,
            attempts = messages.attempts + 1,
            provider = numbered.provider,
            lease_until = clock_timestamp() + make_interval(secs => :lease),
            released = coalesce(
                CASE WHEN NOT numbered.anew THEN messages.released END, nullif(numbered.released, cast('null' AS jsonb))
            ),
            personal = coalesce(messages.personal, numbered.personal),
            rendered_at = coalesce(
                CASE WHEN NOT numbered.anew THEN messages.rendered_at END, numbered.rendered_at
            ),
            subject = numbered.subject
        FROM numbered
        WHERE messages.id = numbered.message_id
            AND messages.state = 'sending'
            AND messages.lease_token = :token
            AND messages.lease_until > clock_timestamp()
            AND messages.open_attempt_id IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM orders WHERE orders.id = messages.order_id
                    AND (orders.cancelled_at IS NOT NULL OR orders.erased_at IS NOT NULL)
            )
            AND NOT EXISTS (SELECT 1 FROM pauses WHERE {{holds}})
            -- every message is order mail so far, so only what holds back everything counts; and nothing that shoppers
            -- said about their addresses holds back what is for the brand's own people
            AND (messages.recipient_id = 'team' OR (NOT EXISTS (
                SELECT 1 FROM suppressions
                WHERE suppressions.address_digest = {SALTED.format(digest="decode(numbered.address_digest, 'hex')")}
                    AND suppressions.brand_id = messages.brand_id AND suppressions.channel = messages.channel
                    AND suppressions.lifted_at IS NULL AND suppressions.scope = 'all'
            ) AND NOT EXISTS (
                SELECT 1 FROM choices
                WHERE choices.address_digest = {SALTED.format(digest="decode(numbered.address_digest, 'hex')")}
                    AND choices.brand_id = messages.brand_id AND choices.channel = messages.channel
                    AND choices.kind = numbered.kind
            )))
        RETURNING messages.id AS message_id, messages.brand_id, messages.attempts AS number,
            numbered.attempt_id, numbered.public_id, numbered.provider, numbered.sender
    )
    INSERT INTO attempts (id, public_id, brand_id, message_id, number, provider, sender, lease_token,
        begun_at, deadline_at)
    SELECT attempt_id, public_id, brand_id, message_id, number, provider, sender, :token,
        clock_timestamp(), clock_timestamp() + make_interval(secs => :deadline)
    FROM begun
    RETURNING message_id, id, number
""")  # noqa: S608 - constant text


def begin(house: House, token: str, letters: Sequence[Letter]) -> list[Begun]:
    """Commit an attempt for each letter that may still leave: the compare-and-swap before the call.

    A message that lost its lease, was cancelled or paused since it was claimed, or whose address was suppressed since
    or is not to be told this any more, drops out here. A suppression that commits while the one statement runs, some
    milliseconds, holds back the next call.
    """
    if not letters:
        return []
    values = {
        "letters": f"[{','.join(_as_json(letter) for letter in letters)}]",
        "token": token,
        "lease": lease_seconds(house),
        "deadline": house.sending.deadline,
    }
    with house.sessions.begin() as session:
        session.execute(_LOCK, {"ids": [letter.release.id for letter in letters], "token": token})
        rows = session.execute(_BEGIN, values).all()
    by_message = {letter.release.id: letter for letter in letters}
    in_order = sorted(rows, key=lambda row: row.message_id)  # not as the plan happened to find them
    return [Begun(by_message[row.message_id], row.id) for row in in_order]


def _as_json(letter: Letter) -> str:
    """A letter's row. The facts are JSON already: one document costs a fraction of escaping them into an array."""
    release = letter.release
    plain = {
        "message_id": release.id,
        "public_id": letter.outgoing.attempt_id,
        "provider": letter.transport.name,
        "sender": letter.transport.sender,
        "rendered_at": release.rendered_at.isoformat(),
        "subject": letter.subject,
        "address_digest": release.address_digest.hex() if release.address_digest else None,
        "anew": release.anew,
        "kind": release.kind.value,
    }
    facts = "null" if release.as_decided else release.facts.model_dump_json()
    person = release.person.model_dump_json()
    return f'{json.dumps(plain)[:-1]},"released":{facts},"personal":{person}}}'


@dataclass(frozen=True, slots=True)
class _Settlement:
    """What a verdict makes of its message."""

    state: MessageState
    reason: Reason
    detail: str | None = None
    again_at: datetime | None = None


def settlement(house: House, entry: Begun, verdict: Verdict) -> _Settlement:
    """The total answer to a verdict: accepted, given up, tried again later, or unconfirmed. Never a guess."""
    if verdict.outcome is AttemptOutcome.accepted:
        return _Settlement(MessageState.accepted, Reason.accepted)
    if verdict.outcome is AttemptOutcome.refused:
        return _Settlement(MessageState.failed, Reason.refused, verdict.error)
    if verdict.outcome is AttemptOutcome.unanswered:
        return _Settlement(MessageState.unconfirmed, Reason.no_answer, verdict.error)
    # A sender that is down or too fast is no fault of the message's: it waits for as long as its news is worth.
    tries = entry.letter.release.tries + _is_try(verdict)
    if _is_try(verdict) and tries >= house.sending.max_attempts:
        return _Settlement(MessageState.failed, Reason.gave_up, verdict.error)
    wait = max(verdict.retry_after or 0.0, backoff(max(1, tries), entry.attempt_id))
    reason = put_off_reason(entry.letter.release, Reason.retrying)
    return _Settlement(MessageState.ready, reason, verdict.error, house.clock.after_wall(wait))


def _is_try(verdict: Verdict) -> bool:
    """Whether a verdict is about its message, and so counts towards giving it up."""
    return not (is_down(verdict) or verdict.throttled or verdict.untried)


def backoff(tries: int, seed: int) -> float:
    """Wall seconds before the next try: 2 s doubling to half an hour, spread by half so that tries do not march."""
    return float(min(1800.0, 2.0 * 2 ** min(tries - 1, 12)) * (0.75 + 0.5 * ((seed * 2654435761) % 1000) / 1000))


_SETTLE = sa.text("""
    WITH verdicts AS (
        SELECT * FROM jsonb_to_recordset(cast(:verdicts AS jsonb)) AS verdict (
            attempt_id bigint, message_id bigint, outcome text, ref text, http int, error text,
            state text, reason text, detail text, again_at timestamptz, tried boolean
        )
    ), told AS (
        UPDATE attempts
        SET outcome = verdicts.outcome, http_status = verdicts.http, error = verdicts.error,
            provider_ref = coalesce(verdicts.ref, attempts.provider_ref),
            settled_at = CASE WHEN verdicts.outcome = 'unanswered' THEN attempts.settled_at ELSE clock_timestamp() END
        FROM verdicts WHERE attempts.id = verdicts.attempt_id
            AND (attempts.settled_at IS NULL OR attempts.outcome <> 'accepted')
        RETURNING attempts.brand_id, attempts.provider, attempts.outcome
    ), counted AS (
        INSERT INTO event_counts (kind, brand_id, labels, number)
        SELECT 'calls', brand_id, ARRAY[provider, outcome], count(*) FROM told GROUP BY brand_id, provider, outcome
    ), ours AS MATERIALIZED (  -- locked in the one order: reports are applied to the same messages meanwhile
        SELECT verdicts.* FROM messages JOIN verdicts ON messages.id = verdicts.message_id
        ORDER BY messages.id FOR NO KEY UPDATE OF messages
    )
    UPDATE messages
    SET state = verdicts.state, reason = verdicts.reason, detail = verdicts.detail,
        provider_ref = coalesce(verdicts.ref, messages.provider_ref),
        -- nothing is put off beyond its deadline: there it ends, with its reason
        send_at = CASE WHEN verdicts.again_at IS NULL THEN messages.send_at
            ELSE least(verdicts.again_at, messages.expires_at) END,
        tries = messages.tries + CASE WHEN verdicts.tried THEN 1 ELSE 0 END,
        open_attempt_id = CASE WHEN verdicts.state = 'unconfirmed' THEN messages.open_attempt_id END,
        ended_at = CASE WHEN verdicts.state IN ('ready', 'unconfirmed') THEN NULL ELSE cast(:now AS timestamptz) END,
        lease_token = NULL, lease_until = NULL
    FROM ours AS verdicts
    WHERE messages.id = verdicts.message_id AND (
        (messages.open_attempt_id = verdicts.attempt_id AND messages.state IN ('sending', 'unconfirmed'))
        -- An acceptance that comes so late that the message was about to be tried again, or given up, still settles it.
        OR (verdicts.outcome = 'accepted' AND (messages.state = 'ready'
            OR (messages.state = 'sending' AND messages.open_attempt_id IS NULL)
            OR (messages.state = 'failed' AND messages.reason = 'ambiguous')))
    )
    RETURNING messages.id, messages.state
""")


def settle(house: House, verdicts: Sequence[tuple[Begun, Verdict]], now: datetime) -> None:
    """Write down what each call came to, and plan what stands in for a message that was refused for good. A report
    that was faster than the answer is not overwritten."""
    if not verdicts:
        return
    ordered = sorted(verdicts, key=lambda pair: pair[0].letter.release.id)
    values = {"verdicts": json.dumps([_settled(house, entry, verdict) for entry, verdict in ordered]), "now": now}
    with house.sessions.begin() as session:
        rows = session.execute(_SETTLE, values).all()
        count_states(session, [row.id for row in rows])
        suppress(session, filter(None, (_refusal(entry, verdict) for entry, verdict in ordered)))
        wakes = fall_back(session, house, [row.id for row in rows if row.state == MessageState.failed], now)
    wake(house, wakes)


def _refusal(entry: Begun, verdict: Verdict) -> Wish | None:
    """The suppression that a refusal brings with it, as when the provider says that the shopper wrote STOP."""
    release, kind = entry.letter.release, written_by(verdict.outcome.value, verdict.cause)
    address = release.person.email if release.channel is Channel.email else release.person.phone
    if kind is None or not address or release.recipient_id == TEAM:
        return None
    return wish(release.brand_id, release.channel, address, kind, provider=entry.letter.transport.name)


def _settled(house: House, entry: Begun, verdict: Verdict) -> dict[str, Any]:
    """One verdict and what it makes of its message, as plain JSON values."""
    settled = settlement(house, entry, verdict)
    return {
        "attempt_id": entry.attempt_id,
        "message_id": entry.letter.release.id,
        "outcome": verdict.outcome.value,
        "ref": verdict.provider_ref,
        "http": verdict.http_status,
        "error": one_line(verdict.error, 500) if verdict.error else None,
        "state": settled.state.value,
        "reason": settled.reason.value,
        "detail": one_line(settled.detail, 500) if settled.detail else None,
        "again_at": settled.again_at.isoformat() if settled.again_at else None,
        "tried": _is_try(verdict),
    }


_WITHHOLD = sa.text("""
    UPDATE messages
    SET state = withheld.state, reason = withheld.reason, detail = nullif(withheld.detail, ''),
        send_at = CASE WHEN withheld.again_at IS NULL THEN messages.send_at
            ELSE least(withheld.again_at, messages.expires_at) END,
        ended_at = CASE WHEN withheld.state = 'ready' THEN NULL ELSE cast(:now AS timestamptz) END,
        lease_token = NULL, lease_until = NULL
    FROM unnest(cast(:ids AS bigint[]), cast(:states AS text[]), cast(:reasons AS text[]), cast(:details AS text[]),
            cast(:again_at AS timestamptz[]))
        AS withheld (id, state, reason, detail, again_at)
    WHERE messages.id = withheld.id AND messages.state = 'sending' AND messages.lease_token = :token
        AND messages.open_attempt_id IS NULL
    RETURNING messages.id, messages.state, messages.reason
""")


def withhold(house: House, token: str, withheld: Sequence[Withheld], now: datetime) -> None:
    """End the claimed messages that do not leave, each with its reason, or put them off; and plan what stands in for
    those that cannot reach their shopper."""
    if not withheld:
        return
    ordered = sorted(withheld, key=lambda one: one.message_id)
    values = {
        "ids": [one.message_id for one in ordered],
        "states": [one.state.value for one in ordered],
        "reasons": [one.reason.value for one in ordered],
        "details": [one.detail for one in ordered],
        "again_at": [one.again_at for one in ordered],
        "now": now,
        "token": token,
    }
    with house.sessions.begin() as session:
        rows = session.execute(_WITHHOLD, values).all()
        count_states(session, [row.id for row in rows])
        unreached = [row.id for row in rows if falls_back(MessageState(row.state), Reason(row.reason))]
        wakes = fall_back(session, house, unreached, now)
    wake(house, wakes)


_HAND_BACK = sa.text("""
    UPDATE messages SET state = 'ready', lease_token = NULL, lease_until = NULL
    WHERE id = any(:ids) AND state = 'sending' AND lease_token = :token AND open_attempt_id IS NULL
""")


def hand_back(house: House, token: str, message_ids: Sequence[int]) -> None:
    """Let go of claimed messages whose turn did not come: they are due as before."""
    if not message_ids:
        return
    with house.sessions.begin() as session:
        session.execute(_HAND_BACK, {"ids": sorted(message_ids), "token": token})
