"""A parcel's whole story with what is worked out as it is read: which rules were not for it and why, and what comes
next."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.insight.coming import coming
from app.insight.explain import explain
from app.insight.stories import AsideStory, CrossingStory, DecisionStory, Story
from app.models import Crossing, RuleSetVersion, Shipment
from app.models.facts import Facts
from app.models.vocabulary import Channel, Milestone
from app.pipeline.deciding.live_rules import rules_of
from app.pipeline.house import House
from app.rules.condition_words import carrier_name, condition_words
from app.rules.document import reread_rules
from app.rules.parts import CODE
from app.rules.ruleset import Reach, Rule, RuleSet


def whole_story(session: Session, house: House, shipment_id: str, brand_id: int | None = None) -> Story:
    """`explain`, with the rules that were not for the parcel, and what comes next. Raises NotFound."""
    story = explain(session, shipment_id, brand_id)
    ids = {decision.rule_set_version_id for crossing in story.crossings for decision in crossing.decisions}
    versions = _versions(session, house, ids)
    pictures = _pictures(session, [crossing.id for crossing in story.crossings])
    own = session.scalar(sa.select(Shipment.brand_id).where(Shipment.public_id == shipment_id))
    assert own is not None
    live = rules_of(session, house, {own})[own]
    crossings = tuple(_with_rules(one, versions, pictures.get(one.id), live) for one in story.crossings)
    story = story.model_copy(update={"crossings": crossings})
    return story.model_copy(update={"coming": coming(story)})


def _versions(session: Session, house: House, ids: set[int]) -> dict[int, RuleSet]:
    query = sa.select(RuleSetVersion.id, RuleSetVersion.content)
    rows = session.execute(query.where(RuleSetVersion.id == sa.func.any(sorted(ids))))
    return {row.id: house.rule_sets.get(row.id) or _read(row.content) for row in rows}


@lru_cache(maxsize=32)
def _read(content: str) -> RuleSet:
    """A stored set, as far as it can be read today."""
    return reread_rules(content)


def _pictures(session: Session, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    query = sa.select(Crossing.id, Crossing.facts).where(Crossing.id == sa.func.any(list(ids)))
    return {row.id: row.facts for row in session.execute(query)}


def _with_rules(
    crossing: CrossingStory,
    versions: Mapping[int, RuleSet | None],
    facts: Mapping[str, Any] | None,
    live: RuleSet,
) -> CrossingStory:
    """A milestone with the rules that were not for the parcel: of the set that answered, else of the live one."""
    pinned = versions[crossing.decisions[0].rule_set_version_id] if crossing.decisions else live
    aside = _aside(pinned, crossing, Facts.model_validate(facts)) if pinned is not None and facts else ()
    decisions = tuple(_with_rule(one, versions.get(one.rule_set_version_id)) for one in crossing.decisions)
    return crossing.model_copy(update={"aside": aside, "decisions": decisions})


def _with_rule(decision: DecisionStory, rules: RuleSet | None) -> DecisionStory:
    """A decision that says what its rule is for, and of a message that waits for the night to end whose quiet hours
    these are: pinned with it, and the brand's where its rules state others or none."""
    rule = rules.named(decision.rule) if rules is not None else None
    if rule is None:
        return decision
    told: dict[str, Any] = {"about": rule.description or None, "asks": _asks(rule)}
    message = decision.message
    if message is not None and message.quiet is not None:
        channel = Channel(decision.channel)
        own, by_set = channel in rule.own_quiet, str(rule.quiet.get(channel)) == message.quiet
        whose = "rule" if own else "rule set" if by_set else "brand"
        told["message"] = message.model_copy(update={"quiet_from": whose})
    return decision.model_copy(update=told)


def _asks(rule: Rule) -> str | None:
    """A rule's condition in words, where it has words for all of it."""
    parts = condition_words(rule.condition.source) if rule.condition else ()
    return "".join(part.text for part in parts) if parts and all(part.mark != CODE for part in parts) else None


def _aside(rules: RuleSet, crossing: CrossingStory, facts: Facts) -> tuple[AsideStory, ...]:
    answered = {one.rule for one in crossing.decisions}
    return tuple(
        AsideStory(rule=rule.name, why=why)
        for rule in rules.for_milestone(Milestone(crossing.milestone))
        if rule.name not in answered and (why := outside(rule.reach, facts))
    )


def outside(reach: Reach, facts: Facts) -> str:
    """Why a rule is not for a parcel, as the end of a sentence; nothing where it is."""
    parcel, shopper = facts.parcel, facts.shopper
    if reach.direction != parcel.direction:
        return f"it is for {reach.direction} parcels"
    named = {carrier_name(one) for one in reach.carriers}
    parts = (
        ("parcels with", named, [parcel.carrier and carrier_name(parcel.carrier)], "this one goes with"),
        ("shoppers in", reach.countries, [(shopper.country or "").upper()], "this one lives in"),
        ("the brands", reach.brands, [facts.brand.key], "this one is"),
        ("orders tagged", reach.tags, list(facts.order.tags), "this one is tagged"),
    )
    for whom, wanted, has, but in parts:
        if wanted and not wanted.intersection(one for one in has if one):
            said = ", ".join(filter(None, has)) or "nothing known"
            return f"it is for {whom} {', '.join(sorted(wanted))}, and {but} {said}"
    service = (parcel.service or "").casefold()
    if reach.services and not any(fnmatchcase(service, pattern.casefold()) for pattern in reach.services):
        return f"it is for the services {', '.join(reach.services)}, and this one goes by {parcel.service or 'none'}"
    return ""
