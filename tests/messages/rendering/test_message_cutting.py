"""A source that is read in pieces says what it says as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.messages.authoring.markup import Tags
from app.messages.catalog import Catalog
from app.messages.checking.blanks import Watching
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, facts_for
from app.messages.rendering.cutting import cut, has_tag
from app.messages.rendering.sandbox import HTML, TEXT, Refused, Sandbox, parsed, sections
from app.messages.rendering.view import fields
from tests.messages.message_corpus import ROOT

CATALOG = Catalog(ROOT, PUBLIC_URL)
FIELDS = fields(CATALOG.resolve("fjallhem", "en", "delayed", "email"), facts_for("delayed"), PERSON, LINKS, NOW)


def _told(environment: Sandbox, source: str) -> str:
    return "".join(environment.ready(source).generate(FIELDS))


@pytest.mark.parametrize("key", ["delayed", "all_delivered"])
def test_a_mail_in_pieces_is_the_mail(key: str) -> None:
    """Each part of a shipped mail is cut, and comes out letter for letter as the sender makes it."""
    parts = CATALOG.resolve("fjallhem", "de", key, "email").parts
    for name, environment, autoescape in (("html", HTML, True), ("text", TEXT, False), ("subject", TEXT, False)):
        assert "".join(cut(parts[name])) == parts[name]
        assert _told(Watching(autoescape), parts[name]) == _told(environment, parts[name])
    assert sum(map(has_tag, cut(parts["html"]))) > 10


TAGS = ("{{ what }}", "{% if carrier %}", "{% else %}", "{% endif %}", "{% for item in items %}", "{% endfor %}",
        "{{ carrier or 'it}' }}", '{{ "{{" }}', "{%- if what %}", "{{ what -}}", "{# no #}")  # fmt: skip
AROUND = (" ", "\n", "\n\n", "  \n  ", "a", "<b>", "\r\n", "{", "}", "w" * 250)


@given(st.lists(st.sampled_from((*TAGS, *TAGS[:6], *AROUND)), max_size=24).map("".join))
def test_spaces_and_lines_around_a_tag_stay(source: str) -> None:
    """Whatever stands beside a tag, and wherever it ends: in pieces as in one; what is refused is so with its line."""
    assert "".join(cut(source)) == source
    try:
        whole = parsed(TEXT, source)
    except Refused as error:
        with pytest.raises(Refused) as told:
            sections(TEXT, source)
        assert str(told.value) == str(error)
        return
    assert _told(Watching(autoescape=False), source) == "".join(TEXT.from_string(whole).generate(FIELDS))


def test_bounds_hold_for_all_pieces_together() -> None:
    """Loops that are short enough one by one, and together are not, are refused as in one."""
    two = "{% for item in items %}{% for step in journey %}" + "{{ what }}." * 60 + "{% endfor %}{% endfor %}\n"
    assert len(sections(TEXT, two * 2)) > 1
    with pytest.raises(Refused, match="steps"):
        sections(TEXT, two * 20)


@given(st.lists(st.sampled_from((*TAGS, *TAGS[:6], *AROUND)), max_size=12).map("".join))
def test_a_tag_is_found_as_the_lexer_finds_it(source: str) -> None:
    """Where the ends of all tags are plain to see, what is hidden is what it is beside a tag that needs the lexer."""
    quick, slow = Tags(), Tags()
    try:
        hidden = slow.hide(f"{{# slow #}}.{source}.")
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:4]):
            quick.hide(f".{source}.")
        return
    assert quick.hide(f".{source}.") == hidden and quick.show(hidden) == slow.show(hidden)
