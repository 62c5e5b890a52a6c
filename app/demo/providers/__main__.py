"""Starts the provider stand-in: `python -m app.demo.providers --port 8025 [--callback-base URL] [--home FOLDER]`."""

import asyncio
import json
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from app.demo.providers.account import kept_account
from app.demo.providers.behaviour import Behaviour, CallbackManners, Manners
from app.demo.providers.journal import Journal
from app.demo.providers.server import ProviderStandIn
from app.demo.providers.serving import JOURNAL, start
from app.errors import ConfigurationError


def main(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8025,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    callback_base: Annotated[str, typer.Option(help="Doorstep's address, for SendGrid's reports.")] = "",
    home: Annotated[Path | None, typer.Option(help="Where the journal and the signing key are kept.")] = None,
    seed: Annotated[int, typer.Option(help="What the dice depend on.")] = 0,
    slow_ms: Annotated[float, typer.Option(help="How long each call takes.")] = 0.0,
    bodies: Annotated[bool, typer.Option(help="Keep the texts, or only who got what (for benchmarks).")] = True,
) -> None:
    """A stand-in for SendGrid and Twilio with an inbox. Its first line is JSON: its address and the settings."""
    manners = Manners(slow_ms=slow_ms)
    callbacks = CallbackManners(base=callback_base)
    behaviour = Behaviour(seed=seed, sendgrid=manners, twilio=manners, callbacks=callbacks)
    folder = home or Path(tempfile.mkdtemp(prefix="doorstep-providers-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(_serve(host, port, folder, behaviour, bodies))
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from error


async def _serve(host: str, port: int, folder: Path, behaviour: Behaviour, bodies: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    account = kept_account(folder)
    journal = Journal(folder / JOURNAL, bodies=bodies)
    runner, taken = await start(ProviderStandIn(account, journal, behaviour), host, port)
    url = f"http://{host}:{taken}"
    typer.echo(json.dumps({"url": url, "inbox": f"{url}/inbox", "environment": account.environment(url)}))
    await stop.wait()
    await runner.cleanup()
    journal.close()


if __name__ == "__main__":
    typer.run(main)
