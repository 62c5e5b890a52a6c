"""Which rules each brand lives by at this moment: its last published set, else that which the house was built with; and
over what a set says of quiet hours for all its rules, what the brand says itself."""

from collections.abc import Collection, Mapping
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

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
    quiet = _quiet_hours(session, house, brand_ids)
    return {brand_id: rules.within(quiet.get(brand_id, {})) for brand_id, rules in found.items()}


def as_lived_by(session: Session, house: House, brand_id: int, rules: RuleSet) -> RuleSet:
    """A set that a brand does not live by yet, as it would: with the brand's own quiet hours."""
    return rules.within(_quiet_hours(session, house, {brand_id}).get(brand_id, {}))


def _quiet_hours(
    session: Session, house: House, brand_ids: Collection[int]
) -> dict[int, Mapping[Channel, Quiet | None]]:
    """The quiet hours that these brands state in their `brand.yaml`, as it counts now; by brand id, where they do."""
    stated = {key: brand.quiet_hours for key, brand in catalog_of(session, house).brands().items() if brand.quiet_hours}
    if not stated:
        return {}
    rows = session.execute(sa.select(Brand.id, Brand.key).where(Brand.id.in_(brand_ids), Brand.key.in_(stated)))
    return {brand_id: _read(tuple(sorted(stated[key].items()))) for brand_id, key in rows}


@lru_cache(maxsize=256)
def _read(stated: tuple[tuple[str, str], ...]) -> Mapping[Channel, Quiet | None]:
    return {Channel(name): None if hours == "none" else parse_quiet(hours) for name, hours in stated}
