"""`doorstep bench`: what the engine's work costs, as ratios to a bare limit measured in the same run."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from app.bench.backlog import bench_backlog
from app.bench.cadence import bench_cadence
from app.bench.chart import Line, save_chart
from app.bench.decide import bench_decide
from app.bench.due import bench_due
from app.bench.ground import Cost
from app.bench.hooks import bench_hooks
from app.bench.latency import bench_latency
from app.bench.page import bench_page
from app.bench.pages import BUDGET_MS as PAGE_BUDGET_MS
from app.bench.pages import bench_pages
from app.bench.poll import bench_poll
from app.bench.render import BUDGET_MS, bench_render
from app.bench.send import bench_send
from app.bench.stages import bench_stages
from app.cli.common import AsJson, err, out, print_json
from app.errors import ConfigurationError
from app.log import configure_logging

app = typer.Typer(no_args_is_help=True, help="Benchmarks, as ratios to a bare limit measured in the same run.")


@app.command("poll")
def bench_poll_command(
    parcels: Annotated[int, typer.Option(min=200, max=1_000_000)] = 2000,
    naive: Annotated[int, typer.Option(min=20, max=10_000, help="How many to poll the naive way.")] = 200,
    as_json: AsJson = False,
) -> None:
    """What a polled parcel costs, beside a bare GET on the same transport, and beside the naive design."""
    configure_logging(level=30)
    bench = bench_poll(parcels, naive)
    floor = bench.usual.floor
    rows = {
        "bare GET (the floor)": (floor, 1.0),
        "poll, all new": (bench.fresh, _over(bench.fresh, floor)),
        "poll, 1 in 10 with one new scan": (bench.usual.engine, bench.usual.ratio),
        "the naive design, nothing new": (bench.naive, _over(bench.naive, floor)),
    }
    _print_figures("parcels", rows, as_json)


@app.command("due")
def bench_due_command(
    resting: Annotated[str, typer.Option(help="How many parcels rest, each time.")] = "10000,1000000,5000000",
    as_json: AsJson = False,
) -> None:
    """What choosing and claiming 200 due parcels costs among few and many resting ones. The default takes minutes."""
    configure_logging(level=40)
    sizes = [int(size) for size in resting.split(",") if size.strip().isdigit() and int(size)]
    if not sizes or len(sizes) != len(resting.split(",")):
        raise typer.BadParameter(f"{resting!r} is no list of numbers. Write 10000,1000000", param_hint="--resting")
    found = bench_due(sizes, lambda line: err.print(line, highlight=False))
    least = min(one.milliseconds for one in found)
    if as_json:
        print_json([{**asdict(one), "ratio": round(one.milliseconds / least, 2)} for one in found])
        return
    table = Table("resting parcels", "ms to choose and claim 200", "× the least", box=None)
    for one in found:
        table.add_row(f"{one.resting:,}", f"{one.milliseconds:.1f}", f"{one.milliseconds / least:.2f}")
    out.print(table)


@app.command("cadence")
def bench_cadence_command(
    parcels: Annotated[int, typer.Option(min=20, max=1_000_000)] = 2000,
    seed: Annotated[int, typer.Option(help="Another seed is another year.")] = 7,
    picture: Annotated[Path, typer.Option(help="Where the curve is saved.")] = Path("cadence.png"),
    as_json: AsJson = False,
) -> None:
    """How soon a year's milestones are heard of, beside asking as often at a fixed interval; prints and draws the
    curve."""
    points = bench_cadence(parcels, seed)
    lines = [
        Line("fixed interval", (200, 80, 60), [(one.fixed.questions, one.fixed.median) for one in points]),
        Line("cadence", (30, 110, 180), [(one.cadence.questions, one.cadence.median) for one in points]),
    ]
    try:
        save_chart(picture, "minutes until a milestone is heard of, median", "questions a parcel", lines)
    except OSError as error:
        problem = f"{picture} cannot be written: {error.strerror}. Name a file in a folder that you may write to."
        raise ConfigurationError(problem) from error
    if as_json:
        print_json([{**asdict(one), "times": round(one.times, 2)} for one in points])
        return
    table = Table("questions a parcel", "cadence: median min", "90 %", "fixed: every min", "median min", "90 %", "×")
    for one in points:
        figures = (one.cadence.questions, one.cadence.median, one.cadence.p90)
        beside = (one.interval, one.fixed.median, one.fixed.p90)
        row = [f"{figure:,.0f}" for figure in (*figures, *beside)]
        table.add_row(*row, f"{one.times:.1f}", style="bold" if one.stretch == 1.0 else None)
    out.print(table)
    out.print(f"The default is in bold; the others are the same with shorter or longer intervals. Saved as {picture}.")


@app.command("decide")
def bench_decide_command(
    parcels: Annotated[int, typer.Option(min=100, max=1_000_000)] = 10_000, as_json: AsJson = False
) -> None:
    """What deciding costs a parcel, with the rules that ship and with 200, beside making the answers unjudged."""
    found = bench_decide(parcels)
    usual = found[0].cpu_ms
    if as_json:
        print_json(
            [{**asdict(one), "ratio": round(one.ratio, 2), "times": round(one.cpu_ms / usual, 2)} for one in found]
        )
        return
    table = Table("rules", "answers a parcel", "CPU ms a parcel", "× floor", "× the first", box=None)
    for one in found:
        figures = (f"{one.answers:.2f}", f"{one.cpu_ms:.4f}", f"{one.ratio:.1f}", f"{one.cpu_ms / usual:.2f}")
        table.add_row(f"{one.rules}", *figures)
    out.print(table)


@app.command("send")
def bench_send_command(
    messages: Annotated[int, typer.Option(min=3000, max=1_000_000)] = 9000,
    naive: Annotated[int, typer.Option(min=20, max=10_000, help="How many to send the naive way.")] = 200,
    as_json: AsJson = False,
) -> None:
    """What a message costs from claim to settled, beside rendering, a raw POST and batched SQL, and beside the naive
    design."""
    configure_logging(level=40)
    bench = bench_send(messages, naive)
    _print_figures(
        "messages",
        {
            "render + raw POST + batched SQL (the floor)": (bench.plain.floor, 1.0),
            "one process": (bench.plain.engine, bench.plain.ratio),
            "the floor, over TLS": (bench.tls.floor, 1.0),
            "one process, over TLS": (bench.tls.engine, bench.tls.ratio),
            "two processes of Celery's": (bench.cores, _over(bench.cores, bench.plain.floor)),
            "two processes of Celery's, over TLS": (bench.cores_tls, _over(bench.cores_tls, bench.tls.floor)),
            "the naive design, over TLS": (bench.naive, _over(bench.naive, bench.tls.floor)),
        },
        as_json,
    )


@app.command("stages")
def bench_stages_command(
    messages: Annotated[int, typer.Option(min=300, max=1_000_000)] = 3000, as_json: AsJson = False
) -> None:
    """Where the time of a send goes, stage by stage."""
    configure_logging(level=40)
    stages = bench_stages(messages)
    if as_json:
        print_json({stage: round(spent, 4) for stage, spent in stages.items()})
        return
    whole = sum(stages.values())
    table = Table("stage", "CPU ms a message", "share", box=None)
    for stage, spent in stages.items():
        table.add_row(stage, f"{spent:.3f}", f"{100 * spent / whole:.0f} %")
    table.add_row("together", f"{whole:.3f}", "")
    out.print(table)


@app.command("render")
def bench_render_command(
    messages: Annotated[int, typer.Option(min=50, max=1_000_000)] = 500, as_json: AsJson = False
) -> None:
    """What an order email of ten lines and its SMS cost to fill in, beside bare Jinja2 and beside compiling each
    time."""
    configure_logging(level=40)
    found = bench_render(messages)
    if as_json:
        print_json([{**asdict(one), "ratio": round(one.ratio, 2), "within": one.within} for one in found])
        return
    table = Table("", "CPU ms each", "of which fields", "bare Jinja2", "× bare", "compiled each time", box=None)
    for one in found:
        figures = (f"{one.cpu_ms:.3f}", f"{one.view_ms:.3f}", f"{one.floor_ms:.3f}", f"{one.ratio:.2f}")
        table.add_row(one.channel, *figures, f"{one.naive_ms:.2f}")
    out.print(table)
    email = found[0]
    verdict = "kept" if email.within else "not kept"
    out.print(f"The budget of {BUDGET_MS} CPU ms an email is {verdict}.", highlight=False)


@app.command("backlog")
def bench_backlog_command(
    messages: Annotated[int, typer.Option(min=1000, max=10_000_000)] = 200_000, as_json: AsJson = False
) -> None:
    """Whether a backlog drains at a constant rate and in flat memory. The default takes about ten minutes."""
    configure_logging(level=40)
    parts = bench_backlog(messages)
    if as_json:
        print_json([asdict(part) for part in parts])
        return
    table = Table("sent", "messages/s", "CPU ms each", "MB of the largest process", box=None)
    for part in parts:
        table.add_row(f"{part.sent:,}", f"{part.per_second:,.0f}", f"{part.cpu_ms:.2f}", f"{part.memory_mb:.0f}")
    out.print(table)


@app.command("latency")
def bench_latency_command(
    scans: Annotated[int, typer.Option(min=100, max=100_000)] = 1000, as_json: AsJson = False
) -> None:
    """How long from a pushed scan to the provider's having the message, at light load and at half of capacity."""
    configure_logging(level=40)
    bench = bench_latency(scans)
    if as_json:
        print_json(asdict(bench))
        return
    table = Table("", "scans/s", "median ms", "99 % within ms", "longest ms", box=None)
    for name, found in (("light load", bench.light), ("half of capacity", bench.half)):
        spans = (found.median, found.p99, found.longest)
        table.add_row(name, f"{found.per_second:.0f}", *(f"{1000 * span:.0f}" for span in spans))
    out.print(table)
    out.print(f"Capacity: {bench.capacity:.0f} pushed scans a second, each with its message.", highlight=False)


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


@app.command("pages")
def bench_pages_command(
    parcels: Annotated[int, typer.Option(min=100, max=10_000_000)] = 1_000_000,
    explain: Annotated[Path | None, typer.Option(help="Where the plans of what is slow are kept.")] = None,
    as_json: AsJson = False,
) -> None:
    """What each page of the console, and the shopper's, asks of a database with so many parcels and five times as many
    scans; exit 1 where one is over its budget. The default takes some minutes and about 8 GB."""
    configure_logging(level=40)
    found = bench_pages(parcels, explain, lambda line: err.print(line, highlight=False))
    if as_json:
        print_json(
            [
                {
                    "path": one.path,
                    "status": one.status,
                    "statements": one.statements,
                    "sql_ms": round(one.sql_ms, 2),
                    "wall_ms": round(one.wall_ms, 1),
                    "bytes": one.size,
                    "within": one.within,
                }
                for one in found
            ]
        )
    else:
        table = Table(
            Column("page", overflow="fold"), "answer", "statements", "ms in them", "ms in all", "kB", box=None
        )
        for one in found:
            figures = (f"{one.sql_ms:.1f}", f"{one.wall_ms:.0f}", f"{one.size / 1000:.0f}")
            style = None if one.within else "red"
            table.add_row(one.path, str(one.status), str(one.statements), *figures, style=style)
        out.print(table)
    over = [one.path for one in found if not one.within]
    if over:
        err.print(f"{len(over)} over the budget of {PAGE_BUDGET_MS:.0f} ms: {', '.join(over)}", highlight=False)
        raise typer.Exit(1)


@app.command("page")
def bench_page_command(
    parcels: Annotated[int, typer.Option(min=1000, max=10_000_000)] = 1_000_000,
    requests: Annotated[int, typer.Option(min=100, max=1_000_000)] = 6000,
    as_json: AsJson = False,
) -> None:
    """How many shoppers' pages one web process serves a second among so many parcels with five times as many scans,
    beside a bare Starlette answer in the same run. The default takes some minutes and about 8 GB."""
    configure_logging(level=40)
    bench = bench_page(parcels, requests, lambda line: err.print(line, highlight=False))
    rows = {
        "a bare Starlette answer (the floor)": bench.floor,
        f"/t/…, one of {parcels:,} parcels, {bench.size:,} bytes": bench.page,
    }
    _print_costs("requests", rows, bench.floor.cpu_ms, as_json)
    if not as_json:
        out.print(
            f"One core that does nothing else serves {bench.per_core:,.0f} pages a second,"
            f" {bench.with_database:,.0f} if it does the database's work too.",
            highlight=False,
        )


def _over(cost: Cost, floor: Cost) -> float:
    return cost.cpu_ms / floor.cpu_ms


def _print_costs(what: str, rows: dict[str, Cost], floor: float, as_json: bool) -> None:
    _print_figures(what, {name: (cost, cost.cpu_ms / floor) for name, cost in rows.items()}, as_json)


def _print_figures(what: str, rows: dict[str, tuple[Cost, float]], as_json: bool) -> None:
    """A line for each cost, with its ratio to the floor."""
    figures = {
        name: {
            f"{what}/s": round(cost.per_second),
            "cpu_ms": round(cost.cpu_ms, 3),
            "of which servers": round(1000 * cost.database_cpu / cost.count, 3),
            "ratio": round(ratio, 2),
        }
        for name, (cost, ratio) in rows.items()
    }
    if as_json:
        print_json(figures)
        return
    table = Table("", f"{what}/s", "CPU ms each", "of which servers", "× floor", box=None)
    for name, figure in figures.items():
        table.add_row(name, *(str(value) for value in figure.values()))
    out.print(table)
