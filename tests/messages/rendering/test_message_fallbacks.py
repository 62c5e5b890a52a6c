"""A blank field prints its language's fallback where there is one, and is told of where there is none."""

import shutil
from pathlib import Path

from app.messages.authoring.fielding import with_fallbacks
from app.messages.base import Template
from app.messages.catalog import Catalog
from app.messages.checking.blanks import Watching
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, WORST, facts_for
from app.messages.checking.field_uses import who_uses
from app.messages.rendering.render import Renderer
from tests.messages.message_corpus import BRANDS, ROOT

WORDS = "messages/en/words.yaml"
SMS = "messages/en/delivered.sms.txt"


def _sms(catalog: Catalog, text: str, words: str = "") -> Template:
    shipped = catalog.shelf("fjallhem").file(WORDS).text.split("fallbacks:")[0]  # type: ignore[union-attr]
    files = {SMS: text.encode(), WORDS: f"{shipped}\n{words}".encode()}
    return catalog.over("fjallhem", files).resolve("fjallhem", "en", "delivered", "sms")


def test_a_blank_field_prints_its_fallback_and_if_still_says_no(catalog: Catalog, renderer: Renderer) -> None:
    """With a filter behind it too; a known carrier is printed as it is."""
    template = _sms(
        catalog,
        "{{ carrier | sentence }} has it, {{ carrier }}.{% if carrier %} Yes{% else %} No{% endif %}",
        "fallbacks:\n  carrier: the carrier",
    )
    told = [
        renderer.render_sms(template, facts_for("delivered", **changed), PERSON, LINKS, NOW).text
        for changed in ({}, WORST["no carrier"][0])
    ]
    assert told == ["DHL has it, DHL. Yes", "The carrier has it, the carrier. No"]


def test_a_fallback_is_escaped_in_html_and_touches_nothing_else() -> None:
    """Only a field that is printed as it is, by its whole name."""
    words = {"fallbacks": {"carrier": "the <carrier>"}}
    assert with_fallbacks("{{ carrier or 'x' }}{{ parcel.carrier }}{% if carrier %}", words) == (
        "{{ carrier or 'x' }}{{ parcel.carrier }}{% if carrier %}"
    )
    assert with_fallbacks("{{-carrier | url-}}", words) == '{{- (carrier or "the <carrier>") | url-}}'
    assert with_fallbacks("{{ carrier }}", {}) == "{{ carrier }}"


def test_watching_changes_nothing(catalog: Catalog, renderer: Renderer) -> None:
    """The email that is rendered while blanks are noted is the email that is sent."""
    template = catalog.resolve("fjallhem", "en", "delivered", "email")
    watching = Renderer(1, Watching(autoescape=True), Watching(autoescape=False))
    told = facts_for("delivered")
    watched = watching.render_email(template, told, PERSON, LINKS, NOW)
    assert watched == renderer.render_email(template, told, PERSON, LINKS, NOW)


def test_who_reads_a_field_is_known(tmp_path: Path) -> None:
    """By brand, language, name, channel and part; a group stands for all inside it."""
    for folder in ("brands", "layouts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for language in ("en", "sv"):
        (tmp_path / "messages" / language).mkdir(parents=True)
        for name in ("words.yaml", "delivered.sms.txt", "ready_for_pickup.email.md", "ready_for_pickup.sms.txt"):
            shutil.copy(ROOT / "messages" / language / name, tmp_path / "messages" / language / name)
    few = Catalog(tmp_path, PUBLIC_URL)
    one, all_inside = who_uses(few, "pickup.name"), who_uses(few, "pickup")
    readers = {(each.brand_key, each.locale, each.key, each.channel) for each in one}
    assert readers == {
        (brand, language, "ready_for_pickup", channel)
        for brand in BRANDS
        for language in ("en", "sv")
        for channel in ("email", "sms")
    }
    assert {each.part for each in one if each.channel == "email"} >= {"html", "text"}
    inside = {(each.key, each.channel, each.part) for each in all_inside}
    assert inside >= {(each.key, each.channel, each.part) for each in one}
