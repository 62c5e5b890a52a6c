"""The check reads a layout's MJML as the engine will, and says where it goes wrong."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.findings import Finding
from app.messages.checking.layouts import of_markup
from app.messages.shelf import File
from tests.messages.message_corpus import ROOT

HEAD = '<mjml lang="en">\n<mj-body background-color="#ffffff">\n'
FOOT = "\n</mj-body>\n</mjml>"
SECTION = "<mj-section><mj-column>{}</mj-column></mj-section>"
COLOURS = Catalog(ROOT, PUBLIC_URL).brands()["fjallhem"].colours


def _found(text: str) -> list[Finding]:
    return list(of_markup(File("layouts/own.mjml", "own.mjml", text.encode(), "published"), COLOURS))


FAULTS = {
    "an attribute misspelt": (SECTION.format('<mj-text colour="#000000">Hi</mj-text>'),
        "attribute", 3, 33, "mj-text knows no attribute 'colour'", "Did you mean color?"),
    "grey on white": (SECTION.format('<mj-text color="#aaa">Hi</mj-text>'),
        "contrast", 3, 24, "text in #aaaaaa on #ffffff has a contrast of 2.32", "until it is 4.5"),
    "the brand's ground as its ink": (SECTION.format('<mj-text color="[[ light.paper ]]">Hi</mj-text>'),
        "contrast", 3, 24, "on #ffffff has a contrast of 1.", "until it is 4.5"),
    "a style on a cell": (
        SECTION.format('<mj-table><tr><td style="color:#777;background:#888">Hi</td></tr></mj-table>'),
        "contrast", 3, 38, "text in #777777 on #888888", "until it is 4.5"),
    "a column left open": ("<mj-section><mj-column><mj-text>Hi</mj-text></mj-section>",
        "balance", 3, 13, "<mj-column> is opened and not closed", "Close it with </mj-column>."),
    "a section closed twice": (SECTION.format("") + "</mj-section>",
        "balance", 3, 49, "</mj-section> closes what was not opened", "Open <mj-section> above"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_markup_has_its_place(name: str) -> None:
    """Each fault is found alone, with its line and column in the layout as it was written, and its remedy."""
    body, code, line, column, said, remedy = FAULTS[name]
    (one,) = _found(HEAD + body + FOOT)
    assert (one.code, one.line, one.column) == (code, line, column), str(one)
    assert said in one.message and remedy in one.remedy, str(one)


def test_a_layout_says_its_language() -> None:
    """Without `lang` a screen reader reads it in the wrong tongue."""
    (one,) = _found("<mjml>\n<mj-body></mj-body>\n</mjml>")
    assert (one.code, one.line, one.column) == ("lang", 1, 1)


def test_a_choice_between_two_tags_is_balanced() -> None:
    """Of two tags, one of which is opened, one is read."""
    choice = '[% if brand.caps %]<mj-section padding="0px">[% else %]<mj-section padding="8px">[% endif %]'
    assert _found(f"{HEAD}{choice}<mj-column></mj-column></mj-section>{FOOT}") == []


@pytest.mark.parametrize("brand", ["fjallhem", "atelier-ombre"])
@pytest.mark.parametrize("path", ["layouts/parcel.mjml", "layouts/team.mjml"])
def test_what_ships_has_no_fault_in_markup(brand: str, path: str) -> None:
    """Shipped layouts keep to what is asked, in the colours of either brand."""
    catalog = Catalog(ROOT, PUBLIC_URL)
    file = catalog.shelf(brand).file(path)
    assert file is not None
    assert [str(one) for one in of_markup(file, catalog.brands()[brand].colours)] == []
