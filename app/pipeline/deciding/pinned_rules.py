"""The rules that messages were decided by, read back from their pinned versions: what was decided stays decided."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import RuleSetVersion
from app.pipeline.house import House
from app.rules.document import reread_rules
from app.rules.ruleset import RuleSet


def pinned_rules(session: Session, house: House, version_ids: Collection[int]) -> dict[int, RuleSet]:
    """The rule sets of these versions by row id, each as far as today's program can read it.

    A version never changes, so the process remembers the ones it has read.
    """
    found = {version: house.rule_sets[version] for version in version_ids if version in house.rule_sets}
    missing = sorted(set(version_ids) - found.keys())
    if missing:
        for row in session.scalars(sa.select(RuleSetVersion).where(RuleSetVersion.id.in_(missing))):
            found[row.id] = house.rule_sets[row.id] = reread_rules(row.content)
    return found
