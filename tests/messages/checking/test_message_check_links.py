"""A link leads where it says, or is refused at its place; and what a mail's text cannot draw is told too."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.findings import Finding
from app.messages.checking.linking import of_addresses, of_links
from app.messages.shelf import File
from tests.messages.message_corpus import ROOT

MAIL = "messages/en/dispatched.email.md"
REFUSED = {
    "[here](javascript:alert)": ("address", 8, "shoppers would find it dead"),
    "[here](data:text/html,hi)": ("address", 8, "shoppers would find it dead"),
    "[here](www.shop.example/help)": ("address", 8, "shoppers would find it dead"),
    "[here](https://shop.example@evil.example/x)": ("deceiving", 8, "where it leads, which is evil.example"),
    "[here](https://192.0.2.7/x)": ("deceiving", 8, "192.0.2.7 is the number of a machine"),
    "[here](https://xn--pple-43d.com/)": ("deceiving", 8, "letters of Cyrillic and Latin"),
    "[here](https://\u0430pple.example/)": ("deceiving", 8, "letters of Cyrillic and Latin"),
    "[shop.example](https://evil.example/login)": ("deceiving", 2, "it says shop.example and leads to evil.example"),
    "[https://shop.example/x](https://shop.example.evil.example)": (
        "deceiving",
        2,
        "leads to shop.example.evil.example",
    ),
}
PASSED = (
    "[our help]({{ brand.support_url }}) and [a page]({{ brand.site }}/x?y=1#z)",
    "[shop.example](https://www.shop.example/a) [www.shop.example](https://shop.example)",
    "[write](mailto:hello@shop.example) [call](tel:+4612345) [the carrier](https://dhl.example/track)",
    "[fjällhem](https://fjällhem.example) [почта](https://почта.example) an array[0](not a link",
)


def _mail(text: str) -> File:
    return File(MAIL, "mail", text.encode(), "published")


@pytest.mark.parametrize("text", REFUSED)
def test_a_link_that_deceives_is_refused(text: str) -> None:
    code, column, said = REFUSED[text]
    (one,) = of_links(_mail(text))
    assert (one.code, one.line, one.column, one.severity) == (code, 1, column, "error") and said in one.message


@pytest.mark.parametrize("text", PASSED)
def test_a_plain_link_passes(text: str) -> None:
    """Another host is fine, if nothing says that it is the shop's."""
    assert list(of_links(_mail(text))) == []


def test_a_layouts_links_are_read_too() -> None:
    (one,) = of_addresses(
        _mail('<a href="https://shop.example">a</a>\n<a href="https://shop.example:x@evil.example">b</a>')
    )
    assert (one.line, one.column) == (2, 10) and "which is evil.example" in one.message


def _found(path: str, text: str) -> list[Finding]:
    return list(check(Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: text.encode()}), "fjallhem", [path]).findings)


def test_what_would_be_lost_is_told() -> None:
    """A table, which Markdown here has not; a field that stands twice; a folder that no language leads to."""
    written = (ROOT / MAIL).read_text(encoding="utf-8")
    (table,) = _found(MAIL, f"{written}\n| a | b |\n|---|:-:|\n| 1 | 2 |\n")
    assert table.code == "table" and table.line == written.count("\n") + 3
    (twice,) = _found(MAIL, written.replace("subject:", "subject: one\nsubject:", 1))
    assert (twice.code, twice.line, twice.message) == ("twice", 3, "subject stands twice, and the first is not read")
    (unknown,) = _found("messages/xx/dispatched.email.md", written)
    assert (unknown.code, unknown.remedy) == ("locale", "Name it by its language: sv, pt-BR.")
    (miscalled,) = _found("messages/pt_br/dispatched.email.md", written)
    assert (miscalled.message, miscalled.remedy) == ("pt_br is never looked for", "Call the folder pt-BR.")
