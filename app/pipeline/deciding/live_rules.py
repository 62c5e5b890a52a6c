"""Which rules each brand lives by at this moment: its last published set, else that which the house was built with."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.messages.catalog import Catalog
from app.models import Brand
from app.models.vocabulary import Channel
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.rules.document import reread_rules
from app.rules.quiet import Quiet, parse_quiet
from app.rules.ruleset import RuleSet

_LIVE = sa.text("""
    SELECT live.brand_id, live.rule_set_version_id AS version_id, version.content
    FROM rule_set_publications AS live JOIN rule_set_versions AS version ON version.id = live.rule_set_version_id
    WHERE live.brand_id = ANY(:brands) AND live.replaced_at IS NULL
        AND NOT live.rule_set_version_id = ANY(:known)
    UNION ALL
    SELECT live.brand_id, live.rule_set_version_id, NULL
    FROM rule_set_publications AS live
    WHERE live.brand_id = ANY(:brands) AND live.replaced_at IS NULL AND live.rule_set_version_id = ANY(:known)
""")

_REMEMBERED = 64


def rules_of(session: Session, house: House, brand_ids: Collection[int]) -> dict[int, RuleSet]:
    """The live rules by brand id. A version never changes, so the process remembers the ones it has read.

    One that was valid when it was published and that today's program cannot read as a whole stops nobody's batch: what
    can be read of it counts, and an alarm tells of the rest.
    """
    remembered = dict(house.rule_sets)  # another thread may forget one meanwhile
    values = {"brands": sorted(brand_ids), "known": sorted(remembered)}
    found = dict.fromkeys(brand_ids, house.rules)
    for row in session.execute(_LIVE, values):
        if row.content is not None:
            remembered[row.version_id] = house.rule_sets[row.version_id] = reread_rules(row.content)
        found[row.brand_id] = remembered[row.version_id]
    while len(house.rule_sets) > _REMEMBERED:
        house.rule_sets.pop(next(iter(house.rule_sets)), None)
    quiet = quiet_of(session, house, brand_ids)
    return {brand_id: rules.under(quiet.get(brand_id, {})) for brand_id, rules in found.items()}


def under_brand(catalog: Catalog, brand_key: str, rules: RuleSet) -> RuleSet:
    """A set as a brand lives by it: with the brand's quiet hours, as its `brand.yaml` counts in the catalog."""
    return rules.under(_quiet_hours(catalog, brand_key))


def quiet_of(session: Session, house: House, brand_ids: Collection[int]) -> dict[int, Mapping[Channel, Quiet]]:
    """The quiet hours that `brand.yaml` states at this moment, by brand id; brands without any are left out."""
    catalog = catalog_of(session, house)
    if not any(brand.quiet_hours for brand in catalog.brands().values()):
        return {}
    rows = session.execute(sa.select(Brand.id, Brand.key).where(Brand.id.in_(sorted(brand_ids))))
    return {row.id: quiet for row in rows if (quiet := _quiet_hours(catalog, row.key))}


def _quiet_hours(catalog: Catalog, brand_key: str) -> dict[Channel, Quiet]:
    brand = catalog.brands().get(brand_key)
    return {channel: parse_quiet(hours) for channel, hours in brand.quiet_hours.items()} if brand else {}
