"""What docs/import.md says of columns and mappings is what the program does."""

import re
from pathlib import Path

from app.intake.csv_file import Row, read_orders
from app.intake.mapping import FIELDS, LAYOUT
from app.intake.mapping_file import load_mapping
from tests.intake.rows import CARRIERS, write_csv

GUIDE = Path(__file__).parents[2] / "docs" / "import.md"


def test_the_guide_lists_every_column_and_no_other() -> None:
    """The first column of the guide's table is the default layout."""
    text = GUIDE.read_text(encoding="utf-8")
    table = text[text.index("| column |") : text.index("A time without an offset")]
    named = [name for line in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(named) == sorted(LAYOUT)


def test_the_guides_mapping_reads_a_row(tmp_path: Path) -> None:
    """The mapping printed in the guide loads, and turns a row of its shop into an order."""
    [example] = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    mapping = tmp_path / "shop.yaml"
    mapping.write_text(example, encoding="utf-8")
    cells = {
        "Name": "7",
        "Created at": "05/03/2026 10:15",
        "Shipped with": "DHL Paket",
        "Tracking": "X",
        "Town": "Lund",
    }
    path = write_csv(tmp_path / "orders.csv", [cells | {"Delivered on": "2026-03-07 09:00", "State": "done"}])
    assert set(load_mapping(mapping, [*cells, "Delivered on", "State"]).cells) <= set(FIELDS)
    [row] = list(read_orders(path, mapping, CARRIERS))
    assert isinstance(row, Row)
    assert (row.order.shopper.email, row.order.parcels[0].carrier) == ("7@example.test", "dhl")
