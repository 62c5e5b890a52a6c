"""Test messages to oneself: by the real way out, never counted, never in shadow mode, never to who must not be told."""

import pytest

from app.channels.base import Verdict
from app.errors import Conflict, InvalidInput
from app.models import Brand
from app.models.vocabulary import AttemptOutcome, Channel, SuppressionKind
from app.pipeline.leaving.trials import MOST_AN_HOUR, Tried
from app.pipeline.people.consenting import suppress, wish
from app.pipeline.people.erasing import erase_person
from app.pipeline.people.pruning import prune
from app.rehearsal.previewing import Asked
from app.rehearsal.samples import SAMPLE_PAGE
from app.rehearsal.trying import try_on_oneself
from tests.pipeline.conftest import World, world  # noqa: F401 - a fixture
from tests.pipeline.test_attacks import sql
from tests.pipeline.test_path import whole

ME = "me@shop.example"


def try_out(world: World, brand: Brand, to: str = ME, channel: str = "email", **given) -> Tried:  # noqa: F811
    asked = Asked("delivered", channel, "en", **given)
    return try_on_oneself(world.house, brand.id, asked, to, "Ada")[1]


def test_a_test_message_leaves_marked_recorded_and_uncounted(world: World, brand: Brand):  # noqa: F811
    """Its links open nobody's page; the ledger and the audit know nothing of it."""
    done = try_out(world, brand)
    (sent,) = world.email.sent
    assert (done.outcome, done.provider, done.left) == ("accepted", "sendgrid", MOST_AN_HOUR - 1)
    assert sent.to_email == ME and sent.to_name is None and sent.subject.startswith("[Test] ")
    assert SAMPLE_PAGE in sent.html and sent.attempt_id == done.id
    (row,) = sql(world, "SELECT * FROM template_tests")
    assert (row.key, row.asked_by, row.outcome, row.about) == ("delivered", "Ada", "accepted", "ordinary")
    assert len(row.address_digest) == 32 and world.messages() == []
    for table in ("messages", "attempts", "ledger_keys", "daily_counts"):
        assert sql(world, f"SELECT FROM {table}") == []
    whole(world)


def test_an_sms_leaves_as_a_shopper_would_read_it(world: World, brand: Brand):  # noqa: F811
    """To a number; an address that does not go with the channel is refused."""
    assert try_out(world, brand, "+46 70 174 06 05", "sms").outcome is AttemptOutcome.accepted
    (sent,) = world.sms.sent
    assert sent.to_phone == "+46701740605" and SAMPLE_PAGE in sent.text and sent.segments == 1
    for to, channel in ((ME, "sms"), ("+46701740605", "email"), ("me at shop", "email")):
        with pytest.raises(InvalidInput):
            try_out(world, brand, to, channel)


def test_nothing_leaves_in_shadow_mode_and_only_to_listed_addresses_else(world: World, brand: Brand):  # noqa: F811
    """Both say what to do, and nothing is recorded."""
    with pytest.raises(Conflict, match="shadow mode"):
        try_out(world.with_(send_mode="shadow"), brand)
    listed = world.with_(send_mode="allowlist", allowlist=frozenset({ME}))
    with pytest.raises(InvalidInput, match="DOORSTEP_ALLOWLIST"):
        try_out(listed, brand, "you@shop.example")
    assert sql(world, "SELECT FROM template_tests") == []
    assert try_out(listed, brand, ME.upper()).outcome is AttemptOutcome.accepted


def test_who_must_not_be_written_to_is_not(world: World, brand: Brand):  # noqa: F811
    """A suppressed address is refused with the reason."""
    with world.house.sessions.begin() as session:
        suppress(session, [wish(brand.id, Channel.email, ME, SuppressionKind.complaint)])
    with pytest.raises(InvalidInput, match="must not be written to"):
        try_out(world, brand)
    assert world.email.sent == []


def test_an_hour_has_room_for_so_many(world: World, brand: Brand):  # noqa: F811
    """A brand's twenty-first waits; what was refused or unanswered counts as well."""
    world.email.answer = lambda outgoing: Verdict(AttemptOutcome.refused, error="no such mailbox")
    first = try_out(world, brand)
    assert (first.outcome, first.error) == ("refused", "no such mailbox")
    sql(
        world,
        "INSERT INTO template_tests (public_id, brand_id, key, channel, locale, digest, about, address_digest,"
        " asked_by, provider)"
        " SELECT 'tst_' || n, brand_id, key, channel, locale, digest, about, address_digest, asked_by, provider"
        " FROM template_tests, generate_series(1, :more) AS n",
        more=MOST_AN_HOUR - 1,
    )
    with pytest.raises(Conflict, match="20 test messages"):
        try_out(world, brand)
    sql(world, "UPDATE template_tests SET asked_at = asked_at - interval '61 minutes'")
    assert try_out(world, brand).left == MOST_AN_HOUR - 1


def test_to_whom_a_test_went_is_forgotten_with_the_messages_of_its_day(world: World, brand: Brand):  # noqa: F811
    """The row stays: who tried what, and when."""
    try_out(world, brand)
    prune(world.house)
    assert sql(world, "SELECT FROM template_tests WHERE address_digest IS NOT NULL") != []
    sql(world, "UPDATE template_tests SET asked_at = asked_at - interval '200 days'")
    prune(world.house)
    (row,) = sql(world, "SELECT * FROM template_tests")
    assert (row.address_digest, row.asked_by, row.outcome) == (None, "Ada", "accepted")


def test_an_erased_persons_address_is_forgotten_at_once(world: World, brand: Brand):  # noqa: F811
    """Whoever asked to be forgotten is found by no digest of a test either."""
    world.order("1001", shopper={"name": "Me", "email": ME, "country": "SE"})
    try_out(world, brand)
    try_out(world, brand, "you@shop.example")
    erase_person(world.house, brand.id, Channel.email, ME)
    rows = sql(world, "SELECT * FROM template_tests ORDER BY id")
    assert [row.address_digest is None for row in rows] == [True, False]
