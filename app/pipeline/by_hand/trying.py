"""What an act would do, by doing it and taking it back: the numbers that a person sees before they press the button."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")


def would(session: Session, act: Callable[[Session], T]) -> T:
    """What `act` comes to, with nothing kept of it. What it returns must not be rows of the session."""
    trying = session.begin_nested()
    try:
        return act(session)
    finally:
        if trying.is_active:
            trying.rollback()
        session.expire_all()
