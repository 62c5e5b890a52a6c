"""What publishing asks is short, and still what a change of brand or layout can break."""

from pathlib import Path

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.check import touching
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.versions.guarding import examine
from tests.messages.message_corpus import ROOT

LAYOUT = "layouts/parcel.mjml"


def _edition(path: str, before: str, after: str) -> Catalog:
    place = ROOT / path if "/" in path else ROOT / "brands/fjallhem" / path
    written = Path(place).read_text(encoding="utf-8")
    assert before in written
    return Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: written.replace(before, after, 1).encode()})


@pytest.mark.parametrize(("path", "most"), [("brand.yaml", 1_500), (LAYOUT, 850), ("layouts/blocks/items.txt", 850)])
def test_publishing_asks_briefly(path: str, most: int) -> None:
    """A brand or a layout that changes has each message looked at, and few of them rendered."""
    report = examine(_edition(path, "\n", "\n\n"), "fjallhem", [path])
    assert report.findings == () and 0 < report.renderings <= most


@pytest.mark.parametrize(
    ("path", "before", "after", "code"),
    [
        (LAYOUT, "{{ links.choices | url }}", "https://shop.example", "choices"),
        (LAYOUT, "[[ words.choices ]]", "[[ words.chices ]]", "compile"),
        (LAYOUT, "{{ links.choices", "{{ links.choces", "field"),
        ("brand.yaml", "name: ", f"name: A house {'of names ' * 7}", "segments"),
    ],
)  # fmt: skip
def test_what_it_would_break_is_found(path: str, before: str, after: str, code: str) -> None:
    """The law's asks, a word that is not there, a field that is not there, a name that makes each SMS two."""
    assert code in {one.code for one in examine(_edition(path, before, after), "fjallhem", [path]).findings}


def test_a_brand_that_only_looks_otherwise_asks_no_text_message() -> None:
    """Colours and corners change no SMS, and no mail's words: a third as much is asked."""
    before = Catalog(ROOT, PUBLIC_URL)
    after = _edition("brand.yaml", "corners: 8", "corners: 9")
    report = examine(after, "fjallhem", ["brand.yaml"], before=before)
    assert report.findings == () and report.templates < 150 and 0 < report.renderings < 200


def test_a_layout_touches_emails_only() -> None:
    """No SMS is set in one, nor shows a logo; a brand's own file touches both."""
    mail, text = "messages/en/delivered.email.md", "messages/en/delivered.sms.txt"
    assert touching([LAYOUT])(mail) and not touching([LAYOUT])(text)
    assert touching(["brand.yaml"])(mail) and touching(["brand.yaml"])(text)
    assert touching(["logo-light.png"])(mail) and not touching(["logo-light.png"])(text)
