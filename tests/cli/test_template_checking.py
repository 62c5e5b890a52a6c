"""`doorstep templates check` as a person types it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.commands import app
from app.messages.authoring.wording import is_message
from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from tests.cli.test_commands import doorstep  # noqa: F401 - a fixture
from tests.messages.message_corpus import BRANDS, ROOT

MAIL = "messages/en/dispatched.email.md"
FAULT = "messages/en/dispatched.sms.txt"


@pytest.mark.long
def test_everything_that_ships_passes(doorstep) -> None:  # noqa: F811
    """`doorstep templates check` finds nothing in what ships, and has looked at every message of both brands."""
    code, said, _ = doorstep("templates", "check", "--json")
    told = json.loads(said)
    assert (code, told["findings"], told["passed"]) == (0, [], True)
    catalog = Catalog(ROOT, PUBLIC_URL)
    written = [path for brand in BRANDS for path in catalog.shelf(brand).paths() if path.startswith("messages/")]
    assert told["templates"] == len(list(filter(is_message, written)))


def test_the_command_fails_with_the_line(doorstep, tmp_path: Path) -> None:  # noqa: F811
    """One file is checked by its path; the line is shown, a caret under the column, and the command fails."""
    shutil.copytree(ROOT, tmp_path / "templates")
    file = tmp_path / "templates" / MAIL
    file.write_text(file.read_text(encoding="utf-8").replace("order.number", "order.nummber"), encoding="utf-8")
    code, said, _ = doorstep("templates", "check", str(file))
    assert (
        code == 1
        and "there is no field called 'order.nummber'" in said
        and "^" in said
        and "1 error, 0 warnings." in said
    )
    assert "There is no" in doorstep("templates", "check", str(tmp_path / "gone"))[2]


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A templates folder in which one SMS names a field that is not there."""
    root = tmp_path / "templates"
    shutil.copytree(ROOT, root)
    (root / FAULT).write_text("{{ brand.name }}: {{ ordr.number }} {{ links.short }}\n", encoding="utf-8")
    return root


def test_a_fault_is_shown_where_it_stands(faulty: Path) -> None:
    """The file, then line and column, the sentence and the remedy, then the line itself with a caret; exit 1."""
    outcome = CliRunner().invoke(app, ["templates", "check", str(faulty / FAULT)])
    file, said, line, caret, total = outcome.stdout.splitlines()
    assert outcome.exit_code == 1 and file.endswith(FAULT)
    assert "1:22 error field" in said and "there is no field called 'ordr.number'. Write order.number" in said
    assert line[caret.index("^") :].startswith("ordr.number") and total.endswith("1 error, 0 warnings.")


def test_a_program_is_told_the_same(faulty: Path) -> None:
    """With --json: one finding with its name, its place and its remedy, once for both brands."""
    outcome = CliRunner().invoke(app, ["templates", "check", str(faulty / FAULT), "--json"])
    told = json.loads(outcome.stdout)
    (one,) = told["findings"]
    assert (outcome.exit_code, told["passed"]) == (1, False)
    assert (one["path"], one["line"], one["column"], one["code"]) == (FAULT, 1, 22, "field") and len(one["id"]) == 12


def test_checking_loads_no_engine() -> None:
    """Half of the time that a check of everything may take would go by while the pipeline is loaded."""
    program = (
        "import sys; from app.cli.commands import app; app(['templates', 'check', '--help'], standalone_mode=False); "
        "print(*sys.modules)"
    )
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert not {"app.wiring", "app.pipeline", "celery", "fastapi"} & set(listed.stdout.split())


def test_every_command_about_templates_is_listed() -> None:
    """Those that are loaded alone and those that are loaded together stand in one list, and a slip is answered."""
    listed = CliRunner().invoke(app, ["templates", "--help"]).stdout
    for name in ("check", "fields", "pull", "push", "publish", "rollback", "preview", "test"):
        assert f"{name} " in listed
    outcome = CliRunner().invoke(app, ["templates", "chekc"])
    assert outcome.exit_code == 2 and "Did you mean 'check'?" in outcome.stderr


@pytest.mark.parametrize(
    ("path", "touched"),
    [("messages/en", "messages/en/"), ("messages/en/words.yaml", "messages/en/"), (FAULT, FAULT)],
)
def test_what_a_path_touches_is_checked(path: str, touched: str) -> None:
    """A folder means the files below it, a language's words every message in it, a file itself: for each brand."""
    told = json.loads(CliRunner().invoke(app, ["templates", "check", str(ROOT / path), "--json"]).stdout)
    catalog = Catalog(ROOT, PUBLIC_URL)
    paths = [one for brand in BRANDS for one in catalog.shelf(brand).paths() if one.startswith(touched)]
    assert told["templates"] == len(list(filter(is_message, paths)))
