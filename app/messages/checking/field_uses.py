"""Who reads a field: for whoever wants to change one, and for a person who asks where it is used."""

from dataclasses import dataclass

from app.messages.catalog import Catalog
from app.messages.rendering.sandbox import HTML, TEXT
from app.messages.rendering.using import Use, uses


@dataclass(frozen=True, slots=True)
class Reader:
    """A template's part that reads a field, and the reading: its line and column are those of the compiled part."""

    brand_key: str
    key: str
    channel: str
    locale: str
    part: str
    use: Use


def who_uses(catalog: Catalog, path: str) -> list[Reader]:
    """The first reading of a field, or of anything inside it, in each part of each template of each brand."""
    found: list[Reader] = []
    for brand_key, template in catalog.all_templates():
        texts = template.parts.get("variables") or {
            name: template.parts[name] for name in ("subject", "preheader", "html", "text") if name in template.parts
        }
        for part, text in texts.items():
            environment = HTML if part == "html" else TEXT
            use = next((use for use in uses(text, environment) if _within(use.path, path)), None)
            if use is not None:
                found.append(Reader(brand_key, template.key, template.channel, template.locale, part, use))
    return found


def _within(path: str, sought: str) -> bool:
    return path == sought or path.startswith((f"{sought}.", f"{sought}["))
