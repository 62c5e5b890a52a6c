"""One message says the same, byte for byte, however often it is tried and whatever is published meanwhile."""

from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from app import pipeline
from app.channels.base import OutgoingEmail, Verdict
from app.messages.rendering.render import Renderer
from app.messages.versions.live import edition_of
from app.messages.versions.publishing import Said, Seen, publish
from app.models import Brand
from app.models.vocabulary import AttemptOutcome, Milestone
from app.rules.document import parse_rules
from tests.pipeline.conftest import World
from tests.pipeline.test_asking_back import RATHER_TWICE, passes
from tests.pipeline.test_path import ACCEPTED, send_all

MAIL = "messages/en/out_for_delivery.email.md"


def publish_another(world: World) -> None:
    """Another text counts from now on, published by somebody."""
    shipped = world.house.catalog.shelf("fjallhem").file(MAIL).text
    changed = shipped.replace('button: "', 'button: "Changed: ').replace("button: See", "button: Changed, see")
    changed = changed.replace('subject: "', 'subject: "Changed: ')
    with world.house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        publish(
            session,
            world.house.catalog,
            brand,
            {MAIL: changed.encode()},
            Said("Mira", "a test", world.clock.now()),
            Seen(),
            {},
        )
        assert edition_of(session, brand.id).files


def _asks(outgoing: OutgoingEmail) -> dict[str, Any]:
    """All that leaves, but the number of the call."""
    return {name: value for name, value in asdict(outgoing).items() if name != "attempt_id"}


def test_first_send_and_resend_are_equal_though_another_text_was_published(world: World) -> None:
    """Unanswered, then sent again with nothing remembered: the same bytes, of the text that was decided."""
    here = world.with_(rules=parse_rules(RATHER_TWICE))
    world.email.answer = lambda out: Verdict(AttemptOutcome.unanswered, error="reset")
    (parcel,) = here.order(shopper={"name": "Maja", "email": "maja@example.test", "country": "SE", "locale": "en"})
    here.scan(parcel, Milestone.out_for_delivery)
    send_all(here)
    publish_another(here)
    world.email.answer = lambda out: ACCEPTED
    fresh = replace(here, house=replace(here.house, editions={}, renderer=Renderer()))
    passes(fresh, 90_000)
    assert pipeline.recover(fresh.house).resent == 1
    send_all(fresh)
    first, again = (_asks(one) for one in world.email.sent)
    assert first == again and "Changed" not in first["subject"]


def test_a_retry_is_equal_to_the_first_try(world: World) -> None:
    """Put off by the provider, then taken, with another text published in between."""
    world.email.answer = lambda out: Verdict(AttemptOutcome.not_sent, error="busy")
    (parcel,) = world.order(shopper={"name": "Maja", "email": "maja@example.test", "country": "SE", "locale": "en"})
    world.scan(parcel, Milestone.out_for_delivery)
    send_all(world)
    publish_another(world)
    with world.house.sessions.begin() as session:
        session.execute(sa.text("UPDATE messages SET send_at = send_at - interval '1 day' WHERE state = 'ready'"))
    world.email.answer = lambda out: ACCEPTED
    send_all(world)
    assert len(world.email.sent) == 2
    assert len({str(_asks(one)) for one in world.email.sent}) == 1
