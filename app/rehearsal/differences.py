"""Who would gain or lose which message: two rehearsals of each order compared, and counted in bounded space."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from app.models.vocabulary import Reason
from app.rehearsal.mails import Answer, Mail
from app.rehearsal.script import in_words
from app.rehearsal.stage import Stage
from app.zones import zone

EXAMPLES = 3
"""How many parcels are named for one rule, milestone and channel, beside the counts."""

MOST_EXAMPLES = 60


class Example(BaseModel):
    """One message that would be gained, lost or changed. `at` is when it would leave (lost: left), UTC; `hour` is the
    shopper's own; `why` is the other side's answer. `story` is the path of the parcel's own story."""

    model_config = ConfigDict(frozen=True)

    shipment: str
    order: str
    milestone: str
    rule: str
    channel: str
    carrier: str | None
    at: datetime
    hour: int
    why: str
    story: str


class Change(BaseModel):
    """Messages of one kind, counted: by rule, milestone, channel, carrier and the hour of the shopper's day."""

    model_config = ConfigDict(frozen=True)

    count: int
    by_rule: dict[str, int]
    by_milestone: dict[str, int]
    by_channel: dict[str, int]
    by_carrier: dict[str, int]
    by_hour: dict[int, int]
    examples: tuple[Example, ...]


class Day(BaseModel):
    """Messages that leave on one day of the brand's calendar, under the live rules and under the draft."""

    model_config = ConfigDict(frozen=True)

    live: int
    draft: int


@dataclass(slots=True)
class Counted:
    """One kind of change while it is counted."""

    rules: Counter[str] = field(default_factory=Counter)
    milestones: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    carriers: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    examples: dict[tuple[str, str, str], list[Example]] = field(default_factory=dict)

    def add(self, one: Example) -> None:
        """Count one message."""
        self.rules[one.rule] += 1
        self.milestones[one.milestone] += 1
        self.channels[one.channel] += 1
        self.carriers[one.carrier or "none"] += 1
        self.hours[one.hour] += 1
        shown = self.examples.setdefault((one.rule, one.milestone, one.channel), [])
        if len(shown) < EXAMPLES:
            shown.append(one)

    def told(self) -> Change:
        """The counts, the largest first, and examples of each kind."""
        listed = [one for group in self.examples.values() for one in group]
        return Change(
            count=sum(self.rules.values()),
            by_rule=dict(self.rules.most_common()),
            by_milestone=dict(self.milestones.most_common()),
            by_channel=dict(self.channels.most_common()),
            by_carrier=dict(self.carriers.most_common()),
            by_hour=dict(sorted(self.hours.items())),
            examples=tuple(listed[:MOST_EXAMPLES]),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """One message that is `gained`, `lost` or `changed`."""

    kind: Literal["gained", "lost", "changed"]
    message: Example


@dataclass(slots=True)
class Differences:
    """What a draft would change, while orders are gone through. Days are the calendar's of `here`, the brand's zone.

    `listed` are the differences of the orders since it was emptied last, for whoever wants each of them.
    """

    here: ZoneInfo
    listed: list[Difference] = field(default_factory=list)
    live: int = 0
    draft: int = 0
    gained: Counted = field(default_factory=Counted)
    lost: Counted = field(default_factory=Counted)
    changed: Counted = field(default_factory=Counted)
    days: dict[str, Counter[str]] = field(default_factory=dict)

    def compare(self, live: Stage, draft: Stage) -> None:
        """Count what one order's shopper gets under the draft and did not under the live rules, and the other way."""
        before, after = _left(live), _left(draft)
        self.live += len(before)
        self.draft += len(after)
        for side, mails in (("live", before), ("draft", after)):
            for mail in mails.values():
                self.days.setdefault(self._day(mail), Counter())[side] += 1
        for name, mail in after.items():
            if name not in before:
                self._note("gained", _example(draft, mail, why_not(live, mail)))
            elif what := _changed(before[name], mail):
                self._note("changed", _example(draft, mail, what))
        for name, mail in before.items():
            if name not in after:
                self._note("lost", _example(live, mail, why_not(draft, mail)))

    def _note(self, kind: Literal["gained", "lost", "changed"], one: Example) -> None:
        counted: Counted = getattr(self, kind)
        counted.add(one)
        self.listed.append(Difference(kind, one))

    def _day(self, mail: Mail) -> str:
        assert mail.left_at is not None
        return mail.left_at.astimezone(self.here).date().isoformat()

    def by_day(self) -> dict[str, Day]:
        """Messages a day, oldest first."""
        return {day: Day(live=count["live"], draft=count["draft"]) for day, count in sorted(self.days.items())}


Name = tuple[int, str, int, str, str]


def _left(stage: Stage) -> Mapping[Name, Mail]:
    return {mail.name: mail for mail in stage.mails if mail.left_at is not None and not mail.public_id}


def _changed(before: Mail, after: Mail) -> str:
    """In what the same message differs to its reader, in words; nothing where it does not."""
    said = []
    if before.decided.template != after.decided.template:
        said.append(f"template {after.decided.template} in place of {before.decided.template}")
    if before.left_at != after.left_at:
        assert before.left_at is not None and after.left_at is not None
        later = after.left_at > before.left_at
        said.append(f"{in_words(after.left_at - before.left_at)} {'later' if later else 'earlier'}")
    return ", ".join(said)


def _example(stage: Stage, mail: Mail, why: str) -> Example:
    assert mail.left_at is not None
    parcel = stage.stored.parcel(mail.shipment_id)
    return Example(
        shipment=parcel.public_id,
        order=stage.stored.order.number,
        milestone=mail.milestone.value,
        rule=mail.decided.rule,
        channel=mail.decided.channel.value,
        carrier=mail.facts.parcel.carrier,
        at=mail.left_at,
        hour=mail.left_at.astimezone(zone(stage.stored.order.zone)).hour,
        why=why,
        story=f"/v1/shipments/{parcel.public_id}/timeline",
    )


def why_not(stage: Stage, mail: Mail) -> str:
    """Why, under the other rules, a message does not leave."""
    same = [one for one in stage.mails if one.name == mail.name]
    if same:
        held = same[0].withheld
        return held.reason.sentence if held is not None else "It is still held there."
    named = (mail.shipment_id, mail.milestone.value, mail.occurrence)
    of_it = [one for one in stage.answers if one.opened.name == named]
    return _reason([one for one in of_it if one.decided.channel is mail.decided.channel] or of_it, mail)


def _reason(answers: Iterable[Answer], mail: Mail) -> str:
    for answer in answers:
        if answer.reason is not Reason.planned:
            detail = f" ({answer.detail})" if answer.detail else ""
            return f"Rule {answer.decided.rule!r}: {answer.reason.sentence.rstrip('.')}{detail}."
        return f"Rule {answer.decided.rule!r} tells it by {answer.decided.channel.value} only."
    milestone = mail.milestone.value.replace("_", " ")
    return f"No rule there tells {milestone} of this parcel, or it is not reached there."
