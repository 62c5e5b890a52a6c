"""A batch that fails is split until the one row at fault stands alone; the others go through."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import sqlalchemy as sa
from psycopg.errors import ProgramLimitExceeded

Row = TypeVar("Row")


def in_halves(
    rows: Sequence[Row],
    work: Callable[[Sequence[Row]], None],
    set_aside: Callable[[Row, Exception], None],
) -> None:
    """Do `work` on all rows at once; on failure on each half, and so on down to single rows.

    `work` must be one transaction: all of it or nothing. A database that is not there fails everything alike,
    so that is raised and not pinned on a row. A value too large for PostgreSQL is the row's own fault, although
    the driver files it beside a lost connection.
    """
    if not rows:
        return
    try:
        work(rows)
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        if not isinstance(error.orig, ProgramLimitExceeded):
            raise
        _split(rows, work, set_aside, error)
    except Exception as error:  # noqa: BLE001 - whatever one row does, it must not stop the others; it is recorded
        _split(rows, work, set_aside, error)


def _split(
    rows: Sequence[Row],
    work: Callable[[Sequence[Row]], None],
    set_aside: Callable[[Row, Exception], None],
    error: Exception,
) -> None:
    if len(rows) == 1:
        set_aside(rows[0], error)
        return
    middle = len(rows) // 2
    in_halves(rows[:middle], work, set_aside)
    in_halves(rows[middle:], work, set_aside)
