"""`doorstep bench stages`: where the time of a send goes, stage by stage, in one process."""

from collections import defaultdict

from app.bench.ground import cpu_of, ground
from app.bench.send import housed, plan_messages
from app.channels.base import OutgoingEmail
from app.channels.sendgrid import request_body
from app.clock import cpu_seconds, stopwatch
from app.models.vocabulary import Channel
from app.pipeline.house import House
from app.pipeline.leaving.claiming import claim
from app.pipeline.leaving.delivering import deliver
from app.pipeline.leaving.gate import gate_of
from app.pipeline.leaving.judging import judge
from app.pipeline.leaving.releasing import load, templates_of
from app.pipeline.leaving.sending import begin, settle
from app.pipeline.leaving.writing import Letter, render
from app.wiring import settle_in


def bench_stages(messages: int) -> dict[str, float]:
    """CPU milliseconds a message for each stage; what PostgreSQL spends meanwhile is a stage of its own."""
    with ground() as here, housed(here, here.plain) as house:
        batch = house.sending.batch
        batches = max(1, messages // batch)
        plan_messages(house, (batches + 2) * batch)
        settle_in()
        for _ in range(2):
            _batch(house, defaultdict(float))
        spent: dict[str, float] = defaultdict(float)
        database = cpu_of((here.postgres,))
        for _ in range(batches):
            _batch(house, spent)
        # The calls make the JSON themselves; it was made once more to know its share.
        spent["the calls"] -= spent["the request's JSON"]
        spent["PostgreSQL, all of it"] = cpu_of((here.postgres,)) - database
        return {stage: 1000 * seconds / (batches * batch) for stage, seconds in spent.items()}


class _Watch:
    """CPU seconds of this process, filed under the step that they went into."""

    def __init__(self, spent: dict[str, float]) -> None:
        self._spent, self._since = spent, cpu_seconds()

    def lap(self, stage: str) -> None:
        """All since the last lap went into `stage`."""
        now = cpu_seconds()
        self._spent[stage] += now - self._since
        self._since = now


def _batch(house: House, spent: dict[str, float]) -> None:
    """What `pipeline.send_batch` does, with a look at the clock between its steps."""
    now, watch = house.clock.now(), _Watch(spent)
    with house.sessions.begin() as session:
        token, ids = claim(session, house, Channel.email, now)
    watch.lap("claim")
    with house.sessions.begin() as session:
        releases = load(session, house, ids, now)
        templates = templates_of(session, house, {release.template_version_id for release in releases})
    watch.lap("read what it says and judge it")
    letters = [
        letter
        for release in releases
        if judge(release, now, house.send_mode, house.allowlist) is None
        and isinstance(
            letter := render(
                house, release, templates[release.template_version_id], house.transports[Channel.email], {}
            ),
            Letter,
        )
    ]
    watch.lap("render subject, HTML and text")
    for letter in letters:
        if isinstance(letter.outgoing, OutgoingEmail):
            request_body(letter.outgoing)
    watch.lap("the request's JSON")
    size = house.sending.concurrency
    for start in range(0, len(letters), size):
        begun = begin(house, token, letters[start : start + size])
        watch.lap("commit the attempts")
        verdicts = house.loop.run(deliver(begun, gate_of(house), size, stopwatch(), house.sending.deadline))
        watch.lap("the calls")
        settle(house, verdicts, house.clock.now())
        watch.lap("settle")
