"""`doorstep stand-ins`: what a real engine is connected to for as long as there are no real carriers and providers."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import AsJson, out, print_json
from app.demo.carrier.fresh import BY_END, USUAL
from app.demo.stand_ins import HOST, Ports, connecting, stand_in, trial_home
from app.embedded import default_home
from app.errors import ConfigurationError
from app.settings import load_settings

app = typer.Typer()


@app.command("stand-ins")
def stand_ins_command(
    settings: Annotated[
        bool, typer.Option("--settings", help="Print the settings that connect an engine to them, and end.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write them into a new file, doorstep.env say, and end.")
    ] = None,
    carrier_port: Annotated[int, typer.Option(help="The carrier's port.", min=1, max=65535)] = 8090,
    smtp_port: Annotated[int, typer.Option(help="The mail server's port.", min=1, max=65535)] = 1025,
    inbox_port: Annotated[int, typer.Option("--port", help="The inbox's port.", min=1, max=65535)] = 8025,
    as_json: AsJson = False,
) -> None:
    """A carrier, a mail server and a Twilio to try the engine with: nothing leaves this machine."""
    ports = Ports(carrier_port, smtp_port, inbox_port)
    home = trial_home(load_settings().home or default_home())
    if as_json:
        print_json(connecting(ports, home))
    elif write is not None:
        _write(write, connecting(ports, home))
    elif settings:
        for name, value in connecting(ports, home).items():
            out.print(f"export {name}={shlex.quote(value)}", markup=False, highlight=False)
    else:
        stand_in(ports, home, lambda: _say(ports))
        out.print("Stopped. What was received is kept for the next time.")


def _write(file: Path, settings: Mapping[str, str]) -> None:
    """Into a file that only its owner reads; one that is there already is somebody's settings, and stays."""
    lines = ["# Connects an engine to `doorstep stand-ins`. Every command that is run in this folder reads it.", ""]
    lines += [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write("\n".join(lines) + "\n")
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}. Name another, or move it away."
        ) from error
    out.print(f"Written: {file}. Every command that is run in this folder reads it.", markup=False, highlight=False)


def _say(ports: Ports) -> None:
    other = [f"--carrier-port {ports.carrier}"] if ports.carrier != 8090 else []
    other += [f"--smtp-port {ports.smtp}"] if ports.smtp != 1025 else []
    other += [f"--port {ports.inbox}"] if ports.inbox != 8025 else []
    asked = " ".join(["doorstep stand-ins --write doorstep.env", *other])
    ends = "".join(f"  a number that ends in {end}: {journey.said}\n" for end, journey in BY_END.items())
    out.print(
        f"Carrier: http://{HOST}:{ports.carrier} (as DHL; any number begins a journey: {USUAL.said})\n"
        f"{ends}"
        f"Mail server: smtp://{HOST}:{ports.smtp} (takes all, delivers nothing)\n"
        f"Inbox: http://{HOST}:{ports.inbox}/inbox\n"
        f"To connect an engine to them, in another terminal:  {asked}\n"
        "Press Ctrl-C to stop.",
        markup=False,
        highlight=False,
    )
