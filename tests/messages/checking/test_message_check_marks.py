"""Letters that nobody sees are refused by name where they could make a text read as another, and pass where they are
needed."""

import pytest

from app.errors import ConfigurationError
from app.messages.authoring.marks import marks
from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.corpus import PUBLIC_URL
from tests.messages.message_corpus import ROOT

REFUSED = {
    "\u202eegap s'tnetnoc": "U+202E (right-to-left override)",
    "a \u2066b": "U+2066 (left-to-right isolate)",
    "a\u200bb": "U+200B (zero width space)",
    "\ufeffa": "U+FEFF (zero width no-break space)",
    "a\u00adb": "U+00AD (soft hyphen)",
    "a\U000e0041b": "U+E0041 (tag latin capital letter a)",
    "a\u200fb": "U+200F (right-to-left mark)",
    "pay\u200dpal": "U+200D (zero width joiner)",
    "a\u200cb": "U+200C (zero width non-joiner)",
    "a\u3164b": "U+3164 (hangul filler)",
    "a\ue000b": "U+E000 (a mark without a name)",
    "{{ '\\u202e' }}": "U+202E (right-to-left override)",
    "{{ '\\N{right-to-left override}' }}": "U+202E (right-to-left override)",
    "&#8238;a": "U+202E (right-to-left override)",
    "&#x200B;": "U+200B (zero width space)",
    "&shy;": "U+00AD (soft hyphen)",
    "\u05d0\u2067\u05d1": "U+2067 (right-to-left isolate)",
    "\U0001f3f4\U000e0067\U000e0062": "U+E0067 (tag latin small letter g)",
}
PASSED = (
    "Where is it? Żółć, 14:00\u201316:00 \u20ac 5\u202f000\xa0kr & more &amp; \\n",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f9d1\U0001f3fd\u200d\U0001f680 \u2764\ufe0f\u200d\U0001f525",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
    "\u0915\u094d\u200d\u0937",  # Devanagari
    "\u05d4\u05d7\u05d1\u05d9\u05dc\u05d4\u200f (DHL)\u200e",
    "\u0644\u062f\u0649 \u2068DHL\u2069",
)


@pytest.mark.parametrize("text", REFUSED)
def test_a_letter_that_is_not_seen_is_named(text: str) -> None:
    first = next(marks(text))
    assert first.name == REFUSED[text]
    assert text[first.start] in (first.letter, "\\", "&")


@pytest.mark.parametrize("text", PASSED)
def test_a_letter_that_is_needed_passes(text: str) -> None:
    assert list(marks(text)) == []


def test_marks_of_direction_pass_where_a_language_runs_from_right_to_left() -> None:
    assert list(marks("{{ brand.name }}\u200f: {{ what }}", "ar")) == []
    assert [one.letter for one in marks("{{ brand.name }}\u202e: {{ what }}", "ar")] == ["\u202e"]


@pytest.mark.parametrize(
    ("path", "before", "after", "place"),
    [
        ("messages/en/dispatched.email.md", 'subject: "', 'subject: "\\u202e', "2:11"),
        ("messages/en/dispatched.email.md", 'preheader: "', 'preheader: "a\u00adb', "3:14"),
        ("messages/en/dispatched.sms.txt", "{{ brand.name }}: ", "{{ brand.name }}: \u200b", "1:19"),
        ("layouts/parcel.mjml", "<mjml", "[# \u202e #]<mjml", "2:4"),
    ],
)
def test_a_file_with_such_a_letter_is_refused_at_its_place(path: str, before: str, after: str, place: str) -> None:
    written = (ROOT / path).read_text(encoding="utf-8")
    assert before in written
    changed = Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: written.replace(before, after, 1).encode()})
    found = check(changed, "fjallhem", [path], rest=path.startswith("layouts/")).findings
    assert [f"{one.line}:{one.column}" for one in found if one.code == "mark"] == [place]
    assert all(one.severity == "error" and one.remedy == "Take it out." for one in found if one.code == "mark")


def test_a_long_word_may_break_in_a_text() -> None:
    """A soft hyphen and the filling of a preheader are fine below the dashes and in a layout."""
    path = "messages/de/dispatched.email.md"
    text = f"{(ROOT / path).read_text(encoding='utf-8')}\nSendungs\u00adverfolgungs\u00adnummer\n"
    changed = Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: text.encode()})
    assert check(changed, "fjallhem", [path]).findings == ()


@pytest.mark.parametrize("name", ["Fj\u200ballhem", "\u202emehllajF", "\u2066Fjallhem\u2069"])
def test_a_sender_has_none(name: str) -> None:
    path = "brand.yaml"
    written = (ROOT / "brands/fjallhem" / path).read_text(encoding="utf-8")
    text = written.replace("from_name: Fjällhem", f'from_name: "{name}"')
    with pytest.raises(ConfigurationError, match=r"sender\.from_name: U\+2.* Take it out"):
        Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: text.encode()}).brands()
