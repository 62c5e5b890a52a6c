"""`doorstep pause`, `resume`, `pauses`, `incidents`: the brakes, and what is wrong."""

from dataclasses import asdict
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.table import Column, Table

from app.cli.common import AsJson, err, operator, out, print_json, standing_house
from app.cli.trail import log_change
from app.errors import Fault, InvalidInput, NotFound
from app.insight.watch import UNWATCHED, Watch, how_watched
from app.models import Incident
from app.models.vocabulary import PauseKind
from app.pipeline.brakes.pausing import (
    CHANNELS,
    NO_REASON,
    Scope,
    Standing,
    count_stopped,
    let_go,
    pause,
    read_scope,
    resume,
    standing,
)
from app.web.access.changes import paused, resumed

app = typer.Typer()

ScopeText = Annotated[
    str,
    typer.Argument(
        metavar="SCOPE",
        help=f"all, brand:KEY, rule:NAME, template:KEY, carrier:NAME, {CHANNELS} or milestone:NAME.",
    ),
]
OneBrand = Annotated[
    str | None, typer.Option("--brand", help="Only this brand's, by the name of its folder in templates/brands/.")
]


@app.command("pause")
def pause_command(
    scope: ScopeText,
    brand: OneBrand = None,
    why: Annotated[str, typer.Option(help="Stands beside every message that waits for it.")] = NO_REASON,
    as_json: AsJson = False,
) -> None:
    """Stop messages before they reach a provider, within five seconds; they wait until `doorstep resume`."""
    with standing_house(brand) as (house, brands):
        with house.sessions.begin() as session:
            read = read_scope(session, house, scope)
            done = pause(session, read, _bound(read, brand, brands), why, operator())
            log_change(session, paused(str(read), done), brands[brand] if brand else None)
        with house.sessions() as session:
            waiting = count_stopped(session, done)
    if as_json:
        found = {"scope": str(read), "brand": brand, "new": done.new, "waiting": waiting, "why": done.pause.why}
        print_json(found)
        return
    already = "" if done.new else f" already, since {done.pause.since:%Y-%m-%d %H:%M} UTC"
    held = f"It stops {waiting:,} {_messages(waiting)} that wait now, and what is planned from now on."
    out.print(f"{read}{_of(brand)} is paused{already}: {done.pause.why}. {held}", highlight=False, markup=False)


@app.command("resume")
def resume_command(scope: ScopeText, brand: OneBrand = None, as_json: AsJson = False) -> None:
    """Lift a pause. Each message that waited is judged again: it leaves, or ends with the reason why not."""
    with standing_house(brand) as (house, brands):
        with house.sessions.begin() as session:
            read = read_scope(session, house, scope)
            done = resume(session, read, _bound(read, brand, brands), operator(), everywhere=brand is None)
            log_change(session, resumed(str(read), done), brands[brand] if brand else None)
        let_go(house)
        with house.sessions() as session:
            left = standing(session)
    if not done.lifted:
        stands = ", ".join(map(_named, left)) or "nothing"
        raise NotFound(f"{read}{_of(brand)} is not paused. Paused: {stands}.")
    if as_json:
        print_json({"scope": str(read), **asdict(done), "standing": [asdict(one) for one in left]})
        return
    still = f" {done.still_held:,} are held by another pause." if done.still_held else ""
    told = f"{read}{_of(brand)} is resumed: {done.released:,} {_messages(done.released)} judged again.{still}"
    out.print(told, highlight=False, markup=False)


@app.command("pauses")
def pauses_command(as_json: AsJson = False) -> None:
    """What is paused, since when, by whom and why, and how many messages wait for it."""
    with standing_house() as (house, _brands), house.sessions() as session:
        found = standing(session)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        out.print("Nothing is paused.")
        return
    table = Table(Column("scope", no_wrap=True), "brand", "waiting", "since (UTC)", "by", box=None)
    table.add_column("why", overflow="fold")
    for one in found:
        since = f"{one.since:%Y-%m-%d %H:%M}"
        table.add_row(one.scope, one.brand or "all", f"{one.waiting:,}", since, one.paused_by, one.why)
    out.print(table, markup=False)


@app.command("incidents")
def incidents_command(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too, the newest hundred.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is wrong now, as the alarms told it; exit 1 when there is something, or nobody looks."""
    with standing_house() as (house, _brands), house.sessions() as session:
        unwatched = _unwatched(how_watched(session))
        query = sa.select(Incident).order_by(Incident.id.desc()).limit(100)
        if not everything:
            query = query.where(Incident.closed_at.is_(None))
        found = session.scalars(query).all()
    names = ("public_id", "kind", "summary", "count", "opened_at", "last_seen_at", "closed_at")
    if as_json:
        print_json([{name: getattr(one, name) for name in names} for one in found])
        if unwatched:
            err.print(unwatched)
    else:
        for one in found:
            until = f" until {one.closed_at:%Y-%m-%d %H:%M}" if one.closed_at else ""
            told = f"{one.public_id}  {one.kind}, since {one.opened_at:%Y-%m-%d %H:%M}{until} UTC: {one.summary}"
            out.print(told, highlight=False, markup=False)
        if unwatched or not found:
            out.print(unwatched or "Nothing is wrong.", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if unwatched or any(one.closed_at is None for one in found) else 0)


def _unwatched(kept: Watch) -> str:
    """That nobody looks for what is wrong, and what to do about it; empty where somebody does."""
    if kept.at is None:
        return (
            "No engine has looked at this database yet, so nothing is known of what is wrong. `doorstep up` starts one."
        )
    if kept.silent:
        return f"Nobody has looked for what is wrong since {kept.at:%Y-%m-%d %H:%M} UTC. {UNWATCHED}"
    return ""


def tell_standing(found: list[Standing]) -> None:
    """One line for each pause that stands, for the start of a command that depends on it."""
    for one in found:
        line = f"Paused: {_named(one)}, {one.waiting:,} {_messages(one.waiting)} wait ({one.why})."
        err.print(line, highlight=False, markup=False)


def _bound(scope: Scope, brand: str | None, brands: dict[str, int]) -> int | None:
    """The row id of the brand that `--brand` names. Raises InvalidInput where the scope names another."""
    if brand and scope.kind is PauseKind.brand and scope.name != brand:
        remedy = f"Write brand:{brand}, or leave out --brand."
        raise InvalidInput([Fault(None, "--brand", f"is {brand}, and the scope is {scope}", remedy)])
    return brands[brand] if brand else None


def _named(one: Standing) -> str:
    return one.scope if one.scope == f"{PauseKind.brand}:{one.brand}" else f"{one.scope}{_of(one.brand)}"


def _of(brand: str | None) -> str:
    return f" of {brand}" if brand else ""


def _messages(count: int) -> str:
    return "message" if count == 1 else "messages"
