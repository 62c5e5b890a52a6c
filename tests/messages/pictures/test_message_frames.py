"""The room of pictures on a real Chromium: what it loads, how it frames, how it compares, what it says on failure."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from app.cli.template_pictures import app
from app.errors import InvalidInput
from app.messages.base import RenderedSms
from app.messages.catalog import Catalog
from app.messages.rendering.render import Renderer
from app.rehearsal.pictures.browser import Browser, BrowserFailed, NoBrowser, View, find_browser
from app.rehearsal.pictures.comparing import compare, side_by_side
from app.rehearsal.pictures.differing import differing
from app.rehearsal.pictures.frames import email_page, phone, preheader_of, sms_page
from app.rehearsal.pictures.pixels import opened, pillow, saved, small
from app.rehearsal.pictures.sitting import Sitter, email_of, pictures_of, sitters
from tests.messages.message_corpus import BRANDS, TEMPLATES

CI = Path(__file__).resolve().parents[3] / ".ci"


def _png(width: int = 100, height: int = 80, *boxes: tuple[int, int, int, int]) -> bytes:
    image = Image.new("RGB", (width, height), "white")
    for box in boxes:
        ImageDraw.Draw(image).rectangle(box, fill="black")
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def _sitter(catalog: Catalog, key: str, brand: str = "fjallhem") -> Sitter:
    return Sitter(brand, catalog.resolve(brand, "en", key, "email"))


def test_a_picture_is_as_wide_as_asked_and_as_tall_as_the_page(browser: Browser):
    """The view's width and scale give the pixels across; the page, or the view's height, those down."""
    page = "<!doctype html><body style='margin:0'><div style='height:137px'></div>"
    assert opened(browser.shoot(page, View(390, scale=2))).size == (780, 274)
    assert opened(browser.shoot(page, View(200, height=50))).size == (200, 50)


def test_day_and_night_are_what_the_page_is_told(browser: Browser):
    """prefers-color-scheme follows the view, inside the email's frame too."""
    style = "<style>body{background:#fff}@media(prefers-color-scheme:dark){body{background:#000}}</style>"
    for dark, colour in ((False, (255, 255, 255)), (True, (0, 0, 0)), (False, (255, 255, 255))):
        shot = browser.shoot(f"<!doctype html>{style}", View(50, dark, height=50))
        assert opened(shot).getpixel((25, 25)) == colour


def test_nothing_is_loaded_but_what_is_answered(catalog: Catalog, browser: Browser):
    """Every address that a page names is asked for here, and what has no answer is not fetched."""
    asked: list[str] = []
    with Browser(lambda url: asked.append(url)) as alone:
        alone.shoot("<link rel=stylesheet href=https://a.example/x.css><img src=http://127.0.0.1:1/y.png>", View(90))
    assert sorted(asked) == ["http://127.0.0.1:1/y.png", "https://a.example/x.css"]
    answer = pictures_of(catalog)
    assert answer("https://parcels.shop.example/brand/fjallhem/logo-light.png")[1].startswith(b"\x89PNG")
    for nothing in (
        "https://pictures.example/../browser.py",
        "https://x.example/brand/fjallhem/brand.yaml/",
        "about:x",
    ):
        found = answer(nothing)
        assert found is None or found[1].startswith(b"\x89PNG"), nothing


def test_an_emails_script_does_not_run(browser: Browser, catalog: Catalog, renderer: Renderer):
    """The frame that an email stands in is a sandbox, so what it shows is what a mail program would."""
    email = email_of(_sitter(catalog, "delivered"), catalog, renderer)
    hostile = replace(email, html=email.html.replace("</body>", "<script>document.body.innerHTML=''</script></body>"))
    assert compare(*(browser.shoot(email_page(one), phone()) for one in (email, hostile))).same


def test_an_email_stands_under_its_row_of_the_inbox(catalog: Catalog, renderer: Renderer):
    """Sender, subject and preheader are there as text, escaped."""
    email = email_of(_sitter(catalog, "out_for_delivery"), catalog, renderer)
    shown = email_page(replace(email, subject="<b>& today"))
    assert "&lt;b&gt;&amp; today" in shown
    assert email.from_email in shown
    assert "Order FH-10482" in preheader_of(email)
    assert "Order FH-10482." in shown.split("<iframe")[0]


def test_an_sms_says_who_sends_it_and_what_it_costs(browser: Browser):
    """The bubble, its sender and its segments; a phone's picture of it can be taken."""
    shown = sms_page(RenderedSms("Fjallhem: <today>", None, 2))
    assert "&lt;today&gt;" in shown
    assert "2 segments, 17 characters" in shown
    assert opened(browser.shoot(shown, phone())).width == 780


def test_every_email_has_someone_to_sit_for_it(catalog: Catalog, renderer: Renderer):
    """Both brands, all messages; in each language they are the same ones."""
    sitting = sitters(catalog, locale="en")
    assert {(one.brand_key, one.template.key) for one in sitting} >= {(b, key) for b in BRANDS for key in TEMPLATES}
    for one in sitting:
        assert email_of(one, catalog, renderer).subject


def test_equal_pictures_are_the_same():
    """No share, no place; and a palette's rounding is within the tolerance."""
    one = _png(100, 80, (10, 10, 20, 20))
    assert compare(one, one).same
    assert compare(one, small(one)).same


def test_what_differs_is_counted_and_placed():
    """Two boxes far apart are two rectangles, exact to the pixel, from the top down."""
    found = compare(_png(), _png(100, 80, (60, 50, 69, 59), (5, 5, 14, 14)))
    assert found.share == pytest.approx(200 / 8000)
    assert found.places == ((5, 5, 15, 15), (60, 50, 70, 60))


def test_a_taller_picture_differs_by_what_is_added():
    """What only one of the two reaches to counts, and the sizes are told."""
    found = compare(_png(100, 80), _png(100, 100))
    assert found.share == pytest.approx(0.2)
    assert not found.same
    assert found.places == ((0, 80, 100, 100),)


def test_the_readable_difference_is_three_pictures_wide():
    """Before, after, and what differs in red."""
    shown = opened(side_by_side(_png(), _png(100, 80, (40, 40, 49, 49))))
    assert shown.size == (332, 80)
    assert shown.getpixel((45, 45)) == (255, 255, 255)
    assert shown.getpixel((116 + 45, 45)) == (0, 0, 0)
    assert shown.getpixel((232 + 45, 45)) == (217, 45, 32)


def test_what_stands_lower_because_something_came_above_it_is_not_told_as_different():
    """Of two pictures of other heights the rows that both have stand on one height."""
    images = pillow("Image")
    striped = images.new("RGB", (60, 90), "white")
    for row in range(90):
        striped.paste((row, 2 * row, 255 - row), (5, row, 30, row + 1))
    taller = images.new("RGB", (60, 98), "white")
    taller.paste((9, 9, 9), (0, 20, 60, 28))
    taller.paste(striped.crop((0, 0, 60, 20)), (0, 0))
    taller.paste(striped.crop((0, 20, 60, 90)), (0, 28))
    shown = opened(side_by_side(saved(striped), saved(taller)))
    assert shown.size == (3 * 60 + 2 * 16, 98)
    red = [row for row in range(98) if shown.getpixel((2 * 76 + 40, row)) == (217, 45, 32)]
    assert red == list(range(20, 28))
    assert shown.getpixel((10, 24)) == (128, 128, 128)  # a gap where only the other has something


def test_two_versions_of_a_message_are_told_apart(browser: Browser, catalog: Catalog):
    """A new headline shows in the pictures of the versions; the same version twice does not."""
    path = "messages/en/delivered.email.md"
    text = catalog.shelf("fjallhem").file(path).content
    front, body = text.split(b"\n---\n", 1)
    newer = catalog.over("fjallhem", {path: front + b"\n---\n" + b"## A whole new heading\n\n" + body})
    before, after = _sitter(catalog, "delivered"), _sitter(newer, "delivered")
    assert differing(browser, (before, before), (catalog, catalog), phone(scale=0.5)).found.same
    told = differing(browser, (before, after), (catalog, newer), phone(scale=0.5))
    assert told.found.places
    assert opened(told.picture).width == 3 * 195 + 32


def test_where_there_is_no_chromium_the_remedy_is_said():
    """Neither on the path nor where DOORSTEP_CHROMIUM points."""
    with pytest.raises(NoBrowser, match="apt-get install chromium"):
        find_browser({"PATH": "/nowhere"})
    with pytest.raises(NoBrowser, match="names /no/such, and no program is there"):
        find_browser({"PATH": "/nowhere", "DOORSTEP_CHROMIUM": "/no/such"})
    assert find_browser({"DOORSTEP_CHROMIUM": sys.executable}) == sys.executable


def test_a_browser_that_ends_at_once_is_told_of():
    """A program that is no browser gives a sentence, and leaves nothing running."""
    with pytest.raises(BrowserFailed, match="ended while"), Browser(program="/bin/true"):
        pass


def test_pictures_are_compared_from_the_command_line(tmp_path: Path):
    """Exit 1 and the places where two differ, exit 0 where they do not."""
    one, two, shown = tmp_path / "one.png", tmp_path / "two.png", tmp_path / "shown.png"
    one.write_bytes(_png())
    two.write_bytes(_png(100, 80, (5, 5, 14, 14)))
    ran = CliRunner().invoke(app, ["compare", str(one), str(two), "--json", "--out", str(shown)])
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["places"] == [[5, 5, 15, 15]]
    assert shown.read_bytes().startswith(b"\x89PNG")
    assert CliRunner().invoke(app, ["compare", str(one), str(one)]).exit_code == 0


def test_a_picture_is_written_to_a_png_alone(tmp_path: Path):
    """A name that is no picture's is refused before a browser is started, and nothing is written."""
    for asked in (
        ["sheet", str(tmp_path / "nope")],
        ["compare", "one.png", "two.png", "--out", str(tmp_path / "nope")],
    ):
        refused = CliRunner().invoke(app, asked).exception
        assert isinstance(refused, InvalidInput) and "such as nope.png" in str(refused.faults[0])
    assert not list(tmp_path.iterdir())


def test_one_message_is_shot_from_the_command_line(tmp_path: Path, browser: Browser):
    """Its email and its SMS, a file each."""
    asked = ["shoot", str(tmp_path), "--brand", "fjallhem", "--locale", "en", "--key", "delivered", "--phone"]
    ran = CliRunner().invoke(app, asked)
    assert ran.exit_code == 0, ran.output
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"fjallhem.en.delivered.email.png", "fjallhem.en.delivered.sms.png"}


def _second_judge() -> ModuleType:
    spec = spec_from_file_location("mjml_strict", CI / "mjml_strict.py")
    strict = module_from_spec(spec)
    spec.loader.exec_module(strict)
    return strict


def test_the_second_judge_knows_good_mjml_from_bad():
    """npm's mjml in strict mode passes a right email, and names the tag and the attribute that it does not know."""
    strict = _second_judge()
    if reason := strict.missing():
        pytest.skip(reason)
    good = "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"
    bad = good.replace("mj-text", "mj-txet"), good.replace("<mj-text", '<mj-text colour="red"')
    faults = strict.judge([("good", good), ("tag", bad[0]), ("attribute", bad[1])])
    assert {fault.split(":")[0] for fault in faults} == {"tag", "attribute"}
    assert "mj-txet" in "".join(faults)
    assert "colour" in "".join(faults)


def test_the_second_judge_says_why_it_does_not_sit(tmp_path: Path, monkeypatch, capsys):
    """Without Node it is skipped with the reason, and fails where Node is required, as its exit code says."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOORSTEP_REQUIRE_NODE", "0")
    assert (_second_judge().main(), "was skipped" in capsys.readouterr().err) == (0, True)
    monkeypatch.setenv("DOORSTEP_REQUIRE_NODE", "1")
    ran = subprocess.run([sys.executable, CI / "mjml_strict.py"], capture_output=True, text=True, check=False)
    assert (ran.returncode, "failed" in ran.stderr) == (1, True), ran.stderr
