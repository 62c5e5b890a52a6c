"""A template sent to oneself: the preview as a letter to the address that was named, marked as what it is."""

from collections.abc import Mapping
from dataclasses import replace

from app.channels.base import Outgoing, OutgoingEmail
from app.errors import Fault, InvalidInput
from app.models import Brand, public_id
from app.models.vocabulary import Channel
from app.pipeline.house import House
from app.pipeline.leaving.trials import Trial, Tried, send_trial
from app.pipeline.people.consent_file import address_of
from app.rehearsal.previewing import Asked, Preview, preview

MARK = "[Test] "


def try_on_oneself(
    house: House, brand_id: int, asked: Asked, to: str, by: str, files: Mapping[str, str | bytes] | None = None
) -> tuple[Preview, Tried]:
    """Send a template to an address of one's own. Raises as `preview` and `send_trial` do, and InvalidInput for an
    address that does not go with the channel."""
    address = _address(asked.channel, to)
    with house.sessions() as session:
        brand = session.get_one(Brand, brand_id)
        seen = preview(house, session, brand, asked, house.clock.now(), files)
    trial = Trial(brand_id, seen.template, seen.about, by)
    return seen, send_trial(house, trial, addressed(seen.letter, address))


def addressed(letter: Outgoing, address: str) -> Outgoing:
    """A letter to this address under an id of its own. An email says in its subject that it is a test; an SMS is left
    as it is, so that the phone shows what a shopper's would."""
    name = public_id("tst")
    if isinstance(letter, OutgoingEmail):
        return replace(letter, attempt_id=name, to_email=address, to_name=None, subject=f"{MARK}{letter.subject}")
    return replace(letter, attempt_id=name, to_phone=address)


def _address(channel: str, to: str) -> str:
    known, address = address_of(to)
    if (known is Channel.email) != (channel == Channel.email):
        remedy = "Name an email address." if channel == Channel.email else "Name a number with its country code."
        raise InvalidInput([Fault(None, "to", f"does not go with {channel}", remedy)])
    return address
