"""`doorstep carriers`: what each carrier can do and how it is, whose a number is, and what a raw answer says."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.table import Table

from app.cli import carrier_codes
from app.cli.common import AsJson, engine_of, out, print_json, read_file, with_endpoints
from app.db import make_sessions
from app.embedded import default_home, running
from app.errors import ConfigurationError, Unreachable
from app.insight.carriers import carrier_health
from app.settings import Settings, load_settings
from app.settings.carriers import CarrierSettings
from app.tracking.adapter.base import Carrier
from app.tracking.adapter.numbers import plain
from app.tracking.adapter.rawfile import read_file as read_raw
from app.tracking.cadence import describe
from app.tracking.carriers.registry import CARRIERS
from app.tracking.normalised import normalised
from app.tracking.setting_up import missing_settings, setting
from app.tracking.which import which as candidates_of
from app.wiring import build_cadence

app = typer.Typer(invoke_without_command=True, help="What each carrier can do, how it is, and what its codes mean.")
app.add_typer(carrier_codes.app)

_ALSO_CALLED = {
    "dhl_universal": "dhl",
    "dhl_unified": "dhl",
    "royal_mail": "royalmail",
    "canada_post": "canadapost",
    "australia_post": "australiapost",
    "auspost": "australiapost",
    "la_poste": "laposte",
    "colissimo": "laposte",
    "posten": "bring",
}
_SETTINGS = ("api_key", "api_secret", "account", "push_secret", "base_url", "via", "for_others")

Name = Annotated[str, typer.Argument(metavar="CARRIER", help="The carrier's name, e.g. dhl.")]


@app.callback()
def carriers(context: typer.Context, as_json: AsJson = False) -> None:
    """What each carrier can do: batch size, limits, push, codes, what is missing to ask it, and how it answers."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    health = _health(settings)
    rows = [_facts(carrier, settings, health.get(carrier.name)) for _, carrier in sorted(CARRIERS.items())]
    if as_json:
        print_json(rows)
        return
    out.print(_table(rows), markup=False, highlight=False)
    if any(row["missing"] for row in rows):
        out.print("`doorstep carriers show NAME` writes out the settings that it needs.", markup=False, highlight=False)


@app.command("show")
def show(carrier: Name, as_json: AsJson = False) -> None:
    """Everything about one carrier: its facts, its settings, what its numbers look like, and what its codes mean."""
    found, settings = adapter(carrier), load_settings()
    facts = _facts(found, settings, _health(settings).get(found.name))
    config = settings.carriers.get(found.name, CarrierSettings())
    given = {setting(found.name, name): _given(config, name, found) for name in _SETTINGS}
    formats = [_format(one) for one in found.formats]
    codes = {code: meaning.value for code, meaning in found.codes.items()}
    cadence = describe(build_cadence(config.cadence))
    if as_json:
        print_json(facts | {"settings": given, "cadence": cadence, "formats": formats, "table": codes})
        return
    for name, value in facts.items():
        out.print(f"{name.replace('_', ' '):>22}  {_shown(value)}", markup=False, highlight=False)
    told_of = {"Settings": given, "Cadence": cadence, "Numbers": dict(formats), "Codes": _by_meaning(codes)}
    for title, told in told_of.items():
        out.print(f"\n{title}", markup=False, highlight=False)
        for name, text in told.items():
            out.print(f"  {name}: {text}", markup=False, highlight=False)


@app.command("which")
def which(
    number: Annotated[str, typer.Argument(help="A tracking number, with or without spaces.")],
    country: Annotated[str | None, typer.Option(help="Where the parcel goes: a country's two letters.")] = None,
    as_json: AsJson = False,
) -> None:
    """Which carriers a number may belong to, likeliest first, and why; exit 1 when it fits none."""
    settings = load_settings()
    configs = settings.carriers
    usable = [name for name, one in CARRIERS.items() if not missing_settings(one, configs.get(name, CarrierSettings()))]
    found = candidates_of(number, CARRIERS, usable=usable, country=country)
    if as_json:
        print_json([{"carrier": one.carrier, "chance": one.chance, "reasons": list(one.reasons)} for one in found])
    for one in () if as_json else found:
        out.print(f"{one.carrier:<14} {one.chance:.2f}  {'; '.join(one.reasons)}", markup=False, highlight=False)
    if not found and not as_json:
        told = f"No carrier's format fits {plain(number)}. Name the carrier with the order, or check the number."
        out.print(told, markup=False, highlight=False)
    raise typer.Exit(0 if found else 1)


@app.command("parse")
def parse(
    carrier: Name,
    file: Annotated[Path, typer.Argument(help="A raw answer of the carrier, as it came over the wire, or its call.")],
    number: Annotated[
        list[str] | None,
        typer.Option("--number", help="A number that was asked about; else they are found in the answer."),
    ] = None,
    status: Annotated[int, typer.Option(help="The answer's HTTP status.", min=100, max=599)] = 200,
) -> None:
    """A raw carrier answer as normalised JSON: `shipments` with their scans, and `errors`."""
    found = adapter(carrier)
    reading = read_raw(found, read_file(file), number or (), status)
    print_json(normalised(reading.tracked, reading.errors))


def adapter(written: str) -> Carrier:
    """The adapter of a carrier, by its name or another that it goes by. Raises ConfigurationError where it has none."""
    name = written.strip().lower().replace("-", "_")
    name = _ALSO_CALLED.get(name, name)
    if name in CARRIERS:
        return CARRIERS[name]
    close = get_close_matches(name, list(CARRIERS), n=1)
    remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(CARRIERS))}."
    raise ConfigurationError(f"no adapter for {written!r}. {remedy}")


def _health(settings: Settings) -> Mapping[str, Any]:
    """How each carrier has been answering; empty where no database runs."""
    if settings.embedded:
        endpoints = running(settings.home or default_home())
        if endpoints is None:
            return {}
        settings = with_endpoints(settings, endpoints)
    try:
        with engine_of(settings) as engine, make_sessions(engine)() as session:
            return {row.carrier: row for row in carrier_health(session)}
    except (Unreachable, sa.exc.ProgrammingError):  # not there, or its schema is older than this program
        return {}


def _facts(carrier: Carrier, settings: Settings, health: Any | None) -> dict[str, Any]:
    config = settings.carriers.get(carrier.name, CarrierSettings())
    missing = missing_settings(carrier, config)
    return {
        "carrier": carrier.name,
        "title": carrier.title,
        "per_request": carrier.batch_size,
        "requests_per_second": config.requests_per_second or carrier.requests_per_second,
        "requests_per_day": _per_day(carrier, config),
        "push": carrier.push.signature if carrier.push else None,
        "codes": len(carrier.codes),
        "set_up": not missing,
        "missing": list(missing),
        "via": config.via or None,
        "for_others": config.for_others,
        "health": _told(health) if health is not None else None,
        "base_url": config.base_url or carrier.base_url,
        "manual": carrier.manual,
    }


def _per_day(carrier: Carrier, config: CarrierSettings) -> int | None:
    """Calls a day, as set or by the manual; None where they are not counted."""
    given = carrier.requests_per_day if config.requests_per_day is None else config.requests_per_day
    return given if isinstance(given, int) else None


def _told(health: Any) -> dict[str, Any]:
    return {name: getattr(health, name) for name in ("state", "since", "last_answer_at", "last_fault")}


def _limits(row: Mapping[str, Any]) -> str:
    day = f", {row['requests_per_day']:,}/day" if row["requests_per_day"] else ""
    rate = row["requests_per_second"]
    return (f"{rate:g}/s" if rate >= 1 else f"{rate * 60:.3g}/min") + day


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One carrier on one line, with what is short of it; `doorstep carriers show` tells the rest."""
    table = Table("carrier", "a request", "limits", "codes", "calls us", "health", "set up", box=None)
    table.columns[1].justify = table.columns[3].justify = "right"
    for row in rows:
        health = row["health"]["state"] if row["health"] else "-"
        calls = "no" if row["push"] is None else "yes"
        figures = (str(row["per_request"]), _limits(row), f"{row['codes']:,}", calls, health, _set_up(row))
        table.add_row(row["carrier"], *figures)
    return table


def _set_up(row: Mapping[str, Any]) -> str:
    if row["via"]:
        return f"asked via {row['via']}"
    return "yes" if row["set_up"] else f"needs {', '.join(name.rsplit('__', 1)[1] for name in row['missing'])}"


def _given(config: CarrierSettings, name: str, carrier: Carrier) -> str:
    """Whether a setting is set; what it is only where that is no secret."""
    value = getattr(config, name)
    if name in ("base_url", "via", "for_others"):
        return str(value) if value else (carrier.base_url if name == "base_url" else "-")
    secret = value if isinstance(value, str) else value.get_secret_value()
    return "set" if secret else ("MISSING" if name in carrier.needs else "-")


def _format(one: Any) -> tuple[str, str]:
    where = f", in {', '.join(sorted(one.countries))}" if one.countries else ""
    return one.pattern, f"{'with a check digit' if one.check else 'no check digit'}, says {one.strength:.0%}{where}"


def _by_meaning(codes: Mapping[str, str]) -> dict[str, str]:
    """The table as a person reads it: each meaning with its codes."""
    meanings = dict.fromkeys(codes.values())
    return {meaning: ", ".join(code for code, means in codes.items() if means == meaning) for meaning in meanings}


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text}" for name, text in value.items() if text is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
