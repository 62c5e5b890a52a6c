"""`doorstep bench`: what the engine's work costs, as ratios to a bare limit measured in the same run."""

from typing import Annotated

import typer
from rich.table import Table

from app.bench.ground import Cost
from app.bench.hooks import bench_hooks
from app.bench.poll import bench_poll
from app.bench.send import bench_send
from app.cli.common import AsJson, out, print_json
from app.log import configure_logging

app = typer.Typer(no_args_is_help=True, help="Benchmarks, as ratios to a bare limit measured in the same run.")


@app.command("poll")
def bench_poll_command(
    parcels: Annotated[int, typer.Option(min=200, max=1_000_000)] = 5000, as_json: AsJson = False
) -> None:
    """What a polled parcel costs, beside a bare GET on the same transport."""
    configure_logging(level=30)
    bench = bench_poll(parcels)
    rows = {
        "bare GET (the floor)": bench.floor,
        "poll, all new": bench.fresh,
        "poll, 1 in 10 with one new scan": bench.usual,
    }
    _print_costs("parcels", rows, bench.floor.cpu_ms, as_json)


@app.command("send")
def bench_send_command(
    messages: Annotated[int, typer.Option(min=500, max=1_000_000)] = 5000, as_json: AsJson = False
) -> None:
    """What a message costs from claim to settled, beside rendering, a raw POST and batched SQL."""
    configure_logging(level=30)
    bench = bench_send(messages)
    rows = {
        "render + raw POST + batched SQL (the floor)": bench.floor,
        "claim, judge, render, POST, settle": bench.engine,
    }
    _print_costs("messages", rows, bench.floor.cpu_ms, as_json)


@app.command("hooks")
def bench_hooks_command(
    requests: Annotated[int, typer.Option(min=5, max=10_000)] = 50, as_json: AsJson = False
) -> None:
    """What SendGrid's largest report (768 kB) costs until it is stored and answered, beside a bare ASGI app."""
    configure_logging(level=30)
    bench = bench_hooks(requests)
    rows = {
        "bare ASGI app, 768 kB (the floor)": bench.floor,
        "/hooks/sendgrid, 768 kB: verified, stored, answered": bench.hook,
    }
    _print_costs("requests", rows, bench.floor.cpu_ms, as_json)


def _print_costs(what: str, rows: dict[str, Cost], floor: float, as_json: bool) -> None:
    figures = {
        name: {
            f"{what}/s": round(cost.per_second),
            "cpu_ms": round(cost.cpu_ms, 3),
            "of which database": round(1000 * cost.database_cpu / cost.count, 3),
            "ratio": round(cost.cpu_ms / floor, 2),
        }
        for name, cost in rows.items()
    }
    if as_json:
        print_json(figures)
        return
    table = Table("", f"{what}/s", "CPU ms each", "of which database", "× floor", box=None)
    for name, figure in figures.items():
        table.add_row(name, *(str(value) for value in figure.values()))
    out.print(table)
