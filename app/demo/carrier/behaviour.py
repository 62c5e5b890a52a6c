"""How badly the carrier stand-in behaves: probabilities that anyone can change, and dice that always fall alike."""

import hashlib
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Fault(StrEnum):
    """The ways in which one answer can be broken; the next answer about the same parcel is whole again."""

    html = "html"
    truncated = "truncated"
    error = "error"
    stall = "stall"
    huge = "huge"


_Probability = Field(0.0, ge=0, le=1)


class Behaviour(BaseModel):
    """Probabilities, each in 0…1.

    `late`: a step is shown hours after it happened. `repeated`: an event stands twice in an answer. `shuffled`: an
    answer's events are in no order. `unknown`: a scan with a code from no manual stands among the events. `html`,
    `truncated`, `error` (HTTP 500), `stall` and `huge` (50 MB): one answer is broken that way.
    `requests_per_second` is what is allowed before 429; 0 means no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1
    late: float = _Probability
    late_hours: float = Field(8.0, gt=0, le=240)
    repeated: float = _Probability
    shuffled: float = _Probability
    unknown: float = _Probability
    html: float = _Probability
    truncated: float = _Probability
    error: float = _Probability
    stall: float = _Probability
    huge: float = _Probability
    stall_seconds: float = Field(30.0, ge=0, le=600)
    huge_bytes: int = Field(50_000_000, ge=1_000, le=200_000_000)
    requests_per_second: float = Field(0.0, ge=0)

    @property
    def flawless(self) -> bool:
        """Whether no answer is ever broken."""
        return not (self.html or self.truncated or self.error or self.stall or self.huge)

    def fault(self, number: str, asked: int) -> Fault | None:
        """How the `asked`-th answer about a parcel is broken, if it is. Two in a row never are: the parcel recovers."""
        if self.flawless:
            return None
        drawn = self.fault_drawn(number, asked)
        run = 0
        while drawn and asked - run > 1 and self.fault_drawn(number, asked - run - 1):
            run += 1
        return drawn if run % 2 == 0 else None

    def fault_drawn(self, number: str, asked: int) -> Fault | None:
        """What the dice say about one answer alone."""
        drawn = self.dice(number, "fault", asked)
        for fault in Fault:
            chance = float(getattr(self, fault.value))
            if drawn < chance:
                return fault
            drawn -= chance
        return None

    def dice(self, number: str, what: str, index: int = 0) -> float:
        """A fraction in [0, 1) that depends on the seed and these words alone."""
        words = f"{self.seed}\x1f{number}\x1f{what}\x1f{index}".encode()
        return int.from_bytes(hashlib.blake2b(words, digest_size=6).digest(), "big") / 2**48


CALM = Behaviour()
LIVELY = Behaviour(
    late=0.06,
    repeated=0.05,
    shuffled=0.1,
    unknown=0.05,
    html=0.004,
    truncated=0.004,
    error=0.006,
    stall=0.0,
    huge=0.0005,
)
"""A bad but believable week at a carrier."""
