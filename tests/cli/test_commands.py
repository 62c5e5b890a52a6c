"""What people type wrongly, and what they are told."""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from app.cli import commands
from app.cli.running import with_links
from app.errors import ConfigurationError, DoorstepError, Unreachable
from app.settings import load_settings

COLUMNS = "order_number,placed_at,email,currency,carrier,tracking_number"
GOOD = "1001,2026-11-20T10:00:00+01:00,alma@example.test,SEK,dhl,00340434161094042557"


@pytest.fixture
def doorstep(database_url: str, broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`doorstep …` on this test's database: exit code, standard output, and the error that stopped it."""
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_BROKER_URL", broker_url)
    monkeypatch.chdir(tmp_path)
    return run


def run(*words: str):
    """One command. An error that is no DoorstepError would have been a traceback, and fails the test."""
    outcome = CliRunner().invoke(commands.app, words)
    error = outcome.exception
    assert error is None or isinstance(error, SystemExit | DoorstepError), repr(error)
    code = error.exit_code if isinstance(error, DoorstepError) else outcome.exit_code
    return code, outcome.stdout, str(error or "")


def test_every_command_says_what_it_is_for():
    """Each command and group has help, and help ends well."""
    names = ["demo", "up", "migrate", "import", "replay", "explain", "audit", "carriers", "rules", "keys", "bench"]
    names += ["person"]
    listing = run("--help")[1]
    for name in names:
        code, text, _ = run(name, "--help")
        assert code == 0 and "Usage" in text and name in listing


def test_what_is_listed_is_what_there_is():
    """Every module's commands are listed, each with the words that it says of itself when it is chosen."""
    there: dict[str, str] = {}
    for module in sorted({module for module, _ in commands.COMMANDS.values()}):
        group = get_group(importlib.import_module(f"app.cli.{module}").app)
        each = {module: group} if module in commands.GROUPS else group.commands
        there |= {name: command.help for name, command in each.items()}
    assert there == {name: use for name, (_, use) in commands.COMMANDS.items()}
    modules = {file.stem for file in Path(commands.__file__).parent.glob("*.py") if "typer.Typer(" in file.read_text()}
    joined = {module for module in modules if module == "carrier_codes" or module.startswith("template_")}
    assert modules - joined - {"commands"} == {module for module, _ in commands.COMMANDS.values()}


def test_only_the_chosen_command_is_loaded():
    """To list the commands, none of them is loaded, and with them nothing of the engine."""
    program = (
        "import sys; from app.cli.commands import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert "suppressions" in listed.stdout and "app.cli.consoles" in listed.stdout
    assert not {"sqlalchemy", "celery", "fastapi", "app.wiring", "app.cli.running"} & set(listed.stdout.split())


def test_a_command_that_does_not_exist_is_answered_with_its_neighbour():
    """As for any program: code 2, and what was probably meant."""
    outcome = CliRunner().invoke(commands.app, ["carrier"])
    assert outcome.exit_code == 2 and "Did you mean 'carriers'?" in outcome.stderr


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("import", "absent.csv"), 2, "absent.csv"),
        (("import", "folder"), 2, "is a folder"),
        (("import", "binary"), 2, "binary"),
        (("import", "empty"), 2, "is empty"),
        (("import", "good.csv", "--map", "absent.yaml"), 2, "absent.yaml"),
        (("import", "good.csv", "--map", "folder"), 2, "folder"),
        (("import", "good.csv", "--map", "binary"), 2, "no text in UTF-8"),
        (("import", "good.csv", "--brand", "nobody"), 4, "atelier-ombre, fjallhem"),
        (("replay", "absent.csv"), 2, "absent.csv"),
        (("replay", "empty"), 2, "is empty"),
        (("explain", "12345"), 4, "Nothing is known by '12345'"),
        (("carriers", "parse", "pigeon", "good.csv"), 2, "no adapter"),
        (("carriers", "parse", "dhl", "absent.json"), 2, "No such file"),
        (("carriers", "parse", "dhl", "folder"), 2, "Is a directory"),
        (("rules", "check", "absent.yaml"), 2, "No such file"),
        (("rules", "check", "folder"), 2, "Is a directory"),
        (("rules", "check", "binary"), 2, "no text in UTF-8"),
        (("rules", "check", "empty"), 2, "version: 1"),
        (("keys", "add", "shop", "--brand", "nobody"), 4, "There is no brand"),
        (("keys", "add", "shop", "--scope", "everything"), 2, "orders:read"),
    ],
)
def test_wrong_input_is_answered_with_a_sentence(doorstep, tmp_path: Path, words, code, expected):
    """The answer names what was named wrongly, the exit code is of its kind, and no result is printed."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(128, 256)) * 20)
    (tmp_path / "empty").touch()
    (tmp_path / "good.csv").write_text(f"{COLUMNS}\n{GOOD}\n")
    found, printed, said = doorstep(*words)
    assert (found, printed) == (code, "")
    assert expected in said and "[Errno" not in said


def test_a_replay_of_nothing_agrees_with_nothing(doorstep, tmp_path: Path):
    """Where no row could be read, the command says so and fails."""
    (tmp_path / "bad.csv").write_text("order_number,placed_at,email,carrier,tracking_number\n1,never,no,dhl,1\n")
    code, printed, _ = doorstep("replay", "bad.csv")
    assert code == 1 and "No parcel could be replayed." in printed and "agrees" not in printed


@pytest.mark.parametrize(
    ("name", "value", "kind", "expected"),
    [
        ("SEND", "loud", ConfigurationError, "DOORSTEP_SEND"),
        ("SENDGRID", "a-word", ConfigurationError, "DOORSTEP_SENDGRID__API_KEY"),
        ("CARRIERS__DHL__CONCURRENCY", "0", ConfigurationError, "DOORSTEP_CARRIERS__DHL__CONCURRENCY"),
        ("CARRIERS__DHL__CADENCE__IN_TRANSIT", "soon", ConfigurationError, "IN_TRANSIT: no span from 1m"),
        ("CARRIERS__DHL__CADENCE__SOMEWHERE", "1h", ConfigurationError, "SOMEWHERE is not known. One of: REGISTERED"),
        ("CARRIERS__DHL__CADENCE__GIVE_UP", "1h", ConfigurationError, "CADENCE__GIVE_UP: no span from 3d"),
        ("CARRIERS__DHL__REQUESTS_PER_DAY", "0", ConfigurationError, "PER_DAY: neither a number"),
        ("CARRIERS__DHL__BASE_URL", "dhl.example", ConfigurationError, "DHL__BASE_URL: is no web address"),
        ("SENDGRID__BASE_URL", "", ConfigurationError, "DOORSTEP_SENDGRID__BASE_URL"),
        ("TWILIO__BASE_URL", "https://", ConfigurationError, "DOORSTEP_TWILIO__BASE_URL: is no web address"),
        ("SMTP__URL", "mail.hidden", ConfigurationError, "DOORSTEP_SMTP__URL: is no mail server's address"),
        ("SMTP__URL", "smtp://u:hidden#1@mail", ConfigurationError, "a # in the password is written %23"),
        ("PUBLIC_URL", "ftp:nope", ConfigurationError, "DOORSTEP_PUBLIC_URL: is no web address"),
        ("PUBLIC_URL", "https://shop.example/?at=1", ConfigurationError, "is not the address that links begin with"),
        ("BROKER_URL", "hidden:5672", ConfigurationError, "DOORSTEP_BROKER_URL: names no broker"),
        ("BUDGET_URL", "amqp://u:hidden@127.0.0.1", ConfigurationError, "DOORSTEP_BUDGET_URL: names no Valkey"),
        ("CHANNELS__EMAIL", "pigeon", ConfigurationError, "sendgrid, smtp"),
        ("CLOCK", "tomorrow", ConfigurationError, "DOORSTEP_CLOCK"),
        ("DATABASE_URL", "mysql://root@127.0.0.1/shop", ConfigurationError, "PostgreSQL 16 or newer"),
        ("DATABASE_URL", "not an address", ConfigurationError, "postgresql://user:password@host"),
        ("DATABASE_URL", "", ConfigurationError, "DOORSTEP_DATABASE_URL is not set"),
        ("BROKER_URL", "", ConfigurationError, "DOORSTEP_BROKER_URL is not set"),
        ("DATABASE_URL", "postgresql://u:hidden@127.0.0.1:9/x", Unreachable, "did not answer"),
    ],
)
def test_a_wrong_setting_is_named(doorstep, monkeypatch, name, value, kind, expected):
    """The setting is named with its remedy, and a password in it stays unsaid."""
    monkeypatch.setenv(f"DOORSTEP_{name}", value)
    code, printed, said = doorstep("audit")
    assert (code, printed) == (kind.exit_code, "")
    assert expected in said and "hidden" not in said


@pytest.mark.parametrize("home", ["a file", "below a file"])
def test_a_home_that_cannot_be_one(tmp_path: Path, monkeypatch, home):
    """A home that is a file, or lies under one, is refused with the setting's name."""
    file = tmp_path / "taken"
    file.touch()
    monkeypatch.setenv("DOORSTEP_HOME", str(file if home == "a file" else file / "home"))
    code, _, said = run("audit")
    assert code == 2 and "Set DOORSTEP_HOME to a folder that you may write to" in said


def test_an_import_keeps_the_good_rows_and_names_the_bad(doorstep, tmp_path: Path):
    """Each bad row is named by line and column, the good one is stored, and the second import changes nothing."""
    bad = [
        GOOD.replace("1001", "1002").replace("alma@example.test", "alma@"),
        GOOD.replace("1001", "1003").replace("2026-11-20T10:00:00+01:00", "yesterday"),
        GOOD.replace("1001", "1004").replace("SEK", "crowns"),
        GOOD.replace("1001", "1005").replace("alma@example.test", ""),
    ]
    (tmp_path / "orders.csv").write_text("\n".join([COLUMNS, GOOD, *bad]) + "\n")
    code, printed, _ = doorstep("import", "orders.csv", "--json")
    first = json.loads(printed)
    assert code == 0 and first["orders_new"] == 1 and first["rows_bad"] == 4
    code, printed, _ = doorstep("import", "orders.csv")
    assert code == 0
    for line in (3, 4, 5, 6):
        assert f"line {line}, " in printed
    assert json.loads(doorstep("import", "orders.csv", "--json")[1])["orders_unchanged"] == 1
    assert "of order 1001" in doorstep("explain", "1001")[1]
    assert doorstep("audit")[0] == 0


def test_json_is_json_and_nothing_else(doorstep, tmp_path: Path):
    """With --json, standard output is one JSON document, whatever the command."""
    (tmp_path / "orders.csv").write_text(f"{COLUMNS}\n{GOOD}\n")
    (tmp_path / "answer.json").write_text("{}")
    for words in (
        ("import", "orders.csv", "--json"),
        ("explain", "1001", "--json"),
        ("audit", "--json"),
        ("carriers", "--json"),
        ("carriers", "parse", "dhl", "answer.json"),
    ):
        code, printed, said = doorstep(*words)
        assert code == 0, said
        json.loads(printed)


def test_the_carriers_table_cuts_nothing_off(monkeypatch):
    """On a narrow screen a line wraps rather than losing its end; what is missing can be copied from `show`."""
    printed = run("carriers")[1]
    for row in json.loads(run("carriers", "--json")[1]):
        assert row["carrier"] in printed
        assert all(name.rsplit("__", 1)[1] in printed for name in row["missing"])
        assert all(name in run("carriers", "show", row["carrier"])[1] for name in row["missing"])
    assert "…" not in printed


def test_up_refuses_an_address_that_is_taken(doorstep):
    """A port that somebody else listens on is refused before anything is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, printed, said = doorstep("up", "--port", str(port))
    assert (code, printed) == (2, "") and f"port {port}" in said and "--port" in said


def test_links_lead_to_the_port_that_up_listens_on(monkeypatch: pytest.MonkeyPatch):
    """Unless PUBLIC_URL says otherwise: the set-up link and the links of messages work on another port too."""
    for host, url in (
        ("127.0.0.1", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),
        ("::1", "http://[::1]:9"),
    ):
        assert with_links(load_settings(), host, 9).public_url == url
    monkeypatch.setenv("DOORSTEP_PUBLIC_URL", "https://shop.example")
    assert with_links(load_settings(), "127.0.0.1", 9).public_url == "https://shop.example"


def test_errors_come_in_one_line_on_standard_error(tmp_path: Path):
    """As it is started for real: the code of its kind, a sentence on standard error, no traceback."""
    outcome = _doorstep("rules", "check", str(tmp_path))
    assert outcome.returncode == 2 and outcome.stdout == ""
    assert outcome.stderr.startswith("error: ") and outcome.stderr.count("\n") == 1


def test_ctrl_c_shows_no_traceback_however_early():
    """Interrupted while its modules are still being loaded, it ends at once and in silence."""
    # No more than a page of lines waits to be read: else it is done with loading while this one is not looking.
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "app.cli", "carriers"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, pipesize=4096,
    )  # fmt: skip
    assert process.stderr is not None
    seen: list[str] = []
    for line in process.stderr:  # one line for each module that has been loaded: it is in the middle of it
        seen.append(line)
        if "pydantic" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert "Traceback" not in rest and seen
    assert process.stdout is not None and process.stdout.read() == ""
    process.stdout.close()
    process.stderr.close()


def test_a_reader_that_stops_reading_is_no_traceback():
    """`doorstep … | head -1` ends without a word on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "carriers", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(timeout=60)


def _doorstep(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "app.cli", *words], capture_output=True, text=True, timeout=120)
