"""`doorstep templates check` as a person types it."""

import json
import shutil
from pathlib import Path

from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from tests.cli.test_commands import doorstep  # noqa: F401 - a fixture
from tests.messages.message_corpus import BRANDS, ROOT

MAIL = "messages/en/dispatched.email.md"


def test_everything_that_ships_passes(doorstep) -> None:  # noqa: F811
    """`doorstep templates check` finds nothing in what ships, and has looked at every message of both brands."""
    code, said, _ = doorstep("templates", "check", "--json")
    told = json.loads(said)
    assert (code, told["findings"], told["passed"]) == (0, [], True)
    catalog = Catalog(ROOT, PUBLIC_URL)
    written = [path for brand in BRANDS for path in catalog.shelf(brand).paths() if path.startswith("messages/")]
    assert told["templates"] == len([path for path in written if not path.endswith("words.yaml")])


def test_the_command_fails_with_the_line(doorstep, tmp_path: Path) -> None:  # noqa: F811
    """One file is checked by its path; the line is shown, a caret under the column, and the command fails."""
    shutil.copytree(ROOT, tmp_path / "templates")
    file = tmp_path / "templates" / MAIL
    file.write_text(file.read_text(encoding="utf-8").replace("order.number", "order.nummber"), encoding="utf-8")
    code, said, _ = doorstep("templates", "check", str(file))
    assert code == 1 and "there is no field called 'order.nummber'" in said and "^" in said and "1 errors" in said
    assert "There is no" in doorstep("templates", "check", str(tmp_path / "gone"))[2]
