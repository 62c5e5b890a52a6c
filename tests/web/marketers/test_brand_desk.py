"""The brand's page: line by line into `brand.yaml`, never below its contrast, and logos that are what they say."""

import html
import re
import struct
import zlib

import pytest
import sqlalchemy as sa

from app.errors import InvalidInput
from app.messages.versions.fitting import picture_size
from app.models import TemplateDraft
from app.web.marketers.logos import cleaned

BRAND = "/b/fjallhem/templates/brand"


def chunk(kind: bytes, inside: bytes) -> bytes:
    return struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))


def png(width=4, height=4, lines=None, extra=b"", data=None) -> bytes:
    """A grey picture."""
    packed = zlib.compress(b"\0" * ((width + 1) * (height if lines is None else lines))) if data is None else data
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.fixture
def marketer(visit):
    """Somebody who may write templates."""
    return visit("marketer")


def filled(page: str) -> dict[str, str]:
    """The form as a browser would send it."""
    form = page[page.index('<form id="brand"') : page.index("</form>", page.index('<form id="brand"'))]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r' name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and name[1] != "csrf":
            found[name[1]] = html.unescape(value[1]) if value else ""
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL):
        found[name] = html.unescape(text).replace("\n", "\r\n")
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        found[name] = chosen[1]
    return found


def drafts(sessions):
    with sessions() as session:
        return {row.path: bytes(row.content) for row in session.scalars(sa.select(TemplateDraft))}


def test_saving_what_stands_there_changes_nothing(marketer, sessions):
    """Comments, order and quotes included."""
    assert marketer.post(BRAND, filled(marketer.get(BRAND).text)).status_code == 303
    assert drafts(sessions) == {}


def test_one_colour_is_one_line(marketer, sessions, site):
    """Everything else in the file stays as it was."""
    form = filled(marketer.get(BRAND).text) | {"v.colours.light.ink": "#101010", "v.quiet_hours.sms": "21:00-08:00"}
    assert marketer.post(BRAND, form).status_code == 303
    shipped = site.house.catalog.shelf("fjallhem").file("brand.yaml").text.splitlines()
    kept = drafts(sessions)["brand.yaml"].decode().splitlines()
    assert [line for line in kept if line not in shipped] == [
        '    ink: "#101010"', "quiet_hours:", '  sms: "21:00-08:00"'
    ]  # fmt: skip
    assert kept[0] == shipped[0]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("v.colours.light.ink", "#CCCCCC", "contrast"),
        ("v.colours.dark.paper", "red", "colours.dark.paper"),
        ("v.sender.from_email", "no address", "from_email"),
        ("v.name", "", "name"),
        ("v.site", "javascript:alert(1)", "web address"),
        ("v.zone", "Mars/Base", "zone"),
        ("v.key", "atelier-ombre", "brand"),
        ("v.tagline", "One for all", "another form"),
        ("v.name.en", "One for each", "another form"),
        ("v.name", "<script>alert(1)</script>", "name"),
    ],
)
def test_what_no_mail_could_be_written_with_is_refused(marketer, sessions, name, value, said):
    """With its sentence; what was typed is still in the form, and nothing is saved."""
    answer = marketer.post(BRAND, filled(marketer.get(BRAND).text) | {name: value})
    assert answer.status_code == 422 and said in answer.text and "<script>alert" not in answer.text
    assert drafts(sessions) == {}


def test_two_at_once_is_a_conflict(marketer, visit):
    """The later sees both."""
    first, second = filled(marketer.get(BRAND).text), visit("owner")
    assert second.post(BRAND, filled(second.get(BRAND).text) | {"v.tagline.en": "Theirs."}).status_code == 303
    answer = marketer.post(BRAND, first | {"v.tagline.en": "Mine."})
    assert answer.status_code == 409 and "Theirs." in answer.text and "Mine." in answer.text


def test_a_logo_is_a_draft_and_is_shown(marketer, sessions):
    """In the page, and in the mails beside it; texts in the file are left out."""
    secret = chunk(b"tEXt", b"Author\0somebody") + chunk(b"zTXt", b"x\0\0" + zlib.compress(b"a" * 100_000))
    answer = marketer.post("/b/fjallhem/templates/logo/light", files={"file": ("x.svg", png(280, 72, extra=secret))})
    assert answer.status_code == 303, answer.text
    kept = drafts(sessions)["logo-light.png"]
    assert picture_size(kept) == (280, 72) and b"somebody" not in kept and b"zTXt" not in kept
    frame = marketer.get("/b/fjallhem/templates/frame/brand.yaml").text
    assert "/b/fjallhem/templates/picture/" in frame
    live = marketer.get("/b/fjallhem/templates/frame/brand.yaml?which=live").text
    assert "/b/fjallhem/templates/picture/" not in live
    address = re.search(r"/b/fjallhem/templates/picture/[0-9a-f]{12}", marketer.get(BRAND).text)[0]
    shown = marketer.get(address)
    assert shown.content == kept and shown.headers["content-type"] == "image/png"
    assert marketer.get("/b/fjallhem/templates/picture/000000000000").status_code == 404


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no file was chosen"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "but SVG"),
        (b"GIF89a" + b"\0" * 100, "no PNG"),
        (b"\x89PNG\r\n\x1a\n<svg>", "damaged"),
        (png()[:-6], "ends too early"),
        (png().replace(b"IDAT", b"IDAU"), "checksum"),
        (png(width=9000, height=9000, lines=1), "9000 by 9000"),
        (png(width=1300, height=4), "1300 by 4 pixels"),
        (png(data=zlib.compress(b"\0" * 50_000_000)), "more is packed"),
        (png(lines=2), "lines are missing"),
        (png(data=b"no zlib"), "damaged"),
        (png(extra=chunk(b"tEXt", b"a" * 500_000)), "larger than"),
    ],
)
def test_what_is_no_picture_is_refused(content, said):
    """By what is in it, whatever it is called; a bomb is not unpacked."""
    with pytest.raises(InvalidInput, match=said):
        cleaned("logo-light.png", content, "fjallhem")


def test_an_upload_that_is_refused_says_why(marketer, sessions):
    """On the brand's page, and nothing is kept."""
    answer = marketer.post("/b/fjallhem/templates/logo/dark", files={"file": ("logo.png", b"<svg></svg>")})
    assert answer.status_code == 422 and "Export it as PNG" in answer.text and drafts(sessions) == {}
    assert marketer.post("/b/fjallhem/templates/logo/other", {}).status_code == 404
