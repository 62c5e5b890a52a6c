"""What the audit log says of each kind of change, whoever makes it and wherever: one wording for console, API and
command line."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.messages.versions.publishing import Published as PublishedTemplates
from app.pipeline.brakes.pausing import Paused, Resumed
from app.pipeline.codes.mapping import Changed
from app.pipeline.deciding.publishing import Published
from app.pipeline.leaving.moving import Moved
from app.pipeline.people.person import Held
from app.rules.differing import differences
from app.rules.ruleset import RuleSet

_MOST = 40
"""Sentences of one change that are kept; the whole of it is the publication's own history."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit log, but for who and when. `new` is false where nothing changed, and nothing is written."""

    action: str
    subject: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    new: bool = True


def rules_published(
    published: Published,
    before: RuleSet,
    after: RuleSet,
    *,
    back_to: int | None = None,
    accepted: Collection[str] = (),
) -> Change:
    """A rule set was published, or an older one again; `accepted` are the warnings that were ticked."""
    said = [str(one) for one in differences(before, after)]
    what: dict[str, Any] = {"digest": published.digest[:12], "why": published.why, "changes": said[:_MOST]}
    if back_to is not None:
        what["text of number"] = back_to
    if accepted:
        what["warnings accepted"] = sorted(accepted)[:_MOST]
    action = "rules.publish" if back_to is None else "rules.rollback"
    return Change(action, f"number {published.number}", {"digest": before.digest.hex()[:12]}, what, published.new)


def templates_published(done: PublishedTemplates, why: str, back_to: int | None = None) -> Change:
    """Files of templates were published, or older ones again."""
    what: dict[str, Any] = {"files": sorted(done.changes)[:_MOST], "why": why}
    if back_to is not None:
        what["as after number"] = back_to
    if done.accepted:
        what["warnings accepted"] = len(done.accepted)
    action = "templates.publish" if back_to is None else "templates.rollback"
    return Change(action, f"number {done.number}", {"number": done.before.number}, what, done.new)


def paused(scope: str, done: Paused, stops: int | None = None) -> Change:
    """Messages of a scope were stopped; `stops` is how many waited then, where that was counted."""
    after = {"why": done.pause.why} | ({"stops": stops} if stops is not None else {})
    return Change("pause", scope, None, after, done.new)


def resumed(scope: str, done: Resumed) -> Change:
    """A pause was lifted."""
    after = {"judged again": done.released, "still held": done.still_held}
    return Change("resume", scope, None, after, bool(done.lifted))


def code_mapped(done: Changed, why: str, *, taken_back: bool = False) -> Change:
    """What a carrier's code means was said, or taken back."""
    after = {"meaning": done.meaning, "why": why}
    action = "codes.unmap" if taken_back else "codes.map"
    return Change(action, f"{done.carrier} {done.code}", {"meaning": done.before}, after, done.new)


def person_erased(held: Held) -> Change:
    """Somebody is erased: in numbers, and by no name."""
    return Change("person.erase", after=_numbers(held))


def person_exported(held: Held) -> Change:
    """All that is kept of somebody was handed over."""
    return Change("person.export", after={"orders": held.orders, "messages": held.messages})


def words_moved(key: str, done: Moved, why: str) -> Change:
    """Messages that waited got the words that their template has now."""
    after = {"moved": len(done.moved), "left": len(done.left), "why": why[:300]}
    return Change("templates.move", key, after=after, new=bool(done.moved))


def _numbers(held: Held) -> dict[str, int]:
    return {
        "orders": held.orders,
        "messages": held.messages,
        "messages waiting": held.messages_waiting,
        "messages under way": len(held.under_way),
        "texts": held.inbound,
        "lines on the list": held.suppressions,
    }
