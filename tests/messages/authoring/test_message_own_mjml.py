"""One message may be a whole MJML document of its own, within the same walls."""

import re

import pytest

from app.errors import ConfigurationError
from app.messages.base import Template
from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.corpus import LINKS, NOW, PERSON, facts_for
from app.messages.rendering.render import Renderer
from tests.messages.message_corpus import ROOT

OWN = "messages/en/delivered.email.mjml"
FRONT = '---\nsubject: "Here: {{ what }}"\npreheader: It is here.\nbutton: See it\n---\n'
BODY = """<mj-section background-color="[[ light.paper ]]"><mj-column>
      <mj-text><h1>Hello{% if person.first_name %} {{ person.first_name }}{% endif %}</h1>
        <p>It is <b>here</b>, see <a href="{{ links.parcel }}">its page</a>.</p></mj-text>
      <mj-raw>{% if carrier %}</mj-raw><mj-text>With {{ carrier }}</mj-text><mj-raw>{% endif %}</mj-raw>
      <mj-button href="{{ links.parcel }}">Open</mj-button>
    </mj-column></mj-section>
    [[ blocks.items ]]
    <mj-section><mj-column><mj-text css-class="muted">[[ brand.postal_address ]]<br />
      {% if links.choices %}<a href="{{ links.choices | url }}">[[ words.choices ]]</a>{% endif %}
    </mj-text></mj-column></mj-section>"""


def document(body: str = BODY) -> str:
    return (
        f'{FRONT}<mjml lang="[[ locale.name ]]">\n  <mj-head><mj-title>Unseen</mj-title>[[ blocks.head ]]</mj-head>\n'
        f"  <mj-body>\n    {body}\n  </mj-body>\n</mjml>\n"
    )


def saved(catalog: Catalog, text: str) -> Template:
    return catalog.over("fjallhem", {OWN: text.encode()}).resolve("fjallhem", "en", "delivered", "email")


def test_it_wins_over_markdown_and_its_letter_is_its_visible_words(catalog: Catalog, renderer: Renderer) -> None:
    """The document is sent, blocks and brand in it; the plain text is what it shows, links with their address."""
    template = saved(catalog, document())
    email = renderer.render_email(template, facts_for("delivered"), PERSON, LINKS, NOW)
    assert email.subject.startswith("Here: ") and "<b>here</b>" in email.html and 'lang="en"' in email.html
    assert 'class="tile' in email.html and "prefers-color-scheme" in email.html
    assert f"It is here, see its page: {LINKS.parcel}." in email.text
    assert f"\nOpen: {LINKS.parcel}\n" in email.text and "\nWith DHL\n" in email.text
    assert (
        "In this parcel:\n- Vindpil shell jacket\n- Enamel mug\n" in email.text
        and "Unseen" not in email.text
        and "color-scheme" not in email.text
    )
    assert "Storgatan 12" in email.text and LINKS.choices in email.text and "List-Unsubscribe" in email.headers


def test_the_check_reads_it(catalog: Catalog) -> None:
    """A good document has no findings of weight; the Markdown beside it is read but not sent."""
    report = check(catalog.over("fjallhem", {OWN: document().encode()}), "fjallhem", [OWN])
    assert [one for one in report.findings if one.severity == "error"] == []
    bad = document(BODY.replace("[[ brand.postal_address ]]", ""))
    report = check(catalog.over("fjallhem", {OWN: bad.encode()}), "fjallhem", [OWN])
    assert {one.code for one in report.findings if one.severity == "error"} == {"postal_address"}
    pale = document().replace(' css-class="muted"', "")
    found = check(catalog.over("fjallhem", {OWN: pale.encode()}), "fjallhem", [OWN]).errors
    assert [(one.code, one.path, "in dark mode" in one.message) for one in found] == [("hidden", OWN, True)] * 2


def test_a_message_may_be_mjml_only(catalog: Catalog) -> None:
    """Rules may name a message that stands as a document alone."""
    over = catalog.over("fjallhem", {"messages/en/hello.email.mjml": document().encode()})
    assert ("hello", "email") in over.keys("fjallhem")
    assert over.resolve("fjallhem", "en", "hello", "email").key == "hello"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<mj-include path="./x.mjml" />', r"line 9: a mail cannot hold the element mj-include"),
        ("<mj-text><script>x</script></mj-text>", r"line 9: .*script"),
        ("<mj-raw><scr{# a #}ipt>x</scr{# b #}ipt></mj-raw>", r"line 9: .*script"),
        ('<mj-raw>{{ "{#" }}<scr{# #}ipt>x</scr{# #}ipt></mj-raw>', r".*script"),
        ("<mj-raw>\n<iframe src='https://x.example'></iframe></mj-raw>", r"line 10: .*iframe"),
        ("<mj-text><form></form></mj-text>", r"line 9: .*form"),
        ('<mj-text><p onclick="x()">x</p></mj-text>', r"line 9: .*onclick"),
        ('<mj-button href="javascript:x()">x</mj-button>', r"line 9: .*would run something"),
        ("<mj-sectoin></mj-sectoin>", r"line 9: MJML knows no tag 'mj-sectoin', did you mean mj-section\?"),
        ("<mj-text>{{ order.nummer }}</mj-text>", r"line 9, column \d+: .*order\.number"),
        ("<mj-text>[[ brand.nmae ]]</mj-text>", r"'nmae'"),
        ("<mj-text>[[ blocks.nothing ]]</mj-text>", r"there is no .*blocks/nothing\.mjml"),
        ("<mj-text>{% include 'x' %}</mj-text>", r"other files cannot be pulled in"),
    ],
)
def test_what_a_mail_may_not_hold_is_refused_with_its_line(catalog: Catalog, body: str, said: str) -> None:
    """Other files, scripts, forms, handlers, addresses that run, unknown tags, fields and blocks."""
    with pytest.raises(ConfigurationError, match=r"delivered\.email\.mjml.*") as caught:
        saved(catalog, document(body))
    assert caught.match(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<mjml></mjml>", "there is no front matter"),
        ("---\nsubject: a\npreheader: b\n---\nHello", r"line 5: there is no <mjml>"),
        ("---\nsubject: a\n---\n<mjml></mjml>", "preheader"),
        ("---\nsubject: a\npreheader: b\nheadline: c\n---\n<mjml></mjml>", "The fields are subject, preheader, button"),
    ],
)
def test_a_document_without_its_front_is_refused(catalog: Catalog, text: str, said: str) -> None:
    """Front matter is needed, with the fields that a document of its own has."""
    with pytest.raises(ConfigurationError, match=said):
        saved(catalog, text)


def test_the_examples_of_the_docs_hold(catalog: Catalog) -> None:
    """What docs/templates.md shows can be published as it stands."""
    docs = (ROOT.parent / "docs/templates.md").read_text(encoding="utf-8")
    mjml, markdown = re.findall(r"```html\n(.*?)```", docs, re.S), re.findall(r"```markdown\n(---.*?)```", docs, re.S)
    assert len(mjml) == len(markdown) == 1
    for path, text in ((OWN, mjml[0]), (OWN.replace(".mjml", ".md"), markdown[0])):
        report = check(catalog.over("fjallhem", {path: text.encode()}), "fjallhem", [path])
        assert report.errors == ()
