"""Writes a message out: its pinned template filled in from its facts, and the sender that will carry it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.channels.base import Outgoing, OutgoingEmail, OutgoingSms, OutgoingWhatsApp, Transport
from app.messages.base import Links, NotRenderable, Template
from app.models import public_id
from app.models.vocabulary import Channel, MessageState, Reason
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release, Withheld, put_off_reason
from app.pipeline.leaving.senders import Rest, Rests, choose


@dataclass(frozen=True, slots=True)
class Letter:
    """A rendered message with the call that will carry it, not before the stopwatch reads `begins`."""

    release: Release
    transport: Transport
    outgoing: Outgoing
    subject: str | None
    begins: float = 0.0


def render(
    house: House, release: Release, template: Template, allowed: Sequence[Transport], rests: Rests
) -> Letter | Withheld:
    """A message with the sender that will carry it. While all its senders rest, it waits and is not tried."""
    if not allowed:
        return Withheld(release.id, MessageState.suppressed, Reason.no_provider)
    try:
        outgoing, subject = write_out(house, release, template, public_id("att"))
    except NotRenderable as error:
        return Withheld(release.id, MessageState.failed, Reason.not_renderable, str(error))
    # A message comes here again only after a certain "not sent", so another provider can double nothing; or because
    # its rule says rather twice than never, and then not to the provider that never answered, if there is another.
    chosen = choose(allowed, outgoing, rests, avoid=release.avoid)
    if isinstance(chosen, Rest):
        reason = put_off_reason(release, Reason.paced if chosen.busy else Reason.retrying)
        again_at = house.clock.after_wall(chosen.busy or chosen.left)
        detail = f"{'its sender asked for a pause' if chosen.busy else 'every sender rests'}: {chosen.why}"
        return Withheld(release.id, MessageState.ready, reason, detail, again_at)
    return Letter(release, chosen, outgoing, subject)


def write_out(house: House, release: Release, template: Template, attempt: str) -> tuple[Outgoing, str | None]:
    """Fill in the pinned template from the release's facts: the same bytes at every try. Raises NotRenderable."""
    page = f"{house.public_url.rstrip('/')}{release.facts.parcel.link}"
    links = Links(page, page, f"{house.public_url.rstrip('/')}{choices_path(release.facts.parcel.link)}")
    if release.channel is Channel.email:
        return _email(house, release, template, links, attempt)
    if release.channel is Channel.whatsapp:
        return _whatsapp(house, release, template, links, attempt), None
    return _sms(house, release, template, links, attempt), None


def _email(house: House, release: Release, template: Template, links: Links, attempt: str) -> tuple[OutgoingEmail, str]:
    rendered = house.renderer.render_email(template, release.facts, release.person, links, release.rendered_at)
    email = OutgoingEmail(
        attempt_id=attempt,
        to_email=release.person.email or "",
        to_name=release.person.name,
        from_email=rendered.from_email,
        from_name=rendered.from_name,
        reply_to=rendered.reply_to,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        category=release.milestone.value,
        headers=rendered.headers,
        letter_id=release.public_id,
        dated=release.rendered_at,
    )
    return email, rendered.subject


def choices_path(link: str) -> str:
    """Where the shopper of a parcel's page (`/t/…`) says what they want to be told."""
    return f"/p/{link.removeprefix('/t/')}"


def _sms(house: House, release: Release, template: Template, links: Links, attempt: str) -> OutgoingSms:
    rendered = house.renderer.render_sms(template, release.facts, release.person, links, release.rendered_at)
    return OutgoingSms(
        attempt_id=attempt,
        to_phone=release.person.phone or "",
        text=rendered.text,
        sender=rendered.sender,
        valid_for=_valid_for(house, release),
        segments=rendered.segments,
    )


def _whatsapp(house: House, release: Release, template: Template, links: Links, attempt: str) -> OutgoingWhatsApp:
    rendered = house.renderer.render_whatsapp(template, release.facts, release.person, links, release.rendered_at)
    return OutgoingWhatsApp(
        attempt_id=attempt,
        to_phone=release.person.phone or "",
        content_sid=rendered.content_sid,
        variables=rendered.variables,
        link=links.parcel,
        valid_for=_valid_for(house, release),
    )


def _valid_for(house: House, release: Release) -> int:
    return max(60, int(house.clock.wall_seconds_until(release.expires_at)))
