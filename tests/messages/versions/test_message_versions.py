"""Files are kept byte for byte, those that cannot stand are refused with a remedy, and changes are told in words."""

import random
from pathlib import Path

import pytest

from app.messages.catalog import Catalog
from app.messages.versions.differing import differences, unified
from app.messages.versions.fitting import faults_of, picture_size
from app.messages.versions.guarding import examine
from app.messages.versions.live import Edition, counting

ROOT = Path("templates")
MAIL = "messages/en/delivered.email.md"
LOGO = (ROOT / "brands/fjallhem/logo-light.png").read_bytes()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(ROOT, "https://parcels.example")


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        ("../brand.yaml", b"x", "no such place"),
        ("messages/en/x.html", b"x", "no such place"),
        ("logo-light.png", b"GIF89a", "no PNG"),
        ("logo-light.png", LOGO + b"\0" * 200_000, "200 kB are the most"),
        ("logo-light.png", LOGO[:16] + b"\0\0\x10\0\0\0\x10\0" + LOGO[24:], "4096 by 4096 pixels"),
        ("logo-light.png", LOGO[:16] + b"\0" * 8 + LOGO[24:], "0 by 0 pixels"),
        ("messages/xx/x.sms.txt", b"x", "xx is no language that dates can be written in. Name it by its language"),
        ("messages/pt_br/words.yaml", b"x", "pt_br is never looked for. Call the folder pt-BR."),
        (MAIL, b"\xef\xbb\xbf---\n", "byte order mark"),
        (MAIL, b"a\xff", "line 1, column 2"),
        (MAIL, b"one\ntw\0", "line 2, column 3"),
        (MAIL, b"x" * 200_001, "200 kB are the most"),
        ("brand.yaml", b"key: another\n", "Write `key: fjallhem`"),
        ("brand.yaml", b"key: [\n", "line 2, column 1"),
        ("brand.yaml", b"- a\n", "None is not this brand's"),
    ],
)
def test_what_cannot_stand_under_a_path_is_refused_with_its_remedy(path, content, told):
    """Each with the field, the problem and what to do."""
    (fault,) = faults_of(path, content, "fjallhem")
    assert told in str(fault) and fault.remedy


def test_every_file_that_ships_may_be_published(catalog):
    """As it is: its kind, size and place are right."""
    for key in catalog.brands():
        shelf = catalog.shelf(key)
        assert not [fault for path in shelf.paths() for fault in faults_of(path, shelf.file(path).content, key)]
    assert picture_size(LOGO) is not None


def test_a_thousand_files_come_back_as_they_were_handed_in(catalog):
    """Ends of lines, trailing spaces and missing last lines too: what counts is what was published, byte for byte."""
    chosen = random.Random(6)
    pieces = ["---\n", "subject: x\r\n", "  \n", "\t", "ö", "{{ named }}", "\r\n", "\u2028", "\n\n\n", "a ", "🙂"]
    for _ in range(1000):
        content = "".join(chosen.choices(pieces, k=chosen.randint(0, 30))).encode()
        assert not faults_of(MAIL, content, "fjallhem")
        file = counting(catalog, "fjallhem", Edition(1, {MAIL: content}), MAIL)
        assert file is not None and file.content == content
        assert differences(MAIL, content, file.content) == [] and unified(MAIL, content, file.content) == ""


def test_a_change_is_told_in_words():
    """By field, by sentence and by word; and line by line."""
    before = b'---\nsubject: "Here"\nlead: old\n---\nOne stays. Two goes.\n\nThe last one is the very same as it was.\n'
    after = b'---\nsubject: "There"\nbutton: Go\n---\nOne stays.\n\nThe last one is the very same as it is. New!\n'
    told = [str(one) for one in differences(MAIL, before, after)]
    assert told == [
        'subject: "Here" became "There"',
        'lead: "old" is removed',
        'button: "Go" is added',
        'text: "Two goes." is removed',
        'text: "The last one is the very same as it was." became "The last one is the very same as it is."'
        ' ("was." -> "is.")',
        'text: "New!" is added',
    ]
    assert '-subject: "Here"\n' in unified(MAIL, before, after)
    assert str(differences("brand.yaml", b"a: {b: 1}\n", b"a: {b: 2}\n")[0]) == 'a.b: "1" became "2"'
    assert "by" in str(differences("logo-light.png", None, LOGO)[0]) and unified("logo-light.png", None, LOGO) == ""
    assert differences(MAIL, b"a\r\n", b"a\n")[0].field == "spaces and line ends"
    long = b"We have it here and it comes to you on %s if all goes well\n"
    (one,) = differences("messages/en/x.sms.txt", long % b"Monday", long % b"Friday")
    assert '("Monday" -> "Friday")' in str(one)


def test_what_a_change_breaks_elsewhere_is_found_before_it_counts(catalog):
    """A layout breaks the messages that are made of it, in each language; a fault in words is told once, as theirs."""
    assert not examine(catalog, "fjallhem", ["brand.yaml"]).errors
    words = examine(
        catalog.over("fjallhem", {"messages/en/words.yaml": b"- a\n"}), "fjallhem", ["messages/en/words.yaml"]
    )
    (fault,) = words.errors
    assert (fault.path, fault.message) == ("messages/en/words.yaml", "it holds no words")
    layout = {"layouts/parcel.mjml": b"<mjml><mj-body>[[ nobody.knows ]]</mj-body></mjml>"}
    told = [
        one for one in examine(catalog.over("fjallhem", layout), "fjallhem", layout).errors if one.code == "compile"
    ]
    assert {one.path for one in told} == {"layouts/parcel.mjml"} and len(told) == 1
    brand = catalog.over("fjallhem", {"brand.yaml": b"key: fjallhem\n"})
    (one,) = examine(brand, "fjallhem", ["brand.yaml"]).errors
    assert one.path == "brand.yaml" and len(one.id) == 12 and one.id == one.id.lower()
