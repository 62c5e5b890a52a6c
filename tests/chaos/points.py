"""The named points around a call at which a process under test can be made to kill itself.

A worker takes this in with `-I tests.chaos.points`, the web process through `tests.chaos.web`. A point is armed by a
file of its name; the first process to pass it takes the file away and dies of it: SIGKILL, to itself or to its whole
group. Nothing in `app` knows of this.
"""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from app import pipeline
from app.channels.sendgrid import SendGrid
from app.channels.twilio import Twilio
from app.pipeline.settling import asking_back

ARMED = "CHAOS_ARMED"
"""The environment variable that names the folder of armed points."""

CHILD, TREE = "child", "tree"

_OF_A_SESSION = ("claim", "take_back", "reconcile", "apply_receipts")
"""Steps that write in their caller's transaction."""
_OF_A_HOUSE = ("begin", "settle", "withhold", "ask_back")
"""Steps that commit by themselves."""


def before(step: str) -> str:
    return f"{step}: before its commit"


def after(step: str) -> str:
    return f"{step}: after its commit"


WORKER_POINTS = (
    before("claim"),
    after("claim"),
    "rendered",
    before("begin"),
    after("begin"),
    "before the calls",
    "during a call",
    "a call answered",
    "before settling",
    before("settle"),
    after("settle"),
    before("withhold"),
    before("take_back"),
    after("take_back"),
    after("ask_back"),
    "asking",
    before("conclude"),
    after("conclude"),
    before("reconcile"),
    after("reconcile"),
    before("apply_receipts"),
    after("apply_receipts"),
)
WEB_POINTS = (before("keep_reports"), after("keep_reports"))

_step: ContextVar[str | None] = ContextVar("step", default=None)


def fired(folder: Path) -> list[tuple[str, str]]:
    """The points at which processes have died so far, each with whether it was a child or a tree."""
    return [(path.name.rsplit("@", 1)[0], path.read_text()) for path in sorted((folder / "fired").iterdir())]


def arm(folder: Path, point: str, how: str) -> None:
    """The next process that passes `point` dies; whoever arms it twice kills once."""
    draft = folder / "draft"
    draft.write_text(how)
    draft.rename(folder / "armed" / point)


def _take(point: str) -> str | None:
    """How to die here, if the point was armed: only one process gets the answer."""
    folder = Path(os.environ[ARMED])
    mine = folder / "fired" / f"{point}@{os.getpid()}"
    try:
        (folder / "armed" / point).rename(mine)
    except FileNotFoundError:
        return None
    return mine.read_text()


def _die(how: str) -> None:
    if how == TREE:
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def pass_by(point: str) -> None:
    """Die here if the point was armed."""
    how = _take(point)
    if how is not None:
        _die(how)


def in_step(step: str, work: Callable[..., Any], *, own_session: bool) -> Callable[..., Any]:
    """`work`, with the commits that belong to it passing by its points."""

    @wraps(work)
    def through(first: Any, *rest: Any, **named: Any) -> Any:
        if not own_session:
            first.info["step"] = step
            return work(first, *rest, **named)
        token = _step.set(step)
        try:
            return work(first, *rest, **named)
        finally:
            _step.reset(token)

    return through


def _step_of(session: Session) -> str | None:
    return session.info.get("step") or _step.get()


def watch_commits() -> None:
    """Let every commit of a step pass by the points before and after it."""

    @event.listens_for(Session, "before_commit")
    def _before(session: Session) -> None:
        if step := _step_of(session):
            pass_by(before(step))

    @event.listens_for(Session, "after_commit")
    def _after(session: Session) -> None:
        if step := _step_of(session):
            pass_by(after(step))


def _entering(point: str, work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    def through(*given: Any, **named: Any) -> Any:
        pass_by(point)
        return work(*given, **named)

    return through


def _leaving(point: str, work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    def through(*given: Any, **named: Any) -> Any:
        done = work(*given, **named)
        pass_by(point)
        return done

    return through


def _calling(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    async def through(*given: Any) -> Any:
        how = _take("during a call")
        if how is not None:  # anywhere in it: before the bytes leave, while the provider thinks, as the answer comes
            asyncio.get_running_loop().call_later(random.random() * 0.15, _die, how)
        verdict = await send(*given)
        pass_by("a call answered")
        return verdict

    return through


def mine_the_pipeline() -> None:
    """Put the points in: by the names under which the pipeline itself calls its steps."""
    for name in _OF_A_SESSION:
        setattr(pipeline, name, in_step(name, getattr(pipeline, name), own_session=False))
    for name in _OF_A_HOUSE:
        setattr(pipeline, name, in_step(name, getattr(pipeline, name), own_session=True))
    asking_back._conclude = in_step("conclude", asking_back._conclude, own_session=False)
    pipeline.prepare = _leaving("rendered", pipeline.prepare)
    pipeline.deliver = _entering("before the calls", pipeline.deliver)
    pipeline.settle_surely = _entering("before settling", pipeline.settle_surely)
    for transport in (SendGrid, Twilio):
        transport.send = _calling(transport.send)
        transport.lookup = _entering("asking", transport.lookup)
    watch_commits()


if ARMED in os.environ:
    mine_the_pipeline()
