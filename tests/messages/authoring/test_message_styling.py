"""A style loads nothing, however it is written, and holds no value."""

from contextlib import suppress

import pytest

from app.messages.authoring.elements import check_tags
from app.messages.authoring.styling import style_fault
from app.messages.authoring.walling import check_loose, check_markup


@pytest.mark.parametrize(
    "markup",
    [
        r"<mj-style>p { background: u\72l(https://evil.example/a.png) }</mj-style>",
        r'<mj-style>@\69mport "https://evil.example/a.css";</mj-style>',
        '<mj-style>p { background: image-set("https://evil.example/a.png" 1x) }</mj-style>',
        "<mj-style>p { background: url(/*\n*/https://evil.example/a.png) }</mj-style>",
        '<p style="background:u&#114;l(https://evil.example/a.png)">x</p>',
        '<p style="background:url(&quot;https://evil.example/a.png&quot;)">x</p>',
        '<p style="background:u{% if carrier %}rl(https://evil.example/a.png){% endif %}">x</p>',
        '<mj-text background-color="red;background:u&#114;l(//evil.example/a.png)">x</mj-text>',
        '<p style="color:{{ what }}">x</p>',
        "<mj-style>p { color: {{ what }} }</mj-style>",
        '<mj-text color="{{ what }}">x</mj-text>',
    ],
)
def test_a_style_that_loads_or_holds_a_value_is_refused(markup: str) -> None:
    """Letters by number, remarks, tags and entities hide no address; a value's letters are not escaped for a style."""
    assert style_fault(markup) is not None


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="color:{% if carrier %}#1B2620{% else %}#56625B{% endif %}">x</p>',
        '<mj-button href="{{ links.parcel }}" background-color="#1F5A43">{{ what }}</mj-button>',
        '<td width="{{ step.width }}" style="padding:0">x</td>',
        r"<mj-style>.a::before { content: '\2022' } /* a dot */</mj-style>",
    ],
)
def test_a_style_that_only_colours_is_let_through(markup: str) -> None:
    """An `if` between two colours, a link's address and a dot by number are no faults."""
    assert style_fault(markup) is None


def test_the_place_is_told() -> None:
    """The line of the fault, for whoever mends it."""
    place, said = style_fault('<p>x</p>\n<p style="background:u&#114;l(https://evil.example/a)">x</p>\n') or (0, "")
    assert place == len("<p>x</p>\n") and said.endswith("take 'url(https:' out")


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "{%",
        "{#",
        "[#",
        "{{",
        "/*",
        "<style",
        "<mj-text a",
        "url(",
        " ",
        "a",
        'style="',
        "http-equiv=",
        "&#",
        "\\",
    ],
)
def test_what_is_opened_and_never_closed_is_looked_at_once(piece: str) -> None:
    """A layout's length of it takes no longer than a layout: nothing is searched from every place to the end."""
    for before in ("<mj-text>url(\\ {{ ", "<"):
        source = before + piece * (190_000 // len(piece))
        style_fault(source)
        for look in (check_markup, check_loose, check_tags):
            with suppress(ValueError):
                look(source)
