"""A folder's accepted warnings go with its files; what a publication changed can be looked at."""

import json
import os

import pytest
import yaml

from app.rehearsal.pictures.browser import NoBrowser, find_browser
from tests.cli.test_commands import doorstep, run  # noqa: F401 - fixtures
from tests.cli.test_template_versions import SMS, sms, templates  # noqa: F401 - a fixture


def test_an_accepted_warning_goes_both_ways(templates, tmp_path):  # noqa: F811
    """Push publishes what the folder accepts, with its reason; a later pull brings the reason into another folder."""
    folder, other = tmp_path / "ours", tmp_path / "theirs"
    templates("pull", str(folder))
    (folder / SMS).write_bytes(sms("We are glad to tell you so. " * 9))
    code, told, error = templates("push", str(folder), "--dry-run", "--json")
    (name,) = {one["id"] for one in json.loads(told)["findings"]}
    assert code == 0 and templates("push", str(folder), "--why", "long")[0] == 2, error
    (folder / "accepted.yaml").write_text(f"- id: '{name}'\n  reason: Legal wants all of it.\n", encoding="utf-8")
    code, _, error = templates("push", str(folder), "--why", "long")
    assert code == 0, error
    templates("pull", str(other))
    (kept,) = yaml.safe_load((other / "accepted.yaml").read_text(encoding="utf-8"))
    assert kept["id"] == name and kept["reason"] == "Legal wants all of it." and kept["by"]


def test_a_publication_is_shown_in_pictures(templates, tmp_path):  # noqa: F811
    """`diff --pictures` writes a PNG for each message that looks different, and none where nothing changed."""
    try:
        find_browser()
    except NoBrowser as error:
        if os.environ.get("DOORSTEP_REQUIRE_BROWSER") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    folder, shown = tmp_path / "ours", tmp_path / "shown"
    templates("pull", str(folder))
    (folder / SMS).write_bytes(sms("it is there."))
    code, _, error = templates("push", str(folder), "--why", "shorter")
    assert code == 0, error
    code, said, error = templates("diff", "1", "--pictures", str(shown), "--dark")
    assert code == 0 and "of the pixels differ" in said, error
    assert [file.name for file in shown.iterdir()] == ["fjallhem.en.delivered.sms.png"]
    assert templates("diff", "--pictures", str(tmp_path / "none"))[0] == 0 and not (tmp_path / "none").exists()
