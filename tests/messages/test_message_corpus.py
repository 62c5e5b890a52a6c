"""Every template of every brand stands the worst orders there are."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import HOSTILE, LINKS, NOW, PAGE, PERSON, WORST, facts, facts_for
from app.messages.rendering.gsm import fits_gsm
from app.messages.rendering.render import MAX_HTML_BYTES, Renderer
from app.models.facts import Facts, Person
from tests.messages.message_corpus import BRANDS, CHANNELS, TEMPLATES, brand_in_turn

_LEFTOVER = re.compile(r"xjinja|\[\[|\]\]|Undefined|\bNone\b|\bnull\b")
_VOID = {"meta", "img", "br", "hr", "link", "input", "o:allowpng"}


class _Outline(HTMLParser):
    """Which elements stand in a message, what their attributes are, and whether each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.stray: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.stray.append(tag)


def outline(html: str) -> _Outline:
    parsed = _Outline()
    parsed.feed(html)
    parsed.close()
    return parsed


def worst(template: str) -> Iterator[tuple[str, Facts, Person]]:
    """Each of the worst orders as this template meets it."""
    for case, (changed, person) in WORST.items():
        yield case, facts_for(template, **dict(changed)), person


@pytest.mark.parametrize("template", TEMPLATES)
def test_email_stands_the_worst(catalog: Catalog, renderer: Renderer, template: str) -> None:
    """An email is whole, small, links to the parcel and shows nothing raw, whatever the order holds."""
    written = catalog.resolve(brand_in_turn("sv", template), "sv-SE", template, "email")
    for case, told, person in worst(template):
        email = renderer.render_email(written, told, person, LINKS, NOW)
        parsed = outline(email.html)
        assert parsed.open == [] and parsed.stray == [], case
        assert len(email.html.encode()) < MAX_HTML_BYTES, case
        assert 0 < len(email.subject) <= 150 and "\n" not in email.subject and "\r" not in email.subject, case
        assert f'href="{LINKS.parcel}"' in email.html and LINKS.parcel in email.text, case
        for shown in (email.subject, email.html, email.text):
            assert not _LEFTOVER.search(shown), (case, _LEFTOVER.search(shown))
            assert "\x00" not in shown and "\u202e" not in shown, case
        if "hostile" not in case:
            assert not re.search(r"\{[{%]|[%}]\}", email.subject + email.text), case
            assert "&amp;" not in email.text and "&#39;" not in email.text, case


@pytest.mark.parametrize(
    "case", ["no items", "forty items", "four other parcels", "split", "fifty together", "waiting", "nobody sorted it"]
)
@pytest.mark.parametrize("brand", BRANDS)
def test_outlook_sees_whole_tables(catalog: Catalog, renderer: Renderer, brand: str, case: str) -> None:
    """With Outlook's own comments opened, every table, row and cell still closes, whichever parts are left out."""
    changed, person = WORST[case]
    template = catalog.resolve(brand, "en", "delayed", "email")
    html = renderer.render_email(template, facts("delayed", **dict(changed)), person, LINKS, NOW).html
    body = html[html.index("<body") :]
    outlook = re.sub(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", "", body, flags=re.DOTALL)
    outlook = re.sub(r"<!--\[if [^\]]*mso[^\]]*\]>(.*?)<!\[endif\]-->", r"\1", outlook, flags=re.DOTALL)
    assert "<!--[if" not in outlook and outlook.count("<table") > body.count("<table") - body.count("dark-logo")
    parsed = outline(outlook)
    assert parsed.stray == ["html"] and parsed.open == []
    assert set(re.findall(r"vertical-align:top;width:(\d+)px", outlook)) == {"520"}  # as wide as the text, all of them
    assert not re.search(r"</tr>\s*(?!<tr|</tbody|</table|<!--)\S", outlook)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("brand", BRANDS)
def test_sms_stands_the_worst(catalog: Catalog, renderer: Renderer, brand: str, template: str) -> None:
    """An SMS begins with the brand, ends with the link, is one line and costs one segment."""
    compiled = catalog.resolve(brand, "sv-SE", template, "sms")
    for case, told, person in worst(template):
        sms = renderer.render_sms(compiled, told, person, LINKS, NOW)
        assert sms.text.startswith(f"{catalog.brands()[brand].name}: "), case
        assert sms.text.endswith(LINKS.short), case
        assert "\n" not in sms.text and not _LEFTOVER.search(sms.text), case
        assert fits_gsm(sms.text) and sms.segments == 1, (case, len(sms.text), sms.text)


@pytest.mark.parametrize("case", [case for case in WORST if "hostile" in case])
@pytest.mark.parametrize("milestone", ["delivered", "ready_for_pickup", "all_delivered", "exception", "delayed"])
def test_hostile_text_stays_text(catalog: Catalog, renderer: Renderer, milestone: str, case: str) -> None:
    """Markup and Jinja in outside text are shown as letters: no element, no evaluation, no header, no live address."""
    changed, person = WORST[case]
    template = catalog.resolve("fjallhem", "en", milestone, "email")
    email = renderer.render_email(template, facts(milestone, **dict(changed)), person, LINKS, NOW)
    plain = renderer.render_email(template, facts(milestone), PERSON, LINKS, NOW)
    parsed = outline(email.html)
    names = {tag for tag, _ in parsed.tags}
    assert "script" not in names
    assert names <= {tag for tag, _ in outline(plain.html).tags} | {"ul", "li", "h2", "p"}
    assert not [attrs for _, attrs in parsed.tags if any(name.startswith("on") for name in attrs)]
    addresses = [attrs.get(name) or "" for _, attrs in parsed.tags for name in ("href", "src") if name in attrs]
    assert all(address.startswith(("https://", "mailto:")) for address in addresses), addresses
    assert "49" not in email.subject and "Bcc" not in email.subject.splitlines()[1:]


def test_a_strangers_web_address_is_not_passed_on(catalog: Catalog, renderer: Renderer) -> None:
    """A web address in a carrier's words or place would become a link on a phone, so it is left out."""
    hostile = facts("delivered", place="https://evil.example/login", note="see www.evil.example now")
    email = renderer.render_email(catalog.resolve("fjallhem", "en", "delivered", "email"), hostile, PERSON, LINKS, NOW)
    sms = renderer.render_sms(catalog.resolve("fjallhem", "en", "delivered", "sms"), hostile, PERSON, LINKS, NOW)
    assert "evil.example" not in email.html + email.text + email.subject + sms.text


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_same_facts_give_the_same_bytes(catalog: Catalog, template: str, channel: str) -> None:
    """A retry renders what the first try did, in a fresh process's renderer too."""
    compiled = catalog.resolve("fjallhem", "sv-SE", template, channel)
    shots = []
    for _ in range(2):
        renderer = Renderer()
        render = renderer.render_email if channel == "email" else renderer.render_sms
        shots.append(render(compiled, facts_for(template), PERSON, LINKS, NOW))
    assert shots[0] == shots[1]


def test_many_items_are_counted_not_listed(catalog: Catalog, renderer: Renderer) -> None:
    """Of forty things ten are shown and the other thirty are named as a number that leads to the page."""
    changed, person = WORST["forty items"]
    template = catalog.resolve("fjallhem", "en", "out_for_delivery", "email")
    email = renderer.render_email(template, facts(**dict(changed)), person, LINKS, NOW)
    assert "30 more in this parcel" in email.html and "30 more in this parcel" in email.text
    assert "Thing number 9<" in email.html and "Thing number 10<" not in email.html


def test_right_to_left_names_do_not_turn_the_line(catalog: Catalog, renderer: Renderer) -> None:
    """A name written from right to left is isolated, so that the words around it keep their order."""
    changed, person = WORST["right to left"]
    template = catalog.resolve("fjallhem", "en", "out_for_delivery", "email")
    email = renderer.render_email(template, facts(**dict(changed)), person, LINKS, NOW)
    assert email.subject == "Arriving today, 14:00–16:00: \u2068معطف صوف أسود\u2069"


def test_the_corpus_is_hostile_indeed() -> None:
    """The hostile text holds each thing that it is meant to test."""
    assert all(part in HOSTILE for part in ("{{", "{%", "<script>", "\r\n", "\x00", "\u202e", '"', "'"))
    assert len(PAGE) == 26
