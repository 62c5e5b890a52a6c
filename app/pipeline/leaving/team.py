"""Who a brand's own people are: read from its folder when a message to them is decided, and again when it leaves."""

from app.messages.authoring.brands import BrandSource
from app.models.facts import Person, Team
from app.models.vocabulary import Channel
from app.pipeline.house import House
from app.rules.ruleset import Audience

TEAM = Audience.team.value
"""The recipient of what is written to them. What shoppers said about their own addresses is not about these."""


def team_of(house: House, brand_key: str) -> Team:
    """Where a brand's team can be written to; nowhere, for a brand that names no address or has no folder."""
    brand = _brand(house, brand_key)
    if brand is None or brand.team is None:
        return Team(zone=brand.zone if brand else "UTC")
    return Team(has_email=brand.team.email is not None, has_phone=brand.team.phone is not None, zone=brand.zone)


def team_channels(house: House, brand_key: str) -> frozenset[Channel]:
    """The channels on which a rule of this brand may write to its team: by what its folder says."""
    team = team_of(house, brand_key)
    by_phone = {Channel.sms, Channel.whatsapp} if team.has_phone else set()
    return frozenset(by_phone | ({Channel.email} if team.has_email else set()))


def team_person(house: House, brand_key: str) -> Person:
    """Whom a message to the team is addressed to: no name, so that nobody is greeted by another's."""
    brand = _brand(house, brand_key)
    if brand is None or brand.team is None:
        return Person()
    return Person(email=brand.team.email, phone=brand.team.phone)


def team_locale(house: House, brand_key: str) -> str | None:
    """The language that a brand's people read: its own."""
    brand = _brand(house, brand_key)
    return brand.locale if brand else None


def _brand(house: House, brand_key: str) -> BrandSource | None:
    return house.catalog.brands().get(brand_key)
