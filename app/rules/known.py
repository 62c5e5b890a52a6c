"""What a rule set may name that the rules themselves do not know: told to the parser by whoever can look it up."""

from dataclasses import dataclass

from app.zones import country_codes


@dataclass(frozen=True, slots=True)
class Known:
    """The names that exist: `templates` as (name, channel), the `carriers` that orders may name (None: any), the
    `brands` by key."""

    templates: frozenset[tuple[str, str]]
    carriers: frozenset[str] | None
    brands: frozenset[str]

    def of_channel(self, channel: str) -> frozenset[str]:
        """The names of a channel's templates."""
        return frozenset(name for name, of in self.templates if of == channel)


_OFTEN_MEANT = {"UK": "GB", "EL": "GR", "EN": "GB", "JA": "JP"}


def no_country(code: str) -> str | None:
    """What to write in place of a code that is no country's (ISO 3166, capital letters); None for one that is."""
    if code in country_codes():
        return None
    if code in _OFTEN_MEANT:
        return f"Did you mean {_OFTEN_MEANT[code]!r}?"
    return "Write the country's two capital letters (ISO 3166), such as SE."
