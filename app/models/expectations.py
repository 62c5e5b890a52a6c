"""`Expectations`: what operations count as late, early, changed or forgotten. The rules say it, the calendar is watched
by it, and both know only this."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase

from app.models.vocabulary import Milestone


@dataclass(frozen=True, slots=True)
class SilenceLimit:
    """For how many business days of the destination a parcel may go without a scan.

    `carrier`, `service` (with `*` for anything) and `stage` narrow down what it is for; None is any.
    """

    days: int
    carrier: str | None = None
    service: str | None = None
    stage: Milestone | None = None

    def covers(self, carrier: str | None, service: str | None, stage: Milestone) -> bool:
        """Whether it is for a parcel of this carrier and service, at this stage."""
        if self.carrier is not None and self.carrier != carrier:
            return False
        if self.service is not None and not fnmatchcase((service or "").casefold(), self.service.casefold()):
            return False
        return self.stage is None or self.stage is stage

    @property
    def narrowness(self) -> int:
        """How much it says; of several that cover a parcel the narrowest counts."""
        return sum(one is not None for one in (self.carrier, self.service, self.stage))


@dataclass(frozen=True, slots=True)
class Delay:
    """When a parcel is late: each source with its switch and threshold.

    `promise`: this long after the promised day has ended; None is off. `carrier`: the carrier says so. `eta`: the
    carrier expects it this much later than the promise; None is off. `silence`: no scan for so long; empty is off.
    `again`: how often it may open again, after it closed.
    """

    promise: timedelta | None = timedelta(0)
    carrier: bool = True
    eta: timedelta | None = timedelta(0)
    silence: tuple[SilenceLimit, ...] = ()
    again: int = 1

    def patience(self, carrier: str | None, service: str | None, stage: Milestone) -> int | None:
        """Business days of silence that are allowed, None where there is no limit. Of equals the last counts."""
        fitting: Sequence[SilenceLimit] = [one for one in self.silence if one.covers(carrier, service, stage)]
        return max(enumerate(fitting), key=lambda at: (at[1].narrowness, at[0]))[1].days if fitting else None


@dataclass(frozen=True, slots=True)
class EtaChange:
    """When a carrier's new estimate is news: it lies so far from what was known, and at most so often again."""

    by: timedelta = timedelta(days=1)
    again: int = 2


@dataclass(frozen=True, slots=True)
class PickupReminder:
    """When a parcel that waits to be collected is reminded of: `before` its last day ends; where the carrier names no
    such day, once it has waited for `waited`."""

    before: timedelta = timedelta(days=2)
    waited: timedelta | None = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Expectations:
    """Everything by which the engine itself opens a milestone. None switches one off.

    `arriving_early`: the carrier expects it at least so long before the promised day ends.
    """

    delayed: Delay | None = field(default_factory=Delay)
    arriving_early: timedelta | None = None
    eta_changed: EtaChange | None = None
    pickup_expiring: PickupReminder | None = None
