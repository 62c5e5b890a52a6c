"""Whether anything may leave at all, as `DOORSTEP_SEND` says: asked when a message is judged, and again at the call."""

from collections.abc import Callable

from app.channels.base import Outgoing, OutgoingEmail
from app.models.vocabulary import Reason
from app.pipeline.house import House
from app.settings import SendMode

Gate = Callable[[Outgoing], Reason | None]
"""Why a call must not be made, or None. The last word before a provider, whatever was judged before."""


def closed_to(address: str, mode: SendMode, allowlist: frozenset[str]) -> Reason | None:
    """Why nothing may leave for this address, or None. Only `live` and a listed address let anything out."""
    if mode == SendMode.live:
        return None
    if mode != SendMode.allowlist:
        return Reason.shadow
    return None if address.strip().lower() in allowlist else Reason.not_on_allowlist


def gate_of(house: House) -> Gate:
    """The gate at which this house's calls are made."""

    def closed(outgoing: Outgoing) -> Reason | None:
        address = outgoing.to_email if isinstance(outgoing, OutgoingEmail) else outgoing.to_phone
        return closed_to(address, house.send_mode, house.allowlist)

    return closed
