"""A brand's folder is checked: readable in both schemes, its pictures there, its mistakes named with a remedy."""

import re
import shutil
import struct
from pathlib import Path

import pytest
import yaml

from app.errors import ConfigurationError
from app.messages.authoring.brands import MIN_CONTRAST, contrast, read_brand
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, facts
from app.messages.rendering.render import Renderer
from app.messages.shelf import Shelf
from tests.messages.message_corpus import BRANDS, ROOT


def test_contrast_is_that_of_the_standard() -> None:
    """Known ratios: black on white is 21, a colour on itself 1, #767676 on white just passes."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == 1
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("key", BRANDS)
def test_every_text_is_readable_by_day_and_night(catalog: Catalog, key: str) -> None:
    """Each text colour on each ground that it is set on has 4.5:1 or better, in both schemes."""
    colours = catalog.brands()[key].colours
    for palette in (colours.light, colours.dark):
        for text, under in palette.pairs():
            assert contrast(getattr(palette, text), getattr(palette, under)) >= MIN_CONTRAST, (text, under)


@pytest.mark.parametrize("key", BRANDS)
def test_logos_are_small_and_twice_their_size(catalog: Catalog, key: str) -> None:
    """Each logo is a PNG of twice the size it is shown at, under 12 KB, with the SVG it was drawn as beside it."""
    logo = catalog.brands()[key].logo
    for name in (logo.light, logo.dark):
        content = (ROOT / "brands" / key / name).read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) < 12_000
        assert struct.unpack(">II", content[16:24]) == (2 * logo.width, 2 * logo.height)
        assert (ROOT / "brands" / key / name.replace(".png", ".svg")).is_file()


@pytest.mark.parametrize("key", BRANDS)
def test_the_name_carries_the_logo_when_pictures_are_blocked(catalog: Catalog, renderer: Renderer, key: str) -> None:
    """Both logos are fetched from our own address and say the brand's name in its own type when they are not."""
    brand = catalog.brands()[key]
    email = renderer.render_email(
        catalog.resolve(key, "en", "dispatched", "email"), facts("dispatched"), PERSON, LINKS, NOW
    )
    for name in (brand.logo.light, brand.logo.dark):
        found = re.search(rf'<img[^>]*src="{PUBLIC_URL}/brand/{key}/[0-9a-f]{{12}}/{name}"[^>]*>', email.html)
        assert found and f'alt="{brand.name}"' in found[0] and "font-size:26px" in found[0]
    assert email.from_name == brand.name


@pytest.mark.parametrize("key", BRANDS)
def test_dark_is_designed_and_outlook_is_served(catalog: Catalog, key: str) -> None:
    """The night palette stands under the reader's own preference, and Outlook gets tables, sizes and no dark logo."""
    html = catalog.resolve(key, "en", "delayed", "email").parts["html"]
    dark = catalog.brands()[key].colours.dark
    scheme = html[html.index("prefers-color-scheme: dark") :]
    for colour in (dark.ground, dark.paper, dark.tint, dark.ink, dark.muted, dark.button, dark.late):
        assert colour in scheme
    assert 'content="light dark"' in html and "mso-hide:all" in html
    assert "<!--[if mso | IE]>" in html and "o:PixelsPerInch" in html and "mso-padding-alt" in html
    assert "fonts.googleapis" not in html and "<script" not in html and "&#39;" not in html[: html.index("<body")]


def _broken(tmp_path: Path, **changes: object) -> Path:
    folder = tmp_path / "brands/fjallhem"
    shutil.copytree(ROOT / "brands" / "fjallhem", folder)
    content = yaml.safe_load((folder / "brand.yaml").read_text(encoding="utf-8"))
    for dotted, value in changes.items():
        *path, last = dotted.split("__")
        place = content
        for step in path:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    (folder / "brand.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": None}, "name: Field required. Add it"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted. Remove it"),
        ({"zone": "Mars/Olympus"}, "zone: 'Mars/Olympus' is no IANA time zone"),
        ({"locale": "swedish"}, "locale: 'swedish' is no locale. Write one such as sv-SE"),
        ({"sender__from_email": "hej at fjallhem"}, "sender.from_email: "),
        ({"colours__light__muted": "#AAAAAA"}, "colours.light: muted on ground has a contrast of 2."),
        ({"colours__dark__ink": "white"}, "colours.dark.ink: "),
        ({"logo__dark": "gone.png"}, "logo.dark: there is no gone.png beside it"),
        ({"key": "other"}, "key: 'other' is not the folder's name"),
        ({"site": "javascript:alert(1)"}, "site: 'javascript:alert(1)' is no web address"),
        ({"tagline": "{{ secrets }}"}, "tagline: "),
        ({"tagline": {"fr": "Fait pour la pluie."}}, "the file: tagline has no line for sv-SE"),
        ({"postal_address": {}}, "postal_address: "),
        ({"postal_address": {"swedish": "Storgatan 12"}}, "postal_address.swedish.[key]: 'swedish' is no locale"),
        ({"voice__closing": {"sv": "{{ secrets }}"}}, "voice.closing.sv: "),
        ({"tagline": ["Made for weather."]}, "tagline: "),
        ({"team": {}}, "team: it names no address. Write an email, a phone, or both"),
        ({"team": {"email": "ops at fjallhem"}}, "team.email: "),
        ({"team": {"phone": "0701740605"}}, "team.phone: "),
        ({"fonts__heading": 'x"; } body { display:none'}, "fonts.heading: "),
    ],
)
def test_a_mistake_is_named_with_its_file_and_field(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """What is wrong in a brand.yaml is said with the file, the field and what to do."""
    folder = _broken(tmp_path, **changes)
    with pytest.raises(ConfigurationError) as caught:
        read_brand(Shelf(folder.parents[1], folder.name))
    assert f"{folder / 'brand.yaml'}, {said}" in str(caught.value)


@pytest.mark.parametrize("content", ["key: [", "- a\n- b", "\xff\xfe"])
def test_a_file_that_is_no_brand_is_refused(tmp_path: Path, content: str) -> None:
    """A brand.yaml that is not YAML, holds no fields or is not UTF-8 is refused by name."""
    (tmp_path / "brands/odd").mkdir(parents=True)
    (tmp_path / "brands/odd/brand.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"brand\.yaml"):
        read_brand(Shelf(tmp_path, "odd"))


@pytest.mark.parametrize(
    ("locale", "tagline", "address", "closing"),
    [
        ("pt-BR", "Feito para o Brasil.", "Storgatan 12", "Tchau!"),
        ("pt", "Feito para o tempo.", "Storgatan 12", "Adeus!"),
        ("pt-PT", "Feito para o tempo.", "Storgatan 12", "Adeus!"),
        ("sv", "Gjort.", "Storgatan 12", ""),
        ("nl", "Gjort.", "Storgatan 12", ""),
    ],
)
def test_lines_follow_the_locale_chain(tmp_path: Path, locale: str, tagline: str, address: str, closing: str) -> None:
    """A line by language is taken by region, language, then the brand's own; one text is for all; a closing is not
    borrowed from another language."""
    taglines = {"pt-br": "Feito para o Brasil.", "pt": "Feito para o tempo.", "sv": "Gjort.", "en": "Made."}
    closings = {"pt-BR": "Tchau!", "pt": "Adeus!", "en": "Bye!"}
    folder = _broken(tmp_path, tagline=taglines, postal_address="Storgatan 12", voice__closing=closings)
    brand = read_brand(Shelf(folder.parents[1], folder.name))
    assert (brand.tagline_in(locale), brand.postal_address_in(locale)) == (tagline, address)
    assert brand.voice.closes(locale) == closing


def test_one_closing_is_for_every_language(tmp_path: Path) -> None:
    """A closing that is one text ends a mail in any language."""
    folder = _broken(tmp_path, voice__closing="Fjällhem")
    brand = read_brand(Shelf(folder.parents[1], folder.name))
    assert [brand.voice.closes(locale) for locale in ("sv-SE", "en", "ja")] == ["Fjällhem"] * 3
