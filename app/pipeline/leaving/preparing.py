"""Makes claimed messages ready to leave, each on its own: one that cannot be read or filled in ends alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.channels.base import one_line
from app.db import cause_of
from app.log import logger
from app.messages.base import Template
from app.models.vocabulary import Channel, MessageState, Reason
from app.pipeline.halving import in_halves
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release, Withheld, judge
from app.pipeline.leaving.releasing import load, templates_of
from app.pipeline.leaving.senders import Rests
from app.pipeline.leaving.writing import Letter, render

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Claimed messages as they were read, the templates that they are pinned to by row id, and what cannot be read."""

    releases: list[Release]
    templates: dict[int, Template]
    withheld: list[Withheld]


def read(house: House, claimed: Sequence[int], now: datetime) -> Reading:
    """The claimed messages with all that they are judged and rendered from."""
    reading = Reading([], {}, [])

    def some(ids: Sequence[int]) -> None:
        with house.sessions.begin() as session:
            found = load(session, house, ids, now)
            templates = templates_of(session, house, {release.template_version_id for release in found})
        reading.templates.update(templates)
        reading.releases.extend(found)

    in_halves(claimed, some, lambda message_id, error: reading.withheld.append(broken(message_id, error)))
    return reading


def prepare(
    house: House,
    channel: Channel,
    releases: Sequence[Release],
    templates: Mapping[int, Template],
    now: datetime,
    rests: Rests,
) -> tuple[list[Letter], list[Withheld]]:
    """What leaves of these, rendered, and what does not, with the reason."""
    letters: list[Letter] = []
    withheld: list[Withheld] = []
    for release in releases:
        outcome = _outcome(house, channel, release, templates, now, rests)
        if isinstance(outcome, Letter):
            letters.append(outcome)
        else:
            withheld.append(outcome)
    return letters, withheld


def broken(message_id: int, error: Exception) -> Withheld:
    """The end of a message over which the program itself stumbled: it must not hold up the others for ever."""
    log.error("message set aside", message=message_id, error=cause_of(error))
    detail = one_line(cause_of(error))
    return Withheld(message_id, MessageState.failed, Reason.not_renderable, detail)


def _outcome(
    house: House,
    channel: Channel,
    release: Release,
    templates: Mapping[int, Template],
    now: datetime,
    rests: Rests,
) -> Letter | Withheld:
    try:
        return judge(release, now, house.send_mode, house.allowlist) or render(
            house, release, templates[release.template_version_id], house.transports.get(channel, ()), rests
        )
    except Exception as error:  # noqa: BLE001 - whatever one message does, it must not stop the others; it is recorded
        return broken(release.id, error)
