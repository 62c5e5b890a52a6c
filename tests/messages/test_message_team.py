"""What the brand's own people are told stands the worst orders, and names nobody."""

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import HOSTILE, LINKS, NOW, WORST, facts
from app.messages.rendering.render import Renderer
from app.models.facts import Person
from tests.messages.message_corpus import BRANDS


@pytest.mark.parametrize("brand", BRANDS)
def test_the_teams_mail_stands_the_worst(catalog: Catalog, renderer: Renderer, brand: str) -> None:
    """Every worst order is told: its number stands in it, what carriers write stays text, and the mail stays small."""
    template = catalog.resolve(brand, "en", "exception_team", "email")
    for case, (changed, _) in WORST.items():
        told = facts("exception", **dict(changed))
        mail = renderer.render_email(template, told, Person(email="ops@shop.example"), LINKS, NOW)
        assert told.order.number in mail.text or told.order.number == HOSTILE, case
        assert "\r" not in mail.subject and "\n" not in mail.subject, case
        assert "<script" not in mail.html and "javascript:" not in mail.html, case
        assert len(mail.html) < 40_000, case
