"""Which delays and changed estimates of a rehearsal told nobody, so that they count against no limit on how often."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from app.models.vocabulary import TAKEN_BACK, MessageState, Reason
from app.pipeline.deciding.untold import LIMITED
from app.rehearsal.journey import Journey
from app.rehearsal.reading import Stored
from app.rehearsal.stage import Stage

Name = tuple[int, str, int]
"""Which parcel, which milestone, which time in its whole life."""


def forget_untold(stored: Stored, journeys: Mapping[int, Journey]) -> None:
    """Let what is stored and has told nobody, nor may yet, count against nothing."""
    silent = {
        (one.shipment_id, one.milestone, one.occurrence)
        for one in stored.crossings
        if one.scope == "parcel" and one.retired_at is None and _told_nobody(stored, one)
    }
    _mark(journeys, silent)


def _mark(journeys: Mapping[int, Journey], silent: Collection[Name]) -> None:
    for shipment_id, journey in journeys.items():
        for at, one in enumerate(journey.known):
            name = (shipment_id, one.milestone.value, one.occurrence + journey.earlier.get(one.milestone, 0))
            if name in silent:
                journey.known[at] = replace(one, untold=True)


def _told_nobody(stored: Stored, crossing: Any) -> bool:
    if crossing.milestone not in LIMITED:
        return False
    own = (one for one in stored.messages if one.crossing_id == crossing.id)
    if any(MessageState(one.state) not in TAKEN_BACK or one.reason == Reason.ambiguous for one in own):
        return False
    told = (crossing.shipment_id, crossing.milestone, crossing.crossed_at)
    return not any((one.shipment_id, one.milestone, one.since) == told and one.until is None for one in stored.told)


def note_untold(stage: Stage) -> None:
    """Let what was opened on the stage, and of which no message tells any more, count against nothing."""
    opened = {answer.opened.name for answer in stage.answers}
    said = {
        (cover.shipment_id, mail.milestone.value, cover.facts.news.occurrence)
        for mail in stage.mails
        if not mail.taken_back
        for cover in mail.covers
    }
    _mark(stage.journeys, {name for name in opened - said if name[1] in LIMITED})
