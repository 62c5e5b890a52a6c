"""What hostile templates try, and that each is refused or harmless, soon."""

import re
from typing import Any

import pytest

from app.messages.authoring.wording import read_words
from app.messages.base import NotRenderable, Template
from app.messages.checking.corpus import LINKS, NOW, PERSON, facts
from app.messages.rendering.render import Renderer
from app.messages.rendering.sandbox import HTML, TEXT, Refused, check_source
from app.messages.shelf import Shelf
from tests.messages.message_corpus import ROOT


@pytest.fixture(scope="module")
def words() -> dict[str, Any]:

    return read_words(Shelf(ROOT, "fjallhem"), "en")


def _sms(words: dict[str, Any], source: str) -> str:
    parts = {"text": source, "sender": None, "words": words, "brand": {"name": "Shop"}}
    template = Template("dispatched", "sms", "en", source.encode()[:32].ljust(32), parts)
    return Renderer().render_sms(template, facts("dispatched"), PERSON, LINKS, NOW).text


REFUSED_WHEN_READ = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ order.items() }}",
    "{{ lipsum() }}",
    "{{ range(10**9) }}",
    "{{ 10 ** 100 }}",
    "{{ 'a' * 10 ** 9 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 'a' ~ 'b' }}",
    "{{ 'x' | center(1000000000) }}",
    "{{ 'x' | format('y') }}",
    "{{ order | attr('number') }}",
    "{{ parcel | tojson }}",
    "{{ items | map('upper') }}",
    "{{ '<b>' | safe }}",
    "{{ {'a': 1} }}",
    "{{ [order, order] }}",
    "{% set a = 'x' %}{% set b %}{{ a }}{{ a }}{% endset %}{{ b }}",
    "{% set a = order.number %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "{% macro m() %}{{ m() }}{% endmacro %}",
    "{% include 'secrets' %}",
    "{% import 'os' as os %}",
    "{% extends 'layout' %}",
    "{% filter upper %}a{% endfilter %}",
    "{% for a in items recursive %}{{ a.name }}{% endfor %}",
    "{% for a in items %}{% for b in items %}{% for c in items %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% if order is mapping %}x{% endif %}",
    "{{ unclosed",
    "x" * 200_001,
]


@pytest.mark.parametrize("source", REFUSED_WHEN_READ, ids=lambda source: source[:40])
def test_refused_as_soon_as_it_is_read(words: dict[str, Any], source: str) -> None:
    """A template that calls, multiplies, includes or nests is refused before anything runs, at save and at load."""
    for environment in (HTML, TEXT):
        with pytest.raises(Refused):
            check_source(environment, source)
    with pytest.raises(NotRenderable, match="Template dispatched"):
        _sms(words, source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x\n{% autoescape false %}{{ what }}{% endautoescape %}", "line 2: escaping cannot be turned off"),
        ("x\n{% trans %}x{% endtrans %}", "line 2: Encountered unknown tag 'trans'; mend the tag"),
    ],
)
def test_the_line_and_the_remedy_are_told(source: str, said: str) -> None:
    """Also of tags that Jinja keeps no line of, and of those that it does not know."""
    with pytest.raises(Refused, match=re.escape(said)):
        check_source(HTML, source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ order.nmber }}", "nmber"),
        ("{{ ordr.number }}", "ordr"),
        ("{{ parcel.service }}", "empty value"),
        ("{{ parcel }}", "only text and numbers"),
        ("{{ items }}", "only text and numbers"),
        ("{{ order.number.__class__ }}", "no field called '__class__'"),
        ("{{ order.number.upper }}", "upper"),
        ("{{ order['keys'] }}", "keys"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ [1, 2] | join(order) }}", "only text and numbers"),
        ("{{ 999999999999 + 999999999999 }}", "grew past all use"),
        ("{{ order.number + 1 }}", "works on numbers"),
        ("{% for a in items %}{% for b in items %}" + "x" * 900 + "{% endfor %}{% endfor %}", "longer than"),
        ("   ", "it comes out empty"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refused_when_it_runs(words: dict[str, Any], source: str, said: str) -> None:
    """A field that is not there, an empty one, a group, a growing value or endless output ends as NotRenderable."""
    with pytest.raises(NotRenderable) as caught:
        _sms(words, source)
    assert "Template dispatched (sms, en), text: " in str(caught.value) and said in str(caught.value)


def test_a_name_after_a_dot_is_a_key_and_never_a_method(words: dict[str, Any]) -> None:
    """`parcel.items` is the list of things, though a mapping has a method of that name."""
    assert (
        _sms(words, "{{ parcel.items | length }} things: {{ parcel.items[0].name }}")
        == "2 things: Vindpil shell jacket"
    )


def test_what_templates_need_is_there(words: dict[str, Any]) -> None:
    """Loops, choices, defaults and the few filters work."""
    source = (
        "{% for item in items %}{{ loop.index }}{{ item.name | upper | shorten(4) }}"
        "{% if not loop.last %}, {% endif %}{% endfor %} {{ parcel.service | default('x', true) }}"
        "{% if parcel.direction in ['outbound'] %} out{% endif %} {{ [1, 2] | join('-') }} {{ 2 + 3 }}"
    )
    assert _sms(words, source) == "1VIN..., 2ENA... x out 1-2 5"


def test_dates_times_and_sums_are_said_to_the_shopper(words: dict[str, Any]) -> None:
    """The three filters on the facts' own values speak in the shopper's zone and customs."""
    source = "{{ order.placed_at | day }}, {{ order.placed_at | time }}, {{ promise.on | day }}, "
    source += "{{ order.total_minor | money(order.currency) }}"
    assert _sms(words, source) == "Friday 20 November, 09:30, yesterday, 4 195,00 kr"


@pytest.mark.parametrize("source", ["{{ order.number | day }}", "{{ promise.on | time }}", "{{ 'x' | money('SEK') }}"])
def test_what_is_no_date_time_or_sum_is_refused(words: dict[str, Any], source: str) -> None:
    """A filter on a value of another kind ends as NotRenderable."""
    with pytest.raises(NotRenderable, match="Template dispatched"):
        _sms(words, source)


def test_an_address_from_a_value_must_be_one() -> None:
    """The `url` filter lets web, mail and phone addresses through and nothing else."""
    source = HTML.from_string("{{ a | url }}|{{ b | url }}|{{ c | url }}")
    shown = source.render(a="https://x.example/?a=1&b=2", b="javascript:alert(1)", c=" data:text/html,x")
    assert shown == "https://x.example/?a=1&amp;b=2||"


def test_the_renderer_remembers_only_so_many(words: dict[str, Any]) -> None:
    """Templates that were read are kept up to a bound, the latest used last to go."""
    renderer = Renderer(remember=3)
    for number in range(10):
        parts = {"text": f"n{number}", "sender": None, "words": words, "brand": {"name": "Shop"}}
        template = Template("dispatched", "sms", "en", bytes([number]) * 32, parts)
        renderer.render_sms(template, facts("dispatched"), PERSON, LINKS, NOW)
    assert list(renderer._ready) == [bytes([number]) * 32 for number in (7, 8, 9)]
