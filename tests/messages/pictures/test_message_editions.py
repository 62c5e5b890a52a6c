"""Two editions of a brand's files, told apart in pictures."""

from app.messages.catalog import Catalog
from app.rehearsal.pictures.browser import Browser
from app.rehearsal.pictures.editions import in_pictures, touched_messages
from app.rehearsal.pictures.frames import desktop
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
