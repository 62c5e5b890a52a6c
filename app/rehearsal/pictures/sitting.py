"""What sits for the pictures: a sample order of each brand, a sample shopper, and the pictures a message may fetch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from app.messages.base import RenderedEmail, RenderedSms, Template
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, facts_for
from app.messages.rendering.render import Renderer
from app.messages.versions.live import digest_of
from app.models.facts import BrandFacts, Facts, Item, Pickup, Promise
from app.rehearsal.pictures.browser import Answer

_SAMPLES = Path(__file__).parent / "samples"
_PICTURES = "https://pictures.example"
_ITEMS: Mapping[str, tuple[Item, ...]] = {
    "fjallhem": (
        Item(name="Vindpil shell jacket", image_url=f"{_PICTURES}/jacket.svg"),
        Item(name="Enamel mug", quantity=2, image_url=f"{_PICTURES}/mug.svg"),
    ),
    "atelier-ombre": (
        Item(name="Robe Minuit", image_url=f"{_PICTURES}/dress.svg"),
        Item(name="Silk scarf", image_url=f"{_PICTURES}/scarf.svg"),
    ),
}
_PLACES = {"fjallhem": "Stockholm", "atelier-ombre": "Lyon"}
_SHOPS = {
    "fjallhem": ("ICA Nära", "Storgatan 4, Stockholm"),
    "atelier-ombre": ("Tabac du Parc", "Rue Duquesne 9, Lyon"),
}


@dataclass(frozen=True, slots=True)
class Sitter:
    """A compiled template of a brand, by the brand's key."""

    brand_key: str
    template: Template

    @property
    def name(self) -> str:
        """What its files are called: `fjallhem.en.delivered`."""
        return f"{self.brand_key}.{self.template.locale}.{self.template.key}"


_NOTES = {
    "delivered": "Left at the front door",
    "attempt_failed": "Nobody was at home",
    "exception": "The label cannot be read",
    "exception_team": "The label cannot be read",
}
"""What the carrier's driver wrote, where that is told."""


def sitters(
    catalog: Catalog,
    channel: str = "email",
    *,
    brand: str | None = None,
    locale: str | None = None,
    key: str | None = None,
) -> list[Sitter]:
    """Every template of a channel, of every brand and in every language, by brand, language and name; only those that
    are asked for."""
    found = catalog.all_templates(brand=brand, locale=locale, key=key, channel=channel)
    return [Sitter(brand_key, template) for brand_key, template in found]


def sample_facts(sitter: Sitter, catalog: Catalog) -> Facts:
    """An ordinary order of the brand at the message's milestone, with two things in it that have pictures."""
    brand = catalog.brands()[sitter.brand_key]
    key = sitter.template.key.removesuffix("_team")
    facts = facts_for(
        key,
        brand=BrandFacts(key=brand.key, name=brand.name),
        items=_ITEMS.get(brand.key, _ITEMS["fjallhem"]),
        place=_PLACES.get(brand.key, "Stockholm"),
        note=_NOTES.get(key, ""),
    )
    shopper = facts.shopper.model_copy(update={"locale": sitter.template.locale, "zone": brand.zone})
    changed: dict[str, object] = {"shopper": shopper}
    if key in ("ready_for_pickup", "pickup_expiring"):
        until = (NOW + timedelta(days=2)).date()
        name, address = _SHOPS.get(brand.key, _SHOPS["fjallhem"])
        pickup = Pickup(name=name, address=address, hours=("08:00-21:00",), until=until)
        changed["parcel"] = facts.parcel.model_copy(update={"pickup": pickup})
    if key == "arriving_early":
        changed["promise"] = Promise(on=(NOW + timedelta(days=2)).date())
    return facts.model_copy(update=changed)


def email_of(sitter: Sitter, catalog: Catalog, renderer: Renderer) -> RenderedEmail:
    """The email that the sample shopper would get. Raises NotRenderable."""
    return renderer.render_email(sitter.template, sample_facts(sitter, catalog), PERSON, LINKS, NOW)


def sms_of(sitter: Sitter, catalog: Catalog, renderer: Renderer) -> RenderedSms:
    """The SMS that the sample shopper would get. Raises NotRenderable."""
    return renderer.render_sms(sitter.template, sample_facts(sitter, catalog), PERSON, LINKS, NOW)


def pictures_of(*catalogs: Catalog) -> Callable[[str], Answer | None]:
    """What stands at an address that a message fetches: a brand's picture, a sample item's picture, or nothing.

    Of several editions each picture is that which the address names by its content; the first edition's where none is.
    """

    def answer(url: str) -> Answer | None:
        parts = urlsplit(url)
        steps = parts.path.strip("/").split("/")
        if parts.netloc == urlsplit(_PICTURES).netloc:
            samples = {sample.stem: sample for sample in _SAMPLES.glob("*.svg")}
            drawn = samples.get(steps[-1].partition(".")[0])  # the check's own order asks for PNGs
            return ("image/svg+xml", drawn.read_bytes()) if drawn else None
        if "brand" in steps[:-2]:  # followed by the brand, perhaps by the picture's digest, and by its name
            key, name = steps[steps.index("brand") + 1], steps[-1]
            found = [one for catalog in catalogs if (one := _picture(catalog, key, name)) is not None]
            named = [one for one in found if digest_of(one).startswith(steps[-2])]
            return ("image/png", (named or found)[0]) if found else None
        return None

    return answer


def _picture(catalog: Catalog, brand_key: str, name: str) -> bytes | None:
    there = brand_key in catalog.brands() and name.endswith(".png")
    file = catalog.shelf(brand_key).file(name) if there else None
    return file.content if file else None
