"""Who is not written to: every cause, on both channels, at every moment up to the call, on the real pipeline."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations, count

import pytest
import sqlalchemy as sa
import yaml

from app import pipeline
from app.channels.base import CAUSES, REPORT_KINDS, IncomingSms, Report, Verdict
from app.insight.audit import audit
from app.insight.explain import explain
from app.insight.tell import tell
from app.models import Attempt, Message, Suppression
from app.models.addresses import address_digest, normalised
from app.models.facts import Facts
from app.models.vocabulary import AttemptOutcome, Channel, Meaning, Milestone, SuppressionKind, SuppressionScope
from app.pipeline.leaving import delivering
from app.pipeline.people.consenting import lift, suppress, wish
from app.pipeline.people.replying import take_reply
from app.pipeline.settling.settling import keep_reports
from app.receipts.keywords import FILE, meaning
from app.receipts.suppression import holds_back, in_words, lifted_by, reach, written_by
from tests.pipeline.conftest import START, World, world  # noqa: F401 - a fixture
from tests.pipeline.crowd import all_reach, store_orders

K, S = SuppressionKind, SuppressionScope
ACCEPTED, LATER = Verdict(AttemptOutcome.accepted, "ref"), Verdict(AttemptOutcome.not_sent, http_status=429)
_numbers = count(1)


@dataclass
class Shopper:
    """One person with an address of each kind, the channel that it is about, and the attempts that reached them."""

    world: World
    email: str
    phone: str
    channel: Channel
    attempts: dict[str, str]

    def reported(self, channel: str, kind: str, cause: str | None, *, digest: bool = True) -> None:
        """The provider says something of the first message."""
        provider = {"email": "sendgrid", "sms": "twilio"}[channel]
        report = Report(f"e{next(_numbers)}", kind, self.attempts[channel], None, None, None, b"{}", cause)
        with self.world.house.sessions.begin() as session:
            keep_reports(session, provider, [report])
        if digest:
            pipeline.digest_reports(self.world.house)

    def writes(self, text: str) -> None:
        """An SMS to the shop."""
        sms = IncomingSms(f"SM{next(_numbers)}", self.phone, "+15550100", text)
        take_reply(self.world.house, "twilio", sms, self.world.clock.now())

    def listed(self, channel: Channel, kind: SuppressionKind, scope: SuppressionScope | None = None) -> None:
        """A person at the shop puts the address on the list."""
        address = self.email if channel is Channel.email else self.phone
        with self.world.house.sessions.begin() as session:
            suppress(session, [wish(self.brand_id, channel, address, kind, scope)])

    def lifted(self, channel: Channel, *kinds: SuppressionKind) -> None:
        """A person at the shop takes it off again."""
        address = self.email if channel is Channel.email else self.phone
        with self.world.house.sessions.begin() as session:
            lift(session, [self.brand_id], channel, address_digest(channel, address), kinds)

    @property
    def brand_id(self) -> int:
        return self.world.messages()[0].brand_id

    def hears(self) -> set[int]:
        """A parcel of this person goes out for delivery; the messages that this plans."""
        (ids,) = all_hear(self.world, [self])
        return ids


def all_hear(where: World, people: Sequence[Shopper]) -> list[set[int]]:
    """A parcel of each of these people goes out for delivery, all in one batch; the messages that this plans each."""
    named = {f"{next(_numbers):06}": shopper for shopper in people}
    orders = [
        {
            "number": number,
            "placed_at": START.isoformat(),
            "shopper": {"name": "Maja", "email": shopper.email, "phone": shopper.phone, "country": "SE"},
            "items": [{"name": "Wool blanket", "quantity": 1, "price_minor": 49900}],
            "currency": "SEK",
            "parcels": [{"carrier": "dhl", "tracking_number": f"T{number}"}],
        }
        for number, shopper in named.items()
    ]
    parcels = store_orders(where, orders)
    all_reach(where, parcels, Milestone.out_for_delivery)
    planned: dict[int, set[int]] = {parcel: set() for parcel in parcels}
    with where.house.sessions() as session:
        query = sa.select(Message.shipment_id, Message.id).where(Message.shipment_id.in_(parcels))
        for parcel, message in session.execute(query):
            planned[parcel].add(message)
    return list(planned.values())


def _refused(shopper: Shopper) -> None:
    """Another text of the same person's is refused with error 21610, which says that they wrote STOP to Twilio."""
    sms = shopper.world.sms
    before, sms.answer = (
        sms.answer,
        lambda outgoing: Verdict(AttemptOutcome.refused, http_status=400, cause="opted_out"),
    )
    shopper.hears()
    send(shopper.world)
    sms.answer = before


BOTH, MAIL, TEXTS, NONE = {"email", "sms"}, {"email"}, {"sms"}, set[str]()

# What happens, and on which channels order mail still leaves afterwards.
MATRIX: dict[str, tuple[Callable[[Shopper], None], set[str]]] = {
    "nothing": (lambda p: None, BOTH),
    "mail: bounced for good": (lambda p: p.reported("email", "bounced", "hard"), TEXTS),
    "mail: turned away for now": (lambda p: p.reported("email", "bounced", "soft"), BOTH),
    "mail: bounced, nobody says how": (lambda p: p.reported("email", "bounced", None), BOTH),
    "mail: still being tried": (lambda p: p.reported("email", "deferred", None), BOTH),
    "mail: dropped, no such address": (lambda p: p.reported("email", "dropped", "invalid"), TEXTS),
    "mail: dropped, allowance spent": (lambda p: p.reported("email", "dropped", None), BOTH),
    "mail: reported as spam": (lambda p: p.reported("email", "complained", "complained"), TEXTS),
    "mail: opened by a machine": (lambda p: p.reported("email", "machine_opened", None), BOTH),
    "mail: unsubscribed": (lambda p: p.reported("email", "other", "unsubscribed"), BOTH),
    "mail: one click": (lambda p: p.listed(Channel.email, K.unsubscribe), BOTH),
    "mail: marketing opt-out": (lambda p: p.listed(Channel.email, K.manual, S.marketing), BOTH),
    "mail: listed by hand": (lambda p: p.listed(Channel.email, K.manual), TEXTS),
    "mail: bounced, then lifted": (
        lambda p: (p.reported("email", "bounced", "hard"), p.lifted(Channel.email, K.bounce))[1],
        BOTH,
    ),
    "mail: bounced and complained, one lifted": (
        lambda p: (
            p.reported("email", "bounced", "hard"),
            p.reported("email", "complained", None),
            p.lifted(Channel.email, K.bounce),
        )[2],
        TEXTS,
    ),
    "text: STOP": (lambda p: p.writes("STOP"), MAIL),
    "text: stop in so many words": (lambda p: p.writes("Sluta skicka SMS till mig!"), MAIL),
    "text: STOP, then START": (lambda p: (p.writes("stop"), p.writes("START"))[1], BOTH),
    "text: a question": (lambda p: p.writes("Where is it?"), BOTH),
    "text: no such number": (lambda p: p.reported("sms", "bounced", "invalid"), MAIL),
    "text: unknown handset": (lambda p: p.reported("sms", "bounced", "hard"), MAIL),
    "text: out of reach": (lambda p: p.reported("sms", "bounced", None), BOTH),
    "text: marketing opt-out": (lambda p: p.listed(Channel.sms, K.manual, S.marketing), BOTH),
    "text: refused, wrote STOP to the provider": (_refused, MAIL),
    "all at once": (
        lambda p: (p.writes("STOP"), p.reported("email", "bounced", "hard"), p.listed(Channel.email, K.unsubscribe))[1],
        NONE,
    ),
}


def send(house_of: World) -> None:
    """Send what is due on both channels."""
    for channel in Channel:
        pipeline.send(house_of.house, channel)


def reached(where: World, channel: Channel = Channel.email) -> Shopper:
    """A shopper whose first message was accepted on both channels."""
    (shopper,) = reached_all(where, 1, channel)
    return shopper


def reached_all(where: World, people: int, channel: Channel = Channel.email) -> list[Shopper]:
    """So many shoppers, each of whose first messages were accepted on both channels."""
    numbers = [next(_numbers) for _ in range(people)]
    shoppers = [Shopper(where, f"maja{n}@example.test", f"+4670174{n:04}", channel, {}) for n in numbers]
    ids = all_hear(where, shoppers)
    send(where)
    query = sa.select(Message.channel, Attempt.public_id).join(Attempt, Attempt.message_id == Message.id)
    with where.house.sessions() as session:
        for shopper, own in zip(shoppers, ids, strict=True):
            shopper.attempts = dict(session.execute(query.where(Message.id.in_(own))).all())
            assert set(shopper.attempts) == BOTH
    return shoppers


MOMENTS = ("before it is planned", "before the second try", "between claim and call")
"""When something happens to people of whom there is news: before there is any; once the first try of its message was
turned away with 429; and once it was claimed, judged and rendered, but not handed over (what did not begin is judged
again when its lease has run out)."""


def meanwhile(
    here: World, moment: str, people: Sequence[Shopper], happens: Mapping[Channel, Callable[[], object]]
) -> tuple[list[set[int]], int]:
    """There is news for each of these people, and at this moment of its messages something happens; between claim and
    call it does so as the channel's are about to begin. The messages by person, and how many calls had been made for
    each before."""
    if moment == "before it is planned":
        for happen in happens.values():
            happen()
        ids = all_hear(here, people)
        send(here)
        return ids, 0
    if moment == "before the second try":
        here.email.answer = here.sms.answer = lambda outgoing: LATER
        ids = all_hear(here, people)
        send(here)
        here.email.answer = here.sms.answer = lambda outgoing: ACCEPTED
        due = set().union(*ids)
        assert {message.state for message in here.messages() if message.id in due} == {"ready"}
        for happen in happens.values():
            happen()
        here.clock.turn(minutes=2)
        send(here)
        return ids, 1
    begin, waiting = pipeline.begin, dict(happens)

    def late(house, token, letters):
        happen = waiting.pop(letters[0].release.channel, None)
        if happen:
            happen()
        return begin(house, token, letters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "begin", late)
        patch.setattr(delivering, "LATEST_SECONDS", 120.0)  # so much happens between claim and call
        ids = all_hear(here, people)
        send(here)
    assert not waiting
    with here.house.sessions.begin() as session:
        past = sa.func.now() - timedelta(hours=1)
        session.execute(sa.update(Message).where(Message.state == "sending").values(lease_until=past))
    pipeline.recover(here.house)
    send(here)
    return ids, 0


def patient(here: World) -> World:
    """The same world, which gives a batch so much time as everything takes that happens between claim and call."""
    return here.with_(sending=here.house.sending.model_copy(update={"deadline": 120.0}))


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_matrix(world, moment):  # noqa: F811
    """Order mail leaves where it may, and where it may not no call is made, at the last moment or for a retry."""
    here = patient(world)
    people = dict(zip(MATRIX, reached_all(here, len(MATRIX)), strict=True))
    for name, shopper in people.items():
        shopper.channel = Channel.sms if name.startswith("text") else Channel.email

    def happen(channel: Channel) -> None:
        for name, shopper in people.items():
            if shopper.channel is channel:
                MATRIX[name][0](shopper)

    happens = {channel: partial(happen, channel) for channel in (Channel.email, Channel.sms)}
    ids, calls = meanwhile(here, moment, list(people.values()), happens)
    called = {outgoing.attempt_id for outgoing in (*here.email.sent, *here.sms.sent)}
    attempts, stored = _attempts_of(here), {message.id: message for message in here.messages()}
    for name, own in zip(MATRIX, ids, strict=True):
        assert sorted(stored[one].channel for one in own) == ["email", "sms"], name
        for message in (stored[one] for one in own):
            where = (name, message.channel)
            made = len(called & attempts[message.id])
            if message.channel in MATRIX[name][1]:
                assert (message.state, message.reason, made) == ("accepted", "accepted", calls + 1), where
            else:
                assert (message.state, message.reason, made) == ("suppressed", "suppressed_address", calls), where
                assert message.detail in {in_words(kind) for kind in SuppressionKind}
    with here.house.sessions() as session:
        found = audit(session, 3600)
    assert found.whole, found.breaches


# The causes of the law, crossed: each happens to a person or does not, and only these hold order mail back.
HAPPENINGS: dict[str, Callable[[Shopper], object]] = {
    "bounce": lambda p: p.reported("email", "bounced", "hard", digest=False),
    "complaint": lambda p: p.reported("email", "complained", "complained", digest=False),
    "stop": lambda p: p.writes("STOP"),
    "unsubscribe": lambda p: p.listed(Channel.email, K.unsubscribe),
    "marketing": lambda p: [p.listed(channel, K.manual, S.marketing) for channel in Channel],
}
HOLDS = {Channel.email: {"bounce", "complaint"}, Channel.sms: {"stop"}}
COMBINATIONS = [frozenset(several) for size in range(len(HAPPENINGS) + 1) for several in combinations(HAPPENINGS, size)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_combination_of_causes(world, moment):  # noqa: F811
    """Bounce × complaint × STOP × unsubscribe × marketing opt-out, on both channels: a bounce or a complaint ends mail,
    STOP ends texts, neither ends the other, and no "no" to advertisements holds back a parcel's news."""
    here = patient(world)
    people = dict(zip(COMBINATIONS, reached_all(here, len(COMBINATIONS)), strict=True))

    def happen() -> None:
        for several, shopper in people.items():
            for name in several:
                HAPPENINGS[name](shopper)
        pipeline.digest_reports(here.house)

    heard, calls = meanwhile(here, moment, list(people.values()), {Channel.email: happen})
    ids = {one: several for several, planned in zip(people, heard, strict=True) for one in planned}
    assert len(ids) == 2 * 2 ** len(HAPPENINGS)
    attempts = _attempts_of(world)
    called = {outgoing.attempt_id for outgoing in (*world.email.sent, *world.sms.sent)}
    for message in (message for message in world.messages() if message.id in ids):
        several = ids[message.id]
        where = (sorted(several), message.channel, message.detail)
        made = len(called & attempts[message.id])
        if several & HOLDS[Channel(message.channel)]:
            assert (message.state, message.reason, made) == ("suppressed", "suppressed_address", calls), where
        else:
            assert (message.state, message.reason, made) == ("accepted", "accepted", calls + 1), where
    with world.house.sessions() as session:
        found = audit(session, 3600)
    assert found.whole, found.breaches


def test_the_eight_words_are_the_providers_own():
    """Those that Twilio acts on; whoever writes one of them, in any case and with a full stop, means the end."""
    eight = {"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"}
    assert set(yaml.safe_load(FILE.read_text(encoding="utf-8"))["provider"]["stop"]) == {word.lower() for word in eight}
    for word in eight:
        for written in (word, word.lower(), word.title(), f" {word}. ", f"{word}!"):
            assert meaning(written) is Meaning.stop, written


def _attempts_of(here: World) -> dict[int, set[str]]:
    """The attempts that were made, by message."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    with here.house.sessions() as session:
        for message, attempt in session.execute(sa.select(Attempt.message_id, Attempt.public_id)):
            found[message].add(attempt)
    return found


@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize("marketing", [False, True])
def test_what_a_kind_holds_back(kind, marketing):
    """Advertisements stop for every reason there is; order mail never stops for a "no" to advertisements."""
    blocks_orders = kind not in (K.unsubscribe, K.block)
    assert holds_back(reach(kind), marketing=marketing) is (marketing or blocks_orders)
    assert in_words(kind)


@pytest.mark.parametrize("kind", [*REPORT_KINDS, "never heard of"])
@pytest.mark.parametrize("cause", [None, *CAUSES])
def test_every_report_has_an_answer(kind, cause):
    """Total: whatever is reported with whatever cause, it is known what it writes and what it lifts, never both."""
    written, lifted = written_by(kind, cause), lifted_by(cause)
    assert written is None or lifted is None
    assert (written is not None) == (cause not in (None, "resubscribed") or (cause is None and kind == "complained"))


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        (Channel.email, " Maja@Example.TEST ", "maja@example.test"),
        (Channel.email, "A\u030asa@example.test", "\u00e5sa@example.test"),
        (Channel.sms, "+46 70-174 06 05", "+46701740605"),
        (Channel.sms, "whatsapp:+46701740605", "+46701740605"),
    ],
)
def test_an_address_is_known_however_it_is_written(channel, one, other):
    """Case, blanks and composed letters make no other address; a plus sign does."""
    assert normalised(channel, one) == other
    assert address_digest(channel, one) == address_digest(channel, other)
    assert address_digest(Channel.email, "maja+shop@example.test") != address_digest(Channel.email, "maja@example.test")


def test_a_lifted_suppression_comes_back_only_for_something_newer(world):  # noqa: F811
    """A report of what happened before the lifting changes nothing; one of what happened after does."""
    world.order()
    lifted_at = datetime.now(UTC)
    told = [("old", lifted_at - timedelta(hours=2)), ("older", lifted_at - timedelta(days=1)), ("new", None)]
    seen = []
    with world.house.sessions.begin() as session:
        brand_id = session.scalars(sa.text("SELECT id FROM brands")).one()
        for _, at in told:
            new = suppress(session, [wish(brand_id, Channel.email, "a@example.test", K.bounce, at=at)])
            seen.append(new)
            lift(session, [brand_id], Channel.email, address_digest(Channel.email, "a@example.test"), [K.bounce])
        assert session.scalars(sa.select(sa.func.count()).select_from(Suppression)).one() == 1
    assert seen == [1, 0, 1]


def test_a_forgotten_person_stays_unwritten_to(world):  # noqa: F811
    """The digest is enough: with the address erased from the list, nothing leaves."""
    shopper = reached(world)
    shopper.listed(Channel.email, K.manual)
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Suppression).values(address=None))
    ids = shopper.hears()
    send(world)
    assert {(m.channel, m.state) for m in world.messages() if m.id in ids} == {
        ("email", "suppressed"),
        ("sms", "accepted"),
    }


def test_another_brands_list_is_its_own(world):  # noqa: F811
    """What was said to one shop is not known to another."""
    shopper = reached(world)
    with world.house.sessions.begin() as session:
        other = session.scalars(
            sa.text("INSERT INTO brands (key, name) VALUES ('atelier-ombre', 'Atelier') RETURNING id")
        ).one()
        suppress(session, [wish(other, Channel.email, shopper.email, K.manual)])
    ids = shopper.hears()
    send(world)
    assert {m.state for m in world.messages() if m.id in ids} == {"accepted"}


def test_the_story_says_what_was_written_back_and_why_nothing_left(world):  # noqa: F811
    """A support agent reads the question, the STOP and the reason of the text that did not leave."""
    shopper = reached(world)
    shopper.writes("Where is\nit?")
    shopper.writes("STOP")
    shopper.hears()
    send(world)
    with world.house.sessions() as session:
        names = session.scalars(sa.text("SELECT public_id FROM shipments ORDER BY id")).all()
        first, second = ["\n".join(tell(explain(session, name))) for name in names]
    assert "What the shopper wrote back" in first and "“Where is it?”" in first
    assert "“STOP”, and gets no more texts" in first
    assert "must not be written to: the shopper opted out of text messages." in second


def test_a_mail_programs_button_leads_to_the_choices(world):  # noqa: F811
    """Every order mail names where its shopper chooses, and where a mail program's own button posts (RFC 8058); what it
    ends are advertisements, never what must be told of an order."""
    (parcel,) = world.order("L1")
    for milestone in (Milestone.dispatched, Milestone.in_transit, Milestone.out_for_delivery, Milestone.delivered):
        world.scan(parcel, milestone, name=milestone)
        send(world)
        world.clock.turn(hours=1)
    assert len(world.email.sent) >= 3
    for outgoing in world.email.sent:
        address = outgoing.headers["List-Unsubscribe"]
        assert address.startswith("<http") and "/p/" in address and address.endswith("/unsubscribe>")
        assert outgoing.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "/unsubscribe" not in outgoing.html + outgoing.text
        assert "/t/" in outgoing.text and "/p/" in outgoing.text


def test_nothing_that_decides_knows_of_opens(world):  # noqa: F811
    """Machines open mail, so what a rule can see holds no opens and no clicks, by people or machines."""
    schema = Facts.model_json_schema()
    fields = {name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", ())}
    assert len(fields) > 20
    assert [name for name in fields for word in ("open", "click", "machine") if word in name] == []
    assert {rule.when for rule in world.house.rules.rules} <= set(Milestone)
    shopper = reached(world)
    shopper.reported("email", "machine_opened", None)
    shopper.reported("email", "opened", None)
    with world.house.sessions() as session:
        counted = Counter(session.scalars(sa.text("SELECT kind FROM receipts")))
        assert counted == {"machine_opened": 1, "opened": 1}, "counted apart"
        assert session.scalars(sa.select(Suppression)).all() == []
