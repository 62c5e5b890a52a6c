"""Whether what the calendar opened still holds as a message about it leaves."""

from datetime import timedelta
from typing import Any

from app.models.facts import Eta, Facts
from app.models.vocabulary import Milestone
from app.tracking.watching.estimates import Estimate, is_early


def no_longer(milestone: Milestone, facts: Facts, parcel: Any) -> str | None:
    """Why news of a milestone is so no longer, None where it still is. `facts` are those of this moment or of the first
    release; `parcel` is the row as it stands now, and counts where the two differ."""
    if milestone is Milestone.delayed and parcel.late_since is None:
        return "the parcel has moved since, and is not late any more"
    if milestone is Milestone.pickup_expiring and parcel.milestone != Milestone.ready_for_pickup:
        return "it does not wait to be collected any more"
    if milestone is Milestone.arriving_early and not _is_early(_expected(parcel), facts):
        return "the carrier expects it on the promised day or later again"
    if milestone is Milestone.eta_changed and _is_as_before(_expected(parcel), facts.eta):
        return "the carrier expects it as before again"
    return None


def _expected(parcel: Any) -> Estimate:
    return Estimate(parcel.estimated_as_of, parcel.eta_from, parcel.eta_through, parcel.eta_day)


def _is_early(estimate: Estimate, facts: Facts) -> bool:
    on = facts.promise.on
    return on is not None and not estimate.empty and is_early(estimate, on, facts.shopper.zone, timedelta(0))


def _is_as_before(estimate: Estimate, decided: Eta) -> bool:
    """Whether nothing is expected any more, or the same as before the change. Once it is, what it was is not kept."""
    was = (decided.was_starts_at, decided.was_ends_at, decided.was_day)
    return estimate.empty or estimate.says() == was or not any(was)
