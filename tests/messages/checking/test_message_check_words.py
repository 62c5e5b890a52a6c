"""A fault in a language's words, mail's or the page's, is told once, with that file's line and what to write."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.findings import Report
from app.messages.versions.guarding import examine
from tests.messages.message_corpus import ROOT

WORDS, PAGE = "messages/en/words.yaml", "messages/en/page.yaml"
FAULTS = {
    "a number": (WORDS, "today: today", "today: 5",
        "today is read as a number and not as a text. Write the word in quotes."),
    "yes and no": (WORDS, "today: today", "today: no",
        "today is read as yes or no and not as a text. Write the word in quotes."),
    "a list": (WORDS, "today: today", "today: [a]",
        "today is read as a list and not as a text. Write the word in quotes."),
    "nothing": (WORDS, "late: late", "late:",
        "late is empty. Write the word in quotes."),
    "a blank": (WORDS, "today: today", 'today: " "',
        "today is blank. Write the word, or take the line out where another file has it."),
    "a lost filling": (WORDS, '"and {count} more"', '"and more"',
        "and_more lacks {count}. Write {count} where it belongs."),
    "a filling that is not there": (WORDS, '"{count} parcels"', '"{count} {cnt}"',
        "parcels is filled with no {cnt}. There is {count}."),
    "a filling that does more": (WORDS, '"and {count} more"', '"{count:>99999999}"',
        "and_more: braces hold a name and nothing else. There is {count}, as it stands here."),
    "a brace": (WORDS, '"and {count} more"', '"and {count more"',
        "and_more: a brace stands alone. There is {count}, as it stands here."),
    "a word misspelt": (WORDS, "\nparcel: Parcel", "\nparcle: Parcel",
        "there is no word 'parcle', and nobody would read it. Did you mean parcel?"),
    "a step misspelt": (WORDS, "  returned: Back with you", "  retuned: Back with you",
        "there is no word 'return_journey.retuned', and nobody would read it. Did you mean return_journey.returned?"),
    "a word twice": (WORDS, "at: at", "at: at\nat: at",
        "at stands twice, and the first is not read. Take one of them out."),
    "a group as one word": (WORDS, "wrong:\n", "wrong: late\nright:\n",
        "wrong holds words by name. Write it as in English."),
    "a field that is not there": (WORDS, "our help pages", '"our {{ order.nummber }}"',
        "there is no field called 'order.nummber'. Write order.number."),
    "a tag where none is filled in": (WORDS, "today: today", 'today: "{{ order.number }}"',
        "today is filled with no fields, so that tags would be shown. Take the tag out."),
    "a tag left open": (WORDS, "our help pages", '"{% if place"',
        "a tag is not closed; write %} where it ends. Mend the tag there."),
    "no YAML": (WORDS, "today: today", "today: today: x",
        "it is not YAML: mapping values are not allowed in this context. Mend it there; quote texts with a colon."),
    "a fallback for no field": (WORDS, "  carrier: the carrier", "  carier: the carrier",
        "fallbacks, carier: there is no field called 'carier'. Write carrier."),
    "a mail without its link": (WORDS, "    {link}\n", "    there you are\n",
        "link_mail.text lacks {link}. Write {link} where it belongs."),
    "a mark that is not seen": (WORDS, "late: late", "late: la\u200bte",
        "U+200B (zero width space) is not seen, and filters take it for fraud. Take it out."),
}  # fmt: skip
ON_THE_PAGE = {
    "a filling that is not there": ("fact: Getting ready to leave", 'fact: "Ready {whenever}"',
        "states.registered.fact is filled with no {whenever}. There is "),
    "a filling that does more": ('more_items: "and {count} more"', 'more_items: "{count.real}"',
        "more_items: braces hold a name and nothing else. There is {count}, as it stands here."),
    "a word misspelt": ("the_carrier: The carrier", "teh_carrier: The carrier",
        "there is no word 'teh_carrier', and nobody would read it. Did you mean the_carrier?"),
    "a field": ("the_carrier: The carrier", 'the_carrier: "{{ carrier }}"',
        "the_carrier is filled with no fields, so that tags would be shown. Take the tag out."),
    "no YAML": ("the_carrier: The carrier", "the_carrier: The: carrier",
        "it is not YAML: mapping values are not allowed in this context. Mend it there; quote texts with a colon."),
}  # fmt: skip


def _found(path: str, before: str, after: str) -> tuple[str, Report]:
    written = (ROOT / path).read_text(encoding="utf-8")
    assert before in written
    changed = written.replace(before, after, 1)
    return changed, examine(Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: changed.encode()}), "fjallhem", [path])


def _line(changed: str, after: str) -> int:
    return changed[: changed.index(after.strip())].count("\n") + 1


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_mails_words_is_told_at_its_line(name: str) -> None:
    """It stops each message that is built from them, and is told once, where it stands."""
    path, before, after, said = FAULTS[name]
    changed, report = _found(path, before, after)
    first = report.findings[0]
    assert {one.path for one in report.findings} == {path} and first.severity == "error"
    assert f"{first.message}. {first.remedy}" == said
    above = {"a word twice": -1, "a mail without its link": 5}.get(name, 0)  # the second one; the key above the text
    assert first.line == _line(changed, after) - above


@pytest.mark.parametrize("name", ON_THE_PAGE)
def test_a_fault_in_the_pages_words_is_told_at_its_line(name: str) -> None:
    before, after, said = ON_THE_PAGE[name]
    changed, report = _found(PAGE, before, after)
    first = report.findings[0]
    assert (first.path, first.line) == (PAGE, _line(changed, after)) and report.templates == 0
    assert f"{first.message}. {first.remedy}".startswith(said)


def test_a_page_in_a_new_language_needs_all_its_words() -> None:
    """What it lacks is named: the page would say it in English."""
    files = {"messages/pt/page.yaml": b"the_carrier: A transportadora\n"}
    (one,) = examine(Catalog(ROOT, PUBLIC_URL).over("fjallhem", files), "fjallhem", files).errors
    assert one.message.startswith("it lacks carrier_page, pickup_title, pickup_until and others")


def test_a_brand_words_one_thing_otherwise() -> None:
    """A file with a few words changes those, on the page and in mail; all others stay as they are for everybody."""
    files = {
        "messages/sv/page.yaml": b"states:\n  delivered:\n    eyebrow: Framme\n",
        "messages/sv/words.yaml": b"journey:\n  delivered: Framme\ncarriers:\n  dhl: Gula bilen\n",
    }
    shipped = Catalog(ROOT, PUBLIC_URL)
    assert examine(shipped.over("fjallhem", files), "fjallhem", files).findings == ()
    language, words = shipped.over("fjallhem", files).page_words("fjallhem", ("sv-SE", "sv"))
    _, usual = shipped.page_words("fjallhem", ("sv-SE", "sv"))
    assert language == "sv"
    assert words["states"]["delivered"] == {**usual["states"]["delivered"], "eyebrow": "Framme"}
    assert words["journey"] == {**usual["journey"], "delivered": "Framme"}
    assert words["carriers"] == {**usual["carriers"], "dhl": "Gula bilen"}
    assert words["states"]["returned"] == usual["states"]["returned"]
