"""Whether a rehearsal of the live rules comes to what was really decided, and where it does not, why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.models.vocabulary import Reason
from app.rehearsal.mails import Answer
from app.rehearsal.reading import Stored
from app.rehearsal.stage import Stage

EXAMPLES = 5

OTHER_VERSION = "decided by another version of the rules"
PRUNED = "the facts it was decided on have been taken away, by age or erasure"
NO_INPUTS = "decided before Doorstep kept what it was decided on"
TEMPLATES = "templates have come or gone since"
TIMES = "its message was planned for other times"
LEAVING = "its message was leaving just as another parcel came to join it"
UNEXPLAINED = "it comes out otherwise, and nothing explains it"
CAPS = frozenset({Reason.shopper_cap, Reason.rule_cap})
"""Answers that hang on how many others had got one that day: an input, like the channels, and taken as recorded."""


class Unlike(BaseModel):
    """One decision that the rehearsal comes to otherwise: as it was recorded, and as it comes out. None: not at all."""

    model_config = ConfigDict(frozen=True)

    shipment: str
    milestone: str
    rule: str
    channel: str
    recorded: str | None
    rehearsed: str | None
    why: str


class Reproduced(BaseModel):
    """How many of the recorded decisions the live rules come to again, exactly; why not the others.

    `later` were made when a provider had answered (a channel that stands in for one that failed), and are not replayed.
    """

    model_config = ConfigDict(frozen=True)

    recorded: int
    reproduced: int
    later: int
    unlike: dict[str, int]
    examples: tuple[Unlike, ...]

    @property
    def whole(self) -> bool:
        """Whether every one did, and nothing was added."""
        return self.recorded == self.reproduced and not self.unlike

    @property
    def sentence(self) -> str:
        """The same in words."""
        first = f"{self.reproduced:,} of {self.recorded:,} decisions reproduce."
        why = "; ".join(f"{count:,} do not: {reason}" for reason, count in self.unlike.items())
        later = f" {self.later:,} more hung on what providers answered, and are not replayed." if self.later else ""
        return (f"{first} {why[:1].upper()}{why[1:]}." if why else first) + later


Key = tuple[int, str, str, str]


@dataclass(slots=True)
class Reproducing:
    """The count, while orders are gone through."""

    recorded: int = 0
    reproduced: int = 0
    later: int = 0
    unlike: Counter[str] = field(default_factory=Counter)
    examples: list[Unlike] = field(default_factory=list)

    def compare(self, stored: Stored, crossings: Iterable[Any], stage: Stage) -> None:
        """Compare what was recorded about these crossings with what the stage came to."""
        answers = {_key(one): one for one in stage.answers if one.opened.id is not None}
        times = {_message_key(one): one for one in stored.messages if one.fallback_of is None}
        for crossing in crossings:
            recorded = stored.decisions.get(crossing.id, ())
            decided = {_decision_key(one): one for one in recorded if one.decided_at <= crossing.crossed_at}
            self.recorded += len(decided)
            self.later += len(recorded) - len(decided)
            for key, one in decided.items():
                answer = answers.pop(key, None)
                if answer is not None and _same(one, answer) and _same_times(times.get(key), answer):
                    self.reproduced += 1
                else:
                    self._note(stored, crossing, one, answer, stage)
            for key in [key for key in answers if key[0] == crossing.id]:
                self._note(stored, crossing, None, answers.pop(key), stage)

    def _note(self, stored: Stored, crossing: Any, one: Any | None, answer: Answer | None, stage: Stage) -> None:
        why = _why(stored, crossing, one, answer, stage)
        self.unlike[why] += 1
        if len(self.examples) >= EXAMPLES:
            return
        rule, channel = (one.rule, one.channel) if one is not None else ("", "")
        if one is None and answer is not None:
            rule, channel = answer.decided.rule, answer.decided.channel.value
        self.examples.append(
            Unlike(
                shipment=stored.parcel(crossing.shipment_id).public_id,
                milestone=crossing.milestone,
                rule=rule,
                channel=channel,
                recorded=one.reason if one is not None else None,
                rehearsed=answer.reason.value if answer is not None else None,
                why=why,
            )
        )

    def told(self) -> Reproduced:
        """The result."""
        return Reproduced(
            recorded=self.recorded,
            reproduced=self.reproduced,
            later=self.later,
            unlike=dict(self.unlike.most_common()),
            examples=tuple(self.examples),
        )


def _key(one: Answer) -> Key:
    assert one.opened.id is not None
    return one.opened.id, one.decided.rule, one.decided.channel.value, one.decided.recipient_id


def _decision_key(one: Any) -> Key:
    return one.crossing_id, one.rule, one.channel, one.recipient_id


_message_key = _decision_key


def _same(one: Any, answer: Answer) -> bool:
    return (one.fired, one.reason) == (answer.fired, answer.reason.value)


def _same_times(message: Any | None, answer: Answer) -> bool:
    """Whether a message was planned for the times that the rehearsal plans it for. One that was put off since leaves
    later than it was planned to; nothing ever leaves sooner."""
    if message is None:
        return (
            answer.reason is Reason.merged or not answer.fired
        )  # what is told together has a message that is another's
    mail = answer.mail
    if mail is None or (message.expires_at, message.priority) != (mail.expires_at, mail.decided.priority):
        return False
    put_off = message.tries > 0 or message.attempts > 1 or message.reason in _PUT_OFF or message.state != "held"
    return bool(message.send_at == mail.send_at or (put_off and message.send_at > mail.send_at))


def _missed(one: Any, answer: Answer) -> bool:
    """Whether two parcels are told of together here that were told of one by one. A worker's instant is that at which
    it took the news up; by the time that it had the order to itself, the other's message could have been claimed."""
    if one.reason != Reason.planned.value:
        return False
    return answer.reason is Reason.merged or (answer.mail is not None and len(answer.mail.covers) > 1)


_PUT_OFF = frozenset({Reason.retrying.value, Reason.paced.value, Reason.quiet_hours.value})


def _why(stored: Stored, crossing: Any, one: Any | None, answer: Answer | None, stage: Stage) -> str:
    if not crossing.facts:
        return PRUNED
    if not crossing.inputs:
        return NO_INPUTS
    digests = {bytes(decision.digest) for decision in stored.decisions.get(crossing.id, ())}
    if digests != {stage.rules.digest}:  # without any decision, no rule of that version looked at it
        return OTHER_VERSION
    if one is not None and answer is not None:
        if Reason.no_template.value in (one.reason, answer.reason.value):
            return TEMPLATES
        if _missed(one, answer):
            return LEAVING
        if _same(one, answer):
            return TIMES
    return UNEXPLAINED
