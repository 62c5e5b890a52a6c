"""The check passes what ships, and says of each fault where it is and what to do."""

import shutil
from pathlib import Path

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.check import check
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.everything import check_folder
from app.messages.checking.findings import Finding
from tests.messages.message_corpus import ROOT

MAIL = "messages/en/dispatched.email.md"
TEXT = "messages/en/dispatched.sms.txt"
LATE = "messages/en/delayed.email.md"
LAYOUT = "layouts/parcel.mjml"
WORDS = "messages/en/words.yaml"

GOOD_SMS = (ROOT / TEXT).read_text(encoding="utf-8").strip()


def _edition(path: str, text: str | bytes) -> Catalog:
    content = text.encode() if isinstance(text, str) else text
    return Catalog(ROOT, PUBLIC_URL).over("fjallhem", {path: content})


def _found(path: str, before: str, after: str, only: str | None = None) -> list[Finding]:
    """What is found once `before` reads `after` in a file that ships."""
    written = (ROOT / path).read_text(encoding="utf-8")
    assert before in written
    checked = only or path
    itself = checked.startswith("layouts/")  # what it does to each message is test_message_guarding.py's
    report = check(_edition(path, written.replace(before, after, 1)), "fjallhem", [checked], rest=itself)
    return list(report.findings)


FAULTS = {
    "a field that is not there": (MAIL, "{{ order.number }}", "{{ order.nummber }}",
        "field", "there is no field called 'order.nummber'", "Write order.number."),
    "a group that is not there": (MAIL, "{{ order.number }}", "{{ ordr.number }}",
        "field", "there is no field called 'ordr.number'", "Write order.number."),
    "a filter that is not there": (MAIL, "{{ order.number }}", "{{ order.number | uper }}",
        "syntax", "there is no filter called 'uper'", "Mend the tag there."),
    "a tag left open": (MAIL, "{{ order.number }}", "{% if carrier %}{{ order.number }}",
        "syntax", "Unexpected end of template", "Mend the tag there."),
    "a call": (MAIL, "{{ order.number }}", "{{ order.number.upper() }}",
        "syntax", "calls are not available in templates", "Mend the tag there."),
    "a field that may be blank": (MAIL, "We write again", "{{ place }} We write again",
        "blank", "place is printed, and is blank for some orders", "Ask first"),
    "a name that may be blank": (TEXT, "On {%", "Hi {{ person.first_name }}, on {%",
        "blank", "person.first_name is printed, and is blank for some orders", "or say what stands then"),
    "no front matter": (MAIL, "---\nsubject", "subject",
        "compile", "there is no front matter", "Begin with a line of three dashes"),
    "no preheader": (MAIL, "preheader:", "pre_header:",
        "compile", "preheader", "The fields are subject, preheader"),
    "a layout that is not there": (MAIL, "---\nsubject", "---\nlayout: gone\nsubject",
        "compile", "there is no", "Name one that stands in that folder"),
    "raw HTML": (MAIL, "We write again", "<b>We</b> write again",
        "html", "HTML is shown to shoppers as it stands: '<b>'", "Write Markdown"),
    "HTML in a text": (TEXT, "On {%", "<b>On</b> {%",
        "html", "HTML is shown to shoppers as it stands: '<b>'", "Write plain text."),
    "a script": (MAIL, "We write again", "<script>alert(1)</script> We write again",
        "html", "'<script>'", "Write Markdown"),
    "an unsafe link": (MAIL, "We write again", "[Here](http://shop.example) we write again",
        "http", "http://shop.example is not safe to open", "Write https://."),
    "a shortened link": (MAIL, "We write again", "[Here](https://bit.ly/x) we write again",
        "shortener", "bit.ly hides where a link leads", "Use the shop's own address."),
    "nobody to answer": (MAIL, "We write again", "Please do not reply. We write again",
        "no_reply", "'do not reply' turns away a shopper who asks", "Say whom to write to."),
    "a text that is not written yet": (MAIL, "We write again", "TODO We write again",
        "placeholder", "'TODO' is not meant for shoppers", "Write the text."),
    "an advertisement first": (MAIL, 'preheader: "', 'preheader: "20 % off! ',
        "promotional", "'% off' advertises before the order's facts are told", "Tell the facts first"),
    "joy in bad news": (LATE, "there is nothing that you need to do.", "there is nothing to do!",
        "exclamation", "an exclamation mark in bad news", "End the sentence with a full stop."),
    "an SMS without its brand": (TEXT, "{{ brand.name }}: ", "",
        "sender", "it does not begin with Fjällhem", "Begin with {{ brand.name }}:"),
    "an SMS without its link": (TEXT, " {{ links.short }}", "",
        "link", "it does not end with the link", "End with {{ links.short }}"),
    "a letter that doubles the price": (TEXT, "On {%", "Ж on {%",
        "letter", "'Ж' (cyrillic capital letter zhe) is outside the GSM alphabet", "Write it with another letter."),
    "a picture in an SMS": (TEXT, "On {%", "📦 on {%",
        "letter", "'📦' (package) is left out of the SMS", "Say it in words."),
    "an SMS of two segments": (TEXT, "On {%", f"{'We are glad to tell you so. ' * 6}On {{%",
        "segments", "segments", "Shorten it."),
    "an unknown MJML tag": ("layouts/blocks/details.mjml", "<mj-divider", "<mj-dividor",
        "tag", "MJML knows no tag 'mj-dividor'", "Did you mean mj-divider?"),
    "an image without alt": (LAYOUT, 'alt="[[ brand.name ]]"', "",
        "alt", "a picture has no alt text", 'Add alt="…"'),
    "a script in the layout": (LAYOUT, "<mj-raw>", "<mj-raw><script>x</script>",
        "unsafe", "'<script' has no place in a mail", "Take it out."),
    "a handler in the layout": (LAYOUT, "<a href=", '<a onclick="x" href=',
        "unsafe", "has no place in a mail", "Take it out."),
    "a picture in Markdown": (MAIL, "We write again", "![A box](https://shop.example/box.png) We write again",
        "picture", "no picture is drawn here", "Take the ! off"),
    "what Outlook cannot": ("layouts/blocks/head.mjml", "text-underline-offset: 2px;", "display: flex;",
        "outlook", "'display: flex' does not hold in Outlook", "Use sections, columns and px."),
}  # fmt: skip


PLACES = {
    "a field that is not there": "order.nummber",
    "a group that is not there": "ordr.number",
    "a filter that is not there": "{{ order.number | uper }}",
    "a tag left open": "{",
    "a call": "{{ order.number.upper() }}",
    "a field that may be blank": "place }}",
    "a name that may be blank": "person.first_name }}",
    "raw HTML": "<b>We",
    "a script": "<script>",
    "an unsafe link": "http://shop.example",
    "a shortened link": "bit.ly/x",
    "nobody to answer": "do not reply",
    "a text that is not written yet": "TODO",
    "an advertisement first": "% off",
    "joy in bad news": "!",
    "a letter that doubles the price": "Ж",
    "a picture in an SMS": "📦",
    "a picture in Markdown": "![A box]",
    "an unknown MJML tag": "mj-dividor",
    "an image without alt": "<img",
    "a script in the layout": "<script",
    "a handler in the layout": " onclick",
    "what Outlook cannot": "display: flex",
}
"""What stands at the line and the column of each that has a place of its own; the rest is wrong as a whole."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_seeded_fault_is_named(name: str) -> None:
    """Each fault is found once, with its code, what is wrong, the remedy, and its line and column where it has one."""
    path, before, after, code, said, remedy = FAULTS[name]
    found = [one for one in _found(path, before, after) if one.code == code]
    assert found, name
    one = found[0]
    assert said in one.message and (remedy in one.remedy or remedy in one.message), str(one)
    assert one.path == path
    if name in PLACES:
        changed = (ROOT / path).read_text(encoding="utf-8").replace(before, after, 1).split("\n")
        assert one.line is not None and one.column is not None
        assert changed[one.line - 1][one.column - 1 :].startswith(PLACES[name]), str(one)


def test_the_place_is_exact() -> None:
    """Line and column count in the file as it was written, not in what it was compiled to."""
    (one,) = _found(MAIL, "{{ order.number }}", "{{ order.nummber }}")
    line = (ROOT / MAIL).read_text(encoding="utf-8").split("\n")[one.line - 1]
    assert line[one.column - 1 :].startswith("order.number")


@pytest.mark.parametrize(
    ("before", "code"),
    [("{{ links.choices | url }}", "choices"), ("[[ brand.postal_address ]]", "postal_address")],
)
def test_what_the_law_asks_for_is_missed(before: str, code: str) -> None:
    """A layout without a way to unsubscribe, or without the postal address, is refused for every mail set in it."""
    written = (ROOT / LAYOUT).read_text(encoding="utf-8").replace(before, "https://shop.example", 1)
    report = check(_edition(LAYOUT, written), "fjallhem", [MAIL])
    assert {one.code for one in report.errors} == {code}


def test_a_language_without_its_words_is_named() -> None:
    """A language whose small words are not whole is refused, and a message that stands in English only is warned of."""
    folder = {"messages/pt/dispatched.sms.txt": GOOD_SMS.encode(), "messages/pt/words.yaml": b"today: hoje\n"}
    report = check(Catalog(ROOT, PUBLIC_URL).over("fjallhem", folder), "fjallhem", list(folder), rest=True)
    assert any(one.code == "words" and "lacks" in one.message for one in report.errors)
    assert any(one.code == "language" and one.about == "pt" for one in report.warnings)


def test_colours_that_cannot_be_read_are_refused() -> None:
    """A brand whose text does not stand out from its ground by day or by night is refused."""
    written = (ROOT / "brands/fjallhem/brand.yaml").read_text(encoding="utf-8").replace('"#A9B7AE"', '"#333333"')
    report = check(_edition("brand.yaml", written), "fjallhem", ["brand.yaml"])
    assert [one.code for one in report.errors] == ["brand"] and "contrast" in report.errors[0].message


def test_a_mail_that_gmail_would_cut_is_refused() -> None:
    """Over 90 KB on some order, a mail is refused by its size."""
    long = f"[[ blocks.text ]]<mj-raw>{'A long tale of nothing much. ' * 3500}</mj-raw>"
    found = _found(LAYOUT, "[[ blocks.text ]]", long, only=MAIL)
    assert any(one.code in ("not_renderable", "size") and "90,000" in str(one) for one in found)


def test_a_bad_file_hides_no_other(tmp_path: Path) -> None:
    """Everything that is wrong is told at once, whichever file it is in."""
    shutil.copytree(ROOT, tmp_path / "templates")
    for path, text in ((MAIL, "no front matter"), (TEXT, "{{ brand.name }}: {{ nope }} {{ links.short }}")):
        (tmp_path / "templates" / path).write_text(text, encoding="utf-8")
    reports = check_folder(tmp_path / "templates", ["fjallhem"], [MAIL, TEXT])
    assert {one.path for one in reports["fjallhem"].errors} == {MAIL, TEXT}


def test_a_finding_keeps_its_name() -> None:
    """The name by which a warning is accepted does not hang on line, figures or order."""
    (one,) = [f for f in _found(TEXT, "On {%", f"{'We are glad to tell you so. ' * 6}On {{%") if f.code == "segments"]
    (two,) = [f for f in _found(TEXT, "On {%", f"{'We are glad to tell you so. ' * 9}On {{%") if f.code == "segments"]
    assert one.id == two.id and one.message != two.message


def test_a_word_of_another_language_is_no_placeholder() -> None:
    """The Spanish for "everything" is a text that is written."""
    found = _found(MAIL, "We write again", "Ya ha llegado todo. We write again")
    assert found == []


def test_a_letter_of_a_layout_and_small_words_are_read_too() -> None:
    """What is asked of every text is asked of the plain text's layout and of a language's words."""
    for path in ("layouts/parcel.txt", WORDS):
        written = (ROOT / path).read_text(encoding="utf-8")
        report = check(_edition(path, f"{written}\n# lorem ipsum\n"), "fjallhem", [path], rest=True)
        (one,) = report.errors
        assert (one.code, one.path, one.line, one.column) == ("placeholder", path, written.count("\n") + 2, 3)
