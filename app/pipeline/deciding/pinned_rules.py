"""The rules that messages were decided by, read back from their pinned versions: what was decided stays decided."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import InvalidInput
from app.log import logger
from app.models import RuleSetVersion
from app.pipeline.house import House
from app.rules.document import parse_rules
from app.rules.ruleset import RuleSet

log = logger(__name__)


def pinned_rules(session: Session, house: House, version_ids: Collection[int]) -> dict[int, RuleSet]:
    """The rule sets of these versions by row id, without any that today's program cannot read.

    A version never changes, so the process remembers the ones it has read.
    """
    found = {version: house.rule_sets[version] for version in version_ids if version in house.rule_sets}
    missing = sorted(set(version_ids) - found.keys())
    if missing:
        for row in session.scalars(sa.select(RuleSetVersion).where(RuleSetVersion.id.in_(missing))):
            try:
                found[row.id] = house.rule_sets[row.id] = parse_rules(row.content)
            except InvalidInput as error:
                log.error("a stored rule set cannot be read any more", version=row.id, error=str(error))
    return found
