"""A folder's warnings, let through by `doorstep templates check --accept` with a reason that the folder keeps."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from app.cli.commands import app
from app.cli.template_versions import _kept
from tests.messages.message_corpus import ROOT

TEXT = "messages/en/dispatched.sms.txt"


@pytest.fixture
def wordy(tmp_path: Path) -> Path:
    """A templates folder in which one SMS is two segments long for each brand."""
    root = tmp_path / "templates"
    shutil.copytree(ROOT, root)
    written = (root / TEXT).read_text(encoding="utf-8")
    (root / TEXT).write_text(written.replace("On {%", f"{'We are glad. ' * 9}On {{%"), encoding="utf-8")
    return root


def _checked(root: Path, *given: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    outcome = CliRunner().invoke(app, ["templates", "check", str(root / TEXT), "--json", *given])
    return outcome.exit_code, json.loads(outcome.stdout) if outcome.stdout.startswith("{") else {}


def test_what_is_accepted_stays_so(wordy: Path) -> None:
    """The folder is green from then on; the reason, who and when stand beside the templates, and push takes them."""
    code, told = _checked(wordy)
    (name,) = {one["id"] for one in told["findings"]}
    assert code == 1
    code, told = _checked(wordy, "--accept", f"{name}=Legal wants  the whole sentence.")
    assert (code, told["findings"]) == (0, []) and told["accepted"][0]["reason"] == "Legal wants the whole sentence."
    (kept,) = yaml.safe_load((wordy / "accepted.yaml").read_text(encoding="utf-8"))
    assert kept["id"] == name and kept["by"] and kept["on"].startswith("20") and "segments" in kept["sentence"]
    assert _checked(wordy)[0] == 0
    assert _kept(wordy) == {name: "Legal wants the whole sentence."}
    said = CliRunner().invoke(app, ["templates", "check", str(wordy / TEXT)]).stdout
    assert f"accepted segments [{name}]" in said and "Accepted, by" in said


@pytest.mark.parametrize("given", ["0123456789ab=Because.", "nothing", "0123456789ab= "])
def test_what_was_not_found_or_has_no_reason_is_refused(wordy: Path, given: str) -> None:
    """Nothing is written down then."""
    assert _checked(wordy, "--accept", given)[0] != 0
    assert not (wordy / "accepted.yaml").exists()


def test_an_error_is_mended(wordy: Path) -> None:
    """No reason lets an error through, neither on the command line nor in the file."""
    (wordy / TEXT).write_text("{{ brand.name }}: {{ ordr.number }} {{ links.short }}\n", encoding="utf-8")
    name = _checked(wordy)[1]["findings"][0]["id"]
    assert _checked(wordy, "--accept", f"{name}=Because.")[0] != 0
    (wordy / "accepted.yaml").write_text(f"- id: '{name}'\n  reason: Because.\n", encoding="utf-8")
    code, told = _checked(wordy)
    assert code == 1 and told["findings"][0]["id"] == name


@pytest.mark.parametrize("text", ["a: b", "- reason: x", "- id: '0123456789ab'", "[", "- 7", "&a [*a]", "\x00"])
def test_a_file_that_says_nothing_is_refused(wordy: Path, text: str) -> None:
    """A list that cannot be read accepts nothing in silence."""
    (wordy / "accepted.yaml").write_text(text, encoding="utf-8")
    outcome = CliRunner().invoke(app, ["templates", "check", str(wordy / TEXT)])
    assert outcome.exit_code != 0 and "accepted.yaml" in str(outcome.exception)
