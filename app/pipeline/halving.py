"""A batch that fails is split until the one row at fault stands alone; the others go through."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import sqlalchemy as sa

Row = TypeVar("Row")


def in_halves(
    rows: Sequence[Row],
    work: Callable[[Sequence[Row]], None],
    set_aside: Callable[[Row, Exception], None],
) -> None:
    """Do `work` on all rows at once; on failure on each half, and so on down to single rows.

    `work` must be one transaction: all of it or nothing. A database that is not there fails everything alike,
    so that is raised and not pinned on a row.
    """
    if not rows:
        return
    try:
        work(rows)
    except (sa.exc.OperationalError, sa.exc.InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever one row does, it must not stop the others; it is recorded
        if len(rows) == 1:
            set_aside(rows[0], error)
            return
        middle = len(rows) // 2
        in_halves(rows[:middle], work, set_aside)
        in_halves(rows[middle:], work, set_aside)
