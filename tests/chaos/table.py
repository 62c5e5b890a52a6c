"""How a run is shown: one table for people, one document for programs."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from app.demo.providers import Act
from tests.chaos.points import CHILD, TREE
from tests.chaos.schedule import KILLS_OF_WORKERS, Deed
from tests.chaos.storm import Outcome


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Everything of an outcome as plain JSON values."""
    balances = [{name: _plain(getattr(balance, name)) for name in balance.__slots__} for balance in outcome.balances]
    return {
        "seed": outcome.plan.seed,
        "plan": asdict(outcome.plan),
        "seconds": round(outcome.seconds, 1),
        "balances": balances,
        "kills": dict(outcome.killed),
        "deeds": {deed.value: amount for deed, amount in outcome.deeds.items()},
        "points": dict(outcome.at_points),
        "cancelled": outcome.cancelled,
        "suppressed": outcome.suppressed,
        "calls": outcome.calls,
        "calls_in_doubt": outcome.in_doubt,
        "acts": {act.value: amount for act, amount in outcome.acts.items()},
        "late": asdict(outcome.lateness),
        "broken": outcome.broken,
        "logs": str(outcome.logs) if outcome.logs else None,
    }


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value  # `asdict` would count a Counter's pairs


def show(outcome: Outcome, console: Console) -> None:
    """Print the balance, then what befell the engine, then the verdict."""
    console.print(_balance(outcome))
    console.print(_befell(outcome))
    if outcome.at_points:
        console.print(_points(outcome))
    for fault in outcome.broken:
        console.print(f"[red]broken[/red]  {fault}", soft_wrap=True)
    if outcome.logs:
        console.print(f"Logs, the provider's journal and the tables: {outcome.logs}", soft_wrap=True)
    else:
        console.print("Nothing lost, nothing sent twice, nothing unexplained; the audit agrees.")


def _balance(outcome: Outcome) -> Table:
    plan = outcome.plan
    table = Table(title=f"make chaos, seed {plan.seed}: {outcome.seconds:.0f} s", title_justify="left")
    table.add_column("ledger keys")
    for balance in outcome.balances:
        table.add_column(balance.channel, justify="right")
    table.add_column("together", justify="right")

    def row(name: str, *values: int, section: bool = False) -> None:
        table.add_row(name, *(f"{value:,}" for value in values), f"{sum(values):,}", end_section=section)

    each = outcome.balances
    row("decided", *(one.decided for one in each))
    row("sent", *(one.sent for one in each))
    for column in ("withheld", "failed"):
        for reason in sorted({reason for one in each for reason in getattr(one, column)}):
            row(reason, *(getattr(one, column)[reason] for one in each))
    row("failed: ambiguous", *(one.ambiguous for one in each))
    row("  of these the provider had taken", *(one.ambiguous_taken for one in each), section=True)
    row("pending past its time", *(one.pending for one in each))
    row("lost", *(len(one.lost) for one in each))
    row("sent twice", *(len(one.repeated) for one in each))
    row("unexplained", *(len(one.unexplained) for one in each))
    row("begun after cancellation or suppression", *(len(one.begun_after_stop) for one in each))
    return table


def _befell(outcome: Outcome) -> Table:
    table = Table(title="What befell it", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    kills = sum(outcome.killed.values())
    table.add_row("kills of workers (SIGKILL)", f"{kills:,}")
    table.add_row("  single pool children", f"{outcome.killed[CHILD]:,}")
    table.add_row("  whole workers", f"{outcome.killed[TREE]:,}")
    table.add_row("  of all these at a named point", f"{kills - _at_random(outcome):,}", end_section=True)
    for deed in Deed:
        if deed not in KILLS_OF_WORKERS:
            table.add_row(deed.value, f"{outcome.deeds[deed]:,}")
    table.add_row("a worker's clock jumps", f"{outcome.deeds[Deed.jump]:,}", end_section=True)
    table.add_row("orders cancelled", f"{outcome.cancelled:,}")
    table.add_row("addresses suppressed", f"{outcome.suppressed:,}")
    table.add_row("calls that the providers saw", f"{outcome.calls:,}")
    table.add_row("  throttled (429)", f"{outcome.acts.get(Act.throttle, 0):,}")
    share = outcome.in_doubt / max(outcome.calls, 1)
    table.add_row("  ambiguous answers", f"{outcome.in_doubt:,} ({share:.1%})", end_section=True)
    table.add_row("longest past a lease, in the storm", f"{outcome.lateness.sending:.1f} s")
    table.add_row("longest past the stated wait, in the storm", f"{outcome.lateness.unconfirmed:.1f} s")
    return table


def _at_random(outcome: Outcome) -> int:
    return sum(outcome.deeds[deed] for deed in KILLS_OF_WORKERS - {Deed.point})


def _points(outcome: Outcome) -> Table:
    table = Table(title="Killed at", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for point, amount in outcome.at_points.items():
        table.add_row(point, str(amount))
    return table
