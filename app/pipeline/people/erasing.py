"""Erases a person: what names them is emptied, what waits for them is stopped, and they stay unwritten to.

First the addresses are noted as salted digests, so that nothing that comes in meanwhile brings the person back; then
go raw reports that name the person and no message of ours; at last the orders, a few in each transaction, because by
them the person's other addresses are known. Stopped anywhere, the rest is done by asking again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.log import logger
from app.models import Erasure, InboundMessage, Message, Suppression, TemplateTest
from app.models.addresses import address_digest, salted
from app.models.keeping import blank
from app.models.vocabulary import Channel
from app.pipeline.brakes.capping import forget_shopper
from app.pipeline.house import House
from app.pipeline.people.person import Known, Noted, find_person, held_about, listed_as, unforgotten, unnoted
from app.pipeline.people.wiping import UNDER_WAY, lock_orders, stop_messages, wipe_orders

log = logger(__name__)

ORDERS_AT_ONCE = 50
RAW_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure came to. `in_flight` are the outside ids of messages whose call had begun, which may still
    arrive; what was kept for them goes once it is known what became of them."""

    orders: int
    messages_stopped: int
    in_flight: tuple[str, ...]
    inbound: int
    suppressions: int
    reports: int
    shared_addresses: int


def erase_person(house: House, brand_id: int, channel: Channel, address: str, noted: Noted = unnoted) -> Erased:
    """Erase the person whom an address names at one brand. Twice is once. `noted` writes down what there was of them,
    in the transaction by which they are erased from then on. Raises InvalidInput (`find_person`)."""
    now = house.clock.now()
    with house.sessions.begin() as session:
        person = find_person(session, brand_id, channel, address)
        noted(session, held_about(session, person))
        _note(session, person, now)
        listed, written = _forget_addresses(session, person)
    reports = sum(_forget_raw(house, one) for _, one in person.own)
    orders, stopped, in_flight = 0, 0, list[str]()
    ids = list(person.order_ids)
    while ids:
        for some in (ids[start : start + ORDERS_AT_ONCE] for start in range(0, len(ids), ORDERS_AT_ONCE)):
            with house.sessions.begin() as session:
                lock_orders(session, some)
                stopped += stop_messages(session, some, now)
                in_flight += _under_way(session, some)
                wipe_orders(session, some, now, again=True)
            orders += len(some)
        with house.sessions() as session:  # what was being stored as this began
            ids = list(find_person(session, brand_id, channel, address).order_ids)
    with house.sessions.begin() as session:
        late = _forget_addresses(session, person)
        forget_shopper(session, [brand_id], [address_digest(*one) for one in person.own])
        _forget_tests(session, person)
    listed, written = listed + late[0], written + late[1]
    log.info("person erased", orders=orders, stopped=stopped, in_flight=len(in_flight))
    return Erased(orders, stopped, tuple(in_flight), written, listed, reports, len(person.shared))


def _note(session: Session, person: Known, now: datetime) -> None:
    """Remember who was erased, and when, by digest alone."""
    statement = insert(Erasure)
    for channel, address in sorted(person.own, key=lambda one: address_digest(*one)):
        row = statement.values(
            brand_id=person.brand_id,
            channel=channel.value,
            address_digest=salted(address_digest(channel, address)),
            asked_at=now,
        )
        later = {"asked_at": sa.func.greatest(Erasure.asked_at, row.excluded.asked_at)}
        keys = ["brand_id", "channel", "address_digest"]
        session.execute(row.on_conflict_do_update(index_elements=keys, set_=later))


def _forget_addresses(session: Session, person: Known) -> tuple[int, int]:
    """Take the plain address off the list, which goes on being obeyed, and the texts out of what the person wrote;
    how many rows of each. Rows are locked by id."""
    plain = Suppression.address.is_not(None)
    counts = []
    for table, mine in ((Suppression, sa.and_(listed_as(person), plain)), (InboundMessage, unforgotten(person))):
        ids = list(session.scalars(sa.select(table.id).where(mine).order_by(table.id).with_for_update()))
        name = table.__tablename__
        session.execute(sa.text(f"UPDATE {name} SET {blank(name)} WHERE id = any(:ids)"), {"ids": ids})  # noqa: S608
        counts.append(len(ids))
    return counts[0], counts[1]


def _forget_tests(session: Session, person: Known) -> None:
    """Take away that a template was once tried on this address; that it was tried, and by whom, stays."""
    for channel, address in sorted(person.own, key=lambda one: address_digest(*one)):
        session.execute(
            sa.update(TemplateTest)
            .where(
                TemplateTest.brand_id == person.brand_id,
                TemplateTest.address_digest == salted(address_digest(channel, address)),
            )
            .values(address_digest=None)
        )


def _under_way(session: Session, order_ids: Sequence[int]) -> list[str]:
    query = sa.select(Message.public_id).where(Message.order_id == sa.func.any(list(order_ids)), sa.text(UNDER_WAY))
    return list(session.scalars(query.order_by(Message.id)))


# Reports that name no attempt of ours, and whole requests that have been unpacked, can only be found by reading them.
_RAW = (
    sa.text("""
        SELECT id, position(:written IN lower(encode(body, 'escape'))) > 0 AS names FROM receipts
        WHERE attempt_public_id IS NULL AND id > :after ORDER BY id LIMIT :amount
    """),
    sa.text(f"UPDATE receipts SET {blank('receipts')} WHERE id = any(:ids)"),  # noqa: S608 - constant text
    sa.text("""
        SELECT id, position(:written IN lower(encode(body, 'escape'))) > 0 AS names FROM receipt_batches
        WHERE unpacked_at IS NOT NULL AND id > :after ORDER BY id LIMIT :amount
    """),
    sa.text("DELETE FROM receipt_batches WHERE id = any(:ids)"),
)


def _forget_raw(house: House, address: str) -> int:
    """Take away raw reports in which an address stands, in any case, or its digits where a form encodes the plus; how
    many."""
    count, written = 0, address.lower().removeprefix("+")
    for search, forget in (_RAW[:2], _RAW[2:]):
        after: int | None = 0
        while after is not None:
            with house.sessions.begin() as session:
                rows = session.execute(search, {"written": written, "after": after, "amount": RAW_AT_ONCE}).all()
                ids = [row.id for row in rows if row.names]
                if ids:
                    session.execute(forget, {"ids": ids})
            count += len(ids)
            after = rows[-1].id if rows else None
    return count
