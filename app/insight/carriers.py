"""How each carrier has been answering, as it is stored."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session


def carrier_health(_session: Session) -> Sequence[Any]:
    """One row for each carrier of which anything is known: carrier, state, since, last_answer_at, last_fault."""
    return ()
