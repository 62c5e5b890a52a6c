"""A brand writes with what it published last: from the next batch of every process, and what is decided stays so."""

import threading
from dataclasses import replace
from itertools import count

import pytest
import sqlalchemy as sa

from app.errors import Conflict, InvalidInput, NotFound
from app.insight.audit import audit
from app.insight.explain import explain
from app.insight.tell import tell
from app.messages.catalog import Catalog
from app.messages.checking.findings import Finding, Report
from app.messages.versions import publishing
from app.messages.versions.drafts import draft_of, save
from app.messages.versions.history import history, publication
from app.messages.versions.live import digest_of, edition_of
from app.messages.versions.publishing import Refused, Said, Seen, publish, publish_drafts, rollback
from app.models import Brand, Message, Shipment, TemplatePublication, TemplateText, TemplateVersion
from app.models.vocabulary import Channel, Milestone
from app.pipeline import send_batch
from app.pipeline.deciding.editions import as_of_now, catalog_of
from app.wiring import ensure_brands

SMS = "messages/en/out_for_delivery.sms.txt"
MAIL = "messages/en/out_for_delivery.email.md"
WHO = {"name": "Maja", "email": "m@example.test", "phone": "+46701740605", "country": "SE", "locale": "en"}


def sms(words: str) -> bytes:
    """An SMS that says this, as one may be published."""
    return f"{{{{ brand.name }}}}: {words} {{{{ links.short }}}}".encode()


def brand_of(session, key="fjallhem") -> Brand:
    return session.scalars(sa.select(Brand).where(Brand.key == key)).one()


def said(world, why="a test", by="Mira"):
    return Said(by, why, world.clock.now())


def put(world, changes, seen=Seen(), accept=None, **told):  # noqa: B008 - frozen
    with world.house.sessions.begin() as session:
        brand = brand_of(session)
        return publish(session, world.house.catalog, brand, changes, said(world, **told), seen, accept or {})


def live(world):
    with world.house.sessions() as session:
        return edition_of(session, brand_of(session).id)


@pytest.fixture
def english(world):
    """The house, whose Fjällhem has its texts in English alone."""
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Brand).values(locale="en"))
    return world


def test_what_was_decided_keeps_its_words_and_the_next_has_the_new(english):
    """Decide, publish, send: the old words leave; what is decided then has the new ones, in another process too."""
    (first,), (second,) = english.order(shopper=WHO), english.order("1002", shopper=WHO)
    english.scan(first, Milestone.out_for_delivery)
    done = put(english, {SMS: sms("{{ happened.day | sentence }} it comes, says Mira.")})
    assert done.new and done.number == 1
    english.scan(second, Milestone.out_for_delivery)
    send_batch(english.house, Channel.sms)
    old, new = (one.text for one in english.sms.sent)
    assert "says Mira" not in old and "says Mira" in new
    elsewhere = replace(english.house, editions={})
    with english.house.sessions() as session:
        again = catalog_of(session, elsewhere, "fjallhem").resolve("fjallhem", "en", "out_for_delivery", "sms")
        pinned = session.scalars(
            sa.select(TemplateVersion.digest).join(Message, Message.template_version_id == TemplateVersion.id)
            .where(Message.channel == "sms").order_by(Message.id)
        ).all()  # fmt: skip
    assert bytes(pinned[1]) == again.digest and bytes(pinned[0]) != again.digest


def test_a_batch_keeps_the_edition_that_it_began_with(world):
    """A house as of now stays as it was, whoever publishes meanwhile; the next one is newer, and others are as they
    ship."""
    with world.house.sessions() as session:
        assert as_of_now(session, world.house) is world.house
    put(world, {SMS: sms("One")})
    with world.house.sessions() as session:
        begun = as_of_now(session, world.house)
    put(world, {SMS: sms("Two")})
    with world.house.sessions() as session:
        later = as_of_now(session, world.house)
        assert as_of_now(session, later) is later
        assert as_of_now(session, world.house).catalog is later.catalog

    assert len(world.house.editions) == 2  # of the one brand that published, and of all

    def words(house, key="fjallhem"):
        return house.catalog.resolve(key, "en", "out_for_delivery", "sms").parts["text"]

    assert (words(begun), words(later)) == (sms("One").decode(), sms("Two").decode())
    assert words(later, "atelier-ombre") == words(world.house, "atelier-ombre")


def test_a_brand_file_takes_its_name_with_it_and_no_start_undoes_it(world, monkeypatch):
    """Name, zone and locale of the brand's row follow what is published, and come back with what ships. What a new
    name would break is asked in test_message_guarding.py."""
    asked = []
    monkeypatch.setattr(publishing, "examine", lambda *what, **how: asked.append(what) or Report(()))
    shipped = world.house.catalog.shelf("fjallhem").file("brand.yaml").content
    changed = shipped.replace("Fjällhem".encode(), "Fjällhem Nord".encode())
    put(world, {"brand.yaml": changed})
    ensure_brands(world.house.sessions, world.house.catalog)
    with world.house.sessions() as session:
        assert brand_of(session).name == "Fjällhem Nord"
        assert as_of_now(session, world.house).catalog.brands()["fjallhem"].name == "Fjällhem Nord"
    put(world, {"brand.yaml": None})
    with world.house.sessions() as session:
        assert brand_of(session).name == "Fjällhem" and not edition_of(session, brand_of(session).id).files
    assert [(brand, list(paths)) for _, brand, paths in asked] == [("fjallhem", ["brand.yaml"])] * 2


def test_a_publication_changes_several_files_at_once_or_none(world):
    """A fault in one keeps all back, with its field and remedy; what counts already is no publication."""
    with pytest.raises(InvalidInput) as refused:
        put(world, {SMS: sms("fine"), MAIL: b"no front matter"})
    assert isinstance(refused.value, Refused) and MAIL in str(refused.value) and not live(world).files
    with pytest.raises(InvalidInput, match="why"):
        put(world, {SMS: b"fine"}, why=" ")
    with pytest.raises(InvalidInput, match="no such place"):
        put(world, {"../secrets.txt": b"x"})
    done = put(
        world,
        {
            SMS: sms("fine"),
            "messages/en/delivered.sms.txt": sms("there"),
        },
    )
    assert sorted(done.changes) == ["messages/en/delivered.sms.txt", SMS]
    again = put(world, {SMS: sms("fine")})
    assert not again.new and again.number == 1
    shipped = world.house.catalog.shelf("fjallhem").file(MAIL).content
    assert not put(world, {MAIL: shipped}).new
    with world.house.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(TemplatePublication)) == 2


def test_who_saw_another_file_publishes_nothing(world):
    """By the edition's number, or by the digests of the files that are changed."""
    put(world, {SMS: sms("one")})
    with pytest.raises(Conflict, match="number 0"):
        put(world, {SMS: sms("two")}, Seen(edition=0))
    with pytest.raises(Conflict, match="Others count by now"):
        put(world, {SMS: sms("two")}, Seen(digests={SMS: "00"}))
    assert live(world).files[SMS] == sms("one")
    assert put(world, {SMS: sms("two")}, Seen(edition=1)).number == 2


def test_two_who_publish_at_once_take_turns(world):
    """The second waits for the first, finds that another edition counts, and changes nothing; a third path goes
    through."""
    outcomes: list[object] = []
    begun = threading.Event()

    def second(changes, seen):
        begun.set()
        try:
            outcomes.append(put(world, changes, seen, by="Noor").number)
        except Conflict as error:
            outcomes.append(error)

    rivals = [
        threading.Thread(target=second, args=({SMS: sms("theirs")}, Seen(edition=0))),
        threading.Thread(target=second, args=({"messages/en/delayed.sms.txt": sms("late")}, Seen())),
    ]
    with world.house.sessions.begin() as session:
        publish(
            session,
            world.house.catalog,
            brand_of(session),
            {SMS: sms("ours")},
            said(world),
            Seen(),
            {},
        )
        for rival in rivals:
            rival.start()
        begun.wait(5)
    for rival in rivals:
        rival.join(60)
    assert sorted(map(type, outcomes), key=str) == sorted([int, Conflict], key=str)
    now = live(world)
    assert now.number == 2 and now.files[SMS] == sms("ours") and len(now.files) == 2


@pytest.fixture
def race(monkeypatch):
    """Two works done at once, each checked before either is written, as close as a race can be: what each comes to, its
    result or the refusal that it raised."""

    def run(*works):
        came_to: list[object] = [None] * len(works)
        both, looks = threading.Barrier(len(works)), count()

        def examine(*_what, **_how):
            if next(looks) < len(works):  # whoever comes second looks once more
                both.wait(120)
            return Report()

        def one(place, work):
            try:
                came_to[place] = work()
            except Exception as error:  # told to whoever asks what it came to
                came_to[place] = error

        monkeypatch.setattr(publishing, "examine", examine)
        threads = [threading.Thread(target=one, args=numbered) for numbered in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(240)
        return came_to

    return run


def test_two_who_publish_the_same_at_once_publish_it_once(world, race):
    """One of them wins, and the other is told that it counts already, also where both saw what was there before."""
    shipped = digest_of(world.house.catalog.shelf("fjallhem").file(SMS).content)
    seen = Seen(digests={SMS: shipped})
    done = race(*[lambda by=by: put(world, {SMS: sms("same")}, seen, by=by) for by in ("Mira", "Noor")])
    assert sorted(one.new for one in done) == [False, True] and {one.number for one in done} == {1}
    assert (live(world).number, live(world).files) == (1, {SMS: sms("same")})


def test_of_two_who_publish_different_words_at_once_one_wins(world, race):
    """The other hears of it, and what won counts; nothing is lost and no number is given twice."""
    shipped = digest_of(world.house.catalog.shelf("fjallhem").file(SMS).content)
    seen = Seen(digests={SMS: shipped})
    done = race(*[lambda one=one: put(world, {SMS: sms(one)}, seen) for one in ("ours", "theirs")])
    (refused,) = [one for one in done if isinstance(one, Conflict)]
    (won,) = [one for one in done if one is not refused]
    assert "Others count by now" in str(refused) and won.number == 1
    assert live(world).files == dict(won.changes)


def test_two_who_publish_other_files_at_once_both_land_in_order(world, race):
    """Each as a publication of its own, the second on top of the first; those who said nothing of what they saw too."""
    other = "messages/en/delivered.sms.txt"
    done = race(lambda: put(world, {SMS: sms("one")}), lambda: put(world, {other: sms("two")}))
    assert sorted(one.number for one in done) == [1, 2]
    assert live(world).files == {SMS: sms("one"), other: sms("two")}
    (last,) = [one for one in done if one.number == 2]
    assert last.before.number == 1 and last.edition.files == live(world).files
    unseen = race(lambda: put(world, {SMS: sms("three")}), lambda: put(world, {SMS: sms("four")}))
    assert sorted(one.number for one in unseen) == [3, 4]
    (later,) = [one for one in unseen if one.number == 4]
    assert live(world).files[SMS] == later.changes[SMS]
    with world.house.sessions() as session:
        told = history(session, brand_of(session).id)
    assert [one.number for one in told] == [4, 3, 2, 1]


def test_two_who_publish_one_draft_at_once_publish_it_once(world, race):
    """The draft is gone then, and both are content."""
    with world.house.sessions.begin() as session:
        kept = save(session, world.house.catalog, brand_of(session), SMS, sms("draft"), None, "Mira", world.clock.now())

    def go():
        with world.house.sessions.begin() as session:
            seen = Seen(0, drafts={SMS: kept.digest})
            return publish_drafts(session, world.house.catalog, brand_of(session), None, said(world), seen, {})

    done = race(go, go)
    published = [one for one in done if not isinstance(one, Conflict)]
    assert [one.number for one in published if one.new] == [1] and live(world).files == {SMS: sms("draft")}
    with world.house.sessions() as session:
        assert draft_of(session, brand_of(session).id, SMS) is None


def test_a_rollback_is_a_publication_of_its_own(world):
    """Of one path or of all, to any that was or to what ships; who did it and why stands in the history."""
    other = "messages/en/delivered.sms.txt"
    put(
        world,
        {SMS: sms("one"), other: sms("one")},
        why="first",
    )
    put(world, {SMS: sms("two")}, why="second")
    put(world, {other: sms("three")}, why="third")

    def back(number, paths=None):
        with world.house.sessions.begin() as session:
            brand = brand_of(session)
            return rollback(session, world.house.catalog, brand, number, paths, said(world, "back", "Noor"), Seen(), {})

    assert back(1, [SMS]).number == 4 and live(world).files == {
        SMS: sms("one"), other: sms("three")
    }  # fmt: skip
    assert back(2).number == 5 and live(world).files[SMS] == sms("two")
    assert not back(2).new
    assert back(0).number == 6 and live(world).files == {}
    with pytest.raises(NotFound):
        back(7)
    with world.house.sessions() as session:
        brand_id = brand_of(session).id
        told = [(one.number, one.published_by, one.why) for one in history(session, brand_id)]
        assert told[0] == (6, "Noor", "back") and told[-1] == (1, "Mira", "first")
        assert [one.number for one in history(session, brand_id, before=3, limit=1)] == [2]
        assert {(one.path, one.digest, one.counts) for one in publication(session, brand_id, 6).files} == {
            (SMS, None, True), (other, None, True)
        }  # fmt: skip
        with pytest.raises(NotFound):
            publication(session, brand_id, 7)
        assert session.scalar(sa.select(sa.func.count()).select_from(TemplateText)) == 3  # each text is stored once


def test_a_warning_is_let_through_with_a_reason_that_is_kept(world, monkeypatch):
    """Not without one; once accepted it stays so while it is found, and is told of no more when it is gone."""
    warning = Finding("warning", "segments", SMS, SMS, 1, 3, "it takes two segments", "Say it shorter.")
    found = [Report((warning,))]
    monkeypatch.setattr("app.messages.versions.publishing.examine", lambda *_, **__: found[0])
    with pytest.raises(Refused, match="two segments"):
        put(world, {SMS: b"long"})
    with pytest.raises(Refused):
        put(world, {SMS: b"long"}, accept={warning.id: " "})
    put(world, {SMS: b"long"}, accept={warning.id: "a launch is worth it"})
    kept = {"id": warning.id, "sentence": "it takes two segments", "reason": "a launch is worth it", "by": "Mira"}
    assert live(world).accepted == {warning.id: kept}
    put(world, {SMS: b"longer"}, by="Noor")
    assert live(world).accepted == {warning.id: kept}
    found[0] = Report()
    put(world, {SMS: b"short"})
    assert live(world).accepted == {}


def test_a_message_that_would_be_gone_is_warned_of(world):
    """Taking back the only file of a message leaves a rule that names it without one: somebody has to say so."""
    own = "messages/en/wish_you_well.sms.txt"
    put(world, {own: sms("Well!")})
    with pytest.raises(Refused, match="'wish_you_well' for sms is left") as refused:
        put(world, {own: None})
    (warning,) = refused.value.objections.warnings
    put(world, {own: None}, accept={warning.id: "the season is over"})
    assert live(world).accepted[warning.id]["reason"] == "the season is over" and not live(world).files


def test_drafts_are_published_from_what_they_were_begun_from(world):
    """A draft that others overtook is kept and not published; a published one is gone."""

    def write(path, content, expected=None, by="Mira"):
        with world.house.sessions.begin() as session:
            return save(session, world.house.catalog, brand_of(session), path, content, expected, by, world.clock.now())

    def go(paths=None):
        with world.house.sessions.begin() as session:
            return publish_drafts(session, world.house.catalog, brand_of(session), paths, said(world), Seen(), {})

    with pytest.raises(NotFound):
        go()
    mine = write(SMS, sms("mine") + b"\r\n ")
    assert mine.revision == 1 and write(SMS, sms("mine") + b"\r\n ", mine.digest).revision == 1
    with pytest.raises(Conflict, match="Mira saved another draft"):
        write(SMS, b"theirs", mine.based_on, "Noor")
    assert write(SMS, sms("mine 2") + b"\r\n ", mine.digest).revision == 2
    put(world, {SMS: sms("theirs")}, by="Noor")
    with pytest.raises(Conflict):
        go([SMS])
    with world.house.sessions() as session:
        assert draft_of(session, brand_of(session).id, SMS).content == sms("mine 2") + b"\r\n "
    write("messages/en/delivered.sms.txt", sms("there"))
    assert list(go(["messages/en/delivered.sms.txt"]).changes) == ["messages/en/delivered.sms.txt"]
    with world.house.sessions() as session:
        assert draft_of(session, brand_of(session).id, "messages/en/delivered.sms.txt") is None


def test_only_the_drafts_that_were_read_are_published(world):
    """Those that are named where no path is; one that somebody saved since, or that was never read, is refused by name
    and its writer."""
    other = "messages/en/delivered.sms.txt"

    def write(path, words, by="Mira"):
        with world.house.sessions.begin() as session:
            brand = brand_of(session)
            return save(session, world.house.catalog, brand, path, sms(words), None, by, world.clock.now())

    def go(read, paths=None):
        with world.house.sessions.begin() as session:
            seen = Seen(drafts=read)
            return publish_drafts(session, world.house.catalog, brand_of(session), paths, said(world), seen, {})

    read = {SMS: write(SMS, "one").digest}
    write(other, "half a")
    with pytest.raises(Conflict, match=r"Another draft was saved .*delivered.*Mira"):
        go(read, [SMS, other])
    write(SMS, "two", by="Noor")
    with pytest.raises(Conflict, match=r"out_for_delivery.*Noor"):
        go(read)
    assert list(go({SMS: write(SMS, "two").digest}).changes) == [SMS]
    with world.house.sessions() as session:
        assert draft_of(session, brand_of(session).id, other) is not None


def test_a_published_brand_file_that_cannot_be_read_any_more_stops_nobody(world):
    """It was valid once: until somebody mends it, the brand goes by the one that ships, and its texts stay."""
    put(world, {SMS: sms("mine")})
    with world.house.sessions.begin() as session:
        brand_id = brand_of(session).id
        text = TemplateText(brand_id=brand_id, digest=b"x", content=b"key: fjallhem\nnonsense: true\n")
        session.add(text)
        session.flush()
        session.add(
            TemplatePublication(
                brand_id=brand_id, number=2, path="brand.yaml", template_text_id=text.id, published_by="x", why="x"
            )
        )
        session.execute(sa.update(Brand).where(Brand.id == brand_id).values(template_edition=2))
    with world.house.sessions() as session:
        catalog = catalog_of(session, world.house)
    assert isinstance(catalog, Catalog) and catalog.brands()["fjallhem"].name == "Fjällhem"
    assert catalog.resolve("fjallhem", "en", "out_for_delivery", "sms").parts["text"] == sms("mine").decode()


def test_explain_names_the_publication_that_a_message_was_decided_with(english):
    """Before the first publication none is named; after it, its number."""
    (first,), (second,) = english.order(shopper=WHO), english.order("1002", shopper=WHO)
    english.scan(first, Milestone.out_for_delivery)
    english.clock.turn(minutes=1)
    put(english, {SMS: sms("{{ happened.day | sentence }} it comes.")})
    english.clock.turn(minutes=1)
    english.scan(second, Milestone.out_for_delivery)
    with english.house.sessions() as session:
        names = session.scalars(sa.select(Shipment.public_id).order_by(Shipment.id)).all()
        before, after = (explain(session, name) for name in names)
    assert "templates of publication" not in "\n".join(tell(before))
    assert any(line.endswith("templates of publication 1)") for line in tell(after))


def test_explain_goes_by_the_number_that_was_noted_and_not_by_the_hour(english):
    """A batch that began before a publication decides with the words that counted then, though the clock says later;
    what an older Doorstep decided is told by its time."""
    (parcel,) = english.order(shopper=WHO)
    put(english, {SMS: sms("{{ happened.day | sentence }} it comes.")})
    with english.house.sessions() as session:
        begun = as_of_now(session, english.house)
    put(english, {SMS: sms("{{ happened.day | sentence }} it comes, says Mira.")})
    english.clock.turn(minutes=1)
    replace(english, house=begun).scan(parcel, Milestone.out_for_delivery)

    def told():
        with english.house.sessions() as session:
            story = explain(session, session.scalars(sa.select(Shipment.public_id)).one())
        return {
            one.message.templates_publication
            for crossing in story.crossings
            for one in crossing.decisions
            if one.message is not None
        }

    assert told() == {1} and {one.template_edition for one in english.messages()} == {1}
    with english.house.sessions.begin() as session:
        session.execute(sa.update(Message).values(template_edition=0))
    assert told() == {None}
    with english.house.sessions.begin() as session:
        session.execute(sa.update(Message).values(template_edition=None))
    assert told() == {2}


@pytest.mark.parametrize(
    ("harm", "law"),
    [
        (
            "UPDATE brands SET template_edition = 7 WHERE key = 'fjallhem'",
            "a brand goes by its last publication of templates",
        ),
        ("UPDATE template_texts SET content = 'other words'", "a published text is what its digest names"),
        (
            'UPDATE template_versions SET parts = parts || \'{"text": "other words"}\'',
            "a template that a message is pinned to is what its digest says",
        ),
    ],
)
def test_the_audit_knows_what_was_altered_behind_its_back(english, harm, law):
    """An edition's number, a published text and a pinned template are each held against what they must be."""
    (parcel,) = english.order(shopper=WHO)
    put(english, {SMS: sms("{{ happened.day | sentence }} it comes.")})
    english.scan(parcel, Milestone.out_for_delivery)
    with english.house.sessions() as session:
        assert audit(session, 3600).whole
    with english.house.sessions.begin() as session:
        session.execute(sa.text(harm))
    with english.house.sessions() as session:
        assert [one.law for one in audit(session, 3600).breaches] == [law]


def test_the_audit_sees_an_edition_that_is_no_publication(world):
    """A brand that goes by a number that nobody published, and a text that is not what its digest names."""
    put(world, {SMS: sms("One")})
    with world.house.sessions() as session:
        assert audit(session, 60).whole
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Brand).values(template_edition=7))
        session.execute(sa.update(TemplateText).values(content=b"Two"))
    with world.house.sessions() as session:
        broken = {breach.law for breach in audit(session, 60).breaches}
    assert broken == {"a brand goes by its last publication of templates", "a published text is what its digest names"}
