"""Words of an advertisement are an error before the order's facts, wherever they stand."""

import pytest

from app.messages.checking.advertising import of_advertising
from app.messages.checking.findings import Finding
from app.messages.shelf import File

FRONT = '---\nsubject: "On its way: {{ what }}"\npreheader: It left us.\n---\n'
WORDS = {
    "en": "Everything is on sale",
    "sv": "Allt är på rea, med rabattkod",
    "de": "Jetzt kaufen und sparen",
    "fr": "Les soldes sont là",
    "es": "Las rebajas están aquí",
    "nl": "Met hoge korting",
}


def _found(text: str, channel: str = "email", language: str = "en") -> list[Finding]:
    file = File(f"messages/{language}/own.{channel}.md", "own", text.encode(), "published")
    return list(of_advertising(file, channel, language))


@pytest.mark.parametrize("language", WORDS)
def test_before_the_facts_it_is_an_error(language: str) -> None:
    """In each language the word is named, with its line and column in the text."""
    found = _found(f"{FRONT}Hello.\n{WORDS[language]}.\n\nIt comes {{{{ when.text }}}}.\n", language=language)
    assert found and {(one.severity, one.code, one.line) for one in found} == {("error", "promotional", 6)}
    assert "before the order's facts" in found[0].message and "Tell the facts first" in found[0].remedy
    assert WORDS[language].lower()[found[0].column - 1 :].startswith(found[0].about)


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("fact", ["It comes {{ when.text }}.", "::: items", "{{ (place or 'here') }}"])
def test_after_the_facts_it_is_fine(language: str, fact: str) -> None:
    """A field or a ready block that tells of the order is enough."""
    assert _found(f"{FRONT}{fact}\n\n{WORDS[language]}.\n", language=language) == []


@pytest.mark.parametrize(
    "no_fact", ["{{ brand.name }}", "{{ person.first_name }}", "::: button", "{% if when.known %}"]
)
def test_what_tells_nothing_of_the_order_is_no_fact(no_fact: str) -> None:
    """A greeting, a button or a question does not make room for an advertisement."""
    assert [one.severity for one in _found(f"{FRONT}{no_fact}\n\nEverything is on sale.\n")] == ["error"]


def test_a_line_above_the_text_holds_facts_only() -> None:
    """Before the line's fact it is an error, after it a warning that somebody may accept."""
    found = _found('---\nsubject: "20 % off: {{ what }}"\nlead: "{{ what }} and a voucher."\n---\nHi.\n')
    assert [(one.severity, one.line, one.about) for one in found] == [("error", 2, "% off"), ("warning", 3, "voucher")]


def test_an_sms_is_judged_the_same() -> None:
    """Its brand is no fact."""
    (one,) = _found("{{ brand.name }}: Big sale! {{ what }} left us.", "sms")
    (two,) = _found("{{ brand.name }}: {{ what }} left us. Big sale! {{ links.short }}", "sms")
    assert (one.severity, two.severity) == ("error", "warning")


def test_a_document_is_judged_by_what_it_shows() -> None:
    """Style sheets, elements and addresses advertise nothing."""
    hidden = '<mj-style>.sale { color: #000; }</mj-style><mj-text css-class="sale">'
    before = f'{FRONT}<mjml>{hidden}<a href="https://shop.example/sale">Here</a> [[ blocks.head ]] '
    assert _found(f"{before} [[ blocks.items ]] sale") == []
    (one,) = _found(f"{before} A deal [[ blocks.items ]] sale")
    assert (one.severity, one.about) == ("error", "deal")


@pytest.mark.parametrize("word", ["wholesale", "Salesforce", "dealt", "offering"])
def test_part_of_a_word_is_none(word: str) -> None:
    """Only whole words count."""
    assert _found(f"{FRONT}{word} is near.\n") == []
