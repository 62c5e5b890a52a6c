"""`doorstep rules`: check, show, publish, history, rollback, diff and schema, for people and for programs."""

import json

from app.rules.document import default_rules
from tests.cli.test_commands import doorstep, run  # noqa: F401 - fixtures

SET = "version: 1\nrules:\n  - {name: %s, when: delivered, send: [email], expires: 12h}\n"


def test_check_needs_no_database_and_names_every_fault(tmp_path, monkeypatch):
    """Good rules are counted; bad ones are exit code 2 with the place, as text and as JSON."""
    monkeypatch.chdir(tmp_path)
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(SET % "a")
    bad.write_text((SET % "a").replace("delivered", "deliverd"))
    assert run("rules", "check", "good.yaml")[:2] == (0, "good.yaml: 1 rules, all valid.\n")
    code, _, error = run("rules", "check", "bad.yaml")
    assert code == 2 and "line 3, column 21, when" in error and "Did you mean 'delivered'?" in error
    code, text, _ = run("rules", "check", "bad.yaml", "--json")
    assert code == 2 and json.loads(text)["faults"][0]["at"] == 21
    assert json.loads(run("rules", "check", "good.yaml", "--json")[1])["valid"] is True
    assert run("rules", "check", "good.yaml", "--brand", "nobody")[0] == 4
    assert run("rules", "check", "absent.yaml")[0] == 2
    bad.write_bytes(b"\xff\xfe\x00")
    assert run("rules", "check", "bad.yaml")[0] == 2


def test_a_set_is_published_shown_compared_and_taken_back(doorstep, tmp_path):  # noqa: F811
    """From the rules that ship to a set of one's own and back, each step told."""
    file = tmp_path / "rules.yaml"
    file.write_text(SET % "a")
    assert doorstep("rules", "show")[1] == default_rules().content
    assert doorstep("rules", "history")[1].startswith("Nothing was published")
    assert "rule 'a' is added: delivered" in doorstep("rules", "diff", "rules.yaml")[1]
    code, said, _ = doorstep("rules", "publish", "rules.yaml", "--why", "ours")
    assert code == 0 and "Publication 1 counts" in said and "rule 'a' is added" in said
    assert "publication 1 says the same" in doorstep("rules", "publish", "rules.yaml", "--why", "ours")[1]
    file.write_text(SET % "b")
    told = json.loads(doorstep("rules", "publish", "rules.yaml", "--why", "theirs", "--json")[1])
    assert told["number"] == 2 and told["new"] is True and told["changes"]
    code, _, error = doorstep("rules", "publish", "rules.yaml", "--why", "x", "--seen", "00")
    assert code == 5 and "number 2" in error
    assert doorstep("rules", "show", "--number", "1")[1] == SET % "a"
    assert json.loads(doorstep("rules", "show", "--json")[1])["rules"][0]["name"] == "b"
    assert "rule 'b' is removed" in doorstep("rules", "diff", "1")[1]
    assert "Publication 3 counts" in doorstep("rules", "rollback", "1", "--why", "a was right")[1]
    listed = json.loads(doorstep("rules", "history", "--json")[1])
    assert [(one["number"], one["why"]) for one in listed] == [(3, "a was right"), (2, "theirs"), (1, "ours")]
    assert "3 counts" in doorstep("rules", "history")[1]
    assert doorstep("rules", "history", "--brand", "atelier-ombre")[1].startswith("Nothing was published")
    assert doorstep("rules", "show", "--number", "9")[0] == 4
    file.write_text("version: 1")
    assert doorstep("rules", "publish", "rules.yaml", "--why", "x")[0] == 2
    assert json.loads(doorstep("rules", "schema")[1])["title"] == "A rule set of Doorstep"
