"""A table as a CSV file that a spreadsheet opens and takes no cell of for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response

_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r])")
"""Where a formula begins: where a cell does, or where a spreadsheet would begin one. In half of Europe cells end at a
`;` and not at a comma, within quotes that begin in the middle of one too."""


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """The rows under their columns, as the file `name`.csv in UTF-8; None is an empty cell. What begins like a formula
    has an apostrophe in front."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless("" if cell is None else str(cell)) for cell in row])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _harmless(cell: str) -> str:
    return _FORMULA.sub(r"\1'", cell)
