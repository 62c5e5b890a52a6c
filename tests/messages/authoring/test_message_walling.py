"""Addresses that run something are refused however they are written, and those that lead somewhere are not."""

import pytest

from app.messages.authoring.walling import check_markup


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
