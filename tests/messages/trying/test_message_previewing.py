"""Previews: the very bytes that would leave, for samples by name and for real parcels, with links that open nothing."""

import pytest
import sqlalchemy as sa

from app.errors import InvalidInput, NotFound
from app.messages.shelf import BadTemplate
from app.models import Brand, Shipment
from app.models.facts import Person
from app.models.vocabulary import Channel, Milestone
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.writing import write_out
from app.rehearsal.previewing import Asked, Preview, preview, size_of
from app.rehearsal.samples import SAMPLE_PAGE, SAMPLES, milestone_of
from tests.pipeline.conftest import World, prepared, world  # noqa: F401 - a fixture
from tests.pipeline.test_path import send_all

M = Milestone


def look(world: World, brand: Brand, key: str = "out_for_delivery", files=None, **asked) -> Preview:  # noqa: F811
    with world.house.sessions() as session:
        whose = session.get_one(Brand, brand.id)
        return preview(world.house, session, whose, Asked(key, **{"locale": "en", **asked}), world.clock.now(), files)


def test_a_sample_is_filled_in_by_name_and_a_wrong_name_gets_the_nearest(world: World, brand: Brand):  # noqa: F811
    """Subject, preheader, both texts and the language that was found; wrong names are told with the right one."""
    seen = look(world, brand, locale="en-GB")
    assert (seen.locale, seen.asked_locale, seen.about) == ("en", "en-GB", "ordinary")
    assert seen.subject.startswith("Arriving today") and "DHL" in seen.preheader
    assert "<html" in seen.html and SAMPLE_PAGE in seen.text and len(seen.digest) == 64
    for wrong, right in (
        ({"key": "out_for_deliver"}, "'out_for_delivery'"),
        ({"sample": "emojis"}, "'emoji'"),
        ({"channel": "emial"}, "'email'"),
        ({"locale": "english!"}, r"One of: .*\ben\b|Did you mean"),
    ):
        with pytest.raises((InvalidInput, NotFound), match=right):
            look(world, brand, **wrong)


def test_a_sample_reads_the_brands_language_unless_it_says_otherwise(world: World, brand: Brand):  # noqa: F811
    """A language that nobody wrote in falls back, and both stand there."""
    assert look(world, brand, locale=None).asked_locale == brand.locale
    assert look(world, brand, locale=None, sample="American").asked_locale == "en-US"
    fallen = look(world, brand, locale="is-IS")
    assert fallen.asked_locale == "is-IS" and fallen.locale in world.house.catalog.locales("fjallhem")


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_every_template_can_be_tried_on_every_sample(world: World, brand: Brand, channel: str):  # noqa: F811
    """A slice of all that there are: each template with the sample whose turn it is."""
    keys = sorted(key for key, by in world.house.catalog.keys("fjallhem") if by == channel)
    for number, key in enumerate(keys):
        seen = look(world, brand, key, channel=channel, sample=SAMPLES[(number * 7) % len(SAMPLES)])
        assert seen.text.strip(), key
        assert seen.size is None or 0 < seen.size.segments <= 6


def test_a_template_of_ones_own_is_told_by_its_milestone():
    """What stands before or behind a milestone's name is the marketer's."""
    assert milestone_of("delivered_vip") is M.delivered and milestone_of("return_delayed") is M.delayed
    assert milestone_of("exception_team") is M.exception and milestone_of("spring") is M.out_for_delivery


def test_a_real_parcel_reads_as_its_message_will(world: World, brand: Brand):  # noqa: F811
    """But for the link, which opens nobody's page, and the name, which is the shopper's own business."""
    (parcel,) = world.order("1001", shopper={"name": "Maja Lind", "email": "m@example.test", "country": "SE",
                                             "locale": "en"})  # fmt: skip
    world.scan(parcel, M.out_for_delivery)
    seen = look(world, brand, shipment="1001", locale=None)
    known = look(world, brand, shipment="1001", locale=None, show_person=True)
    send_all(world)
    (sent,) = world.email.sent
    with world.house.sessions() as session:
        token = session.scalars(sa.select(Shipment.link_token)).one()
    assert known.text == sent.text.replace(token, SAMPLE_PAGE) and known.html == sent.html.replace(token, SAMPLE_PAGE)
    assert known.subject == sent.subject and known.note == ""
    assert "Maja" not in seen.html + seen.text and "Maja" in known.text and token not in known.html
    assert world.messages()[0].state == "accepted" and len(world.messages()) == 1


def test_news_that_a_parcel_has_not_had_is_supposed_and_said_so(world: World, brand: Brand):  # noqa: F811
    """And a parcel of another brand, or an order of several parcels, is none."""
    world.order("1001", parcels=2)
    with pytest.raises(NotFound, match="names 2 parcels"):
        look(world, brand, shipment="1001")
    seen = look(world, brand, "delivered", shipment="T1001-1")
    assert "as if that had just happened" in seen.note and "delivered" in seen.note
    with world.house.sessions.begin() as session:
        other = Brand(key="atelier-ombre", name="Atelier Ombre", zone="Europe/Paris", locale="fr")
        session.add(other)
        session.flush()
    with pytest.raises(NotFound, match="Nothing is known"):
        look(world, other, shipment="T1001-1")


def test_unsaved_files_count_for_one_preview_alone(world: World, brand: Brand):  # noqa: F811
    """What is wrong in them is told with the file and the line, and a path that has no place is refused."""
    path = "messages/en/out_for_delivery.sms.txt"
    seen = look(world, brand, channel="sms", files={path: "“New” {{ order.number }}"})
    assert "FH-10482" in seen.text and "New" in seen.text
    assert look(world, brand, channel="sms").text != seen.text
    with pytest.raises(BadTemplate, match="out_for_delivery"):
        look(world, brand, channel="sms", files={path: "{% for %}"})
    with pytest.raises(BadTemplate, match=r"line 1, column 4.*colour"):
        look(world, brand, channel="sms", files={path: "{{ order.colour }}"})
    with pytest.raises(InvalidInput, match=r"files\.\.\./secrets"):
        look(world, brand, files={"../secrets": "x"})
    with pytest.raises(InvalidInput, match="larger"):
        look(world, brand, files={path: "x" * 500_000})


def test_an_sms_is_counted_as_it_is_paid_for():
    """Letters that count double count double, and each that is no GSM letter is named once."""
    assert (size_of("hello €").letters, size_of("hello €").encoding) == (8, "GSM-7")
    dear = size_of("ł → ł" * 30)
    assert (dear.encoding, dear.letters, dear.segments) == ("UCS-2", 150, 3)
    assert [one.letter for one in dear.strangers] == ["ł", "→"] and "arrow" in dear.strangers[1].name


def test_a_preview_is_made_by_the_steps_that_send(world: World, brand: Brand):  # noqa: F811
    """Rendered again from what the batch was prepared from, the message has the same bytes."""
    (parcel,) = world.order("1001")
    world.scan(parcel, M.out_for_delivery)
    with world.house.sessions.begin() as session:
        _, claimed = claim(session, world.house, Channel.email, world.clock.now())
    (letter,), _ = prepared(world.house, claimed, world.clock.now())
    release = letter.release
    assert release.person != Person()
    template = world.house.catalog.resolve("fjallhem", release.facts.shopper.locale, "out_for_delivery", "email")
    again, subject = write_out(world.house, release, template, letter.outgoing.attempt_id)
    assert (again, subject) == (letter.outgoing, letter.subject)
