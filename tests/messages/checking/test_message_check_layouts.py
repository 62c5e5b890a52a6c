"""The check reads a layout's MJML as the engine will, and says where it goes wrong."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.findings import Finding
from app.messages.checking.layouts import of_markup
from app.messages.checking.schemes import of_schemes
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
    colours = catalog.brands()[brand].colours
    assert [str(one) for one in (*of_markup(file, colours), *of_schemes(file, colours))] == []


SHEETS = {
    "grey by night": ("@media (prefers-color-scheme: dark) {\n.a { color: #444 !important; } }", 2, "dark", "#444444"),
    "the light ink by night": (
        "@media (prefers-color-scheme: dark) {\n.a { color: [[ light.ink ]]; } }",
        2,
        "dark",
        "",
    ),
    "grey for Outlook by night": ("\n[data-ogsc] .a { color: #444; }", 2, "dark", "#444444"),
    "grey by day": ("\n.a { color: #aaa; }", 2, "light", "#aaaaaa"),
    "on a ground of its own": ("\n.a { background: #777; color: #888888; }", 2, "light", "#888888 on #777777"),
    "on a ground that is set elsewhere": (
        "\n.a { color: #fff; }\n.a { background-color: #eee; }",
        2,
        "light",
        "#eeeeee",
    ),
}


@pytest.mark.parametrize("name", SHEETS)
def test_colours_of_a_style_sheet_can_be_read(name: str) -> None:
    """Text that does not stand out is refused in the scheme that it is for, where its colour stands."""
    sheet, line, scheme, said = SHEETS[name]
    text = f"<mj-style>{sheet}</mj-style>"
    (one,) = of_schemes(File("layouts/own.mjml", "own.mjml", text.encode(), "published"), COLOURS)
    assert (one.code, one.line) == ("contrast", line) and f"in the {scheme} scheme" in one.message
    assert said in one.message and text.split("\n")[line - 1][one.column - 1 :].startswith("color:")


def test_a_ground_of_another_scheme_does_not_count() -> None:
    """White on a dark ground is fine by night, and is not weighed against what is there by day."""
    sheet = "@media (prefers-color-scheme: dark) { .a { color: #fff; } }\n.a { background: #fff; color: #000; }"
    text = f"<mj-style>{sheet}</mj-style>"
    assert list(of_schemes(File("layouts/own.mjml", "own.mjml", text.encode(), "published"), COLOURS)) == []
