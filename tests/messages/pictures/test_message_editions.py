"""Two editions of a brand's files, told apart in pictures."""

from app.messages.catalog import Catalog
from app.rehearsal.pictures.browser import Browser, View
from app.rehearsal.pictures.comparing import compare
from app.rehearsal.pictures.differing import differing
from app.rehearsal.pictures.editions import in_pictures, touched_messages
from app.rehearsal.pictures.frames import desktop
from app.rehearsal.pictures.kept import KeptBrowser
from app.rehearsal.pictures.sitting import Sitter, pictures_of
from tests.messages.message_corpus import ROOT

MAIL = "messages/en/delivered.email.md"
TEXT = "messages/en/delivered.sms.txt"


def _written(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _quiet(_done: int, _total: int) -> None:
    return None


def test_what_a_change_touches_is_looked_at(catalog: Catalog) -> None:
    """A message's own file means that message, words a language's emails, a layout those in the brand's language."""
    both = [("en", "delivered", "email"), ("en", "delivered", "sms")]
    assert touched_messages(catalog, "fjallhem", [MAIL, TEXT]) == both
    assert {one[0] for one in touched_messages(catalog, "fjallhem", ["messages/nl/words.yaml"])} == {"nl"}
    found = touched_messages(catalog, "fjallhem", ["layouts/parcel.mjml", "logo-light.png"])
    assert {one[0] for one in found} == {"sv"} and {one[2] for one in found} == {"email"} and len(found) > 20


def test_only_what_looks_different_is_told(catalog: Catalog, browser: Browser) -> None:
    """A changed email and SMS are shot beside what they were; a change that shows nowhere is left out."""
    mail, text = _written(MAIL), _written(TEXT)
    after = catalog.over(
        "fjallhem",
        {
            MAIL: f"{mail.rstrip()}\n\nA sentence that was not there.\n".encode(),
            TEXT: text.encode().rstrip() + b"\n\n",
            "messages/en/dispatched.email.md": _written("messages/en/dispatched.email.md").encode(),
        },
    )
    heard: list[tuple[int, int]] = []
    found = list(
        in_pictures(
            browser, (catalog, after), "fjallhem", [MAIL, TEXT, "messages/en/dispatched.email.md"], desktop(),
            lambda done, total: heard.append((done, total)),
        )
    )  # fmt: skip
    assert [one.name for one in found] == ["fjallhem.en.delivered.email"]
    assert found[0].differing is not None and found[0].differing.found.places
    assert found[0].differing.picture.startswith(b"\x89PNG") and heard[-1] == (3, 3)


def test_what_is_new_or_gone_is_named(catalog: Catalog, browser: Browser) -> None:
    """Without a picture, for there is nothing to lay it beside."""
    path = "messages/en/own_news.sms.txt"
    after = catalog.over("fjallhem", {path: b"{{ brand.name }}: {{ what }} {{ links.short }}"})
    new = list(in_pictures(browser, (catalog, after), "fjallhem", [path], desktop(), _quiet))
    gone = list(in_pictures(browser, (after, catalog), "fjallhem", [path], desktop(), _quiet))
    assert [(one.differing, one.gone) for one in (*new, *gone)] == [(None, False), (None, True)]


def test_each_side_shows_the_logo_and_the_name_of_its_own_version(catalog: Catalog, browser: Browser) -> None:
    """A changed logo differs where the logo stands, and a changed name in the words; each side as it is by itself."""
    shelf = catalog.shelf("fjallhem")
    light, brand = (shelf.file(path) for path in ("logo-light.png", "brand.yaml"))
    other = catalog.shelf("atelier-ombre").file("logo-light.png")
    assert light is not None and brand is not None and other is not None
    named = brand.content.replace("Fjällhem".encode(), b"Nordhem")
    changes = {"logo-light.png": other.content, "brand.yaml": named}
    after = catalog.over("fjallhem", changes)
    browser.answer_with(pictures_of(after, catalog))
    try:
        sitters = tuple(
            Sitter("fjallhem", one.resolve("fjallhem", "en", "delivered", "email")) for one in (catalog, after)
        )
        both = differing(browser, sitters, (catalog, after), desktop())
        alone = []
        for one, sitter in zip((catalog, after), sitters, strict=True):
            browser.answer_with(pictures_of(one))
            alone.append(differing(browser, (sitter, sitter), (one, one), desktop()).before)
    finally:
        browser.answer_with(pictures_of(catalog))
    assert compare(both.before, alone[0]).same and compare(both.after, alone[1]).same
    assert any(top < 120 for _, top, _, _ in both.found.places)


def test_a_browser_that_is_kept_takes_pictures_for_one_after_the_other(browser: Browser) -> None:
    """It is started once, started anew where it died, and ended when nobody asks any more."""
    kept = KeptBrowser(idle_seconds=600)
    page = "<!doctype html><p>One</p>"
    try:
        first = kept.shoot([page, page], lambda _url: None, View(200))
        running = kept._browser
        assert len(first) == 2 and compare(*first).same
        kept.shoot([page], lambda _url: None, View(200))
        assert kept._browser is running and running is not None
        running._process.kill()
        running._process.wait()
        assert compare(kept.shoot([page], lambda _url: None, View(200))[0], first[0]).same
        assert kept._browser is not running
    finally:
        kept.close()
    assert kept._browser is None
    idle = KeptBrowser(idle_seconds=0)
    idle.shoot([page], lambda _url: None, View(200))
    assert idle._end is not None
    idle._end.join(30)
    assert idle._browser is None
