"""How the stand-in treats a call: well, or badly by a probability or a rule, and the same way for the same seed."""

import hashlib
from collections import Counter
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Act(StrEnum):
    """What becomes of one call. Those that begin with `accept` put the message into the journal."""

    accept = "accept"
    refuse = "refuse"
    throttle = "throttle"
    error = "error"
    stall = "stall"
    drop = "drop"
    garble = "garble"
    accept_then_drop = "accept_then_drop"
    accept_then_stall = "accept_then_stall"
    accept_then_error = "accept_then_error"
    accept_then_garble = "accept_then_garble"

    @property
    def takes(self) -> bool:
        """Whether the message is taken, whatever the caller gets to hear."""
        return self.value.startswith("accept")

    @property
    def in_doubt(self) -> bool:
        """Whether the answer, or its absence, leaves the caller not knowing."""
        return self not in (Act.accept, Act.refuse, Act.throttle)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Manners(_Strict):
    """One provider's probabilities. `slow_ms` is added to every call, half before the message is taken and half
    after; `bounce` is the share of taken messages that are reported as undeliverable."""

    refuse: float = Field(0, ge=0, le=1)
    throttle: float = Field(0, ge=0, le=1)
    error: float = Field(0, ge=0, le=1)
    stall: float = Field(0, ge=0, le=1)
    drop: float = Field(0, ge=0, le=1)
    garble: float = Field(0, ge=0, le=1)
    accept_then_drop: float = Field(0, ge=0, le=1)
    accept_then_stall: float = Field(0, ge=0, le=1)
    accept_then_error: float = Field(0, ge=0, le=1)
    accept_then_garble: float = Field(0, ge=0, le=1)
    bounce: float = Field(0, ge=0, le=1)
    slow_ms: float = Field(0, ge=0, le=600_000)
    retry_after: float = Field(1, ge=0, le=3600)

    @model_validator(mode="after")
    def _together(self) -> Self:
        if sum(self.odds().values()) > 1 + 1e-9:
            raise ValueError("the probabilities of what may become of one call add up to more than 1")
        return self

    def odds(self) -> dict[Act, float]:
        """The probability of each act but plain acceptance."""
        return {act: getattr(self, act.value) for act in Act if act is not Act.accept}


class Rule(_Strict):
    """What happens to one recipient (`*` and `?` as in file names), at most `times` times; first rule wins.

    `code` chooses Twilio's error code for a refusal. `bounce` reports the message as undeliverable.
    """

    recipient: str
    do: Act = Act.accept
    times: int | None = Field(None, ge=1)
    code: int | None = None
    bounce: bool = False


class CallbackManners(_Strict):
    """How reports come back. `base` is where SendGrid's go (`{base}/hooks/sendgrid`); Twilio's go where each message
    says. Delays are in milliseconds, drawn evenly; SendGrid's events are gathered for `batch_ms`. `lose` is the share
    of reports that never come, `one_comes` whether at least the last of each message's does."""

    base: str = ""
    enabled: bool = True
    delay_ms: tuple[float, float] = (20, 200)
    batch_ms: float = Field(100, ge=1, le=60_000)
    duplicate: float = Field(0, ge=0, le=1)
    reorder: float = Field(0, ge=0, le=1)
    lose: float = Field(0, ge=0, le=1)
    one_comes: bool = False


class RecordManners(_Strict):
    """How questions about past messages are answered: `available` is False while the records cannot be reached,
    `activity` says whether SendGrid's add-on is bought, `per_minute` how many questions SendGrid answers."""

    available: bool = True
    activity: bool = True
    per_minute: int | None = Field(6, ge=1)


class Behaviour(_Strict):
    """Everything that can be told over `PUT /behaviour`."""

    seed: int = 0
    sendgrid: Manners = Manners()
    twilio: Manners = Manners()
    rules: tuple[Rule, ...] = ()
    callbacks: CallbackManners = CallbackManners()
    records: RecordManners = RecordManners()

    def manners(self, provider: str) -> Manners:
        return self.sendgrid if provider == "sendgrid" else self.twilio


class Conduct:
    """Applies a behaviour call by call. A draw depends on the seed, the provider, the recipient and how often that
    recipient has been tried, never on what else is going on, so concurrency cannot change it."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._tries: Counter[tuple[str, str]] = Counter()
        self._used: Counter[int] = Counter()

    def next_act(self, provider: str, recipient: str) -> tuple[Act, Rule | None, float]:
        """What to do with this call, the rule that said so, and a number in [0, 1) for choices that hang on it."""
        self._tries[provider, recipient] += 1
        chance = draw(self.behaviour.seed, provider, recipient, self._tries[provider, recipient])
        rule = self._rule(recipient)
        if rule is not None:
            return rule.do, rule, chance
        below = 0.0
        for act, odds in self.behaviour.manners(provider).odds().items():
            below += odds
            if chance < below:
                return act, None, chance
        return Act.accept, None, chance

    def _rule(self, recipient: str) -> Rule | None:
        for index, rule in enumerate(self.behaviour.rules):
            if fnmatchcase(recipient.lower(), rule.recipient.lower()):
                if rule.times is not None and self._used[index] >= rule.times:
                    continue
                self._used[index] += 1
                return rule
        return None

    def bounces(self, provider: str, recipient: str, rule: Rule | None, chance: float) -> bool:
        """Whether a message turns out to be undeliverable that was taken by a call with this `chance`."""
        if rule is not None:
            return rule.bounce
        return draw(self.behaviour.seed, "bounce", recipient, chance) < self.behaviour.manners(provider).bounce


def draw(*parts: object) -> float:
    """A number in [0, 1) that is the same for the same parts."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
