"""What a rule set may name that the rules themselves do not know: told to the parser by whoever can look it up."""

from dataclasses import dataclass

from app.errors import nearest
from app.zones import country_codes


@dataclass(frozen=True, slots=True)
class Known:
    """The names that exist: `templates` as (name, channel), the `carriers` that orders may name (None: any), the
    `brands` by key. `own` is whose rules they are, where that is known: then no other brand is named to it. `team`
    are the channels on which its own people can be written to (None: that is not known)."""

    templates: frozenset[tuple[str, str]]
    carriers: frozenset[str] | None
    brands: frozenset[str]
    own: str | None = None
    team: frozenset[str] | None = None

    def no_brand(self, word: str) -> str | None:
        """What to write in place of a word that is no brand's key; None for one that is."""
        if word in self.brands:
            return None
        return nearest(word, self.brands if self.own is None else {self.own})

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
