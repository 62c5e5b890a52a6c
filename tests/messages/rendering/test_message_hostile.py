"""What a hostile hand could put into a brand's files: each is refused at save, or ends within its bounds."""

import time

import pytest

from app.errors import ConfigurationError
from app.messages.base import NotRenderable, Template
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, WORST, facts_for
from app.messages.rendering.render import MAX_SMS_SEGMENTS, MAX_SUBJECT, Renderer

SMS = "messages/en/delivered.sms.txt"
MAIL = "messages/en/delivered.email.md"
LAYOUT = "layouts/parcel.mjml"
DETAILS = "layouts/blocks/details.mjml"
WORDS = "messages/en/words.yaml"
SECONDS = 8.0
"""Far above what any takes; a bomb takes minutes."""


def saved(catalog: Catalog, path: str, text: str) -> Template:
    """The template that the files make once `text` is published at a path."""
    channel = "sms" if path == SMS else "email"
    return catalog.over("fjallhem", {path: text.encode()}).resolve("fjallhem", "en", "delivered", channel)


def mail(catalog: Catalog, body: str = "", **front: str) -> str:
    """The shipped email with another body, or other lines above it, given as YAML."""
    shipped = catalog.shelf("fjallhem").file(MAIL).text  # type: ignore[union-attr]
    _, head, text = shipped.split("---\n", 2)
    lines = [line for line in head.splitlines() if line.split(":")[0] not in front]
    lines += [f"{name}: {line}" for name, line in front.items()]
    return "---\n" + "\n".join(lines) + "\n---\n" + (body or text)


SOURCES = {
    "dunder": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "dunder of a field": "{{ order.__class__ }}",
    "dunder in brackets": "{{ order['__class__'] }}",
    "dunder by number": "{{ order[0].__init__ }}",
    "attr": "{{ order | attr('__class__') }}",
    "attr of map": "{{ items | map(attribute='__class__') | list }}",
    "format": "{{ '%s' | format(order) }}",
    "format by call": "{{ '{0.__class__}'.format(order) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "text times number": "{{ 'a' * 1000000000 }}",
    "number times number": "{{ 999999999 * 999999999 * 999999999 }}",
    "number of a million digits": "{{ " + "9" * 1_900 + " }}",
    "huge exponent": "{{ 1e400 }}",
    "range": "{% for a in range(1000000000) %}x{% endfor %}",
    "three loops": "{% for a in items %}{% for b in items %}{% for c in items %}x" + "{% endfor %}" * 3,
    "two loops in a message": "{% for a in items %}{% for b in items %}x{% endfor %}{% endfor %}",
    "recursive loop": "{% for a in items recursive %}{{ loop(items) }}{% endfor %}",
    "loop over letters": "{% for a in 'abc' %}{{ a }}{% endfor %}",
    "loop over a sum": "{% for a in items + items %}x{% endfor %}",
    "loop that hides a field": "{% for order in items %}{{ order.name }}{% endfor %}",
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "call block": "{% call m() %}x{% endcall %}",
    "caller": "{{ caller() }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "from": "{% from 'os' import system %}",
    "extends": "{% extends 'parcel.mjml' %}",
    "block and super": "{% block a %}{{ super() }}{% endblock %}",
    "self": "{{ self._TemplateReference__context }}",
    "self called": "{{ self.a() }}",
    "namespace": "{% set ns = namespace(a='x') %}{{ ns.a }}",
    "set": "{% set a = order.number %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "set block": "{% set a %}x{% endset %}{{ a }}",
    "with": "{% with a = 'x' %}{{ a }}{% endwith %}",
    "cycler": "{{ cycler('a', 'b').next() }}",
    "joiner": "{{ joiner(', ')() }}",
    "lipsum": "{{ lipsum(n=100000) }}",
    "dict": "{{ dict(a=1) }}",
    "mapping": "{{ {'a': {'a': 1}} }}",
    "i18n": "{% trans %}x{% endtrans %}",
    "do": "{% do items.append(1) %}",
    "autoescape": "{% autoescape false %}{{ note }}{% endautoescape %}",
    "safe": "{{ note | safe }}",
    "filter block": "{% filter upper %}x{% endfilter %}",
    "raw": "{% raw %}{{ x }}{% endraw %}",
    "tojson": "{{ order | tojson }}",
    "pprint": "{{ order | pprint }}",
    "center": "{{ 'x' | center(1000000000) }}",
    "indent": "{{ 'x' | indent(1000000000) }}",
    "wordwrap": "{{ note | wordwrap(1) }}",
    "replace": "{{ note | replace('', 'aaaa') }}",
    "batch": "{{ items | batch(1000000000, 'x') | list }}",
    "slice": "{{ order.number[::-1] }}",
    "tilde": "{{ note ~ note }}",
    "context": "{{ speech.words.today }}",
    "underscore": "{{ _blank_prints }}",
    "unknown test": "{% if order is mapping %}x{% endif %}",
    "parentheses": "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
    "not not not": "{% if " + "not " * 400 + "many %}x{% endif %}",
    "minus minus": "{{ " + "-" * 1_500 + "1 }}",
    "plus chain": "{{ " + "count + " * 200 + "1 }}",
    "brackets": "{{ " + "[" * 900 + "]" * 900 + " }}",
    "filter chain": "{{ note" + " | upper" * 200 + " }}",
    "either chain": "{{ " + "a if many else " * 100 + "a }}",
    "ifs": "{% if many %}" * 300 + "x" + "{% endif %}" * 300,
    "elifs": "{% if many %}x" + "{% elif many %}x" * 3_000 + "{% endif %}",
    "dots": "{{ order" + ".number" * 250 + " }}",
    "list of thousands": "{{ [" + "1," * 900 + "1] | join }}",
    "urlencode chain": "{{ note" + " | urlencode" * 60 + " }}",
    "default with a call": "{{ note | default(range(9)) }}",
    "default that stacks": "{{ note | default(note | default(note, true) + note, true) }}",
    "star arguments": "{{ note | default(*items) }}",
    "many tags": "{{ count }}" * 3_000,
    "ten million letters": "x" * 10_000_000,
    "never closed": "{{ order.number ",
    "never ended": "{% if many %}x",
    "openers": "{{" * 5_000,
    "comments": "{#" * 5_000,
    "quotes": "{{ '" + "'\"" * 600 + " }}",
    "bad escape": "{{ '\\x' }}",
    "no such letter": "{{ '\\N{NO SUCH}' }}",
    "look-alike name": "{{ \u043erder.number }}",
    "full-width dunder": "{{ order.\uff3f\uff3fclass\uff3f\uff3f }}",
    "null": "{{ order.number\x00 }}",
    "typing mistake": "{{ order.nummber }}",
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_hostile_source_is_refused_when_it_is_saved(catalog: Catalog, source: str) -> None:
    """As an SMS and as an email's body: refused with a sentence, soon."""
    started = time.process_time()
    for path, text in ((SMS, source), (MAIL, mail(catalog, source))):
        with pytest.raises(ConfigurationError) as caught:
            saved(catalog, path, text)
        assert len(str(caught.value)) < 1_000
    assert time.process_time() - started < SECONDS


RUN = {
    "join grows": "{{ pickup.hours | join(note) }}{{ ['a', 'b'] | join('" + "x" * 1_900 + "') }}",
    "round": "{{ 2 | round(999999999, 'ceil') }}",
    "round by places": "{{ count | round(999999999) }} it is there",
    "shorten": "{{ note | shorten(999999999) }} it is there",
    "int": "{{ '" + "9" * 1_500 + "' | int }}",
    "division by nothing": "{{ count / (count - count) }}",
    "divisible by nothing": "{% if count is divisibleby(0) %}x{% endif %}",
    "sums": "{{ 999999999999 + 999999999999 }}",
    "a group": "{{ order }}",
    "a list": "{{ items }}",
    "a loop inside": "{{ loop }}",
    "long text": "it is there " * 300,
    "line statements": "# for a in items\n{{ order.number }}\n## x",
    "a default": "{{ note | default('" + "x" * 1_900 + "', true) }} it is there",
    "hidden letters": "it is there \u202e\u2066\u200b{{ order.number }}",
    "tags that a field brings": "it is there {{ note }} {{ place }}",
}


@pytest.mark.parametrize("source", RUN.values(), ids=list(RUN))
def test_what_can_be_saved_ends_within_its_bounds(catalog: Catalog, renderer: Renderer, source: str) -> None:
    """Refused at save, or for each of the worst orders an SMS of bounded length or a refusal, soon."""
    started = time.process_time()
    try:
        template = saved(catalog, SMS, source)
    except ConfigurationError:
        return
    for changed, person in WORST.values():
        try:
            sms = renderer.render_sms(template, facts_for("delivered", **changed), person, LINKS, NOW)
        except NotRenderable:
            continue
        assert sms.segments <= MAX_SMS_SEGMENTS and "49" not in sms.text
    assert time.process_time() - started < SECONDS


LINKS_TRIED = [
    "javascript:alert(1)", "java\tscript:alert(1)", "JaVaScRiPt:alert(1)", "&#106;avascript:alert(1)",
    "java{% if count %}script:alert(1){% endif %}", "{% if count %}javascript:alert(1){% endif %}",
    "{{ place }}javascript:alert(1)", "java{{ '' }}script:alert(1)", "data:text/html,x", "vbscript:x", "{{ note }}:x",
    "//{{ place }}",
]  # fmt: skip


@pytest.mark.parametrize("address", LINKS_TRIED)
def test_no_link_of_a_message_runs(catalog: Catalog, renderer: Renderer, address: str) -> None:
    """A link that would run something is refused, or is left as letters; none comes out as an address."""
    try:
        template = saved(catalog, MAIL, mail(catalog, f"[Look]({address}) and <a href='{address}'>here</a>"))
    except ConfigurationError:
        return
    for changed, person in WORST.values():
        html = renderer.render_email(template, facts_for("delivered", **changed), person, LINKS, NOW).html.lower()
        assert (
            'href="java' not in html and 'href="data' not in html and 'href="vb' not in html and "<a href='" not in html
        )


MARKDOWN = {
    "script": "<script>alert(1)</script>",
    "picture": '<img src=x onerror="alert(1)">',
    "cut script": "<scr{{ '' }}ipt>alert(1)</script>",
    "script by a value": "<{{ 'script' }}>alert(1)</{{ 'script' }}>",
    "comment": "<!-- [if mso]><script>alert(1)</script><![endif] -->",
    "mjml": "<mj-raw><script>alert(1)</script></mj-raw>",
    "layout's tags": "[[ brand.name ]] [% include 'x' %]",
}


@pytest.mark.parametrize("body", MARKDOWN.values(), ids=list(MARKDOWN))
def test_markup_in_a_message_is_letters(catalog: Catalog, renderer: Renderer, body: str) -> None:
    """A message's own text makes no element, however it is written."""
    try:
        template = saved(catalog, MAIL, mail(catalog, body))
    except ConfigurationError:
        return
    html = renderer.render_email(template, facts_for("delivered"), WORST["hostile"][1], LINKS, NOW).html.lower()
    assert "<script" not in html and "<img src=x" not in html


BOMBS = {
    "brackets": "[" * 19_000,
    "links in links": "[a](" * 4_500,
    "stars": "*a_" * 6_000,
    "ticks": "".join("`" * number + " " for number in range(1, 180)),
    "quotes": "> " * 9_000 + "a",
    "lists": "".join(" " * number + "- a\n" for number in range(190)),
    "angles": "<" * 19_000,
    "entities": "&" * 19_000,
    "stand-ins": "xjinja0x " * 100,
    "spaces": " " * 19_000 + "{% if many %}x{% endif %}",
    "long": "word " * 5_000,
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=list(BOMBS))
def test_markdown_that_takes_long_elsewhere_ends(catalog: Catalog, body: str) -> None:
    """Shapes that make readers of Markdown take quadratic time are read or refused soon."""
    started = time.process_time()
    try:
        saved(catalog, MAIL, mail(catalog, body))
    except ConfigurationError as error:
        assert len(str(error)) < 1_000
    assert time.process_time() - started < SECONDS


LAYOUTS = {
    "script": "<mj-raw><script>alert(1)</script></mj-raw>",
    "script in a text": "<mj-section><mj-column><mj-text><ScRiPt>alert(1)</sCrIpT></mj-text></mj-column></mj-section>",
    "script by a value": "<mj-raw><{{ 'script' }}>alert(1)</{{ 'script' }}></mj-raw>",
    "script by the brand": "<mj-raw><[[ 'script' ]]>alert(1)</[[ 'script' ]]></mj-raw>",
    "frame": "<mj-raw><iframe src='https://x.example'></iframe></mj-raw>",
    "form": "<mj-raw><form action='https://x.example'></form></mj-raw>",
    "drawing": "<mj-raw><svg onload=alert(1)></svg></mj-raw>",
    "handler": '<mj-raw><p onclick="alert(1)">x</p></mj-raw>',
    "handler by a value": "<mj-raw><p {{ note }}>x</p></mj-raw>",
    "refresh": '<mj-raw><meta http-equiv="refresh" content="0;url=https://x.example" /></mj-raw>',
    "running link": '<mj-raw><a href="javascript:alert(1)">x</a></mj-raw>',
    "running link in parts": '<mj-raw><a href="java&Tab;script:alert(1)">x</a></mj-raw>',
    "any link": '<mj-raw><a href="{{ note }}">x</a></mj-raw>',
    "any picture": '<mj-raw><img src="{{ order.number }}" alt="" /></mj-raw>',
    "another file": '<mj-include path="/etc/passwd" />',
    "unbalanced": "<mj-section><mj-column>",
    "closed twice": "</mj-section></mj-wrapper>",
    "depth": "<mj-raw>" + "<div>" * 20_000 + "</div>" * 20_000 + "</mj-raw>",
    "sections in depth": "<mj-section>" * 15_000,
    "openers": "<" * 50_000,
    "attributes": "<p " + " onx" * 20_000,
    "layout's own loop": "[% for a in [1, 2] %][% for b in [1, 2] %][% for c in [1, 2] %]x[% endfor %][% endfor %]" * 9,
    "layout's call": "<mj-raw>[[ brand.__class__.mro() ]]</mj-raw>",
    "unknown field": "<mj-raw>{{ order.nummber }}</mj-raw>",
}


@pytest.mark.parametrize("piece", LAYOUTS.values(), ids=list(LAYOUTS))
def test_a_hostile_layout_is_refused(catalog: Catalog, piece: str) -> None:
    """A layout's MJML holds no script, no other file, no address that runs, and has its bounds."""
    shipped = catalog.shelf("fjallhem").file(LAYOUT).text  # type: ignore[union-attr]
    started = time.process_time()
    with pytest.raises(ConfigurationError):
        _with_layout(catalog, shipped.replace("</mj-body>", f"{piece}</mj-body>"))
    assert time.process_time() - started < SECONDS


def _with_layout(catalog: Catalog, text: str) -> Template:
    return catalog.over("fjallhem", {LAYOUT: text.encode()}).resolve("fjallhem", "en", "delivered", "email")


@pytest.mark.parametrize(
    "yaml",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "states: " + "[" * 3_000,
        "today: !!python/object/apply:os.system ['true']",
        "x: " + "9" * 9_000,
        "fallbacks:\n  carrier: '{{ speech }}'",
        "fallbacks:\n  carrier: 'x\" ~ speech ~ \"'",
        "fallbacks:\n  carier: the carrier",
        "fallbacks:\n  items[].name: thing",
        "fallbacks: x",
    ],
)
def test_hostile_words_are_refused(catalog: Catalog, yaml: str) -> None:
    """Anchors that double, depth, types and tags in words are refused before they are used."""
    shipped = catalog.shelf("fjallhem").file(WORDS).text.split("# What is printed")[0]  # type: ignore[union-attr]
    changed = catalog.over("fjallhem", {WORDS: f"{shipped}\n{yaml}\n".encode()})
    with pytest.raises(ConfigurationError, match=r"words\.yaml"):
        changed.resolve("fjallhem", "en", "delivered", "sms")


def test_a_subject_never_holds_a_line_end(catalog: Catalog, renderer: Renderer) -> None:
    """Whatever is written and whatever fields hold: one line, bounded, and no header of its own."""
    text = mail(catalog, subject='"A\\r\\nBcc: all@evil.example {{ note }} {{ person.name }}\\u2028{{ order.number }}"')
    template = saved(catalog, MAIL, text)
    for changed, person in WORST.values():
        sent = renderer.render_email(template, facts_for("delivered", **changed), person, LINKS, NOW)
        assert len(sent.subject.splitlines()) == 1 and len(sent.subject) <= MAX_SUBJECT
        assert all(len(line.splitlines()) == 1 for line in sent.headers.values())


def test_a_fault_is_told_where_it_was_written(catalog: Catalog) -> None:
    """Line and column of the message's file, also of what is wrong in its front matter or its layout."""
    with pytest.raises(ConfigurationError, match=r"delivered\.email\.md, line \d+, column 10: .*'order.nummber'"):
        saved(catalog, MAIL, mail(catalog, "One\n\nOrder {{ order.nummber }}"))
    with pytest.raises(ConfigurationError, match=r"details\.mjml, line \d+, column \d+: .*'order.nummber'"):
        text = catalog.shelf("fjallhem").file(DETAILS).text.replace("order.number", "order.nummber")  # type: ignore[union-attr]
        catalog.over("fjallhem", {DETAILS: text.encode()}).resolve("fjallhem", "en", "delivered", "email")
    with pytest.raises(ConfigurationError, match=r"body, line 12: there is no filter called 'centre'"):
        saved(catalog, MAIL, mail(catalog, "One\n\n{{ order.number | centre }}"))
