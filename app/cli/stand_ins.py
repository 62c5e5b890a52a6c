"""`doorstep stand-ins`: what a real engine is connected to for as long as there are no real carriers and providers."""

import shlex
from typing import Annotated

import typer

from app.cli.common import AsJson, out, print_json
from app.demo.stand_ins import HOST, Ports, connecting, stand_in, trial_home
from app.embedded import default_home
from app.settings import load_settings

app = typer.Typer()


@app.command("stand-ins")
def stand_ins_command(
    settings: Annotated[
        bool, typer.Option("--settings", help="Print the settings that connect an engine to them, and end.")
    ] = False,
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
    elif settings:
        for name, value in connecting(ports, home).items():
            out.print(f"export {name}={shlex.quote(value)}", markup=False, highlight=False)
    else:
        stand_in(ports, home, lambda: _say(ports))
        out.print("Stopped. What was received is kept for the next time.")


def _say(ports: Ports) -> None:
    other = [f"--carrier-port {ports.carrier}"] if ports.carrier != 8090 else []
    other += [f"--smtp-port {ports.smtp}"] if ports.smtp != 1025 else []
    other += [f"--port {ports.inbox}"] if ports.inbox != 8025 else []
    asked = " ".join(["doorstep stand-ins --settings", *other])
    out.print(
        f"Carrier: http://{HOST}:{ports.carrier} (as DHL; any number begins a journey of five minutes)\n"
        f"Mail server: smtp://{HOST}:{ports.smtp} (takes all, delivers nothing)\n"
        f"Inbox: http://{HOST}:{ports.inbox}/inbox\n"
        f'To connect an engine to them, in another terminal:  eval "$({asked})"\n'
        "Press Ctrl-C to stop.",
        markup=False,
        highlight=False,
    )
