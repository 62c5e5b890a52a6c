"""Addresses that run something are refused however they are written, and those that lead somewhere are not."""

import pytest

from app.messages.authoring.walling import check_loose, check_markup, check_said


@pytest.mark.parametrize(
    "markup",
    [
        '<a href="java&#115;cript:alert(1)">x</a>',
        '<a href="java&#x73;cript:alert(1)">x</a>',
        '<a href="java&#9;script:alert(1)">x</a>',
        '<a href="javascript&#58;alert(1)">x</a>',
        "<a href=javascript:alert(1)>x</a>",
        '<button formaction="javascript:alert(1)">x</button>',
        '<p title="a > b" onclick="x()">x</p>',
        "<p title='>' onerror=x()>x</p>",
        '<link rel="stylesheet" href="https://evil.example/a.css">',
        "<dialog open>x</dialog>",
        "<mj-style>@import url(https://evil.example/a.css);</mj-style>",
        "<mj-style>p { background: url('//evil.example/a.png') }</mj-style>",
        '<a href="//evil.example">x</a>',
        "<a title='>' href=javascript:alert(1)>x</a>",
        '<mj-navbar base-url="javascript:alert(1)//"></mj-navbar>',
        '<a href="https://shop.example" ping="javascript:alert(1)">x</a>',
        '<mj-font name="x" href="https://evil.example/a.css" />',
        '<meta http-equiv="&#114;efresh" content="0;url=https://evil.example">',
        "<scr{# #}ipt>x</scr{# #}ipt>",
        '<p on{# #}click="x()">x</p>',
        '<a hr[# #]ef="javascript:x()">x</a>',
    ],
)
def test_an_address_that_runs_is_refused(markup: str) -> None:
    """Letters by number, no quotes and the address of a button of a form are read as a browser reads them."""
    with pytest.raises(ValueError, match=r"line 2: "):
        check_markup(f"<mj-text>\n{markup}</mj-text>")


@pytest.mark.parametrize("address", ["https://shop.example/a?b=1&amp;c=2", "{{ links.parcel }}", "mailto:a@b.example"])
def test_an_address_that_leads_somewhere_is_let_through(address: str) -> None:
    """An ampersand written as HTML asks for it is no fault."""
    check_markup(f'<a href="{address}">x</a>')


@pytest.mark.parametrize(
    "markup",
    [
        '<scr{{ "" }}ipt>x</scr{{ "" }}ipt>',
        "<a title='>' {{ what }}>x</a>",
        '<a hr{% if carrier %}ef{% endif %}="https://shop.example">x</a>',
        "</{{ what }}>",
    ],
)
def test_a_tag_makes_no_element_and_no_attribute(markup: str) -> None:
    """A value within a name, and one behind quotes that hold a `>`, would become markup."""
    with pytest.raises(ValueError, match=r"line 2: a tag stands loose"):
        check_loose(f"<mj-text>\n{markup}</mj-text>")


def test_a_handler_in_a_text_is_told_by_the_texts_own_line() -> None:
    """Not by a line of the layout that the text is set in."""
    with pytest.raises(ValueError, match=r"line 2: .*onerror"):
        check_said("Hello.\n<img src=x onerror=x>")
