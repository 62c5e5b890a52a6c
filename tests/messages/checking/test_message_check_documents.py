"""Faults seeded in a whole MJML document, and in ready blocks, are named with their place."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.findings import Finding
from tests.messages.authoring.test_message_own_mjml import BODY, document
from tests.messages.message_corpus import ROOT

OWN = "messages/en/delivered.email.mjml"


def _found(path: str, text: str) -> list[Finding]:
    catalog = Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: text.encode()})
    return list(check(catalog, "fjallhem", [path], rest=path != OWN).findings)


DOCUMENTS = {
    "a field that is not there": ("{{ carrier }}", "{{ carier }}", "field", "carier"),
    "a call": ("{{ carrier }}", "{{ carrier.upper() }}", "syntax", "{% if carrier"),
    "a field that may be blank": ("With {{ carrier }}", "At {{ place }}", "blank", "place }}"),
    "a script": ("<p>It is", "<script>x</script><p>It is", "unsafe", "<script>"),
    "a handler": ("<a href=", '<a onclick="x" href=', "unsafe", ' onclick'),
    "an unknown tag": ("<mj-button", "<mj-buton", "tag", "mj-buton"),
    "an attribute misspelt": ("<mj-section background-color", "<mj-section padd", "attribute", "padd"),
    "a picture without alt": ("<p>It is", '<img src="https://shop.example/x.png" /><p>It is', "alt", "<img"),
    "an unsafe link": ('href="{{ links.parcel }}">its', 'href="http://shop.example">its', "http", "http://shop.example"),
    "a column left open": ("</mj-column></mj-section>\n    [[", "</mj-section>\n    [[", "balance", "<mj-column>"),
    "grey on the brand's paper": ("<mj-text><h1>", '<mj-text color="#cccccc"><h1>', "contrast", "<mj-text"),
    "grey in a style of its own": ("<p>It is", '<p style="color:#bbbbbb">It is', "contrast", "<p style"),
    "a light ink by day": ("<mj-title>", "<mj-style>.x{color:#ddd;}</mj-style><mj-title>", "contrast", "color:#ddd"),
    "a dark ink by night": (
        "<mj-title>", "<mj-style>@media (prefers-color-scheme: dark) { .x { color: #333333; } }</mj-style><mj-title>",
        "contrast", "color: #333333",
    ),
    "an advertisement first": ("<h1>Hello", "<h1>Big sale", "promotional", "sale"),
    "a text that is not written yet": ("<h1>Hello", "<h1>TODO", "placeholder", "TODO"),
    "no postal address": ("[[ brand.postal_address ]]", "", "postal_address", ""),
    "no way to unsubscribe": ("{{ links.choices | url }}", "https://shop.example", "choices", ""),
    "no link to the parcel": ("{{ links.parcel }}", "https://shop.example", "link", ""),
    "a block that is not there": ("[[ blocks.items ]]", "[[ blocks.itens ]]", "compile", ""),
    "no language": (' lang="[[ locale.name ]]"', "", "lang", "<mjml"),
    "no preheader": ("preheader:", "pre_header:", "compile", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_fault_seeded_in_a_document_is_named(name: str) -> None:
    """An email that is a whole document is asked the same as any other, by its own lines and columns."""
    before, after, code, place = DOCUMENTS[name]
    written = document(BODY)
    assert before in written
    changed = written.replace(before, after) if name == "no link to the parcel" else written.replace(before, after, 1)
    found = [one for one in _found(OWN, changed) if one.code == code]
    assert found and found[0].path == OWN and found[0].remedy and found[0].severity == "error", name
    if place:
        line, column = found[0].line, found[0].column
        assert line and column and changed.split("\n")[line - 1][column - 1 :].startswith(place), str(found[0])


BLOCKS = {
    "a field that is not there": ("items.mjml", "{{ item.", "{{ item.nope }}{{ item.", "field", "item.nope"),
    "a letter's field that is not there": ("items.txt", "{{ item.", "{{ item.nope }}{{ item.", "field", "item.nope"),
    "a tag left open": ("window.mjml", "{% endif %}", "", "syntax", "{"),
    "an unknown tag": ("parcels.mjml", "<mj-table", "<mj-tabel", "tag", "mj-tabel"),
    "an attribute misspelt": ("pickup.mjml", "<mj-column ", '<mj-column pading="0px" ', "attribute", "pading"),
    "a script": ("support.mjml", "<mj-column", "<script>x</script><mj-column", "unsafe", "<script>"),
    "ink on its own ground by day": (
        "details.mjml", "<mj-column", '<mj-column><mj-text color="#dddddd">Hi</mj-text></mj-column><mj-column',
        "contrast", "<mj-text",
    ),
    "a style by day": ("head.mjml", "</mj-style>", ".x { color: #dddddd; }</mj-style>", "contrast", "color: #dddddd"),
    "a style by night": (
        "head.mjml", "</mj-style>", "@media (prefers-color-scheme: dark) { .x { color: #222222; } }</mj-style>",
        "contrast", "color: #222222",
    ),
    "for Outlook by night": (
        "head.mjml", "</mj-style>", "[data-ogsc] .x { color: #222222; }</mj-style>", "contrast", "color: #222222",
    ),
    "an unsafe link": ("button.mjml", "<mj-section", '<!-- http://shop.example --><mj-section', "http", "http://shop.example"),
    "a section left open": ("unsent.mjml", "</mj-section>", "", "balance", "<mj-section"),
    "a shortener in a letter": ("support.txt", "\n", "\nhttps://bit.ly/x\n", "shortener", "bit.ly"),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_a_fault_seeded_in_a_block_is_named(name: str) -> None:
    """A ready block is asked as a layout is, whether a message names it or not."""
    file, before, after, code, place = BLOCKS[name]
    path = f"layouts/blocks/{file}"
    written = (ROOT / path).read_text(encoding="utf-8")
    assert before in written
    changed = written.replace(before, after, 1)
    found = [one for one in _found(path, changed) if one.code == code and one.severity == "error"]
    assert found, name
    line, column = found[0].line, found[0].column
    assert found[0].path == path
    assert line and column and changed.split("\n")[line - 1][column - 1 :].startswith(place), str(found[0])
