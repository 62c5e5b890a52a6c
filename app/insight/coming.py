"""What comes next for a parcel: what is scheduled at this moment, soonest first, should nothing else happen."""

from collections.abc import Iterator

from app.insight.stories import ComingStory, MessageStory, Story
from app.models.vocabulary import MessageState
from app.zones import end_of_day


def coming(story: Story) -> tuple[ComingStory, ...]:
    """What is scheduled for a parcel by its story; empty where nothing is."""
    return tuple(sorted([*_messages(story), *_looks(story)], key=lambda one: one.at))


def _messages(story: Story) -> Iterator[ComingStory]:
    seen: set[str] = set()
    for crossing in story.crossings:
        for decision in crossing.decisions:
            message = decision.message
            if message is None or message.id in seen or not _scheduled(message):
                continue
            seen.add(message.id)
            yield ComingStory(
                at=message.send_at,
                what="message",
                milestone=crossing.milestone,
                channel=message.channel,
                message=message.id,
            )


def _scheduled(message: MessageStory) -> bool:
    """Whether it waits for nothing but its time."""
    return message.state in (MessageState.held, MessageState.ready) and not message.pauses


def _looks(story: Story) -> Iterator[ComingStory]:
    if story.watch_at:
        ends_at = end_of_day(story.promised_on, story.zone) if story.promised_on else None
        yield ComingStory(at=story.watch_at, what="promise" if story.watch_at == ends_at else "look")
    if story.next_poll_at and not story.carrier_trouble:
        yield ComingStory(at=story.next_poll_at, what="question")
