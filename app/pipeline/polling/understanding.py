"""What one answer of a carrier says to each parcel that it was asked about, and what a fuller answer adds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.log import logger
from app.pipeline.polling.due import DueParcel
from app.tracking.adapter.base import Access, AnswerKind, Ask, Call, Carrier, CarrierReply, RawAnswer, Silence

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A parcel with its carrier's raw answer and what it means.

    `more` is the fuller answer, where one was asked for as well. `complete`: nothing is left to be asked for.
    """

    parcel: DueParcel
    raw: RawAnswer
    reply: CarrierReply
    more: RawAnswer | None = None
    complete: bool = True

    @property
    def about(self) -> bytes:
        """The part of the raw answer that is about this parcel."""
        return self.raw.body if self.reply.portion is None else self.reply.portion


SAME_AGAIN = CarrierReply(AnswerKind.tracked, "", detail="what it said before")
"""The reply to an answer that is byte for byte the last one: reading it again would tell nothing."""


def answer_digest(body: bytes) -> bytes:
    """The name of a carrier's answer, by which the same answer is known again."""
    return hashlib.blake2b(body, digest_size=16).digest()


def said_before(call: Call, raw: RawAnswer, by_number: Mapping[str, Sequence[DueParcel]]) -> bool:
    """Whether an answer about one number says, to each parcel that has it, exactly what the last one did."""
    if raw.status != 200 or len(call.asks) != 1:
        return False
    digest = answer_digest(raw.body)
    return all(parcel.last_answer == digest for parcel in by_number[call.asks[0].tracking_number])


NOT_FORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What an adapter might raise although it must not: then the answer is one that nobody can read, and no more."""


def replies_to(carrier: Carrier, call: Call, raw: RawAnswer, access: Access) -> dict[str, CarrierReply]:
    """One reply for each number of the call, whatever came back; none repeats the credentials it was asked with."""
    try:
        read = {reply.tracking_number: reply for reply in carrier.read(call, raw)}
    except NOT_FORESEEN as error:
        log.error("an adapter failed", carrier=carrier.name, error=type(error).__name__)
        read = {}
    found = {one.tracking_number: read.get(one.tracking_number) or _unmentioned(one) for one in call.asks}
    return {number: _discreet(access, reply) for number, reply in found.items()}


def _discreet(access: Access, reply: CarrierReply) -> CarrierReply:
    return replace(reply, detail=without_credentials(access, reply.detail)) if reply.detail else reply


def _unmentioned(one: Ask) -> CarrierReply:
    return CarrierReply(AnswerKind.malformed, one.tracking_number, detail="the answer does not mention this parcel")


def brings_news(reply: CarrierReply, parcels: Sequence[DueParcel]) -> bool:
    """Whether a part of a batch's answer differs from what it was for one of the parcels that it is about."""
    if reply.kind is not AnswerKind.tracked or reply.portion is None:
        return False
    digest = answer_digest(reply.portion)
    return any(parcel.last_answer != digest for parcel in parcels)


def completed(reply: CarrierReply, full: CarrierReply) -> CarrierReply:
    """A batch's reply about a parcel with all that the fuller one tells; what that leaves out stays."""
    known = {scan.digest for scan in full.scans}
    kept = tuple(scan for scan in reply.scans if scan.digest not in known)
    expects = full if full.eta_from or full.eta_through or full.eta_day else reply
    return replace(
        reply,
        scans=full.scans + kept,
        eta_from=expects.eta_from,
        eta_through=expects.eta_through,
        eta_day=expects.eta_day,
        service=full.service or reply.service,
        notes=full.notes if full.notes.told() else reply.notes,
    )


_SECRET = 6
"""Characters from which on a credential is one, and no word that may stand anywhere."""


def without_credentials(access: Access, told: str) -> str:
    """What a carrier says, without our credentials should it repeat them: it is stored, and read by many."""
    for known in (access.key, access.secret, access.account, access.token):
        told = told.replace(known, "…") if len(known) >= _SECRET else told
    return told


def told_of(raw: RawAnswer) -> str:
    """What can be told of an answer to everybody who watches over carriers: nothing that the other side wrote."""
    if raw.status is not None:
        return f"HTTP {raw.status}"
    fault = raw.fault or ""
    ours = raw.silence in (Silence.timeout, Silence.certificate) or fault.startswith("Connect")
    return fault if ours else fault.partition(":")[0]
