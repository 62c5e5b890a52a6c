"""`doorstep demo`: the whole engine in one command, on a sample shop, until every parcel's journey has ended."""

import shlex
import shutil
import sys
import time
from dataclasses import dataclass

import sqlalchemy as sa
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.broker import build_celery
from app.clock import Clock, describe_clock, stopwatch, wall_seconds
from app.db import Sessions
from app.demo.report import DemoReport, report, settled
from app.demo.shop import as_timetables, sample_orders
from app.demo.shopping import Till
from app.demo.stage import Stage, set_stage
from app.log import configure_logging
from app.models import Message, Shipment
from app.models.vocabulary import Channel, Milestone
from app.pipeline.house import House
from app.rules.document import default_rules
from app.web.access.links import set_up_path
from app.wiring import build_house, build_wake, ensure_brands

LONGEST_SECONDS = 210.0
"""A headless demo that has not ended by then counts as failed: it must be over within four minutes."""

_LOOK_SECONDS = 0.5
_LINE_SECONDS = 10.0


@dataclass(frozen=True)
class _Showing:
    """What the loop draws on."""

    stage: Stage
    house: House
    till: Till
    console: Console
    orders: int


def run_demo(*, headless: bool, orders: int, speed: float, seed: int, console: Console) -> DemoReport:
    """Run the demo. Headless, it ends when every parcel has; otherwise it then stays up until Ctrl-C."""
    configure_logging("auto", level=40)
    began = stopwatch()
    console.print("Starting PostgreSQL, Valkey, the stand-ins and the engine…")
    with set_stage(speed, seed) as stage:
        house = build_house(stage.settings, engine=stage.engine, wake=build_wake(build_celery(stage.settings)))
        brands = ensure_brands(house.sessions, house.catalog)
        sample = sample_orders(orders, stage.clock.now(), seed)
        stage.register(as_timetables(sample))
        till = Till(stage, house, brands, sample)
        showing = _Showing(stage, house, till, console, orders)
        _print_addresses(showing)
        finished = _until_settled(showing, began + LONGEST_SECONDS if headless else None)
        found = report(stage, house.sessions, default_rules(), finished=not stage.processes.interrupted, settle=25.0)
        _print_report(showing, found, stopwatch() - began)
        if finished and not headless and not stage.processes.interrupted:
            console.print("Every journey has ended. Until you press Ctrl-C there is more to look at:")
            console.print(_addresses(showing))
            stage.processes.wait()
        till.close()
    if found.example:
        command = "doorstep" if shutil.which("doorstep") else sys.argv[0]
        home = shlex.quote(str(stage.home))
        console.print("To read one parcel's story:")
        console.print(f"  DOORSTEP_HOME={home} {command} explain {found.example}", markup=False, highlight=False)
        # what happened lies in the demo's own days; by another clock there would be nothing to look back on
        clock = shlex.quote(describe_clock(Clock(stage.clock.now(), wall_seconds())))
        console.print("To see what other rules would have told, change rules.yaml in between:")
        console.print(f"  DOORSTEP_HOME={home} {command} rules show > rules.yaml", markup=False, highlight=False)
        again = f"DOORSTEP_HOME={home} DOORSTEP_CLOCK={clock} {command} rules backtest rules.yaml"
        console.print(f"  {again}", markup=False, highlight=False, soft_wrap=True)
    return found


def _until_settled(showing: _Showing, deadline: float | None) -> bool:
    """Hand orders in and watch until all is over; False when interrupted or out of time."""
    processes, next_line = showing.stage.processes, stopwatch()
    visible = showing.console.is_terminal
    with Live(console=showing.console, refresh_per_second=4, transient=True) if visible else _Quiet() as live:
        while not processes.interrupted:
            processes.tend()
            showing.till.hand_in()
            if visible:
                live.update(_view(showing))
            elif stopwatch() >= next_line:
                showing.console.print(_line(showing))
                next_line = stopwatch() + _LINE_SECONDS
            if showing.till.empty and settled(showing.stage, showing.house.sessions):
                return True
            if deadline is not None and stopwatch() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
    return False


class _Quiet:
    """Stands in for the live display where nobody looks."""

    def __enter__(self) -> "_Quiet":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, view: object) -> None:
        """Draw nothing."""


def _counts(sessions: Sessions) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    with sessions() as session:
        parcels = {
            row[0]: row[1]
            for row in session.execute(sa.select(Shipment.milestone, sa.func.count()).group_by(Shipment.milestone))
        }
        messages: dict[str, dict[str, int]] = {}
        for channel, state, count in session.execute(
            sa.select(Message.channel, Message.state, sa.func.count()).group_by(Message.channel, Message.state)
        ):
            messages.setdefault(channel, {})[state] = count
    return parcels, messages


def _view(showing: _Showing) -> Panel:
    parcels, messages = _counts(showing.house.sessions)
    now = showing.stage.clock.now()
    return Panel(
        Group(_bars(parcels), "", _told(messages), "", _addresses(showing)),
        title=f"{now:%A %d %B, %H:%M} UTC by the engine's clock",
        width=min(showing.console.width, _WIDTH),
        padding=(0, 1),
    )


def _bars(parcels: dict[str, int]) -> Table:
    """Where the parcels stand now, in the order of a parcel's life."""
    bars = Table.grid(padding=(0, 2, 0, 0))
    bars.add_column(min_width=len(Milestone.out_for_delivery))
    bars.add_column(justify="right", min_width=4)
    bars.add_column()
    most = max(parcels.values(), default=1)
    for milestone in Milestone:
        if count := parcels.get(milestone.value):
            bars.add_row(_words(milestone), str(count), "█" * max(1, round(_BAR * count / most)))
    if not parcels:
        bars.add_row("No order has been placed yet.")
    return bars


def _told(messages: dict[str, dict[str, int]]) -> Table:
    """How the messages stand, by channel."""
    told = Table.grid(padding=(0, 2, 0, 0))
    told.add_column(min_width=len(Milestone.out_for_delivery))
    for _ in _GROUPS:
        told.add_column(justify="right")
    told.add_row("", *(Text(name, style="bold") for name in _GROUPS))
    for channel in Channel:
        states = messages.get(channel.value, {})
        if channel is Channel.whatsapp and not states:
            continue  # the sample shop has no approved templates
        told.add_row(_NAMES[channel], *(str(sum(states.get(s, 0) for s in group)) for group in _GROUPS.values()))
    return told


_WIDTH, _BAR = 78, 36
_NAMES = {Channel.email: "Email", Channel.sms: "SMS", Channel.whatsapp: "WhatsApp"}
_GROUPS = {
    "under way": ("held", "ready", "sending", "unconfirmed"),
    "sent": ("accepted", "delivered", "bounced"),
    "not sent, with a reason": ("suppressed", "superseded", "expired", "cancelled", "failed"),
}


def _words(milestone: Milestone) -> str:
    return milestone.value.replace("_", " ")


def _line(showing: _Showing) -> str:
    parcels, messages = _counts(showing.house.sessions)
    standing = ", ".join(f"{parcels[m.value]} {_words(m)}" for m in Milestone if m.value in parcels)
    sent = {
        _NAMES[channel]: sum(messages[channel.value].get(s, 0) for s in _GROUPS["sent"])
        for channel in Channel
        if channel.value in messages
    }
    told = ", ".join(f"{count} {name}" for name, count in sent.items()) or "nothing"
    return f"{showing.stage.clock.now():%a %d %b %H:%M} UTC: {standing or 'no parcels yet'}; sent {told}"


def _addresses(showing: _Showing) -> Text:
    stage = showing.stage
    return Text(f"Inbox {stage.provider_url}/inbox   API {stage.web_url}/docs", style="bold")


def _print_addresses(showing: _Showing) -> None:
    stage, console = showing.stage, showing.console
    console.print(f"{showing.orders} orders, one second is {stage.clock.speed / 60:.0f} minutes of the parcels' lives.")
    console.print(f"Inbox (what shoppers receive): {stage.provider_url}/inbox")
    with showing.house.sessions.begin() as session:
        path = set_up_path(session, "doorstep demo")
    if path:
        console.print(f"Console (choose a password of your own): {stage.web_url}{path}", soft_wrap=True)
    console.print(f"API: {stage.web_url}/docs")
    console.print(f"     with the header  Authorization: Bearer {showing.till.api_key}")


def _print_report(showing: _Showing, found: DemoReport, seconds: float) -> None:
    for table in found.tables():
        showing.console.print(table)
        showing.console.print()
    verdict = "Nothing lost, nothing repeated, nothing unexplained." if found.exit_code == 0 else "NOT as it should be."
    if not found.finished:
        verdict += f" Stopped before the end: {len(found.unfinished)} parcels and messages were still on their way."
    showing.console.print(f"{verdict} ({seconds:.0f} s)")
