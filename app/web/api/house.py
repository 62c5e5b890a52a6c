"""The house behind the application, for what programs ask of it."""

from fastapi import Request

from app.pipeline.house import House


def house_of(request: Request) -> House:
    """The one that this process was started with."""
    house: House = request.app.state.house
    return house
