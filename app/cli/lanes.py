"""`doorstep lanes`: how early carriers say "delivered", how long they are silent, and how often an alarm was false."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.cli.common import AsJson, BrandKey, out, print_json, standing_house
from app.insight.lanes import FEWEST, Alarms, EarlyScans, Lanes, Silences
from app.rehearsal.measured import measure
from app.rehearsal.script import parse_span

app = typer.Typer()

_CAUSES = {
    "promise_passed": "promise",
    "carrier_says": "carrier",
    "eta_beyond_promise": "its estimate",
    "silence": "silence",
}


_WIDTH = 112
"""Columns that the widest table takes; on a narrower terminal its lines are broken, not its words."""


@app.command("lanes")
def lanes_command(
    brand: BrandKey = "fjallhem",
    since: Annotated[str, typer.Option(help="Of orders placed how long ago: 90d, 12h; at most 365d.")] = "90d",
    carrier: Annotated[str | None, typer.Option(help="One carrier alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """How carriers behave and what the brand's delays were worth: for `hold`, `silence` and the other thresholds."""
    span = parse_span(since, "--since")
    with standing_house(brand) as (house, brands):
        found = measure(house, brands[brand], span, carrier)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    wide = Console(soft_wrap=True, width=max(out.width, _WIDTH))
    for one in _told(found):
        wide.print(one, markup=False, highlight=False)


def _told(found: Lanes) -> Iterator[str | Table]:
    yield f"{found.brand}: {found.parcels:,} parcels of orders placed since {found.since:%d %b %Y %H:%M} UTC"
    if not found.parcels:
        return
    yield ""
    yield 'Early scans: "delivered", and then scanned on its way'
    yield _early_scans(found.early_scans) if found.early_scans else "  Nothing was delivered."
    yield ""
    yield "Silence between scans, in business days of the destination"
    yield from _silences(found.silences, found.left_out)
    yield ""
    yield "Delays, and how many were false alarms"
    yield _alarms(found.alarms) if found.alarms else "  None was opened."
    yield ""
    yield f"–  too few to say (under {FEWEST}), or no limit is set. docs/lanes.md tells what each count is."


def _table(*titles: str, words: int = 1) -> Table:
    table = Table(box=None)
    for place, title in enumerate(titles):
        table.add_column(title, justify="left" if place < words else "right")
    return table


def _early_scans(rows: Sequence[EarlyScans]) -> Table:
    titles = ("carrier", "delivered", "doubted", "rate", "after p50", "p95", "heard p50", "p95")
    table = _table(*titles, "in 1 h", "4 h", "24 h")
    for one in rows:
        hours = (one.contradicted_p50, one.contradicted_p95, one.heard_p50, one.heard_p95)
        caught = (one.caught_1h, one.caught_4h, one.caught_24h)
        table.add_row(
            one.carrier or "(unknown)", f"{one.deliveries:,}", f"{one.doubted:,}", _share(one.rate),
            *(_number(hour, " h") for hour in hours), *(f"{count:,}" for count in caught),
        )  # fmt: skip
    return table


def _silences(rows: Sequence[Silences], left_out: int) -> Iterator[str | Table]:
    """Lanes of which something can be said, under the sum of their carrier's stage."""
    shown = [one for one in rows if one.whole or one.gaps >= FEWEST or one.silent]
    if not shown:
        yield "  Nothing was scanned twice."
        return
    titles = ("carrier", "stage", "service", "to", "gaps", "p50", "p95", "p99", "limit", "beyond", "silent now")
    table = _table(*titles, words=4)
    for one in sorted(shown, key=lambda one: (one.carrier or "", one.stage.value, not one.whole, -one.gaps)):
        table.add_row(
            one.carrier or "(unknown)", one.stage.value.replace("_", " "),
            "all" if one.whole else one.service or "–", "all" if one.whole else one.country or "–", f"{one.gaps:,}",
            _number(one.p50), _number(one.p95), _number(one.p99), _limit(one),
            *(("–", "–") if one.limit_most is None else (f"{one.beyond:,}", f"{one.silent:,}")),
        )  # fmt: skip
    yield table
    hidden = len(rows) - len(shown) + left_out
    if hidden:
        yield f"  {hidden:,} more lanes are too small to list; --json has {'most' if left_out else 'all'} of them."


def _limit(one: Silences) -> str:
    if one.limit_least is None or one.limit_most is None:
        return "–"
    return f"{one.limit_most}bd" if one.limit_least == one.limit_most else f"{one.limit_least}-{one.limit_most}bd"


def _alarms(rows: Sequence[Alarms]) -> Table:
    titles = ("because of", "carrier", "opened", "in time", "moved", "late", "lasted", "unjudged", "false rate")
    table = _table(*titles, "told", "in vain", "never told", words=2)
    for one in sorted(rows, key=lambda one: (one.cause, not one.whole, -one.opened)):
        counts = (one.opened, one.in_time, one.moved_soon, one.late, one.lasted, one.unjudged)
        table.add_row(
            _CAUSES.get(one.cause, one.cause.replace("_", " ")), "all" if one.whole else one.carrier or "(unknown)",
            *(f"{count:,}" for count in counts), _share(one.rate),
            *(f"{count:,}" for count in (one.told, one.told_false, one.never_told)),
        )  # fmt: skip
    return table


def _share(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"


def _number(value: float | None, unit: str = "") -> str:
    return "–" if value is None else f"{value:.1f}{unit}"
