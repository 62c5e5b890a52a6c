"""A blank field prints its language's fallback where there is one, and is told of where there is none."""

from app.messages.authoring.fielding import with_fallbacks
from app.messages.base import Template
from app.messages.catalog import Catalog
from app.messages.checking.blanks import Watching
from app.messages.checking.corpus import LINKS, NOW, PERSON, WORST, facts_for
from app.messages.rendering.render import Renderer

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
