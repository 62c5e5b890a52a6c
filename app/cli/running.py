"""`doorstep demo`, `up`, `migrate`: what starts and prepares a whole engine."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.broker import build_celery
from app.cli.brakes import tell_standing
from app.cli.common import (
    AsJson,
    engine_of,
    err,
    out,
    print_json,
    remark_on_file,
    remark_on_strangers,
    servers,
    with_endpoints,
)
from app.demo.run import run_demo
from app.demo.stage import StoppedEarly
from app.embedded import Embedded, Processes, default_home
from app.embedded.engine import engine_programs, reached_at
from app.embedded.home import kept_secret
from app.errors import ConfigurationError
from app.log import configure_logging
from app.pipeline.brakes.pausing import standing
from app.pipeline.polling.rerouting import reroute
from app.schema import current_revision, migrate
from app.settings import SendMode, Settings, load_settings
from app.settings.file import settings_file
from app.web.access.links import set_up_path
from app.wiring import build_house, check_broker, ensure_brands

app = typer.Typer()


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="End by itself with a summary.")] = False,
    orders: Annotated[int, typer.Option(help="How many orders the sample shop has.", min=10, max=2000)] = 240,
    speed: Annotated[float, typer.Option(help="Engine seconds to one second of yours.", min=60, max=20000)] = 4800,
    seed: Annotated[int, typer.Option(help="The sample shop and the carriers' moods follow from it.")] = 7,
    as_json: AsJson = False,
) -> None:
    """The whole engine in one command: a sample shop, stand-ins for carriers and providers, an inbox to look into."""
    try:
        report = run_demo(headless=headless, orders=orders, speed=speed, seed=seed, console=err if as_json else out)
    except StoppedEarly as stopped:
        err.print(str(stopped))
        raise typer.Exit(stopped.exit_code) from stopped
    if as_json:
        print_json(report.as_json())
    raise typer.Exit(report.exit_code)


@app.command()
def up(
    host: Annotated[str, typer.Option(help="The address that the web process listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.", min=1, max=65535)] = 8080,
) -> None:
    """The whole engine on this machine, on the configured (or embedded) database and broker."""
    settings, file = load_settings(), settings_file()
    remark_on_file(file)
    remark_on_strangers()
    configure_logging(settings.log_format)
    _check_address(host, port)
    if file is not None:
        out.print(f"Settings: {file.path}, and the environment.", markup=False, highlight=False)
    settings = with_links(settings, host, port)
    out.print("Starting PostgreSQL, Valkey and the engine…" if settings.embedded else "Starting the engine…")
    home = settings.home or default_home()
    with _owned_servers(settings, home) as (reached, tend), engine_of(reached) as engine:
        check_broker(build_celery(reached))
        migrate(engine)
        house = build_house(reached, engine=engine)
        ensure_brands(house.sessions, house.catalog)
        reroute(house)  # the settings may have changed who can be asked
        env = {
            "DOORSTEP_DATABASE_URL": reached.database_url.get_secret_value(),
            "DOORSTEP_BROKER_URL": reached.broker_url.get_secret_value(),
            "DOORSTEP_PUBLIC_URL": settings.public_url,
            "DOORSTEP_SECRET_KEY": settings.secret_key.get_secret_value() or kept_secret(home),
        }
        with Processes(home) as processes:
            processes.start(*engine_programs(home, host, port, env))
            if not processes.interrupted:
                out.print(
                    f"Doorstep is up at {_address(host, port)} (API: /docs). Logs: {processes.log_file('web').parent}"
                )
                out.print(_mode_line(settings))
                with house.sessions.begin() as session:
                    path = set_up_path(session, "doorstep up")
                    tell_standing(standing(session))
                if path:
                    link = f"{settings.public_url.rstrip('/')}{path}"
                    out.print(f"Nobody has an account yet. Make the owner's within two days: {link}", soft_wrap=True)
                processes.wait(tend)
            out.print("Stopping…")


def with_links(settings: Settings, host: str, port: int) -> Settings:
    """Settings whose links lead to where the web process listens, unless they name another address."""
    if "public_url" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"public_url": _address(host, port)})


def _address(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens on `host` and `port`."""
    name = reached_at(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _check_address(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before anything is started."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web process does
            probe.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can listen on {host}, port {port}: {error.strerror}. Choose others with --host and --port."
        ) from error


@contextmanager
def _owned_servers(settings: Settings, home: Path) -> Iterator[tuple[Settings, Callable[[], None]]]:
    """Like `servers`, but the embedded pair is owned, not borrowed: `up` must be able to stop it, and to start it again
    where it crashed, which is what the second does."""
    if not settings.embedded:
        yield settings, lambda: None
        return
    pair = Embedded(home)
    with pair as endpoints:
        yield with_endpoints(settings, endpoints), pair.tend


def _mode_line(settings: Settings) -> str:
    if settings.send is SendMode.shadow:
        return "Sending: shadow. Everything is decided, nothing leaves. Set DOORSTEP_SEND=live when you are ready."
    if settings.send is SendMode.allowlist:
        return f"Sending: only to what DOORSTEP_ALLOWLIST names ({len(settings.allowed_recipients())})."
    if settings.stays_here:
        return "Sending: live, but only to stand-ins on this machine. Press Ctrl-C to stop."
    return "Sending: live. Shoppers are being written to. Press Ctrl-C to stop."


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database's schema up to date, and store the brands that stand in templates/brands/."""
    settings = load_settings()
    with servers(settings) as reached, engine_of(reached) as engine:
        before, after = current_revision(engine), migrate(engine)
        house = build_house(settings.model_copy(update={"send": SendMode.shadow}), engine=engine)
        brands = ensure_brands(house.sessions, house.catalog)
    out.print(f"Schema {before or 'empty'} → {after}; brands: {', '.join(sorted(brands))}.")
