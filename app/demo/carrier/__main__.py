"""Starts the carrier stand-in: `python -m app.demo.carrier --port 8090 [--parcels FILE] [--lively]`."""

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from app.clock import REAL, parse_clock
from app.demo.carrier.behaviour import CALM, LIVELY
from app.demo.carrier.server import CarrierStandIn
from app.demo.carrier.timetable import Timetables


def main(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8090,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    clock: Annotated[str, typer.Option(envvar="DOORSTEP_CLOCK", help="The engine's clock; empty is the time.")] = "",
    parcels: Annotated[Path | None, typer.Option(help="A JSON file of timetables to begin with.")] = None,
    lively: Annotated[bool, typer.Option(help="Late, repeated, shuffled and broken answers, as in real life.")] = False,
    seed: Annotated[int, typer.Option(help="What the dice depend on.")] = 1,
    rate: Annotated[float, typer.Option(help="Questions a second before 429; 0 is no limit.")] = 0.0,
    api_key: Annotated[str, typer.Option(help="The only key accepted; empty accepts any.")] = "",
) -> None:
    """A carrier that speaks DHL's wire format and moves parcels along their timetables by the engine's clock."""
    mood = (LIVELY if lively else CALM).model_copy(update={"seed": seed, "requests_per_second": rate})
    stand_in = CarrierStandIn(parse_clock(clock) if clock else REAL, mood, api_key)
    if parcels is not None:
        stand_in.register(Timetables.model_validate_json(parcels.read_bytes()).parcels)
    typer.echo(f"Carrier stand-in on http://{host}:{port}, {len(stand_in.parcels)} parcels.")
    uvicorn.run(stand_in, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1)


if __name__ == "__main__":
    typer.run(main)
