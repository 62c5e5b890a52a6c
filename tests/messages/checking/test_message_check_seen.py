"""What a mail owes its readers is found hidden, however its styles do it, and where."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.seeing import Owed, hidden, may_hide
from tests.messages.message_corpus import ROOT

LAYOUT = "layouts/parcel.mjml"
ADDRESS = "[[ brand.postal_address ]]"
OWED = Owed("Shop AB, Street 1", "brand.postal_address", link=False)
WAY = Owed("https://shop.example/p/1", "links.choices", link=True)
HEAD = "<html><head><style>{}</style></head><body style='background:#fffdf9'><div style='color:#56625b;font-size:12px'>"
FOOT = "</div></body></html>"
SHOWN = '<span class="x" style="{}">Shop AB, Street 1</span> <a class="x" style="{}" href="https://shop.example/p/1">Stop</a>'

STYLES = (
    "display:none", "DISPLAY : None !important", "dis/**/play:block;display:/**/none", "visibility:hidden", "opacity:0",
    "opacity:3%", "font-size:0", "font-size:1px", "font-size:.1em", "font:1px/1 Arial", "color:#fffdf9", "color:#FFF",
    "color:snow", "color:rgb(255 253 249)", "color:hsl(0, 0%, 99%)", "color:transparent", "color:rgba(0,0,0,.02)",
    "background:#56625b", "-webkit-text-fill-color:#fffdf9", "height:0;overflow:hidden", "max-height:1px;overflow:clip",
    "width:0;overflow:clip", "mso-hide:all", "position:absolute;left:-9999px", "position:fixed;top:-200vh",
    "text-indent:-999em", "margin-left:-9999px", "clip-path:inset(50%)", "clip:rect(0,0,0,0)", "transform:scale(0)",
    "filter:opacity(0)", "content-visibility:hidden",
)  # fmt: skip
PLAIN = (
    "", "color:#000", "font-size:11px", "opacity:.8", "background:#fff", "color:#fff;background:#000", "display:block",
    "margin:-8px", "position:relative;left:4px", "height:0", "overflow:hidden;height:20px", "text-indent:1em",
    "background:url(https://shop.example/x.png);color:#fffdf9", "transform:scale(1)", "visibility:visible",
)  # fmt: skip


def _hidden(style: str, sheet: str = "") -> list[bool]:
    """Whether the address and the link are hidden with this style, once it is rendered; and as the template says it."""
    html = HEAD.format(sheet) + SHOWN.format(style, style) + FOOT
    found = [hidden(html, OWED) is not None, hidden(html, WAY) is not None]
    assert may_hide(html, [OWED, WAY]) == any(found)
    return found


@pytest.mark.parametrize("style", STYLES)
def test_a_style_that_hides_is_found(style: str) -> None:
    """On the words themselves, and on what stands around them."""
    assert _hidden(style) == [True, True]
    around = HEAD.format("") + f'<table><tr><td style="{style}">' + SHOWN.format("", "") + "</td></tr></table>" + FOOT
    assert hidden(around, OWED) and hidden(around, WAY)


@pytest.mark.parametrize("style", PLAIN)
def test_a_style_that_shows_is_let_through(style: str) -> None:
    assert _hidden(style) == [False, False]


SHEETS = {
    ".x { display: none }": "",
    "span.x, div > a.x { display: none }": "",
    "@media only screen and (max-width: 480px) { .x { display: none !important } }": "on a phone",
    "@media (prefers-color-scheme: dark) { body { background: #111!important } .x { color: #121212 } }": "in dark mode",
    "[data-ogsc] .x { visibility: hidden }": "in dark mode",
    "@supports (display: grid) { @media screen { .x { opacity: 0 } } }": "",
    ".x { font-size: 0 !important } .x { font-size: 14px }": "",
    "body .x { displ\\61y: none } .x { display: inline }": "",
    "[class~=x]:not(.y) { color: #fffdf9 }": "",
}


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_rule_that_hides_is_found(sheet: str) -> None:
    """A style sheet's, for whoever it is that it holds for."""
    html = HEAD.format(sheet) + SHOWN.format("", "") + FOOT
    for owed in (OWED, WAY):
        found = hidden(html, owed)
        assert found is not None and found.view == SHEETS[sheet]
    assert may_hide(html, [OWED])


@pytest.mark.parametrize(
    "sheet",
    [
        ".x { display: none } body .x { display: inline }",
        ".x:hover { display: none }",
        ".y .x, b > .x, .x + .x + .x { display: none }",
        "@media print { .x { display: none } }",
        "@media not all { .x { display: none } }",
        "@media (min-width: 2000px) { .x { display: none } }",
        ".x::before { opacity: 0 }",
        "@font-face { font-size: 0 }",
    ],
)
def test_a_rule_that_hides_nothing_is_let_through(sheet: str) -> None:
    html = HEAD.format(sheet) + SHOWN.format("", "") + FOOT
    assert hidden(html, OWED) is None and hidden(html, WAY) is None


@pytest.mark.parametrize(
    ("written", "hides"),
    [
        ("<!-- Shop AB, Street 1 -->", True),
        ("<span hidden>Shop AB, Street 1</span>", True),
        ('<span hidden style="display:inline">Shop AB, Street 1</span>', False),
        ('<span aria-hidden="true">Shop AB, Street 1</span>', True),
        ('<table><tr><td bgcolor="#56625b">Shop AB, Street 1</td></tr></table>', True),
        ('<div style="visibility:hidden"><b style="visibility:visible">Shop AB,\n Street 1</b></div>', False),
        ('<i style="display:none">Shop AB, Street 1</i> <b>Shop AB, Street 1</b>', False),
        ('<img alt="Shop AB, Street 1" />', True),
        ("<details><summary>More</summary><p>Shop AB, Street 1</p></details>", True),
        ("<details><summary>More</summary>Shop AB, Street 1</details>", True),
        ("<details><summary>Shop AB, Street 1</summary><p>More</p></details>", False),
    ],
)
def test_what_is_said_once_in_sight_is_enough(written: str, hides: bool) -> None:
    assert (hidden(HEAD.format("") + written + FOOT, OWED) is not None) is hides


@pytest.mark.parametrize(
    ("inside", "hides"),
    [
        ("", True),
        (".", True),
        ('<img src="https://shop.example/x.png" alt="" />', True),
        ('<img src="https://shop.example/x.png" alt="Stop" />', False),
        ('<i style="display:none">Stop</i>.', True),
        ('<i style="display:none">Stop</i> it', False),
    ],
)
def test_a_link_needs_words_that_are_seen(inside: str, hides: bool) -> None:
    html = f'{HEAD.format("")}<a href="https://shop.example/p/1">{inside}</a>{FOOT}'
    assert (hidden(html, WAY) is not None) is hides


def test_outlook_may_have_a_link_of_its_own() -> None:
    """What is hidden from Outlook alone is fine where Outlook has the same in its own remark."""
    link = '<a href="https://shop.example/p/1" style="mso-hide:all">Stop</a>'
    own = '<!--[if mso]><v:rect href="https://shop.example/p/1">Stop</v:rect><![endif]-->'
    assert hidden(HEAD.format("") + link + FOOT, WAY) is not None
    assert hidden(HEAD.format("") + own + link + FOOT, WAY) is None


def _edited(before: str, after: str) -> list[str]:
    written = (ROOT / LAYOUT).read_text(encoding="utf-8")
    assert before in written
    changed = Catalog(ROOT, PUBLIC_URL).over("fjallhem", {LAYOUT: written.replace(before, after, 1).encode()})
    return [str(one) for one in check(changed, "fjallhem", ["messages/en/dispatched.email.md"]).findings]


def _line_of(before: str) -> int:
    written = (ROOT / LAYOUT).read_text(encoding="utf-8")
    return written[: written.index(before)].count("\n") + 1


def test_the_check_leads_to_the_style() -> None:
    """An address that is hidden in the layout is refused with the layout's line, and what to do."""
    (one,) = _edited(ADDRESS, f'<span style="font-size: 1px">{ADDRESS}</span>')
    assert one.startswith(f"fjallhem's {LAYOUT}:{_line_of(ADDRESS)}:")
    assert "the brand's postal address cannot be seen in the mail: 'font-size: 1px' hides it" in one
    assert one.endswith("Show it plainly: every reader must find it.")


def test_the_check_leads_to_the_rule() -> None:
    """A rule of its style sheet has that line, and says for whom it counts."""
    rule = "@media (prefers-color-scheme: dark) {\n.quiet-link { color: [[ dark.ground ]] !important; } }"
    sheet = f"[[ blocks.head ]]\n<mj-style>{rule}</mj-style>"
    found = [one for one in _edited("[[ blocks.head ]]", sheet) if "cannot be seen" in one]
    assert [one.split(": ")[0] for one in found] == [f"fjallhem's {LAYOUT}:{_line_of('[[ blocks.head ]]') + 2}:15"]
    assert "the link to the choices, where one unsubscribes, cannot be seen in the mail in dark mode" in found[0]


def test_what_only_some_orders_lose_is_found() -> None:
    """A condition around a style, or half an element in it, hides nothing from the check."""
    (one,) = _edited(
        ADDRESS, f'{{% if place %}}<i style="display:none">{{% endif %}}{ADDRESS}{{% if place %}}</i>{{% endif %}}'
    )
    assert "postal address cannot be seen" in one
