"""`doorstep carriers`: what it lists, what it reads, and codes mapped from the command line."""

import json
from pathlib import Path

import pytest

from app.tracking.carriers.registry import CARRIERS
from tests.cli.test_commands import doorstep, run  # noqa: F401 - a fixture

ANSWER = {
    "shipments": [
        {
            "id": "3318810025",
            "service": "express",
            "destination": {"address": {"countryCode": "SE"}},
            "events": [
                {"timestamp": "2026-03-02T09:15:00", "statusCode": "delivered", "status": "DELIVERED"},
                {"timestamp": "2026-03-01T21:00:00+09:00", "statusCode": "transit", "status": "Departed"},
                {"timestamp": "soon", "statusCode": "zz9", "status": "Whatever"},
            ],
        }
    ]
}


def test_the_list_says_what_each_can_do_and_what_is_missing(monkeypatch, tmp_path):
    """Without a database too; a key that is set is no longer missing, and limits are the installation's own."""
    monkeypatch.setenv("DOORSTEP_HOME", str(tmp_path / "home"))
    rows = {row["carrier"]: row for row in json.loads(run("carriers", "--json")[1])}
    assert set(rows) == set(CARRIERS)
    assert (rows["dhl"]["set_up"], rows["dhl"]["missing"]) == (False, ["DOORSTEP_CARRIERS__DHL__API_KEY"])
    assert rows["dhl"]["codes"] == len(CARRIERS["dhl"].codes) and rows["dhl"]["health"] is None
    monkeypatch.setenv("DOORSTEP_CARRIERS__DHL__API_KEY", "k3y")
    monkeypatch.setenv("DOORSTEP_CARRIERS__DHL__REQUESTS_PER_DAY", "1000")
    code, printed, _ = run("carriers")
    assert code == 0 and "1,000/day" in printed and "k3y" not in printed
    [dhl] = [line for line in printed.splitlines() if line.split()[:1] == ["dhl"]]
    assert dhl.split()[-1] == "yes"
    assert not (tmp_path / "home").exists(), "looking starts and makes nothing"


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_each_can_be_shown(name, monkeypatch, tmp_path):
    """All its codes, settings and formats, for a person and for a program; no secret."""
    monkeypatch.setenv("DOORSTEP_HOME", str(tmp_path))
    monkeypatch.setenv(f"DOORSTEP_CARRIERS__{name.upper()}__API_KEY", "s3cret-k3y")
    code, printed, _ = run("carriers", "show", name)
    assert code == 0 and "s3cret-k3y" not in printed
    shown = json.loads(run("carriers", "show", name, "--json")[1])
    assert shown["table"] == {code: meaning.value for code, meaning in CARRIERS[name].codes.items()}
    assert all(code in printed for code in shown["table"])
    assert shown["settings"][f"DOORSTEP_CARRIERS__{name.upper()}__API_KEY"] == "set"


def test_whose_a_number_is(monkeypatch):
    """Candidates with reasons; exit 1 where there is none."""
    code, printed, _ = run("carriers", "which", "33 1881 0025", "--country", "DE")
    assert code == 0 and printed.startswith("dhl") and "check digit" in printed
    assert run("carriers", "which", "33 1881 0025", "--json")[0] == 0
    code, printed, _ = run("carriers", "which", "pigeon")
    assert code == 1 and "No carrier's format fits" in printed
    assert run("carriers", "which", "pigeon", "--json")[:2] == (1, "[]\n")


def test_a_raw_answer_is_read_without_being_told_what_was_asked(tmp_path: Path):
    """The milestone by the fold, times with their zone or the reason why there is none, codes as written."""
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(ANSWER))
    for words in ((), ("--number", "3318810025")):
        code, printed, _ = run("carriers", "parse", "dhl_universal", str(file), *words)
        [shipment] = json.loads(printed)["shipments"]
        assert (code, json.loads(printed)["errors"]) == (0, [])
        assert (shipment["tracking_number"], shipment["milestone"]) == ("3318810025", "delivered")
        delivered, departed, odd = shipment["scans"]
        assert (delivered["occurred_at"], delivered["zone_source"]) == ("2026-03-02T09:15:00+01:00", "destination")
        assert departed["occurred_at"] == "2026-03-01T21:00:00+09:00"
        assert (odd["occurred_at"], odd["milestone"], odd["unknown_code"]) == (None, None, True)
        assert odd["no_time_because"] == "the carrier's time cannot be read"


def test_what_says_nothing_of_a_parcel_is_an_error_in_json(tmp_path: Path):
    """Not found, a refused key and a maintenance page are told apart."""
    file = tmp_path / "answer"
    for body, status, kind in (
        ('{"status": 404, "detail": "No result found"}', 404, "not_found"),
        ("{}", 401, "denied"),
        ("<html>We will be back</html>", 200, "malformed"),
    ):
        file.write_text(body)
        code, printed, _ = run("carriers", "parse", "dhl", str(file), "--status", str(status))
        answer = json.loads(printed)
        assert (code, answer["shipments"]) == (0, [])
        assert [(one["kind"], one["tracking_number"]) for one in answer["errors"]] == [(kind, None)]


def test_a_parcel_is_read_where_the_answer_leaves_its_number_out():
    """DPD never repeats the number that was asked about: the parcel is read all the same, without one."""
    file = Path(__file__).parents[1] / "recordings" / "dpd" / "delivered_at_second_attempt.xml"
    code, printed, _ = run("carriers", "parse", "dpd", str(file))
    [shipment] = json.loads(printed)["shipments"]
    assert (code, json.loads(printed)["errors"]) == (0, [])
    assert (shipment["tracking_number"], shipment["milestone"]) == (None, "delivered")


def test_no_word_of_an_error_is_taken_for_a_number(tmp_path: Path):
    """An error's own code or id looks like a number; what is said whoever is asked about names none."""
    file = tmp_path / "answer"
    for carrier, status, error in (
        ("royalmail", 404, {"httpCode": "404", "errors": [{"errorCode": "E1142", "errorDescription": "not known"}]}),
        ("ups", 200, {"response": {"errors": [{"code": "TV1002", "message": "Invalid inquiry number"}]}}),
        ("fedex", 200, {"transactionId": "624deea6-b709", "errors": [{"code": "TRACKING.TRACKINGNUMBER.NOTFOUND"}]}),
    ):
        file.write_text(json.dumps(error))
        answer = json.loads(run("carriers", "parse", carrier, str(file), "--status", str(status))[1])
        assert answer["shipments"] == []
        assert [(one["kind"], one["tracking_number"]) for one in answer["errors"]] == [("not_found", None)], carrier


def test_no_adapter_is_said(tmp_path: Path):
    """A carrier without an adapter exits 2, and the nearest name is given."""
    (tmp_path / "answer").write_text("{}")
    assert run("carriers", "parse", "17track", str(tmp_path / "answer"))[0] == 2
    code, _, said = run("carriers", "show", "dhll")
    assert code == 2 and "no adapter" in said and "Did you mean dhl?" in said


def test_codes_are_mapped_from_the_command_line(doorstep):  # noqa: F811 - the fixture
    """For all brands or one, with a reason; a correction is said aloud; the history tells it all."""
    assert doorstep("carriers", "unknown")[1] == "Every code that was seen is known.\n"
    code, printed, _ = doorstep("carriers", "map", "dhl", "ZZ9", "movement", "--why", "support said so")
    assert code == 0 and "it meant unknown" in printed and "CAREFUL" not in printed
    code, printed, _ = doorstep(
        "carriers", "map", "dhl", "delivered", "ready_for_pickup", "--brand", "fjallhem", "--why", "lockers"
    )
    assert code == 0 and "CAREFUL: dhl's own table says that 'delivered' means delivered" in printed
    code, _, said = doorstep("carriers", "map", "dhl", "ZZ9", "deliverd", "--why", "x")
    assert code == 2 and "Write delivered." in said
    assert doorstep("carriers", "map", "dhl", "ZZ9", "delivered")[0] == 2, "a reason is asked for"
    assert doorstep("carriers", "unmap", "dhl", "ZZ9", "--why", "mistake")[0] == 0
    assert doorstep("carriers", "unmap", "dhl", "ZZ9", "--why", "mistake")[0] == 4
    told = json.loads(doorstep("carriers", "mappings", "--json")[1])
    assert [(one["brand"], one["code"], one["before"], one["meaning"], one["ended_why"]) for one in told] == [
        ("fjallhem", "delivered", "delivered", "ready_for_pickup", None),
        (None, "ZZ9", "unknown", "movement", "mistake"),
    ]
    assert all("on the command line" in one["mapped_by"] for one in told)
    assert "ZZ9" not in doorstep("carriers", "mappings", "--standing")[1]
    assert doorstep("carriers", "reroute")[1] == "Every parcel is asked about where it should be.\n"
