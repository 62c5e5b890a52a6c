"""What each documented field looks like, worked out from the sample orders; and the page that lists all fields."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.messages.base import Template
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, WORST, facts_for
from app.messages.rendering.fields import FIELDS, Field
from app.messages.rendering.view import fields

_TOLD = (
    ("out_for_delivery", None), ("eta_changed", "another day"), ("ready_for_pickup", "everything known"),
    ("out_for_delivery", "told together"), ("out_for_delivery", "split"), ("delayed", None),
)  # fmt: skip


def values_of(template: Template, name: str | None) -> dict[str, Any]:
    """All fields of one sample order (None: the ordinary one), as a template gets them."""
    changed, person = WORST[name] if name else ({}, PERSON)
    return fields(template, facts_for(template.key, **changed), person, LINKS, NOW)


def walked(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every path inside nested values with what stands there; groups and lists too, the whole itself not."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from walked(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from walked(inner, f"{path}[]")


def samples(catalog: Catalog, brand_key: str, locale: str = "en") -> dict[str, str]:
    """A sample of each field by path, as text: of ordinary orders before the strange ones. Fields that no sample
    order fills, and groups, have none."""
    found: dict[str, str] = {}
    names = [(key, name) for key, name in _TOLD if name is None or name in WORST]
    names += [("delayed", name) for name in WORST if "hostile" not in name and "endless" not in name]
    for key, name in names:
        template = catalog.resolve(brand_key, locale, key, "email")
        for path, value in walked(values_of(template, name)):
            if path in FIELDS and path not in found and FIELDS[path].kind != "group" and value not in (None, "", []):
                found[path] = _shown(FIELDS[path], value)
    return found


def _shown(field: Field, value: Any) -> str:
    if field.kind == "list":
        return f"{len(value)} of them"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def page(found: Mapping[str, str]) -> str:
    """The page of all fields in Markdown, with a sample of each."""
    lines = [
        "# Fields",
        "",
        "Everything that a template may name. What is not listed is refused when a template is saved, with its line,",
        "its column and the nearest right name. `doorstep templates fields --markdown` writes this page.",
        "",
        "`[]` stands for each of a list: `items[].name` is `item.name` inside `{% for item in items %}`. A field that",
        "may be blank is asked for first (`{% if carrier %}`), given a default (`{{ carrier or 'the carrier' }}`), or",
        "has a word in the language's `words.yaml` under `fallbacks:`, which is printed instead.",
        "",
        "| field | type | may be blank | meaning | sample |",
        "|---|---|---|---|---|",
    ]
    for field in FIELDS.values():
        sample = found.get(field.path, "").replace("|", "\\|")
        shown = f"`{sample}`" if sample else ""
        blank = "yes" if field.blank else ""
        kind = f"{field.kind}, at most {field.most}" if field.most else field.kind
        lines.append(f"| `{field.path}` | {kind} | {blank} | {field.meaning} | {shown} |")
    return "\n".join(lines) + "\n"
